// Package boost trains gradient boosted trees for one logit: histograms of
// binned features and Newton steps on the logistic loss, as XGBoost does (Chen
// and Guestrin, KDD 2016, doi:10.1145/2939672.2939785). It yields a tree.Model,
// which XGBoost's format can hold, the same for the same rows and options. It
// reads no data set, measures nothing and encrypts nothing.
package boost

import (
	"context"
	"errors"
	"fmt"
	"math"

	"manx/ml/tree"
)

// Bounds on what Fit takes.
const (
	MaxRows  = 1 << 24
	MaxDepth = 10
	MaxBins  = 255 // of a feature; one more is for missing values
)

// Options are the recipe.
type Options struct {
	Trees     int     // at most; 1 to tree.MaxTrees
	Depth     int     // most questions on a path, 1 to MaxDepth
	Rate      float64 // shrinkage of every leaf, above 0 and at most 1
	Lambda    float64 // L2 penalty of leaves, at least 0
	MinWeight float64 // least sum of second derivatives on either side of a split
	MinGain   float64 // least fall of the loss that a split is worth
	Bins      int     // at most, of a feature: 2 to MaxBins

	// Monotone holds for each feature +1 where the margin must not fall as it
	// grows, -1 where it must not rise, else 0. Nil is no rule for any. A rule
	// holds between values that are not missing.
	Monotone []int

	// Step, where it is above 0, makes every leaf a whole multiple of it. Later
	// trees are fitted to what rounding left.
	Step float64
}

// An Epoch is one tree more.
type Epoch struct {
	Tree int
	Loss float64 // mean logistic loss over the training rows after it
}

// Fit trains on rows x, all of one length, NaN where a value is missing; y says
// which are positive. Training ends where a tree would ask nothing. progress may be nil. Values are told apart as float32,
// which is how XGBoost compares them.
func Fit(ctx context.Context, x [][]float64, y []bool, o Options, progress func(Epoch)) (*tree.Model, error) {
	if err := o.check(x, y); err != nil {
		return nil, err
	}
	p := 0.0
	for _, positive := range y {
		if positive {
			p += 1 / float64(len(y))
		}
	}
	base := tree.Logit(float32(p))
	m := &tree.Model{Features: len(x[0]), Base: []float64{base}, Link: tree.Logistic}
	g := newGrower(x, o)
	margin, weight := make([]float64, len(x)), make([]derivatives, len(x))
	for i := range margin {
		margin[i] = base
	}
	for k := range o.Trees {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for i, z := range margin {
			p := 1 / (1 + math.Exp(-z))
			weight[i] = derivatives{p, p * (1 - p)}
			if y[i] {
				weight[i].g--
			}
		}
		t := g.grow(weight)
		if len(t.Nodes) == 1 {
			break // no question is worth asking
		}
		m.Trees = append(m.Trees, t)
		for i, row := range x {
			margin[i] += t.Nodes[t.Reach(row)].Value
		}
		if progress != nil {
			progress(Epoch{k + 1, loss(margin, y)})
		}
	}
	if len(m.Trees) == 0 {
		return nil, errors.New("boost: no split tells positive from negative rows")
	}
	return m, m.Check()
}

func (o Options) check(x [][]float64, y []bool) error {
	switch {
	case len(x) < 2 || len(x) > MaxRows || len(y) != len(x):
		return fmt.Errorf("boost: %d rows and %d labels", len(x), len(y))
	case o.Trees < 1 || o.Trees > tree.MaxTrees || o.Depth < 1 || o.Depth > MaxDepth || o.Bins < 2 || o.Bins > MaxBins:
		return fmt.Errorf("boost: %d trees of depth %d over %d bins", o.Trees, o.Depth, o.Bins)
	case !(o.Rate > 0 && o.Rate <= 1) || !(o.Lambda >= 0) || !(o.MinWeight >= 0) || !(o.MinGain >= 0) || !(o.Step >= 0):
		return errors.New("boost: a rate or penalty is out of its range")
	case len(x[0]) < 1 || len(x[0]) > tree.MaxFeatures || o.Monotone != nil && len(o.Monotone) != len(x[0]):
		return fmt.Errorf("boost: %d features and %d rules", len(x[0]), len(o.Monotone))
	}
	positive := 0
	for i, row := range x {
		if len(row) != len(x[0]) {
			return fmt.Errorf("boost: row %d has %d values, not %d", i, len(row), len(x[0]))
		}
		for _, v := range row {
			if math.IsInf(float64(float32(v)), 0) {
				return fmt.Errorf("boost: row %d has a value beyond float32", i)
			}
		}
		if y[i] {
			positive++
		}
	}
	if positive == 0 || positive == len(y) {
		return errors.New("boost: the rows are all of one class")
	}
	return nil
}

// loss is the mean of log(1 + exp(-z)) for positives and log(1 + exp(z)) else.
func loss(margin []float64, y []bool) (sum float64) {
	for i, z := range margin {
		if y[i] {
			z = -z
		}
		sum += max(z, 0) + math.Log1p(math.Exp(-math.Abs(z)))
	}
	return sum / float64(len(margin))
}
