package onnx

import (
	"errors"
	"slices"

	"manx/ml"
)

// An axis is what one dimension of a window needs: size of the input, kernel, stride, padding before and after.
type axis struct{ in, kernel, stride, before, after int }

func (d axis) out() int { return (d.in+d.before+d.after-d.kernel)/d.stride + 1 }

// window reads kernel_shape's companions of Conv, AveragePool and MaxPool.
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
	if slices.Min(strides) < 1 || slices.Min(pads) < 0 || slices.Max(pads) > 64 || slices.Max(strides) > 64 || kh < 1 || kw < 1 || kh > 64 || kw > 64 {
		return y, x, errors.New("kernel and stride must be 1 to 64, padding 0 to 64")
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
func square(y, x axis) (kernel, pad, fy, fx int, ok bool) {
	for pad = max(y.before, x.before); pad <= 64; pad++ {
		fy, fx = pad-y.before, pad-x.before
		for kernel = max(y.kernel+fy, x.kernel+fx, pad+1); kernel <= 64; kernel++ {
			oy, ox := y.in+2*pad-kernel, x.in+2*pad-kernel
			if oy < 0 || ox < 0 {
				break
			}
			if oy/y.stride+1 == y.out() && ox/x.stride+1 == x.out() {
				return kernel, pad, fy, fx, true
			}
		}
	}
	return 0, 0, 0, 0, false
}

// cross pushes a convolution of in with the window y, x; weights puts those that
// are not zero. Where no square kernel with equal padding will do, an ml.Pad of
// its own goes before it.
func (l *loader) cross(in value, y, x axis, bias []float64, weights func(put func(o, c, ky, kx int, w float64))) (value, error) {
	if y.stride != x.stride {
		return value{}, errors.New("only equal strides are covered")
	}
	k, pad, fy, fx, ok := square(y, x)
	if !ok {
		if k = max(y.kernel, x.kernel); k > 64 {
			return value{}, errors.New("windows must be at most 64 wide")
		}
	}
	channels, out := in.shape[0], len(bias)
	if out > ml.MaxWeights/(channels*k*k) || l.cost+out*channels*k*k > ml.MaxWeights {
		return value{}, tooLarge("an operator has too many weights")
	}
	from := l.real(in)
	if !ok {
		frame := ml.Pad{Top: y.before, Left: x.before, Bottom: y.after + k - y.kernel, Right: x.after + k - x.kernel}
		framed, err := l.push(frame, []int{channels, frame.Top + y.in + frame.Bottom, frame.Left + x.in + frame.Right}, 0, from)
		if err != nil {
			return value{}, err
		}
		from = framed.base
	}
	op := ml.Conv{Out: out, In: channels, Kernel: k, Stride: y.stride, Pad: pad, Weights: make([]float64, out*channels*k*k), Bias: bias}
	weights(func(o, c, ky, kx int, w float64) { op.Weights[((o*channels+c)*k+ky+fy)*k+kx+fx] = w })
	return l.push(op, []int{out, y.out(), x.out()}, len(op.Weights)+out, from)
}
