package lungct

import (
	"context"

	"manx/ml"
	"manx/ml/train"
)

// Options are what a caller may choose; the recipe is fixed.
type Options struct {
	Seed uint64
	// Epochs of 0 means the recipe's own number; tests use fewer.
	Epochs int
}

// recipe is the training recipe of lung-ct; docs and the card quote it.
func recipe(o Options) train.Options {
	r := train.Options{Epochs: 25, Batch: 32, Rate: 2e-3, Warmup: 0.08, Decay: 1e-3, Limit: 4, Cost: 0.02,
		Shift: 4, Flip: true, Jitter: 0.2, Seed: o.Seed}
	if o.Epochs > 0 {
		r.Epochs = o.Epochs
	}
	return r
}

// fit trains the network on the slices.
func fit(ctx context.Context, set []slice, r train.Options, progress func(train.Epoch)) (ml.Graph, error) {
	var ex train.Examples
	for _, s := range set {
		ex.Add(s.pixels, s.malignant)
	}
	return train.Fit(ctx, Name, [3]int{1, Side, Side}, layers(), r, ex, progress)
}
