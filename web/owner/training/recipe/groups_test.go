package recipe_test

import (
	"testing"

	"manx/web/owner/training/recipe"
	"manx/web/owner/training/recipe/recipetest"
)

// Groups are ranges of columns that every row has.
func TestGroupsThatCannotBe(t *testing.T) {
	for what, g := range map[string][]recipe.Group{
		"another column": {{"old", "years", 60, 120}},
		"no range":       {{"old", "age", 60, 60}},
		"no name":        {{"", "age", 60, 120}},
		"one name twice": {{"old", "age", 60, 120}, {"old", "age", 50, 120}},
		"too many":       make([]recipe.Group, recipe.MaxGroups+1),
	} {
		r := recipetest.Logistic(false)
		r.Groups = g
		if err := r.Check(5); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
	r := recipetest.Logistic(false)
	for _, c := range []struct {
		x  []float64
		of recipe.Group
		in bool
	}{
		{[]float64{(60 - 55) / 15.0, 1, 0}, recipe.Group{"old", "age", 60, 120}, true},
		{[]float64{(59.9 - 55) / 15.0, 1, 0}, recipe.Group{"old", "age", 60, 120}, false},
		{[]float64{0, 0, 1}, recipe.Group{"women", "sex", 0, 1}, false},
		{[]float64{0, 1, 0}, recipe.Group{"women", "sex", 0, 1}, true},
	} {
		if c.of.Has(r, c.x) != c.in {
			t.Errorf("%v of %v: not %v", c.x, c.of, c.in)
		}
	}
}
