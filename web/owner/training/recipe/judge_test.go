package recipe_test

import (
	"testing"

	"manx/ml/federated"
	"manx/privacy/notice"
	"manx/web/owner/training/recipe"
	"manx/web/owner/training/recipe/recipetest"
)

// A judge that cannot be is refused before anybody votes.
func TestJudgesThatCannotBe(t *testing.T) {
	rows := recipetest.JudgeRows(30)
	for what, change := range map[string]func(*recipe.Recipe) []byte{
		"by nothing":     func(r *recipe.Recipe) []byte { r.Judge.By = "size"; return rows },
		"fedadam":        func(r *recipe.Recipe) []byte { r.Algorithm.Name = federated.FedAdam; return rows },
		"an mlp":         func(r *recipe.Recipe) []byte { r.Network.Kind = federated.MLP; return rows },
		"with noise":     func(r *recipe.Recipe) []byte { r.Private = recipetest.Logistic(true).Private; return rows },
		"too many rows":  func(*recipe.Recipe) []byte { return recipetest.JudgeRows(recipe.MaxJudgeRows + 1) },
		"another's rows": func(*recipe.Recipe) []byte { return []byte("age [years],sex\n1,2\n") },
		"of one label":   func(*recipe.Recipe) []byte { return recipetest.JudgeRows(2) },
		"too many bytes": func(*recipe.Recipe) []byte { return make([]byte, recipe.MaxJudgeBytes+1) },
	} {
		r := recipetest.Logistic(false)
		r.Judge = &recipe.Judge{By: recipe.ByShapley}
		b := change(&r)
		if err := r.SetJudge(r.Judge.By, b); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	r := recipetest.Logistic(false)
	if err := r.SetJudge(recipe.ByLeaveOneOut, rows); err != nil {
		t.Fatal(err)
	}
	if err := r.Check(5); err == nil {
		t.Error("contributions are measured where nobody computes")
	}
}
