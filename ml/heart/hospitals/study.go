package hospitals

import (
	"context"
	"fmt"

	"manx/ml/clear"
	"manx/ml/federated"
	"manx/ml/validation"
)

// A Recipe is what is trained and how.
type Recipe struct {
	Name      string
	Network   federated.Network
	Algorithm federated.Algorithm
	Rounds    int
}

// mostRows is above every hospital's rows: a hospital counts by its rows.
const mostRows = 256

// Train trains on the tables, one a site, and returns the parameters.
func (r Recipe) Train(ctx context.Context, sites []federated.Table, seed uint64) ([]float64, error) {
	params, err := r.Network.Initial(seed)
	if err != nil {
		return nil, err
	}
	sim := federated.Simulation{Algorithm: r.Algorithm, Seed: seed}
	for _, t := range sites {
		m, err := r.Network.Bind(t.Examples(), r.Algorithm)
		if err != nil {
			return nil, err
		}
		sim.Sites = append(sim.Sites, m)
	}
	s, err := sim.Run(ctx, r.Algorithm.Begin(params), r.Rounds, nil)
	return s.Params, err
}

// Logits returns the logit of every row.
func (r Recipe) Logits(params []float64, t federated.Table) ([]float64, error) {
	g, err := r.Network.Graph("heart", params)
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

// CrossValidate returns the accuracy out of fold over the training rows of all
// hospitals: every hospital's rows are parted in folds of their own, and the test
// part is not looked at.
func (r Recipe) CrossValidate(ctx context.Context, all []Hospital, folds int, seed uint64) (float64, error) {
	right, rows := 0.0, 0.0
	of := make([][]int, len(all))
	for h, x := range all {
		of[h] = validation.Stratified(x.Train.Positive, folds, seed)
	}
	for k := range folds {
		var in, out []federated.Table
		for h, x := range all {
			var a, b []int
			for i, f := range of[h] {
				if f == k {
					b = append(b, i)
				} else {
					a = append(a, i)
				}
			}
			in, out = append(in, x.Train.Pick(a)), append(out, x.Train.Pick(b))
		}
		params, err := r.Train(ctx, in, seed)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", r.Name, err)
		}
		held := Pooled(out)
		z, err := r.Logits(params, held)
		if err != nil {
			return 0, err
		}
		right += Accuracy(z, held.Positive) * float64(len(z))
		rows += float64(len(z))
	}
	return right / rows, nil
}
