// Package recipetest is recipes of each kind, small enough for tests.
package recipetest

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"manx/ledger"
	"manx/ml"
	"manx/ml/federated"
	"manx/privacy/dp"
	"manx/web/owner/training/local"
	"manx/web/owner/training/recipe"
)

// Logistic is a logistic regression of age and sex.
func Logistic(private bool) recipe.Recipe {
	schema := federated.Schema{
		Columns: []federated.Column{
			{Field: ml.Field{Name: "age", Meaning: "age", Min: 0, Max: 120, Centre: 55, Spread: 15, Required: true}, Unit: "years"},
			{Field: ml.Field{Name: "sex", Meaning: "sex: 0 female, 1 male", Min: 0, Max: 1, Codes: []float64{0, 1}, Required: true}},
		},
		Label: federated.Label{Name: "disease", Negative: []string{"0"}, Positive: []string{"1"}},
	}
	r := recipe.Recipe{Schema: schema, Network: federated.Network{Kind: federated.Logistic, Input: [3]int{3, 1, 1}, Steps: 30, Batch: 32, Rate: 0.3, MostRows: 1000},
		Algorithm: federated.Algorithm{Name: federated.FedAvg, Rate: 1, Bounds: federated.Bounds{Clip: 10}}, Seed: 7, HeldOut: 20}
	if private {
		r.Private = &federated.Private{Step: dp.Step{Plan: dp.Plan{Bound: 1 << 14, Sigma: 2000}, Rate: 300_000, Clip: 1}, Lot: 40}
		r.Algorithm.Rate, r.Algorithm.Clip = 2, 1000
	}
	return r
}

// Survival is of age and sex, by months.
func Survival() recipe.Recipe {
	r := Logistic(false)
	age := r.Schema.Columns[0]
	sex := federated.Column{Field: ml.Field{Name: "sex", Meaning: "sex: 0 female, 1 male", Min: 0, Max: 1, Spread: 1, Required: true}}
	time := federated.Column{Field: ml.Field{Name: "days", Meaning: "days to death or to the last visit", Min: 1, Max: 600, Spread: 1, Required: true}, Unit: "days"}
	label := federated.Label{Name: "dead", Negative: []string{"0"}, Positive: []string{"1"}, Time: &time}
	return recipe.Recipe{Schema: federated.Schema{Columns: []federated.Column{age, sex}, Label: label}, HeldOut: 25,
		Survival: &local.Survival{Edges: []float64{0, 100, 250, 600}, Horizon: 250, MostRows: 200}}
}

// Pictures is of studies of small pictures.
func Pictures() recipe.Recipe {
	return recipe.Recipe{Schema: federated.Schema{Label: federated.Label{Name: "nodule", Negative: []string{"no"}, Positive: []string{"yes"}}}, HeldOut: 25, Seed: 3,
		Pictures:  &ml.Input{Modality: "CT", BodyPart: "CHEST", Center: -500, Width: 1500, Size: 16, MinRows: 128, Slices: 2, Windowing: "as lung-ct's"},
		Network:   federated.Network{Kind: federated.CNN, Input: [3]int{1, 16, 16}, Hidden: []int{3, 4}, Steps: 10, Batch: 8, Rate: 0.02, Adam: true, MostRows: 100},
		Algorithm: federated.Algorithm{Name: federated.FedAvg, Rate: 1, Bounds: federated.Bounds{Clip: 10}}}
}

// Foreign is of age and sex, by a program of each site's own that alone knows the model.
func Foreign() recipe.Recipe {
	r := Logistic(false)
	r.Network, r.Trainer = federated.Network{}, &local.Outside{Parameters: r.Schema.Size() + 1, MostRows: 100}
	return r
}

// JudgeRows are made-up patients that everybody may see.
func JudgeRows(n int) []byte {
	var rows strings.Builder
	rows.WriteString("age [years],sex,disease\n")
	for i := range n {
		age, sex := 32+float64(i%20)*2.4, i%2
		sick := 0
		if (age-55)/5+2*float64(sex)-1 > math.Sin(float64(i)) {
			sick = 1
		}
		fmt.Fprintf(&rows, "%.1f,%d,%d\n", age, sex, sick)
	}
	return []byte(rows.String())
}

// Shipped reads a recipe of the folder examples/recipes, which lies at root.
func Shipped(t testing.TB, root, name string) (r recipe.Recipe) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "examples", "recipes", name))
	if err == nil {
		err = ledger.Decode(b, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}
