package onnx

import (
	"errors"
	"math"

	"manx/ml"
)

// picture says whether v is channels, height and width after a batch dimension.
func (l *loader) picture(v value) bool {
	return l.lead == 1 && v.constant == nil && len(v.shape) == 3
}

func (l *loader) conv(args []value, a attributes) (value, error) {
	if len(args) < 2 || args[0].constant != nil || args[1].constant == nil || len(args) > 2 && args[2].shape != nil {
		return value{}, errors.New("its weights must be constants")
	}
	w, in := args[1].constant, args[0]
	groups := a.int("group", 1)
	if !l.picture(in) || len(w.dims) != 4 || groups < 1 || in.shape[0]%groups != 0 || w.dims[1] != in.shape[0]/groups ||
		w.dims[0] < 1 || w.dims[0]%groups != 0 || w.dims[2] < 1 || w.dims[3] < 1 {
		return value{}, errors.New("only convolutions in two dimensions, with weights that fit, are covered")
	}
	out, channels := w.dims[0], w.dims[1]
	y, x, err := window(a, in.shape, w.dims[2], w.dims[3])
	if err != nil {
		return value{}, err
	}
	bias := make([]float64, out)
	if len(args) > 2 && args[2].constant != nil {
		if len(args[2].constant.values) != out {
			return value{}, errShape
		}
		copy(bias, args[2].constant.values)
	}
	in = l.unframe(in, &y, &x)
	return l.cross(in, y, x, bias, func(put func(o, c, ky, kx int, w float64)) {
		at := 0
		for o := range out {
			for i := range channels {
				for ky := range w.dims[2] {
					for kx := range w.dims[3] {
						put(o, o/(out/groups)*channels+i, ky, kx, w.values[at])
						at++
					}
				}
			}
		}
	})
}

// unframe takes an ml.Pad that only this operator reads into the padding of its window.
func (l *loader) unframe(in value, y, x *axis) value {
	last := len(l.graph.Nodes)
	if in.base != last || last == 0 || in.shared || in.poly != nil {
		return in
	}
	n := l.graph.Nodes[last-1]
	p, ok := n.Op.(ml.Pad)
	if !ok {
		return in
	}
	l.graph.Nodes = l.graph.Nodes[:last-1]
	*y = axis{y.in - p.Top - p.Bottom, y.kernel, y.stride, y.before + p.Top, y.after + p.Bottom}
	*x = axis{x.in - p.Left - p.Right, x.kernel, x.stride, x.before + p.Left, x.after + p.Right}
	return value{base: n.Args[0], shape: []int{in.shape[0], y.in, x.in}}
}

func (l *loader) gemm(args []value, a attributes) (value, error) {
	if len(args) < 2 || args[0].constant != nil || args[1].constant == nil || len(args) > 2 && args[2].shape != nil {
		return value{}, errors.New("its weights must be constants")
	}
	if l.lead == 0 {
		return value{}, errors.New("its input must have a batch dimension")
	}
	if a.int("transA", 0) != 0 {
		return value{}, errors.New("a transposed input is not covered")
	}
	w := args[1].constant
	if len(w.dims) != 2 {
		return value{}, errShape
	}
	in, out, step, jump := w.dims[0], w.dims[1], w.dims[1], 1
	if a.int("transB", 0) != 0 {
		in, out, step, jump = w.dims[1], w.dims[0], 1, w.dims[1]
	}
	bias := make([]float64, out)
	if len(args) > 2 && args[2].constant != nil {
		c, err := l.spread(args[2].constant, []int{out})
		if err != nil {
			return value{}, err
		}
		beta := a.float("beta", 1)
		for i := range bias {
			bias[i] = beta * c[min(i, len(c)-1)]
		}
	}
	return l.linear(args[0], w.values, in, out, step, jump, a.float("alpha", 1), bias)
}

func (l *loader) matmul(args []value) (value, error) {
	if len(args) != 2 || args[0].constant != nil || args[1].constant == nil || len(args[1].constant.dims) != 2 {
		return value{}, errors.New("only an input times a constant matrix is covered")
	}
	w := args[1].constant
	return l.linear(args[0], w.values, w.dims[0], w.dims[1], w.dims[1], 1, 1, make([]float64, w.dims[1]))
}

// linear adds y[o] = alpha * sum_i w[i*step+o*jump] x[i] + bias[o].
func (l *loader) linear(x value, w []float64, in, out, step, jump int, alpha float64, bias []float64) (value, error) {
	if len(x.shape) != 1 || x.shape[0] != in || out < 1 {
		return value{}, errShape
	}
	if l.cost+len(w) > ml.MaxWeights {
		return value{}, tooLarge("the matrices have too many weights")
	}
	op := ml.Linear{Out: out, In: in, Weights: make([]float64, out*in), Bias: bias}
	for o := range out {
		for i := range in {
			op.Weights[o*in+i] = alpha * w[i*step+o*jump]
		}
	}
	return l.push(op, []int{out}, len(w)+out, l.real(x))
}

func (l *loader) normalise(args []value, a attributes) (value, error) {
	if len(args) != 5 || args[0].constant != nil {
		return value{}, errors.New("it needs an input and four constants")
	}
	if a.int("training_mode", 0) != 0 {
		return value{}, errors.New("training mode is not covered")
	}
	x := args[0]
	if l.lead == 0 || len(x.shape) != 1 && len(x.shape) != 3 {
		return value{}, errors.New("it needs a batch of vectors or pictures")
	}
	if x.shape[0] > maxCoeffs/8 {
		return value{}, tooLarge("a normalisation has too many channels")
	}
	var p [4][]float64 // scale, bias, mean, variance
	for i := range p {
		c := args[i+1].constant
		if c == nil || len(c.values) != x.shape[0] {
			return value{}, errors.New("it needs constants of one value for each channel")
		}
		p[i] = c.values
	}
	affine := make([][]float64, x.shape[0])
	for i := range affine {
		d := p[3][i] + a.float("epsilon", 1e-5)
		if !(d > 0) {
			return value{}, errors.New("a variance is not above zero")
		}
		k := p[0][i] / math.Sqrt(d)
		affine[i] = []float64{p[1][i] - k*p[2][i], k}
	}
	return l.compose(x, affine)
}
