// Package consumerrisk is the model consumer-risk-mlp: a small network that gives
// the features of a credit file a logit of "misses the next payment". It reads
// what the scorecard consumer-risk reads, and is compared with it on the same
// folds. It holds the network, its training, the weights and the card.
//
// It proves nothing: there is no zero-knowledge proof of this network, so no
// lender may be answered with it (credit/scoreproof proves scorecards only), and
// it gives no reasons. It encrypts nothing (ml/ckks does).
package consumerrisk

import (
	"math"

	"manx/credit"
	"manx/ml"
	"manx/ml/train"
)

// Name is what the model is called on the command line.
const Name = "consumer-risk-mlp"

// layers spends 3 multiplicative levels: two linear maps and a square.
func layers() []train.Layer {
	return []train.Layer{train.Linear{Out: 16}, train.BatchNorm{}, train.Poly{}, train.Linear{Out: 1}}
}

func shape() [3]int { return [3]int{Inputs, 1, 1} }

// Untrained returns the network with random weights, for tests of runtimes.
func Untrained(seed uint64) (ml.Graph, error) {
	n, err := train.New(shape(), layers(), train.Options{Seed: seed})
	if err != nil {
		return ml.Graph{}, err
	}
	return n.Graph(Name + "-untrained")
}

// A scale says how a feature becomes an input: (log2(1 + value) - centre) /
// spread for amounts, (min(value, most) - centre) / spread for percentages. The
// centres and spreads are round numbers near the mean and the deviation of the
// training data.
type scale struct {
	feature        int
	log            bool
	most           float64
	centre, spread float64
}

func scales() []scale {
	return []scale{
		{credit.FeatureLimit, true, 0, 17, 1.5},
		{credit.FeatureMeanPaid, true, 0, 11, 3},
		{credit.FeatureLowestPaid, true, 0, 6, 5},
		{credit.FeatureLatestPaid, true, 0, 10, 4},
		{credit.FeaturePreviousPaid, true, 0, 10, 4},
		{credit.FeatureUtilisation, false, 150, 40, 40},
		{credit.FeatureMeanUtilisation, false, 150, 40, 40},
	}
}

// A count becomes one input for each of 0 to most, 1 where it holds; more counts
// as most.
type count struct {
	feature int
	most    int64
}

func counts() []count {
	return []count{
		{credit.FeatureLatestDelay, 3}, {credit.FeatureWorstDelay, 3}, {credit.FeatureMonthsOverdue, credit.Months},
		{credit.FeatureSinceSerious, credit.Months}, {credit.FeatureMonthsUnpaid, credit.Months},
	}
}

// Inputs is the length of the model's input.
const Inputs = 7 + 2*4 + 3*(credit.Months+1)

// Input returns the model's input for a consumer's features, of length Inputs.
// It is made on the owner's device.
func Input(f credit.Features) []float64 {
	out := make([]float64, 0, Inputs)
	for _, s := range scales() {
		v := float64(f[s.feature])
		if s.log {
			v = math.Log2(1 + v)
		} else {
			v = min(v, s.most)
		}
		out = append(out, (v-s.centre)/s.spread)
	}
	for _, c := range counts() {
		for k := range c.most + 1 {
			hit := 0.0
			if min(f[c.feature], c.most) == k {
				hit = 1
			}
			out = append(out, hit)
		}
	}
	return out
}
