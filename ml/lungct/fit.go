package lungct

import (
	"cmp"
	"context"
	"slices"

	"manx/ml"
	"manx/ml/clear"
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
	n, err := train.New([3]int{1, Side, Side}, layers(), r)
	if err != nil {
		return ml.Graph{}, err
	}
	var ex train.Examples
	for _, s := range set {
		ex.Images = append(ex.Images, s.pixels)
		label := float32(0)
		if s.malignant {
			label = 1
		}
		ex.Labels = append(ex.Labels, label)
	}
	if err := n.Fit(ctx, ex, progress); err != nil {
		return ml.Graph{}, err
	}
	return n.Graph(Name)
}

func class(s slice) int {
	if s.malignant {
		return 1
	}
	return 0
}

// logits evaluates the graph on every slice.
func logits(ctx context.Context, g ml.Graph, set []slice) ([]float64, error) {
	out := make([]float64, len(set))
	for i, s := range set {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		y, err := clear.Run(g, s.input())
		if err != nil {
			return nil, err
		}
		out[i] = y[0]
	}
	return out, nil
}

// folds gives every slice one of k folds so that a group never spans two: the
// largest groups first, each to the fold that has the fewest of its class.
func folds(set []slice, k int) []int {
	type group struct {
		name  string
		count [2]int
	}
	at := map[string]int{}
	var groups []group
	for _, s := range set {
		i, ok := at[s.group]
		if !ok {
			i = len(groups)
			at[s.group] = i
			groups = append(groups, group{name: s.group})
		}
		groups[i].count[class(s)]++
	}
	slices.SortStableFunc(groups, func(a, b group) int {
		return cmp.Or(cmp.Compare(b.count[0]+b.count[1], a.count[0]+a.count[1]), cmp.Compare(a.name, b.name))
	})
	load := make([][2]int, k)
	fold := map[string]int{}
	for _, g := range groups {
		c := 0
		if g.count[1] > g.count[0] {
			c = 1
		}
		best := 0
		for f := range k {
			if load[f][c] < load[best][c] || load[f][c] == load[best][c] && load[f][1-c] < load[best][1-c] {
				best = f
			}
		}
		fold[g.name] = best
		load[best][0] += g.count[0]
		load[best][1] += g.count[1]
	}
	out := make([]int, len(set))
	for i, s := range set {
		out[i] = fold[s.group]
	}
	return out
}
