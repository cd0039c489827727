// Package train fits small convolutional networks: convolutions, batch
// normalisation, learned quadratics and average pooling, which run under CKKS, ReLU
// and max pooling, which do not, and dense layers, by Adam on one core; and averages
// of them. The result is an ml.Graph with the normalisation folded away. It is no
// general framework (docs/adr/0004): no devices, no graph of arbitrary operations,
// no other losses.
package train

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"manx/ml"
)

// A Layer is one of Conv, BatchNorm, Standard, Poly, ReLU, AveragePool, MaxPool, Linear.
type Layer interface{ spec() }

// Conv is a 2-D convolution with zero padding to Out channels.
type Conv struct{ Out, Kernel, Stride, Pad int }

// BatchNorm normalises each channel; it must follow a Conv or a Linear.
type BatchNorm struct{}

// Standard keeps the weights of the Conv or Linear before it at mean 0 and norm 1, and
// scales its outputs by means and variances that are measured before the first step
// and then stay: no example is normalised by others. A network has either these or
// BatchNorm.
type Standard struct{}

// Poly is a learned a x^2 + b x + c for each channel (on a vector, element).
type Poly struct{}

// AveragePool averages Kernel x Kernel windows with stride Kernel.
type AveragePool struct{ Kernel int }

// ReLU is max(x, 0).
type ReLU struct{}

// MaxPool takes the largest of Kernel x Kernel windows with stride Kernel.
type MaxPool struct{ Kernel int }

// Linear is a dense layer to Out values; it flattens its input.
type Linear struct{ Out int }

func (Conv) spec()        {}
func (BatchNorm) spec()   {}
func (Standard) spec()    {}
func (Poly) spec()        {}
func (ReLU) spec()        {}
func (AveragePool) spec() {}
func (MaxPool) spec()     {}
func (Linear) spec()      {}

// Options is a recipe. All of it takes part in what a seed reproduces.
type Options struct {
	Epochs int     // passes over the examples
	Batch  int     // examples a step
	Rate   float64 // Adam's highest learning rate
	Warmup float64 // share of the steps in which the rate rises; a cosine to 0 follows
	Decay  float64 // decoupled weight decay (arXiv 1711.05101)

	// Limit and Cost are the range penalty: Cost * mean(max(0, |z|-Limit)^2) over
	// the inputs z of every Poly, which bounds what CKKS must represent.
	Limit, Cost float64

	// Augmentation, of images in [0, 1]; without any, values may be of any size.
	Shift  int     // random translation, pixels each way
	Flip   bool    // random mirror, left to right
	Jitter float64 // contrast by 1 ± Jitter, brightness by ± Jitter/2
	Smooth float64 // labels become Smooth/2 and 1 - Smooth/2

	Seed uint64
}

// Examples are images [n][channels*height*width] with labels 0 or 1 and, where
// Weights is not nil, what each counts in the loss (1 on average).
type Examples struct {
	Images  [][]float32
	Labels  []float32
	Weights []float32
}

// Add appends one example.
func (e *Examples) Add(image []float32, positive bool) {
	label := float32(0)
	if positive {
		label = 1
	}
	e.Images, e.Labels = append(e.Images, image), append(e.Labels, label)
}

// An Epoch reports progress: passes made, of how many, and the mean loss.
type Epoch struct {
	Done, Of int
	Loss     float64
}

// Progress is told what is being trained, and each epoch; nil is told nothing.
type Progress func(stage string, e Epoch)

// Of returns what Network.Fit tells of one stage.
func (p Progress) Of(stage string) func(Epoch) {
	return func(e Epoch) {
		if p != nil {
			p(stage, e)
		}
	}
}

// A Network is a sequence of layers with one logit at its end. It is not safe
// for concurrent use.
type Network struct {
	net *network[float32]
	rng *rand.Rand
	opt Options
}

// New returns an untrained network for images of shape [channels, height, width].
func New(shape [3]int, layers []Layer, opt Options) (*Network, error) {
	rng := rand.New(rand.NewPCG(opt.Seed, 0x6d616e78))
	net, err := build[float32](shape, layers, opt, rng)
	if err != nil {
		return nil, err
	}
	return &Network{net: net, rng: rng, opt: opt}, nil
}

// Fit trains on examples until the recipe ends or ctx does. The same seed,
// examples and processor architecture give the same network.
func (n *Network) Fit(ctx context.Context, set Examples, progress func(Epoch)) error {
	if err := n.fits(set); err != nil {
		return err
	}
	o := n.opt
	if n.Unmeasured() > 0 {
		n.settle(set)
	}
	order := n.rng.Perm(len(set.Images))
	perEpoch := max(len(order)/o.Batch, 1)
	steps, step := perEpoch*o.Epochs, 0
	warm := max(int(o.Warmup*float64(steps)), 1)
	for epoch := range o.Epochs {
		n.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		var loss float64
		for b := range perEpoch {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("train: after %d epochs: %w", epoch, err)
			}
			picked := order[b*o.Batch : min((b+1)*o.Batch, len(order))]
			loss += n.step(set, picked)
			step++
			rate := o.Rate * 0.5 * (1 + math.Cos(math.Pi*float64(step-warm)/float64(max(steps-warm, 1))))
			if step < warm {
				rate = o.Rate * float64(step) / float64(warm)
			}
			n.net.adam(step, rate, o.Decay)
		}
		if progress != nil {
			progress(Epoch{Done: epoch + 1, Of: o.Epochs, Loss: loss / float64(perEpoch)})
		}
	}
	if n.Normalised() {
		n.settle(set)
	}
	return nil
}

// step runs one batch forward and back and returns its loss.
func (n *Network) step(set Examples, picked []int) float64 {
	s := n.net.shape
	size := s[0] * s[1] * s[2]
	in := batch[float32]{n: len(picked), c: s[0], h: s[1], w: s[2], x: make([]float32, len(picked)*size)}
	labels, weights := make([]float32, len(picked)), make([]float32, len(picked))
	for i, at := range picked {
		n.augment(set.Images[at], in.x[i*size:(i+1)*size], s)
		labels[i] = set.Labels[at]*float32(1-n.opt.Smooth) + float32(n.opt.Smooth/2)
		weights[i] = 1
		if set.Weights != nil {
			weights[i] = set.Weights[at]
		}
	}
	return n.net.learn(in, labels, weights)
}

// augment writes a shifted, mirrored, brightened copy of every channel of src,
// within [0, 1]; a recipe without augmentation leaves every value as it is.
func (n *Network) augment(src, dst []float32, s [3]int) {
	if n.opt.Shift == 0 && !n.opt.Flip && n.opt.Jitter == 0 {
		copy(dst, src)
		return
	}
	dy, dx, mirror := 0, 0, false
	if n.opt.Shift > 0 {
		dy, dx = n.rng.IntN(2*n.opt.Shift+1)-n.opt.Shift, n.rng.IntN(2*n.opt.Shift+1)-n.opt.Shift
	}
	if n.opt.Flip {
		mirror = n.rng.IntN(2) == 1
	}
	contrast := float32(1 + n.opt.Jitter*(2*n.rng.Float64()-1))
	bright := float32(n.opt.Jitter / 2 * (2*n.rng.Float64() - 1))
	for c := range s[0] {
		for y := range s[1] {
			for x := range s[2] {
				sy, sx := y+dy, x+dx
				if mirror {
					sx = s[2] - 1 - sx
				}
				var v float32
				if sy >= 0 && sy < s[1] && sx >= 0 && sx < s[2] {
					v = src[(c*s[1]+sy)*s[2]+sx]
				}
				dst[(c*s[1]+y)*s[2]+x] = min(max((v-0.5)*contrast+0.5+bright, 0), 1)
			}
		}
	}
}

// settle replaces the running means and variances by those of the examples as
// they are, layer by layer, since inference sees no augmentation.
func (n *Network) settle(set Examples) {
	s := n.net.shape
	size := s[0] * s[1] * s[2]
	in := batch[float32]{n: len(set.Images), c: s[0], h: s[1], w: s[2], x: make([]float32, 0, len(set.Images)*size)}
	for _, im := range set.Images {
		in.x = append(in.x, im...)
	}
	for _, l := range n.net.layers {
		if norm, ok := l.(*batchNorm[float32]); ok {
			norm.measure(in)
		}
		in = l.forward(in, false)
	}
}

// Graph returns the network with its normalisation folded into the layer before.
func (n *Network) Graph(name string) (ml.Graph, error) { return n.net.graph(name) }

// Fit trains a new network on examples and returns its graph: New, Network.Fit
// and Network.Graph in one.
func Fit(ctx context.Context, name string, shape [3]int, layers []Layer, opt Options, set Examples, progress func(Epoch)) (ml.Graph, error) {
	n, err := New(shape, layers, opt)
	if err != nil {
		return ml.Graph{}, err
	}
	if err := n.Fit(ctx, set, progress); err != nil {
		return ml.Graph{}, err
	}
	return n.Graph(name)
}
