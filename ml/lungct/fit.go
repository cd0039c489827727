package lungct

import (
	"context"
	"fmt"

	"manx/ml"
	"manx/ml/train"
)

// Options are what a caller may choose; the recipe is fixed.
type Options struct {
	Seed uint64
	// Epochs of 0 means the recipe's own number; tests use fewer.
	Epochs int
}

// A Recipe is a kind of network for these pictures and how it is trained: the
// average of Members networks that differ in their seeds alone.
type Recipe struct {
	Name    string
	Members int
	Layers  []train.Layer
	Options train.Options // without a seed
	// Federation is how Sites hospitals train a member together, each with the groups
	// dealt to it; nil trains on all rows in one place.
	Federation *Federation
	// Beside, where it is not nil, is cross-validated on the same folds, for comparison.
	Beside *Recipe

	// Describe makes the card of what was measured.
	Describe func(Results) ml.Card
}

// Each is the recipe with what to makes of each of its layers.
func (r Recipe) Each(to func(train.Layer) train.Layer) Recipe {
	layers := make([]train.Layer, len(r.Layers))
	for i, l := range r.Layers {
		layers[i] = to(l)
	}
	r.Layers = layers
	return r
}

// members returns the training options of each member. Members of one seed have
// seeds in a row, which no other seed's have.
func (r Recipe) members(o Options) []train.Options {
	out := make([]train.Options, r.Members)
	for k := range out {
		out[k] = r.Options
		if r.Federation != nil {
			out[k].Epochs = r.Federation.Rounds
		}
		out[k].Seed = (o.Seed-1)*uint64(r.Members) + 1 + uint64(k)
		if o.Epochs > 0 {
			out[k].Epochs = o.Epochs
		}
	}
	return out
}

var shape = [3]int{1, Side, Side}

// Untrained returns the network with random weights, for tests and benchmarks
// of runtimes, and as the shape of the trained one; it finds nothing.
func (r Recipe) Untrained(seed uint64) (ml.Graph, error) {
	var nets []ml.Graph
	for _, o := range r.members(Options{Seed: seed}) {
		n, err := train.New(shape, r.Layers, o)
		if err != nil {
			return ml.Graph{}, err
		}
		g, err := n.Graph("")
		if err != nil {
			return ml.Graph{}, err
		}
		nets = append(nets, g)
	}
	return train.Mean(r.Name+"-untrained", nets)
}

// fit trains the members on the slices, one after another.
func (r Recipe) fit(ctx context.Context, set []slice, o Options, progress train.Progress, stage string) ([]ml.Graph, error) {
	var ex train.Examples
	for _, s := range set {
		ex.Add(s.pixels, s.malignant)
	}
	var nets []ml.Graph
	for k, opt := range r.members(o) {
		var g ml.Graph
		var err error
		tell := progress.Of(fmt.Sprintf("%s, network %d of %d", stage, k+1, r.Members))
		if r.Federation != nil {
			g, err = r.Federation.fit(ctx, set, opt.Seed, o.Epochs, tell)
		} else {
			g, err = train.Fit(ctx, r.Name, shape, r.Layers, opt, ex, tell)
		}
		if err != nil {
			return nil, err
		}
		nets = append(nets, g)
	}
	return nets, nil
}
