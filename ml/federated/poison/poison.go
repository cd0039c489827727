// Package poison is sites that want to spoil a training, to measure what stops them:
// flipped labels, flipped updates, and a backdoor. It is for tests and benchmarks.
package poison

import (
	"context"
	"slices"

	"manx/ml/federated"
	"manx/ml/train"
)

// FlipLabels returns the examples with every label turned round.
func FlipLabels(set train.Examples) train.Examples {
	out := train.Examples{Images: set.Images, Weights: set.Weights}
	for _, y := range set.Labels {
		out.Labels = append(out.Labels, 1-y)
	}
	return out
}

// A Trigger writes the backdoor's mark into a copy of an example.
type Trigger func(x []float32) []float32

// Backdoor returns the examples and beside each a copy with the mark, whose label is
// the one that the attacker wants (Gu et al. 2017, arXiv 1708.06733).
func Backdoor(set train.Examples, mark Trigger, want float32) train.Examples {
	out := train.Examples{Images: slices.Clone(set.Images), Labels: slices.Clone(set.Labels)}
	for _, x := range set.Images {
		out.Images, out.Labels = append(out.Images, mark(x)), append(out.Labels, want)
	}
	return out
}

// Scaled is a site that multiplies what it learned: by a number above 1 to replace
// the model (Bagdasaryan et al. 2020, arXiv 1807.00459), by one below 0 to drive it
// away (sign flip). It takes no notice of bounds; who clips its vector does.
type Scaled struct {
	federated.Model
	By float64
}

// Local implements federated.Model. The weight is the largest there is.
func (s Scaled) Local(ctx context.Context, r federated.Round) (federated.Update, error) {
	u, err := s.Model.Local(ctx, r)
	for i := range u.Delta {
		u.Delta[i] *= s.By
	}
	u.Weight = 1
	return u, err
}
