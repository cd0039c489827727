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

// Together is how lung-ct's networks are trained at hospitals: one step of every site
// a round and Adam at the server, with the rates of training in one place, and weights
// that are standardised in the place of normalisation over batches. So a round is the
// step that it would be over all sites' pictures together.
func Together() Federation {
	const rounds = 378
	return Federation{
		Network: federated.Network{Kind: federated.CNN, Input: shape, Hidden: []int{8, 16, 32}, Square: true, Standard: true,
			Steps: 1, Batch: 8, Rate: 1, Shift: 4, Flip: true, Jitter: 0.2, MostRows: 1000},
		Algorithm: federated.Algorithm{Name: federated.FedAdam, Rate: 2e-3, Warm: 30, Cool: rounds, Beta1: 0.9, Beta2: 0.999, Tau: 1e-8, Unbiased: true,
			Bounds: federated.Bounds{Clip: 100}},
		Rounds: rounds,
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

// fit trains on the rows dealt to the sites. rounds of 0 means the recipe's own.
func (f Federation) fit(ctx context.Context, rows []slice, seed uint64, rounds int, progress func(train.Epoch)) (ml.Graph, error) {
	params, err := f.Network.Initial(seed)
	if err != nil {
		return ml.Graph{}, err
	}
	sim := federated.Simulation{Algorithm: f.Algorithm, Seed: seed, Measures: f.Network.Measures}
	for i, set := range dealt(rows, Sites) {
		m, err := f.Network.Bind(set, f.Algorithm)
		if err != nil {
			return ml.Graph{}, fmt.Errorf("site %d: %w", i+1, err)
		}
		sim.Sites = append(sim.Sites, m)
	}
	if rounds == 0 {
		rounds = f.Rounds
	}
	s, err := sim.Run(ctx, f.Algorithm.Begin(params), rounds, func(s federated.State) { progress(train.Epoch{Done: s.Round, Of: rounds}) })
	if err != nil {
		return ml.Graph{}, err
	}
	_, measuring, err := f.Network.Measured()
	if err != nil {
		return ml.Graph{}, err
	}
	if s, err = sim.Measure(ctx, s, measuring); err != nil {
		return ml.Graph{}, err
	}
	return f.Network.Graph(Name, s.Params)
}
