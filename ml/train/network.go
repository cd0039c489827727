package train

import (
	"fmt"
	"math"
	"math/rand/v2"

	"manx/ml"
)

type network[T real] struct {
	shape  [3]int
	layers []layer[T]
}

func build[T real](shape [3]int, specs []Layer, opt Options, rng *rand.Rand) (*network[T], error) {
	n := &network[T]{shape: shape}
	c, h, w := shape[0], shape[1], shape[2]
	if c < 1 || h < 1 || w < 1 {
		return nil, fmt.Errorf("train: images of shape %v", shape)
	}
	for i, spec := range specs {
		switch s := spec.(type) {
		case Conv:
			if s.Out < 1 || s.Kernel < 1 || s.Stride < 1 || s.Pad < 0 || h+2*s.Pad < s.Kernel || w+2*s.Pad < s.Kernel {
				return nil, fmt.Errorf("train: layer %d: no such convolution of %dx%d", i, h, w)
			}
			n.layers = append(n.layers, newConv[T](s, c, i == 0, rng))
			c, h, w = s.Out, (h+2*s.Pad-s.Kernel)/s.Stride+1, (w+2*s.Pad-s.Kernel)/s.Stride+1
		case Linear:
			if s.Out < 1 {
				return nil, fmt.Errorf("train: layer %d: no output", i)
			}
			n.layers = append(n.layers, newLinear[T](s.Out, c*h*w, rng))
			c, h, w = s.Out, 1, 1
		case BatchNorm, Standard:
			if i == 0 {
				return nil, fmt.Errorf("train: layer 0: nothing to fold into")
			}
			norm := newBatchNorm[T](c)
			var made *standard[T]
			if _, norm.fixed = s.(Standard); norm.fixed {
				made = &standard[T]{}
			}
			switch l := n.layers[i-1].(type) {
			case *conv[T]:
				l.made = made
			case *linear[T]:
				l.made = made
			default:
				return nil, fmt.Errorf("train: layer %d: normalisation must follow a convolution or a dense layer", i)
			}
			n.layers = append(n.layers, norm)
		case Poly:
			n.layers = append(n.layers, newPoly[T](c, opt.Limit, opt.Cost))
		case ReLU:
			n.layers = append(n.layers, &relu[T]{})
		case AveragePool, MaxPool:
			k, most := 0, false
			switch s := s.(type) {
			case AveragePool:
				k = s.Kernel
			case MaxPool:
				k, most = s.Kernel, true
			}
			if k < 1 || h%k != 0 || w%k != 0 {
				return nil, fmt.Errorf("train: layer %d: windows of %d in %dx%d", i, k, h, w)
			}
			p := pool[T]{kernel: k}
			if most {
				n.layers = append(n.layers, &largest[T]{pool: p})
			} else {
				n.layers = append(n.layers, &p)
			}
			h, w = h/k, w/k
		}
	}
	if c*h*w != 1 {
		return nil, fmt.Errorf("train: the network ends in %d values, not one logit", c*h*w)
	}
	return n, nil
}

func (n *network[T]) forward(in batch[T], training bool) batch[T] {
	for _, l := range n.layers {
		in = l.forward(in, training)
	}
	return in
}

// learn sets the gradients of weighted cross-entropy with logits plus the range
// penalties, and returns that loss.
func (n *network[T]) learn(in batch[T], labels, weights []T) float64 {
	for _, l := range n.layers {
		for _, p := range l.params() {
			clear(p.grad)
		}
	}
	out := n.forward(in, true)
	d := batch[T]{n: out.n, c: 1, h: 1, w: 1, x: make([]T, out.n)}
	var loss float64
	for i, z := range out.x {
		z, y, w := float64(z), float64(labels[i]), float64(weights[i])
		loss += w * (max(z, 0) - z*y + math.Log1p(math.Exp(-math.Abs(z))))
		d.x[i] = T(w * (1/(1+math.Exp(-z)) - y) / float64(out.n))
	}
	loss /= float64(out.n)
	for i := len(n.layers) - 1; i >= 0; i-- {
		if p, ok := n.layers[i].(*poly[T]); ok && p.cost > 0 {
			loss += p.penalty()
		}
		d = n.layers[i].backward(d)
	}
	return loss
}

// adam makes one step of Adam (arXiv 1412.6980) with decoupled weight decay.
func (n *network[T]) adam(step int, rate, decay float64) {
	const b1, b2, epsilon = 0.9, 0.999, 1e-8
	c1, c2 := 1-math.Pow(b1, float64(step)), 1-math.Pow(b2, float64(step))
	for _, l := range n.layers {
		for _, p := range l.params() {
			for i, g := range p.grad {
				p.m[i] += (1 - b1) * (g - p.m[i])
				p.v[i] += (1 - b2) * (g*g - p.v[i])
				if p.decay {
					p.x[i] -= T(rate*decay) * p.x[i]
				}
				p.x[i] -= T(rate * float64(p.m[i]) / c1 / (math.Sqrt(float64(p.v[i])/c2) + epsilon))
			}
		}
	}
}

// measure sets the running mean and variance to those of in.
func (l *batchNorm[T]) measure(in batch[T]) {
	count := float64(in.n * in.plane())
	for c := range in.c {
		var sum, sq float64
		for from, to := range in.channel(c) {
			for _, z := range in.x[from:to] {
				sum += float64(z)
			}
		}
		mean := sum / count
		for from, to := range in.channel(c) {
			for _, z := range in.x[from:to] {
				d := float64(z) - mean
				sq += d * d
			}
		}
		l.mean[c], l.variance[c] = T(mean), T(sq/count)
	}
}

func (n *network[T]) graph(name string) (ml.Graph, error) {
	g := ml.Graph{Name: name, Input: n.shape[:]}
	add := func(op ml.Op) { g.Nodes = append(g.Nodes, ml.Node{Op: op, Args: []int{len(g.Nodes)}}) }
	flat := false
	for i, l := range n.layers {
		var norm *batchNorm[T]
		if i+1 < len(n.layers) {
			norm, _ = n.layers[i+1].(*batchNorm[T])
		}
		switch l := l.(type) {
		case *conv[T]:
			w, b := fold(l.made.of(l.weight.x, l.out), l.bias.x, norm)
			add(ml.Conv{Out: l.out, In: l.in, Kernel: l.kernel, Stride: l.stride, Pad: l.pad, Weights: w, Bias: b})
		case *linear[T]:
			if !flat {
				add(ml.Flatten{})
				flat = true
			}
			w, b := fold(l.made.of(l.weight.x, l.out), l.bias.x, norm)
			add(ml.Linear{Out: l.out, In: l.in, Weights: w, Bias: b})
		case *poly[T]:
			p := ml.Poly{}
			for c := range len(l.coeff.x) / 3 {
				k := l.coeff.x[3*c : 3*c+3]
				p.Coeffs = append(p.Coeffs, []float64{float64(k[0]), float64(k[1]), float64(k[2])})
			}
			add(p)
		case *relu[T]:
			add(ml.Activation{Kind: ml.ReLU})
		case *pool[T]:
			add(ml.AveragePool{Kernel: l.kernel})
		case *largest[T]:
			k := [2]int{l.kernel, l.kernel}
			add(ml.MaxPool{Kernel: k, Stride: k})
		}
	}
	g.Output = len(g.Nodes)
	return g, nil
}

// fold returns weights and bias with the normalisation after them taken in.
func fold[T real](weight, bias []T, norm *batchNorm[T]) (w, b []float64) {
	rows := len(bias)
	k := len(weight) / rows
	w, b = make([]float64, len(weight)), make([]float64, rows)
	for o := range rows {
		mul, add := 1.0, 0.0
		if norm != nil {
			mul, add = norm.scale(o)
		}
		b[o] = mul*float64(bias[o]) + add
		for i := o * k; i < (o+1)*k; i++ {
			w[i] = mul * float64(weight[i])
		}
	}
	return w, b
}
