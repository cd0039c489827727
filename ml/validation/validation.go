// Package validation measures models of one logit: folds that part no group,
// held-out logits, areas under the curve with bootstrap intervals, and what
// rounding the weights changes. It trains nothing (ml/train does), reads no data
// set and writes no file.
package validation

import (
	"context"
	"errors"
	"math"
	"slices"

	"manx/ml"
	"manx/ml/clear"
)

// ErrTooFew means that a split leaves nothing to train on or nothing to measure.
var ErrTooFew = errors.New("too few groups to hold some out")

// HoldOut calls fit with the rows that held does not take, of n, and returns the
// logit of each that it does take, with those rows' indices. input gives the
// model's input for a row.
func HoldOut(ctx context.Context, n int, held func(int) bool, fit func(rows []int) (ml.Graph, error), input func(int) []float64) (z []float64, at []int, err error) {
	var in []int
	for i := range n {
		if held(i) {
			at = append(at, i)
		} else {
			in = append(in, i)
		}
	}
	if len(in) == 0 || len(at) == 0 {
		return nil, nil, ErrTooFew
	}
	g, err := fit(in)
	if err != nil {
		return nil, nil, err
	}
	z, err = Logits(ctx, g, at, input)
	return z, at, err
}

// CrossValidate holds out each of k folds in turn and returns the logit that
// every row had when it was held out, and the AUC of each fold, four decimals.
// fold says which fold a row is in; fit is told which one is held out, from 0, and
// the rows to train on.
func CrossValidate(ctx context.Context, fold []int, k int, positive []bool, fit func(fold int, rows []int) (ml.Graph, error), input func(int) []float64) (z, auc []float64, err error) {
	z = make([]float64, len(fold))
	for f := range k {
		of, at, err := HoldOut(ctx, len(fold), func(i int) bool { return fold[i] == f }, func(rows []int) (ml.Graph, error) { return fit(f, rows) }, input)
		if err != nil {
			return nil, nil, err
		}
		for j, i := range at {
			z[i] = of[j]
		}
		auc = append(auc, Round(AUC(of, Pick(positive, at), nil)))
	}
	return z, auc, nil
}

// Logits evaluates the graph in the clear on the given rows.
func Logits(ctx context.Context, g ml.Graph, rows []int, input func(int) []float64) ([]float64, error) {
	out := make([]float64, len(rows))
	for j, i := range rows {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		y, err := clear.Run(g, input(i))
		if err != nil {
			return nil, err
		}
		out[j] = y[0]
	}
	return out, nil
}

// Shipped is what was measured of a network as it ships, over the rows that the
// model's Results name.
type Shipped struct {
	QuantisedLogitDiff float64 `json:"quantised_logit_difference"` // largest, integer weights against float
	QuantisedProbDiff  float64 `json:"quantised_probability_difference"`

	Hash   string     `json:"hash"`
	Ranges []ml.Range `json:"ranges"` // of every value of the graph
}

// Measure runs the shipped network g, made from float by rounding, on n rows
// and returns what it found with the logit of each row.
func Measure(ctx context.Context, g, float ml.Graph, n int, input func(int) []float64) (s Shipped, z []float64, err error) {
	if s.Hash, err = ml.Hash(g); err != nil {
		return s, nil, err
	}
	z = make([]float64, n)
	low, high := map[int]float64{}, map[int]float64{}
	for i := range n {
		if err := ctx.Err(); err != nil {
			return s, nil, err
		}
		x := input(i)
		values, err := clear.Trace(g, x)
		if err != nil {
			return s, nil, err
		}
		for v, x := range values {
			if i == 0 {
				low[v], high[v] = x[0], x[0]
			}
			low[v], high[v] = min(low[v], slices.Min(x)), max(high[v], slices.Max(x))
		}
		z[i] = values[g.Output][0]
		y, err := clear.Run(float, x)
		if err != nil {
			return s, nil, err
		}
		s.QuantisedLogitDiff = max(s.QuantisedLogitDiff, math.Abs(y[0]-z[i]))
		s.QuantisedProbDiff = max(s.QuantisedProbDiff, math.Abs(Probability(y[0])-Probability(z[i])))
	}
	for v := range len(g.Nodes) + 1 {
		s.Ranges = append(s.Ranges, ml.Range{Value: v, Low: Round(low[v]), High: Round(high[v])})
	}
	return s, z, nil
}

// Metrics returns how far rounding the weights moves what the model says; over
// names the rows.
func (s Shipped) Metrics(over string) []ml.Metric {
	return []ml.Metric{
		{Name: "largest change of a logit by quantising", Value: s.QuantisedLogitDiff, Method: "integer weights against the trained float weights, over " + over},
		{Name: "largest change of a probability by quantising", Value: s.QuantisedProbDiff, Method: "integer weights against the trained float weights, over " + over},
	}
}

// Probability is the logistic function.
func Probability(logit float64) float64 { return 1 / (1 + math.Exp(-logit)) }

// Probabilities returns the probability of each logit.
func Probabilities(logits []float64) []float64 {
	out := make([]float64, len(logits))
	for i, z := range logits {
		out[i] = Probability(z)
	}
	return out
}

// Round keeps four decimals.
func Round(x float64) float64 { return math.Round(x*1e4) / 1e4 }
