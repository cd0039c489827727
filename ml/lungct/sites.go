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

// fit trains on the rows dealt to the sites.
func (f Federation) fit(ctx context.Context, rows []slice, seed uint64) (ml.Graph, error) {
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
	s, err := sim.Run(ctx, f.Algorithm.Begin(params), f.Rounds, nil)
	if err != nil {
		return ml.Graph{}, err
	}
	return f.Network.Graph(Name, s.Params)
}

// A Comparison is AUC out of fold over all rows, groups never parted: of single
// networks trained on the rows together and at Sites sites, by seed, and of the
// averages of each over the seeds.
type Comparison struct {
	Pooled, Federated         []float64 // of each seed
	PooledMean, FederatedMean float64   // of the averaged logits
}

// Compare measures how single networks do that are trained on the pictures in dir
// together, and dealt to Sites sites, on the same folds with the same seeds, from 1.
func (f Federation) Compare(ctx context.Context, dir string, seeds int, progress func(stage string)) (c Comparison, err error) {
	all, err := load(dir)
	if err != nil {
		return c, err
	}
	r := Polynomial()
	r.Members = 1
	positive := positives(all)
	fold := validation.Folds(groupsOf(all), positive, Folds)
	pooled, apart := make([]float64, len(all)), make([]float64, len(all))
	for seed := uint64(1); seed <= uint64(seeds); seed++ {
		for _, k := range []struct {
			name string
			auc  *[]float64
			sum  []float64
			fit  func(rows []slice) (ml.Graph, error)
		}{
			{"pooled", &c.Pooled, pooled, func(rows []slice) (ml.Graph, error) {
				nets, err := r.fit(ctx, rows, Options{Seed: seed}, nil, "")
				if err != nil {
					return ml.Graph{}, err
				}
				return nets[0], nil
			}},
			{"federated", &c.Federated, apart, func(rows []slice) (ml.Graph, error) { return f.fit(ctx, rows, seed) }},
		} {
			z, _, err := validation.CrossValidate(ctx, fold, Folds, positive, func(_ int, rows []int) (ml.Graph, error) { return k.fit(validation.Pick(all, rows)) },
				func(i int) []float64 { return all[i].input() })
			if err != nil {
				return c, tooFew(err)
			}
			for i, v := range z {
				k.sum[i] += v
			}
			*k.auc = append(*k.auc, validation.Round(validation.AUC(z, positive, nil)))
			progress(fmt.Sprintf("%s, seed %d: %.4f", k.name, seed, (*k.auc)[seed-1]))
		}
	}
	c.PooledMean, c.FederatedMean = validation.Round(validation.AUC(pooled, positive, nil)), validation.Round(validation.AUC(apart, positive, nil))
	return c, nil
}
