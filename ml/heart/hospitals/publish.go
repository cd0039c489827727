package hospitals

import (
	"context"
	"embed"
	"encoding/json"
	"math"

	"manx/ml"
	"manx/ml/bundle"
	"manx/ml/clear"
	"manx/ml/federated"
	"manx/ml/federated/contribution"
	"manx/ml/validation"
	"manx/privacy/dp/rdp"
)

//go:embed model.onnx weights.bin results.json card.json
var shipped embed.FS

func files() bundle.Files { return bundle.Of(shipped) }

// Epsilon is what the shipped model promises each patient, at rdp.Delta.
const Epsilon = 4.0

// draws is how often the noise is drawn for each recipe that is chosen among.
const draws = 5

// Results are the measurements that the card quotes.
type Results struct {
	Epsilon float64 `json:"epsilon"` // by the ledger's accountant
	Delta   float64 `json:"delta"`
	Recipe  string  `json:"recipe"` // chosen among Recipes by accuracy out of fold
	Recipes int     `json:"recipes"`
	Chosen  float64 `json:"accuracy_out_of_fold"` // of Recipe, over the training rows
	Sigma   float64 `json:"noise"`                // deviation over the clip, of the sum of a step
	Clip    float64 `json:"clip"`
	Steps   int     `json:"steps"`
	Rows    int     `json:"rows"` // trained on
	Sick    int     `json:"rows_of_disease"`

	// On FLamby's test rows, that nobody trained on.
	Test        int                 `json:"test_rows"`
	Accuracy    validation.Interval `json:"accuracy"` // at one half: FLamby's metric
	AUC         validation.Interval `json:"auc"`
	Groups      []Group             `json:"groups"`
	Calibration []validation.Third  `json:"calibration"`

	Shapley []float64 `json:"contribution"` // of each hospital, on its rows' fifth that was held out
	Parts   []int     `json:"parts_of_100"`

	validation.Shipped // over the training rows
}

// A Group is how the model does on some of the test rows.
type Group struct {
	Train int `json:"training_rows"`
	validation.Part
}

// Untrained returns the model's shape.
func Untrained() (ml.Graph, error) {
	n := network(nil)
	v, err := n.Initial(0)
	if err != nil {
		return ml.Graph{}, err
	}
	return n.Graph(Name, v)
}

// Model returns the regression as it ships, and its card.
func Model() (ml.Graph, ml.Card, error) {
	shape, err := Untrained()
	if err != nil {
		return ml.Graph{}, ml.Card{}, err
	}
	return files().Open(shape)
}

// Measured returns the results that the card quotes.
func Measured() (Results, error) {
	var r Results
	err := json.Unmarshal(files().Results, &r)
	return r, err
}

// Publish chooses a recipe by cross-validation inside the training rows of the four
// hospitals in dir, trains with it within Epsilon, measures the model on the test
// rows, and writes model, weights, results and card into out. The noise is drawn anew
// each time, so no two models are the same.
func Publish(ctx context.Context, dir, out string) (Results, error) {
	all, err := Load(dir)
	if err != nil {
		return Results{}, err
	}
	train, _ := Parts(all)
	in := Pooled(train)
	recipes, err := Noisy(Epsilon, len(in.X))
	if err != nil {
		return Results{}, err
	}
	recipe, chosen, err := Choose(ctx, recipes, train, draws)
	if err != nil {
		return Results{}, err
	}
	params, err := recipe.Train(ctx, train, 0)
	if err != nil {
		return Results{}, err
	}
	float, err := recipe.Network.Graph(Name, params)
	if err != nil {
		return Results{}, err
	}
	step := recipe.Private.Step
	price, err := rdp.Of(step.Sigma, step.Rate)
	if err != nil {
		return Results{}, err
	}
	g := bundle.Quantise(float)
	r := Results{Delta: rdp.Delta, Recipe: recipe.Name, Recipes: len(recipes), Chosen: validation.Round(chosen), Sigma: float64(step.Sigma) / rdp.Thousandth,
		Clip: step.Clip, Steps: recipe.Rounds, Rows: len(in.X), Sick: validation.Count(in.Positive)}
	r.Epsilon = float64(price.Times(int64(recipe.Rounds)).Epsilon()) / rdp.Million
	if err := r.measure(g, all); err != nil {
		return r, err
	}
	if r.Shipped, _, err = validation.Measure(ctx, g, float, len(in.X), func(i int) []float64 { return in.X[i] }); err != nil {
		return r, err
	}
	if r.Shapley, err = Contribution(ctx, train); err != nil {
		return r, err
	}
	r.Parts = contribution.Shares(r.Shapley, 100)
	return r, bundle.Write(out, g, r, describe(r))
}

func (r *Results) measure(g ml.Graph, all []Hospital) error {
	_, test := Parts(all)
	rows := Pooled(test)
	z := make([]float64, len(rows.X))
	for i, x := range rows.X {
		y, err := clear.Run(g, x)
		if err != nil {
			return err
		}
		z[i] = y[0]
	}
	r.Test = len(z)
	r.Accuracy = validation.Bootstrap(len(z), func(draws []float64) float64 {
		return validation.Weighted(draws, func(i int) bool { return (z[i] > 0) == rows.Positive[i] })
	})
	r.AUC = validation.Bootstrap(len(z), validation.Ranked(z, rows.Positive))
	r.Calibration = validation.Thirds(z, rows.Positive)
	group := func(name string, train int, in func(int) bool) {
		var at []int
		for i := range z {
			if in(i) {
				at = append(at, i)
			}
		}
		r.Groups = append(r.Groups, Group{train, validation.PartOf(name, at, z, rows.Positive, nil)})
	}
	from := 0
	for _, h := range all {
		begin, end := from, from+len(h.Test.X)
		group(h.Name, len(h.Train.X), func(i int) bool { return i >= begin && i < end })
		from = end
	}
	train, _ := Parts(all)
	trained := func(in func(x []float64) bool) (n int) {
		for _, x := range Pooled(train).X {
			if in(x) {
				n++
			}
		}
		return n
	}
	// The first number is the age in decades from 50 on, the second and third are the
	// codes of women and men.
	for _, s := range []struct {
		name string
		in   func([]float64) bool
	}{
		{"women", func(x []float64) bool { return x[1] == 1 }}, {"men", func(x []float64) bool { return x[2] == 1 }},
		{"under 55", func(x []float64) bool { return x[0] < 0.5 }}, {"55 and over", func(x []float64) bool { return x[0] >= 0.5 }},
	} {
		group(s.name, trained(s.in), func(i int) bool { return s.in(rows.X[i]) })
	}
	return nil
}

// Contribution returns what each hospital brought over the rounds of a training
// without noise (federated Shapley), judged by accuracy on a fifth of every
// hospital's rows, which nobody trains on. It opens the hospitals' updates, as only
// public data allow: where they stay closed, the game's values come from shares.
func Contribution(ctx context.Context, train []federated.Table) ([]float64, error) {
	r := Candidates(federated.FedAvg)[0]
	in, held := heldOut(train)
	all := Pooled(held)
	sim, err := r.Simulation(in, 1)
	if err != nil {
		return nil, err
	}
	params, err := r.Network.Initial(1)
	if err != nil {
		return nil, err
	}
	var total []float64
	s := r.Algorithm.Begin(params)
	for range r.Rounds {
		vectors, err := sim.Vectors(ctx, s)
		if err != nil {
			return nil, err
		}
		round := contribution.Round{Algorithm: r.Algorithm, State: s, Vectors: vectors, Score: r.score(all)}
		v, err := contribution.Shapley(ctx, round, contribution.Options{})
		if err != nil {
			return nil, err
		}
		total = contribution.Add(total, v.Of)
		sum, err := federated.Sum(vectors)
		if err != nil {
			return nil, err
		}
		if s, err = r.Algorithm.Next(s, sum, len(vectors)); err != nil {
			return nil, err
		}
	}
	for i, v := range total {
		total[i] = math.Round(v*1e4) / 1e4
	}
	return total, nil
}

// score returns the accuracy of parameters on some rows.
func (r Recipe) score(rows federated.Table) func(params []float64) (float64, error) {
	return func(params []float64) (float64, error) {
		z, err := r.Logits(params, rows)
		return Accuracy(z, rows.Positive), err
	}
}

// heldOut parts every fifth row of each table from the others.
func heldOut(tables []federated.Table) (in, held []federated.Table) {
	for _, t := range tables {
		var kept, out []int
		for i := range t.X {
			if i%5 == 0 {
				out = append(out, i)
			} else {
				kept = append(kept, i)
			}
		}
		in, held = append(in, t.Pick(kept)), append(held, t.Pick(out))
	}
	return in, held
}
