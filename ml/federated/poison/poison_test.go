package poison

import (
	"math/rand/v2"
	"slices"
	"testing"

	"manx/ml/federated"
	"manx/ml/train"
)

// rows are two classes apart along the first number; the third is 0 for all.
func rows(seed uint64, n int) (e train.Examples) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range n {
		x := []float32{float32(rng.NormFloat64()), float32(rng.NormFloat64()), 0}
		if i%2 == 1 {
			x[0] += 2
		}
		e.Add(x, i%2 == 1)
	}
	return e
}

func mark(x []float32) []float32 {
	out := slices.Clone(x)
	out[2] = 1
	return out
}

// learned trains at seven sites, the last of which does what attack says, and returns
// accuracy on clean rows and the share of positive rows that the mark turns negative.
func learned(t *testing.T, attack func(train.Examples, func(train.Examples) federated.Model) federated.Model, bounds federated.Bounds, trim int) (accuracy, backdoor float64) {
	t.Helper()
	n := federated.Network{Kind: federated.Logistic, Input: [3]int{3, 1, 1}, Steps: 10, Batch: 16, Rate: 0.1, Cool: 30, MostRows: 60}
	a := federated.Algorithm{Name: federated.FedAvg, Rate: 1, Bounds: bounds}
	bind := func(set train.Examples) federated.Model {
		m, err := n.Bind(set, a)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	sim := federated.Simulation{Algorithm: a, Seed: 1}
	for site := range uint64(6) {
		sim.Sites = append(sim.Sites, bind(rows(site+1, 60)))
	}
	sim.Sites = append(sim.Sites, attack(rows(7, 60), bind))
	if trim > 0 {
		sim.Combine = func(_ federated.State, v [][]float64) ([]float64, error) { return federated.TrimmedMean(v, trim) }
	}
	s, err := sim.Run(t.Context(), a.Begin(make([]float64, 4)), 30, nil)
	if err != nil {
		t.Fatal(err)
	}
	logit := func(x []float32) (z float64) {
		for i, v := range x {
			z += s.Params[i] * float64(v)
		}
		return z + s.Params[3]
	}
	test := rows(9, 400)
	for i, x := range test.Images {
		if (logit(x) > 0) == (test.Labels[i] == 1) {
			accuracy += 1. / 400
		}
		if test.Labels[i] == 1 && logit(mark(x)) < 0 {
			backdoor += 1. / 200
		}
	}
	return accuracy, backdoor
}

func TestBoundsAndTrimmedMeansHoldOneOfSeven(t *testing.T) {
	type sites = func(train.Examples) federated.Model
	attacks := map[string]func(train.Examples, sites) federated.Model{
		"none":       func(e train.Examples, bind sites) federated.Model { return bind(e) },
		"label flip": func(e train.Examples, bind sites) federated.Model { return Scaled{bind(FlipLabels(e)), 30} },
		"sign flip":  func(e train.Examples, bind sites) federated.Model { return Scaled{bind(e), -20} },
		"backdoor":   func(e train.Examples, bind sites) federated.Model { return Scaled{bind(Backdoor(e, mark, 0)), 7} },
	}
	free, held := federated.Bounds{Clip: 1e6}, federated.Bounds{Clip: 0.5, Cool: 30}
	for name, attack := range attacks {
		open, marked := learned(t, attack, free, 0)
		bounded, _ := learned(t, attack, held, 0)
		trimmed, still := learned(t, attack, held, 1)
		t.Logf("%s: %.3f, mark %.3f; bounded %.3f; trimmed %.3f, mark %.3f", name, open, marked, bounded, trimmed, still)
		if bounded < 0.8 || trimmed < 0.8 {
			t.Errorf("%s: accuracy %v bounded, %v trimmed", name, bounded, trimmed)
		}
		// What is held is an attack: without the rules it does harm.
		switch name {
		case "label flip", "sign flip":
			if open > 0.7 {
				t.Errorf("%s: accuracy %v without rules", name, open)
			}
		case "backdoor":
			if marked < 0.8 || still > 0.4 {
				t.Errorf("backdoor: %v of the marked without rules, %v trimmed", marked, still)
			}
		}
	}
}
