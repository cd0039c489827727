package train

import (
	"math"
	"math/rand/v2"
)

// A batch holds n examples of c channels of h x w values, row-major.
type batch[T real] struct {
	n, c, h, w int
	x          []T
}

func (b batch[T]) plane() int { return b.h * b.w }

// A param is one array of learned values, its gradient, and Adam's moments.
type param[T real] struct {
	x, grad, m, v []T
	decay         bool // weight decay applies
}

func newParam[T real](n int, decay bool) *param[T] {
	return &param[T]{x: make([]T, n), grad: make([]T, n), m: make([]T, n), v: make([]T, n), decay: decay}
}

// A layer keeps what its backward step needs from the last forward step.
type layer[T real] interface {
	forward(in batch[T], training bool) batch[T]
	// backward adds to the gradients of params and returns that of the input.
	backward(dout batch[T]) batch[T]
	params() []*param[T]
}

// grow returns a slice of n values, reusing buf; its content is arbitrary.
func grow[T real](buf []T, n int) []T {
	if cap(buf) < n {
		return make([]T, n)
	}
	return buf[:n]
}

type conv[T real] struct {
	out, in, kernel, stride, pad int
	first                        bool // nobody needs the gradient of its input
	weight, bias                 *param[T]
	made                         *standard[T]

	src        batch[T]
	cols, dcol []T
	turned, dw []T // a picture's gradient and that of the weights, transposed
	y, dx      []T
}

func newConv[T real](spec Conv, in int, first bool, rng *rand.Rand) *conv[T] {
	l := &conv[T]{out: spec.Out, in: in, kernel: spec.Kernel, stride: spec.Stride, pad: spec.Pad, first: first,
		weight: newParam[T](spec.Out*in*spec.Kernel*spec.Kernel, true), bias: newParam[T](spec.Out, false)}
	normal(l.weight.x, in*spec.Kernel*spec.Kernel, rng)
	return l
}

// normal draws weights as He et al. (arXiv 1502.01852) do: deviation sqrt(2/fan).
func normal[T real](x []T, fan int, rng *rand.Rand) {
	d := math.Sqrt(2 / float64(fan))
	for i := range x {
		x[i] = T(rng.NormFloat64() * d)
	}
}

func (l *conv[T]) params() []*param[T] { return []*param[T]{l.weight, l.bias} }

func (l *conv[T]) taps() int { return l.in * l.kernel * l.kernel }

func (l *conv[T]) forward(in batch[T], _ bool) batch[T] {
	out := batch[T]{n: in.n, c: l.out, h: (in.h+2*l.pad-l.kernel)/l.stride + 1, w: (in.w+2*l.pad-l.kernel)/l.stride + 1}
	p, k := out.plane(), l.taps()
	weight := l.made.of(l.weight.x, l.out)
	l.src = in
	l.cols = grow(l.cols, in.n*k*p)
	l.y = grow(l.y, in.n*l.out*p)
	out.x = l.y
	for i := range in.n {
		cols := l.cols[i*k*p : (i+1)*k*p]
		l.unroll(in.x[i*l.in*in.plane():(i+1)*l.in*in.plane()], cols, in.h, in.w, out.h, out.w)
		y := out.x[i*l.out*p : (i+1)*l.out*p]
		for o := range l.out {
			row := y[o*p : (o+1)*p]
			for j := range row {
				row[j] = l.bias.x[o]
			}
		}
		gemm(false, l.out, p, k, weight, cols, y)
	}
	return out
}

func (l *conv[T]) backward(dout batch[T]) batch[T] {
	p, k, in := dout.plane(), l.taps(), l.src
	din := batch[T]{n: in.n, c: in.c, h: in.h, w: in.w}
	if !l.first {
		l.dx = grow(l.dx, len(in.x))
		clear(l.dx)
		din.x = l.dx
		l.dcol = grow(l.dcol, k*p)
	}
	weight := l.made.of(l.weight.x, l.out)
	l.dw = grow(l.dw, k*l.out)
	clear(l.dw)
	for i := range in.n {
		dy := dout.x[i*l.out*p : (i+1)*l.out*p]
		l.turned = transposed(l.turned, dy, l.out, p)
		gemm(false, k, l.out, p, l.cols[i*k*p:(i+1)*k*p], l.turned, l.dw)
		for o := range l.out {
			var s T
			for _, d := range dy[o*p : (o+1)*p] {
				s += d
			}
			l.bias.grad[o] += s
		}
		if l.first {
			continue
		}
		clear(l.dcol)
		gemm(true, k, p, l.out, weight, dy, l.dcol)
		l.roll(l.dcol, din.x[i*l.in*in.plane():(i+1)*l.in*in.plane()], in.h, in.w, dout.h, dout.w)
	}
	for t := range k {
		for o, d := range l.dw[t*l.out : (t+1)*l.out] {
			l.weight.grad[o*k+t] += d
		}
	}
	l.made.back(l.weight.grad)
	return din
}

// unroll writes every window of src as a column (im2col).
func (l *conv[T]) unroll(src, cols []T, h, w, oh, ow int) {
	end := 0 // of what is written
	l.taken(h, w, oh, ow, func(at, from, n int) {
		clear(cols[end:at]) // what overhangs
		end = at + n
		if l.stride == 1 {
			copy(cols[at:end], src[from:])
			return
		}
		row := cols[at:end]
		for i := range row {
			row[i] = src[from]
			from += l.stride
		}
	})
	clear(cols[end:])
}

// roll adds every column back to where unroll took it from (col2im).
func (l *conv[T]) roll(cols, dst []T, h, w, oh, ow int) {
	l.taken(h, w, oh, ow, func(at, from, n int) {
		for _, v := range cols[at : at+n] {
			dst[from] += v
			from += l.stride
		}
	})
}

// taken calls do for every row of every tap's column, in order, with the part of
// it that lies inside the picture: n values from at in the columns, which are each
// stride-th value of the picture from from.
func (l *conv[T]) taken(h, w, oh, ow int, do func(at, from, n int)) {
	for tap := range l.taps() {
		c, ky, kx := tap/(l.kernel*l.kernel), tap/l.kernel%l.kernel, tap%l.kernel
		first := max(0, (l.pad-kx+l.stride-1)/l.stride) // of a row, inside
		last := min(ow, (w-1+l.pad-kx)/l.stride+1)
		for y := range oh {
			if sy := y*l.stride + ky - l.pad; sy >= 0 && sy < h && first < last {
				do((tap*oh+y)*ow+first, (c*h+sy)*w+first*l.stride+kx-l.pad, last-first)
			}
		}
	}
}

// linear takes its input flattened, row-major: channels of one value.
type linear[T real] struct {
	out, in      int
	weight, bias *param[T]
	made         *standard[T]
	src          batch[T]
	turned       []T // weight, transposed
	y, dx        []T
}

func newLinear[T real](out, in int, rng *rand.Rand) *linear[T] {
	l := &linear[T]{out: out, in: in, weight: newParam[T](out*in, true), bias: newParam[T](out, false)}
	normal(l.weight.x, in, rng)
	return l
}

func (l *linear[T]) params() []*param[T] { return []*param[T]{l.weight, l.bias} }

func (l *linear[T]) forward(in batch[T], _ bool) batch[T] {
	l.src = in
	l.y = grow(l.y, in.n*l.out)
	for i := range in.n {
		copy(l.y[i*l.out:(i+1)*l.out], l.bias.x)
	}
	l.turned = transposed(l.turned, l.made.of(l.weight.x, l.out), l.out, l.in)
	gemm(false, in.n, l.out, l.in, in.x, l.turned, l.y)
	return batch[T]{n: in.n, c: l.out, h: 1, w: 1, x: l.y}
}

func (l *linear[T]) backward(dout batch[T]) batch[T] {
	in := l.src
	gemm(true, l.out, l.in, in.n, dout.x, in.x, l.weight.grad)
	l.made.back(l.weight.grad)
	for i := range in.n {
		for o := range l.out {
			l.bias.grad[o] += dout.x[i*l.out+o]
		}
	}
	l.dx = grow(l.dx, len(in.x))
	clear(l.dx)
	gemm(false, in.n, l.in, l.out, dout.x, l.made.of(l.weight.x, l.out), l.dx)
	return batch[T]{n: in.n, c: in.c, h: in.h, w: in.w, x: l.dx}
}
