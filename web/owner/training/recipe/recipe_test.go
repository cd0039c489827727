package recipe_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"manx/ledger"
	"manx/ml/federated"
	"manx/ml/lungct"
	"manx/privacy/notice"
	"manx/web/owner/training/local"
	"manx/web/owner/training/recipe"
	"manx/web/owner/training/recipe/recipetest"
)

// A recipe that says another thing than the proposal around it is used by nobody.
func TestRecipesAreTheProposals(t *testing.T) {
	good := func() ledger.ProposeTraining {
		b := ledger.ProposeTraining{Sites: make([]ledger.PartyID, 4), Quorum: 3, Rounds: 5, Minimum: 10}
		if err := recipetest.Logistic(true).Propose(&b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	if _, err := recipe.Read(good()); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(b *ledger.ProposeTraining){
		"other columns":          func(b *ledger.ProposeTraining) { b.Columns[0].Unit = "months" },
		"another label":          func(b *ledger.ProposeTraining) { b.Label.Codes = []string{"1", "0"} },
		"less noise":             func(b *ledger.ProposeTraining) { b.Noise.Sigma++ },
		"noise for fewer rounds": func(b *ledger.ProposeTraining) { b.Noise.Sums-- },
		"no noise":               func(b *ledger.ProposeTraining) { b.Noise = ledger.Noise{} },
		"another model":          func(b *ledger.ProposeTraining) { b.Model.Kind = federated.MLP },
		"other parameters":       func(b *ledger.ProposeTraining) { b.Start[0]++ },
		"noise of more sites":    func(b *ledger.ProposeTraining) { b.Sites = b.Sites[:3] },
		"no recipe":              func(b *ledger.ProposeTraining) { b.Model.Recipe = json.RawMessage(`{}`) },
		"an unknown field":       func(b *ledger.ProposeTraining) { b.Model.Recipe = json.RawMessage(`{"code":"rm"}`) },
	} {
		b := good()
		change(&b)
		if _, err := recipe.Read(b); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Recipes of the new kinds that cannot be are refused where they are proposed.
func TestRecipesThatCannotBe(t *testing.T) {
	for what, c := range map[string]struct {
		of     recipe.Recipe
		change func(r *recipe.Recipe)
		says   string
	}{
		"survival without a time":     {recipetest.Survival(), func(r *recipe.Recipe) { r.Schema.Label.Time = nil }, "has no time"},
		"times past the last edge":    {recipetest.Survival(), func(r *recipe.Recipe) { r.Survival.Edges = []float64{0, 100, 300} }, "past the last edge"},
		"a horizon past the edges":    {recipetest.Survival(), func(r *recipe.Recipe) { r.Survival.Horizon = 700 }, "horizon"},
		"survival with noise":         {recipetest.Survival(), func(r *recipe.Recipe) { r.Private = recipetest.Logistic(true).Private }, "no noise"},
		"survival and a network":      {recipetest.Survival(), func(r *recipe.Recipe) { r.Network = recipetest.Logistic(false).Network }, "and another one"},
		"a time without survival":     {recipetest.Survival(), func(r *recipe.Recipe) { r.Survival = nil }, "no survival"},
		"pictures of another size":    {recipetest.Pictures(), func(r *recipe.Recipe) { r.Pictures.Size = 32 }, "an example is"},
		"pictures with noise":         {recipetest.Pictures(), func(r *recipe.Recipe) { r.Private = recipetest.Logistic(true).Private }, "normalisation"},
		"pictures and measurements":   {recipetest.Pictures(), func(r *recipe.Recipe) { r.Schema.Columns = recipetest.Logistic(false).Schema.Columns }, "studies or on measurements"},
		"pictures that nobody reads":  {recipetest.Pictures(), func(r *recipe.Recipe) { r.Pictures.Modality = "MR" }, "input schema"},
		"a program of no parameters":  {recipetest.Foreign(), func(r *recipe.Recipe) { r.Trainer.Parameters = 0 }, "a program trains 1 to"},
		"programs by scaffold":        {recipetest.Foreign(), func(r *recipe.Recipe) { r.Algorithm.Name = federated.Scaffold }, "not in the protocol"},
		"programs of another network": {recipetest.Logistic(false), func(r *recipe.Recipe) { r.Trainer = &local.Outside{Parameters: 7} }, "the network has 4 parameters"},
	} {
		r := c.of
		if r.Survival != nil {
			again := *r.Survival
			r.Survival = &again
		}
		c.change(&r)
		b := ledger.ProposeTraining{Sites: make([]ledger.PartyID, 4), Quorum: 3, Rounds: 20, Minimum: 10}
		if n := notice.From(r.Propose(&b)); n == nil || !strings.Contains(n.Text, c.says) || n.Hint == "" {
			t.Errorf("%s: %v", what, n)
		}
	}
	on := recipetest.Survival()
	on.Bounded = []ledger.PartyID{"a", "b", "c"}
	if err := on.Check(20); err == nil || !strings.Contains(err.Error(), "no bound of its own") || recipetest.Survival().SmallEnough(on.Bounded) {
		t.Errorf("survival on shares: %v", err)
	}
	for rounds, says := range map[int]string{2: "there are 2 rounds", 3: "there are 3 rounds"} {
		b := ledger.ProposeTraining{Sites: make([]ledger.PartyID, 4), Quorum: 3, Rounds: rounds, Minimum: 10}
		if err := recipetest.Pictures().Propose(&b); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%d rounds: %v", rounds, err)
		}
	}
	if err := fmt.Sprint(notice.From(recipetest.Survival().Propose(&ledger.ProposeTraining{Sites: make([]ledger.PartyID, 4), Quorum: 3, Rounds: 3, Minimum: 10}))); !strings.Contains(err, "rounds to count") {
		t.Error(err)
	}
}

const root = "../../../.."

// The recipes that ship can be proposed.
func TestRecipesThatShip(t *testing.T) {
	all, err := filepath.Glob(filepath.Join(root, "examples", "recipes", "*.json"))
	if err != nil || len(all) < 2 {
		t.Fatal(all, err)
	}
	for _, file := range all {
		b := ledger.ProposeTraining{Sites: make([]ledger.PartyID, 4), Quorum: 3, Rounds: 400, Minimum: 10}
		if err := recipetest.Shipped(t, root, filepath.Base(file)).Propose(&b); err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
		if _, err := recipe.Read(b); err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
	}
	ct, of := recipetest.Shipped(t, root, "lung-ct.json"), lungct.Together()
	if !reflect.DeepEqual(ct.Network, of.Network) || ct.Algorithm != of.Algorithm {
		t.Errorf("lung-ct.json is not what lung-ct is trained by:\n%+v %+v\n%+v %+v", ct.Network, ct.Algorithm, of.Network, of.Algorithm)
	}
}
