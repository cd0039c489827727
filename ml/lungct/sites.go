package lungct

import (
	"context"
	"fmt"

	"manx/ml"
	"manx/ml/federated"
	"manx/ml/train"
	"manx/ml/validation"
)

// Sites is the number of hospitals that the groups are dealt to.
const Sites = 4

// A Federation is how Sites hospitals train one network of lung-ct together.
type Federation struct {
	Network   federated.Network
	Algorithm federated.Algorithm
	Rounds    int
}

// Federated is the recipe of lung-ct for hospitals: one network of Polynomial's
// layers, whose sites go through their own pictures about once a round.
func Federated() Federation {
	return Federation{
		Network: federated.Network{Kind: federated.CNN, Input: shape, Hidden: []int{8, 16, 32}, Square: true,
			Steps: 4, Batch: 32, Rate: 3e-3, Adam: true, Decay: 1e-3, Cool: 40, Shift: 4, Flip: true, Jitter: 0.2, MostRows: 1000},
		Algorithm: federated.Algorithm{Name: federated.FedAvg, Rate: 1, Bounds: federated.Bounds{Clip: 20}},
		Rounds:    40,
	}
}

// dealt parts rows among sites so that no group spans two and each has its share of
// both classes, and returns each site's examples.
func dealt(rows []slice, sites int) []train.Examples {
	out := make([]train.Examples, sites)
	for i, site := range validation.Folds(groupsOf(rows), positives(rows), sites) {
		out[site].Add(rows[i].pixels, rows[i].malignant)
	}
	return out
}

// Fit trains on the rows dealt to the sites.
func (f Federation) fit(ctx context.Context, rows []slice, seed uint64, progress func(round int)) (ml.Graph, error) {
	params, err := f.Network.Initial(seed)
	if err != nil {
		return ml.Graph{}, err
	}
	sim := federated.Simulation{Algorithm: f.Algorithm, Seed: seed}
	for i, set := range dealt(rows, Sites) {
		m, err := f.Network.Bind(set, f.Algorithm)
		if err != nil {
			return ml.Graph{}, fmt.Errorf("site %d: %w", i+1, err)
		}
		sim.Sites = append(sim.Sites, m)
	}
	s, err := sim.Run(ctx, f.Algorithm.Begin(params), f.Rounds, func(s federated.State) {
		if progress != nil {
			progress(s.Round)
		}
	})
	if err != nil {
		return ml.Graph{}, err
	}
	return f.Network.Graph(Name, s.Params)
}
