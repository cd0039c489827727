package onnx

import (
	"errors"
	"math"
	"slices"

	"manx/ml"
)

// An axis is what one dimension of a window needs: size of the input, kernel, stride, padding before and after.
type axis struct{ in, kernel, stride, before, after int }

func (x axis) out() int { return (x.in+x.before+x.after-x.kernel)/x.stride + 1 }

// window reads kernel_shape's companions of Conv and AveragePool.
func window(a attributes, shape []int, kh, kw int) (y, x axis, err error) {
	strides, ok1 := a.ints("strides", 2, 1)
	pads, ok2 := a.ints("pads", 4, 0)
	dilations, ok3 := a.ints("dilations", 2, 1)
	if !ok1 || !ok2 || !ok3 {
		return y, x, errors.New("only two spatial dimensions are covered")
	}
	if dilations[0] != 1 || dilations[1] != 1 {
		return y, x, errors.New("dilations are not covered")
	}
	if strides[0] < 1 || strides[1] < 1 || strides[0] != strides[1] {
		return y, x, errors.New("only equal strides are covered")
	}
	if slices.Min(pads) < 0 || slices.Max(pads) > 64 || strides[0] > 64 || kh < 1 || kw < 1 || kh > 64 || kw > 64 {
		return y, x, errors.New("kernel, stride and padding must be at most 64")
	}
	y = axis{shape[1], kh, strides[0], pads[0], pads[2]}
	x = axis{shape[2], kw, strides[1], pads[1], pads[3]}
	mode := "NOTSET"
	if m, ok := a["auto_pad"]; ok {
		mode = string(m.GetS())
	}
	switch mode {
	case "NOTSET":
	case "VALID":
		y.before, y.after, x.before, x.after = 0, 0, 0, 0
	case "SAME_UPPER", "SAME_LOWER":
		for _, d := range []*axis{&y, &x} {
			total := max(((d.in+d.stride-1)/d.stride-1)*d.stride+d.kernel-d.in, 0)
			d.before, d.after = total/2, total-total/2
			if mode == "SAME_LOWER" {
				d.before, d.after = d.after, d.before
			}
		}
	default:
		return y, x, errors.New("an auto_pad that ONNX does not have")
	}
	if y.in+y.before+y.after < y.kernel || x.in+x.before+x.after < x.kernel {
		return y, x, errors.New("the kernel is larger than its input")
	}
	return y, x, nil
}

// square finds a square kernel with equal padding on all sides that computes
// the same: the real kernel inside it at (fy, fx), zeros around it.
func square(y, x axis) (kernel, pad, fy, fx int, err error) {
	for pad = max(y.before, x.before); pad <= 64; pad++ {
		fy, fx = pad-y.before, pad-x.before
		for kernel = max(y.kernel+fy, x.kernel+fx, pad+1); kernel <= 64; kernel++ {
			oy, ox := y.in+2*pad-kernel, x.in+2*pad-kernel
			if oy < 0 || ox < 0 {
				break
			}
			if oy/y.stride+1 == y.out() && ox/x.stride+1 == x.out() {
				return kernel, pad, fy, fx, nil
			}
		}
	}
	return 0, 0, 0, 0, errors.New("this padding is not covered")
}

func (l *loader) conv(args []value, a attributes) (value, error) {
	if len(args) < 2 || args[0].constant != nil || args[1].constant == nil || len(args) > 2 && args[2].shape != nil {
		return value{}, errors.New("its weights must be constants")
	}
	w, in := args[1].constant, args[0]
	groups := a.int("group", 1)
	if len(in.shape) != 3 || len(w.dims) != 4 || groups < 1 || in.shape[0]%groups != 0 || w.dims[1] != in.shape[0]/groups ||
		w.dims[0] < 1 || w.dims[0]%groups != 0 || w.dims[2] < 1 || w.dims[3] < 1 {
		return value{}, errors.New("only convolutions in two dimensions, with weights that fit, are covered")
	}
	out, channels := w.dims[0], in.shape[0]
	y, x, err := window(a, in.shape, w.dims[2], w.dims[3])
	if err != nil {
		return value{}, err
	}
	k, pad, fy, fx, err := square(y, x)
	if err != nil {
		return value{}, err
	}
	if out > ml.MaxWeights/(channels*k*k) || l.cost+out*channels*k*k > ml.MaxWeights {
		return value{}, tooLarge("a convolution has too many weights")
	}
	op := ml.Conv{Out: out, In: channels, Kernel: k, Stride: y.stride, Pad: pad, Weights: make([]float64, out*channels*k*k), Bias: make([]float64, out)}
	if len(args) > 2 && args[2].constant != nil {
		if len(args[2].constant.values) != out {
			return value{}, errShape
		}
		copy(op.Bias, args[2].constant.values)
	}
	at := 0
	for o := range out {
		for i := range channels / groups {
			c := o/(out/groups)*(channels/groups) + i
			for ky := range w.dims[2] {
				for kx := range w.dims[3] {
					op.Weights[((o*channels+c)*k+ky+fy)*k+kx+fx] = w.values[at]
					at++
				}
			}
		}
	}
	return l.push(op, []int{out, y.out(), x.out()}, len(op.Weights)+out, l.real(in))
}

func (l *loader) gemm(args []value, a attributes) (value, error) {
	if len(args) < 2 || args[0].constant != nil || args[1].constant == nil || len(args) > 2 && args[2].shape != nil {
		return value{}, errors.New("its weights must be constants")
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
		c, err := spread(args[2].constant, []int{out})
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

func (l *loader) pool(op string, args []value, a attributes) (value, error) {
	in := args[0]
	if in.constant != nil || len(in.shape) != 3 {
		return value{}, errors.New("only pictures can be pooled")
	}
	c, h, w := in.shape[0], in.shape[1], in.shape[2]
	if op == "GlobalAveragePool" {
		if h != w {
			return value{}, errors.New("only square pictures are covered")
		}
		return l.push(ml.AveragePool{Kernel: h}, []int{c, 1, 1}, 0, l.real(in))
	}
	kernel, ok := a.ints("kernel_shape", 2, 0)
	if !ok {
		return value{}, errors.New("only two spatial dimensions are covered")
	}
	y, x, err := window(a, in.shape, kernel[0], kernel[1])
	if err != nil {
		return value{}, err
	}
	if a.int("ceil_mode", 0) != 0 {
		return value{}, errors.New("ceil_mode is not covered")
	}
	padded := y.before+y.after+x.before+x.after > 0
	if padded && a.int("count_include_pad", 0) == 0 {
		return value{}, errors.New("padding that does not count is not covered")
	}
	if !padded && y.kernel == x.kernel && y.kernel == y.stride {
		return l.push(ml.AveragePool{Kernel: y.kernel}, []int{c, h / y.kernel, w / y.kernel}, 0, l.real(in))
	}
	// Overlapping windows: a convolution of each channel with itself alone.
	k, pad, fy, fx, err := square(y, x)
	if err != nil {
		return value{}, err
	}
	if c > ml.MaxWeights/(c*k*k) || l.cost+c*c*k*k > ml.MaxWeights {
		return value{}, tooLarge("a pooling has too many channels")
	}
	conv := ml.Conv{Out: c, In: c, Kernel: k, Stride: y.stride, Pad: pad, Weights: make([]float64, c*c*k*k), Bias: make([]float64, c)}
	for i := range c {
		for ky := range y.kernel {
			for kx := range x.kernel {
				conv.Weights[((i*c+i)*k+ky+fy)*k+kx+fx] = 1 / float64(y.kernel*x.kernel)
			}
		}
	}
	return l.push(conv, []int{c, y.out(), x.out()}, len(conv.Weights)+c, l.real(in))
}

func (l *loader) normalise(args []value, a attributes) (value, error) {
	if len(args) != 5 || args[0].constant != nil {
		return value{}, errors.New("it needs an input and four constants")
	}
	if a.int("training_mode", 0) != 0 {
		return value{}, errors.New("training mode is not covered")
	}
	x := args[0]
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

func (l *loader) reshape(op string, args []value, a attributes) (value, error) {
	x := args[0]
	flat := false
	switch {
	case op == "Flatten":
		if x.constant != nil {
			return value{}, errors.New("a constant cannot be flattened")
		}
		switch d := a.int("axis", 1); d {
		case 1, -len(x.shape):
			flat = true
		default:
			return value{}, errors.New("only axis 1 is covered")
		}
	case len(args) != 2 || args[1].constant == nil || len(args[1].constant.dims) != 1:
		return value{}, errors.New("only a constant shape is covered")
	case x.constant != nil:
		return reshapeConstant(x.constant, args[1].constant.values)
	default:
		to, size := args[1].constant.values, float64(ml.Size(x.shape))
		if a.int("allowzero", 0) != 0 || len(to) < 1 || to[0] != 0 && to[0] != -1 && to[0] != float64(max(l.batch, 1)) {
			return value{}, errors.New("the batch must stay the first dimension")
		}
		switch {
		case len(to) == 2 && (to[1] == size || to[1] == -1 && to[0] != -1):
			flat = true
		case len(to) == 1+len(x.shape):
			for i, d := range x.shape {
				if to[i+1] != float64(d) && !(to[i+1] == 0) {
					return value{}, errors.New("only flattening is covered")
				}
			}
		default:
			return value{}, errors.New("only flattening is covered")
		}
	}
	if !flat || len(x.shape) == 1 {
		return x, nil
	}
	return l.push(ml.Flatten{}, []int{ml.Size(x.shape)}, 0, l.real(x))
}

func reshapeConstant(c *constant, to []float64) (value, error) {
	size, free := 1, -1
	dims := make([]int, 0, min(len(to), 8))
	for i, d := range to {
		n := int(d)
		switch {
		case len(dims) == 8 || d < -1 || d > ml.MaxWeights:
			return value{}, errShape
		case n == -1 && free < 0:
			free, n = i, 1
		case n == -1:
			return value{}, errShape
		case n == 0 && i < len(c.dims):
			n = c.dims[i]
		}
		if n > 0 && size > ml.MaxWeights/n {
			return value{}, errShape
		}
		size *= n
		dims = append(dims, n)
	}
	if free >= 0 && size > 0 {
		dims[free] = len(c.values) / size
		size *= dims[free]
	}
	if size != len(c.values) {
		return value{}, errShape
	}
	return value{constant: &constant{dims: dims, values: c.values}}, nil
}
