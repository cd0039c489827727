package hospitals

import (
	"context"
	"fmt"
	"math"

	"manx/ml/clear"
	"manx/ml/federated"
	"manx/ml/validation"
	"manx/privacy/dp"
	"manx/privacy/dp/rdp"
)

// A Recipe is what is trained and how.
type Recipe struct {
	Name      string
	Network   federated.Network
	Algorithm federated.Algorithm
	Rounds    int
	Private   *federated.Private // nil without noise
}

// mostRows is above every hospital's rows, so that a hospital counts by its rows.
const mostRows = 256

// Candidates returns the recipes that are chosen among for an algorithm: FLamby's
// logistic regression and a network of one hidden layer, shorter and longer training,
// with and without decay.
func Candidates(algorithm string) (all []Recipe) {
	a := federated.Algorithm{Name: algorithm, Rate: 1, Bounds: federated.Bounds{Clip: 10}}
	switch algorithm {
	case federated.FedProx:
		a.Proximal = 0.1
	case federated.FedAdam:
		a.Rate, a.Beta1, a.Beta2, a.Tau = 0.05, 0.9, 0.99, 1e-3
	}
	for _, hidden := range [][]int{nil, {8}} {
		for _, rounds := range []int{30, 100} {
			for _, decay := range []float64{0, 0.1} {
				n := network(hidden)
				n.Decay, n.Cool = decay, rounds
				all = append(all, Recipe{Name: fmt.Sprintf("%s, %d rounds, decay %g", n.Kind, rounds, decay), Network: n, Algorithm: a, Rounds: rounds})
			}
		}
	}
	return all
}

func network(hidden []int) federated.Network {
	n := federated.Network{Kind: federated.Logistic, Input: [3]int{Schema().Size(), 1, 1}, Steps: 10, Batch: 16, Rate: 0.05, MostRows: mostRows}
	if hidden != nil {
		n.Kind, n.Hidden, n.Square = federated.MLP, hidden, true
	}
	return n
}

// Noisy returns the recipes that are chosen among for training within epsilon for
// each patient's row, at rdp.Delta: gradient steps over all rows of all hospitals, of
// which each draws a share of the noise. The noise is the least that a ledger prices
// at epsilon or below (rdp.Sigma). Fewer steps have less noise each; what a gradient is
// clipped to and how far a step goes decide what becomes of it. lot is how many rows
// there are to train on, a public number.
func Noisy(epsilon float64, lot int) (all []Recipe, err error) {
	const unit = 1 << 12
	for _, rounds := range []int{20, 60, 120} {
		sigma, err := rdp.Sigma(int64(epsilon*rdp.Million), rdp.Million, int64(rounds))
		if err != nil {
			return nil, err
		}
		plan := dp.Plan{Bound: unit, Sigma: sigma, Sites: len(Names())}
		for _, clip := range []float64{0.5, 1} {
			for _, rate := range []float64{0.5, 1, 2, 4} {
				all = append(all, Recipe{
					Name: fmt.Sprintf("%d steps of %g, clip %g", rounds, rate, clip), Network: network(nil), Rounds: rounds,
					Algorithm: federated.Algorithm{Name: federated.FedAvg, Rate: rate, Bounds: federated.Bounds{Clip: 1e3}},
					Private:   &federated.Private{Step: dp.Step{Plan: plan, Rate: dp.Million, Clip: clip}, Lot: float64(lot)},
				})
			}
		}
	}
	return all, nil
}

// Train trains on the tables, one a site, and returns the parameters. Noise does not
// depend on the seed.
func (r Recipe) Train(ctx context.Context, sites []federated.Table, seed uint64) ([]float64, error) {
	params, err := r.Network.Initial(seed)
	if err != nil {
		return nil, err
	}
	if r.Private != nil {
		return r.noisy(ctx, params, sites)
	}
	sim, err := r.Simulation(sites, seed)
	if err != nil {
		return nil, err
	}
	s, err := sim.Run(ctx, r.Algorithm.Begin(params), r.Rounds, nil)
	return s.Params, err
}

// Simulation returns the training with every table at a site of its own.
func (r Recipe) Simulation(sites []federated.Table, seed uint64) (*federated.Simulation, error) {
	sim := &federated.Simulation{Algorithm: r.Algorithm, Seed: seed}
	for _, t := range sites {
		m, err := r.Network.Bind(t.Examples(), r.Algorithm)
		if err != nil {
			return nil, err
		}
		sim.Sites = append(sim.Sites, m)
	}
	return sim, nil
}

func (r Recipe) noisy(ctx context.Context, params []float64, sites []federated.Table) ([]float64, error) {
	s := r.Algorithm.Begin(params)
	for range r.Rounds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sum := make([]int64, len(params))
		for _, t := range sites {
			v, err := r.Network.Sum(*r.Private, s.Params, t.Examples())
			if err != nil {
				return nil, err
			}
			for i := range v {
				sum[i] += v[i]
			}
		}
		var err error
		if s, err = r.Private.Next(r.Algorithm, s, sum); err != nil {
			return nil, err
		}
	}
	return s.Params, nil
}

// Logits returns the logit of every row.
func (r Recipe) Logits(params []float64, t federated.Table) ([]float64, error) {
	g, err := r.Network.Graph(Name, params)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(t.X))
	for i, x := range t.X {
		y, err := clear.Run(g, x)
		if err != nil {
			return nil, err
		}
		out[i] = y[0]
	}
	return out, nil
}

// Accuracy is FLamby's metric: the share of rows whose probability is on the side of
// one half that the label is on.
func Accuracy(logits []float64, positive []bool) float64 {
	right := 0
	for i, z := range logits {
		if (z > 0) == positive[i] {
			right++
		}
	}
	return float64(right) / float64(len(logits))
}

// Pooled returns the rows of all tables in one.
func Pooled(tables []federated.Table) (out federated.Table) {
	for _, t := range tables {
		out.X, out.Positive, out.Line = append(out.X, t.X...), append(out.Positive, t.Positive...), append(out.Line, t.Line...)
	}
	return out
}

// Parts returns the hospitals' training and test rows.
func Parts(all []Hospital) (train, test []federated.Table) {
	for _, h := range all {
		train, test = append(train, h.Train), append(test, h.Test)
	}
	return train, test
}

// folds is how many the training part is parted in to choose a recipe.
const folds = 5

// CrossValidate returns the logit that each row of the hospitals had when it was held
// out, in the order of Pooled. Every hospital's rows are parted in folds of their own.
func (r Recipe) CrossValidate(ctx context.Context, all []federated.Table, seed uint64) ([]float64, error) {
	out := make([][]float64, len(all))
	of := make([][]int, len(all))
	for h, t := range all {
		of[h], out[h] = validation.Stratified(t.Positive, folds, seed), make([]float64, len(t.X))
	}
	for k := range folds {
		var in []federated.Table
		held := make([][]int, len(all))
		for h, t := range all {
			var kept []int
			for i, f := range of[h] {
				if f == k {
					held[h] = append(held[h], i)
				} else {
					kept = append(kept, i)
				}
			}
			in = append(in, t.Pick(kept))
		}
		fold := r
		if r.Private != nil { // steps as long as with all rows
			p := *r.Private
			p.Lot *= float64(len(Pooled(in).X)) / float64(len(Pooled(all).X))
			fold.Private = &p
		}
		params, err := fold.Train(ctx, in, seed)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, err)
		}
		for h, t := range all {
			z, err := r.Logits(params, t.Pick(held[h]))
			if err != nil {
				return nil, err
			}
			for j, i := range held[h] {
				out[h][i] = z[j]
			}
		}
	}
	var z []float64
	for _, v := range out {
		z = append(z, v...)
	}
	return z, nil
}

// Choose returns the recipe with the best accuracy out of fold over the training rows,
// the mean of so many seeds, and that accuracy. It is never given the test rows.
func Choose(ctx context.Context, recipes []Recipe, train []federated.Table, seeds int) (best Recipe, accuracy float64, err error) {
	positive := Pooled(train).Positive
	for _, r := range recipes {
		mean := 0.0
		for seed := range seeds {
			z, err := r.CrossValidate(ctx, train, uint64(seed)+1)
			if err != nil {
				return Recipe{}, 0, err
			}
			mean += Accuracy(z, positive) / float64(seeds)
		}
		if mean > accuracy {
			best, accuracy = r, mean
		}
	}
	return best, accuracy, nil
}

// Test returns the accuracy on each table's rows and on all of them, FLamby's pooled
// test, each the mean over so many seeds, and the deviation of the last.
func (r Recipe) Test(ctx context.Context, train, test []federated.Table, seeds int) (each []float64, pooled, deviation float64, err error) {
	each = make([]float64, len(test))
	var square float64
	for seed := range seeds {
		params, err := r.Train(ctx, train, uint64(seed)+1)
		if err != nil {
			return nil, 0, 0, err
		}
		for h, t := range append(test[:len(test):len(test)], Pooled(test)) {
			z, err := r.Logits(params, t)
			if err != nil {
				return nil, 0, 0, err
			}
			a := Accuracy(z, t.Positive)
			if h == len(test) {
				pooled += a / float64(seeds)
				square += a * a / float64(seeds)
			} else {
				each[h] += a / float64(seeds)
			}
		}
	}
	return each, pooled, math.Sqrt(max(square-pooled*pooled, 0)), nil
}
