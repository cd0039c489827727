package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Steps are some gradient steps from the values that a network has: what one site
// does in a round of federated training.
type Steps struct {
	Count    int     // steps
	Batch    int     // examples a step; at least that many, or all
	Rate     float64 // of learning, the same at each step
	Adam     bool    // Adam with fresh moments, else plain gradient descent
	Momentum float64 // of gradient descent, in [0, 1)
	Decay    float64 // decoupled weight decay

	// Proximal pulls the learned values to what they were before the first step:
	// the gradient gains Proximal (value - first value) (FedProx, arXiv 1812.06127).
	Proximal float64
	// Correction, of Network.Learned values or nil, is added to every gradient
	// (SCAFFOLD, arXiv 1910.06378).
	Correction []float64

	Seed uint64 // of the order of examples and of augmentation
}

// Step trains for s.Count steps on the examples, which it goes through in an order
// drawn from s.Seed. What normalisations need is measured by Measure, after the last
// round. It returns the mean loss of the steps. The same values, examples and seed give
// the same network on one processor architecture.
func (n *Network) Step(ctx context.Context, set Examples, s Steps) (loss float64, err error) {
	if err := n.fits(set); err != nil {
		return 0, err
	}
	if s.Count < 1 || s.Batch < 1 || !(s.Rate > 0) || s.Correction != nil && len(s.Correction) != n.Learned() {
		return 0, errors.New("train: steps without a count, a batch, a rate or a whole correction")
	}
	n.rng = rand.New(rand.NewPCG(s.Seed, 0x73746570))
	n.forget()
	first := n.Values()[:n.Learned()]
	order := n.rng.Perm(len(set.Images))
	at := 0
	for step := range s.Count {
		if err := ctx.Err(); err != nil {
			return 0, fmt.Errorf("train: after %d steps: %w", step, err)
		}
		if at+s.Batch > len(order) && at > 0 {
			n.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			at = 0
		}
		picked := order[at:min(at+s.Batch, len(order))]
		at += len(picked)
		loss += n.step(set, picked) / float64(s.Count)
		n.correct(first, s)
		if s.Adam {
			n.net.adam(step+1, s.Rate, s.Decay)
		} else {
			n.descend(s)
		}
	}
	return loss, nil
}

// Norms returns how many normalisations the network has.
func (n *Network) Norms() int { return len(n.norms()) }

// Measure makes the means and mean squares of every normalisation those of the
// examples, each layer's input taken with what the normalisations before it had: over
// sites, the mean of what they measure is right for the first normalisation after one
// round of it, for the second after two, and so on. Of normalisations that are measured
// before the first step, it measures the first that was not yet, and no other. Nothing
// is learned.
func (n *Network) Measure(set Examples) error {
	if err := n.fits(set); err != nil {
		return err
	}
	in := n.batchOf(set)
	type measured struct{ mean, variance []float32 }
	var all []measured
	done := false // with those that are measured before the first step
	for _, l := range n.net.layers {
		norm, ok := l.(*batchNorm[float32])
		if !ok {
			in = l.forward(in, false)
			continue
		}
		mean, variance := slices.Clone(norm.mean), slices.Clone(norm.variance)
		if first := norm.unmeasured() && !done; first || !norm.fixed {
			norm.measure(in)
			done = done || first
		}
		all = append(all, measured{slices.Clone(norm.mean), slices.Clone(norm.variance)})
		copy(norm.mean, mean)
		copy(norm.variance, variance)
		in = l.forward(in, false)
	}
	for i, norm := range n.norms() {
		copy(norm.mean, all[i].mean)
		copy(norm.variance, all[i].variance)
	}
	return nil
}

// batchOf returns the examples as they are.
func (n *Network) batchOf(set Examples) batch[float32] {
	in := batch[float32]{n: len(set.Images), c: n.net.shape[0], h: n.net.shape[1], w: n.net.shape[2], x: make([]float32, 0, len(set.Images)*len(set.Images[0]))}
	for _, im := range set.Images {
		in.x = append(in.x, im...)
	}
	return in
}

// correct adds the pull to the first values and the correction to the gradients.
func (n *Network) correct(first []float64, s Steps) {
	if s.Proximal == 0 && s.Correction == nil {
		return
	}
	at := 0
	for _, l := range n.net.layers {
		for _, p := range l.params() {
			for i := range p.x {
				p.grad[i] += float32(s.Proximal * (float64(p.x[i]) - first[at]))
				if s.Correction != nil {
					p.grad[i] += float32(s.Correction[at])
				}
				at++
			}
		}
	}
}

// descend makes one step of gradient descent with momentum.
func (n *Network) descend(s Steps) {
	for _, l := range n.net.layers {
		for _, p := range l.params() {
			for i, g := range p.grad {
				p.m[i] = float32(s.Momentum)*p.m[i] + g
				if p.decay {
					p.x[i] -= float32(s.Rate*s.Decay) * p.x[i]
				}
				p.x[i] -= float32(s.Rate) * p.m[i]
			}
		}
	}
}

// forget clears the optimiser's moments.
func (n *Network) forget() {
	for _, l := range n.net.layers {
		for _, p := range l.params() {
			clear(p.m)
			clear(p.v)
		}
	}
}

// Gradient returns the gradient of the mean loss over the examples as they are,
// without augmentation, by the learned values, and that loss.
func (n *Network) Gradient(set Examples) (grad []float64, loss float64, err error) {
	if err := n.fits(set); err != nil {
		return nil, 0, err
	}
	weights := set.Weights
	for range len(set.Images) - len(weights) {
		weights = append(weights, 1)
	}
	loss = n.net.learn(n.batchOf(set), set.Labels, weights)
	for _, l := range n.net.layers {
		for _, p := range l.params() {
			grad = appendAll(grad, p.grad)
		}
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return nil, 0, errors.New("train: the loss is no number")
	}
	return grad, loss, nil
}

// fits returns nil where there are examples, of the network's size.
func (n *Network) fits(set Examples) error {
	if len(set.Images) == 0 || len(set.Labels) != len(set.Images) || set.Weights != nil && len(set.Weights) != len(set.Images) {
		return fmt.Errorf("train: %d images, %d labels, %d weights", len(set.Images), len(set.Labels), len(set.Weights))
	}
	size := n.net.shape[0] * n.net.shape[1] * n.net.shape[2]
	for i, im := range set.Images {
		if len(im) != size {
			return fmt.Errorf("train: image %d has %d values, not %d", i, len(im), size)
		}
	}
	return nil
}
