package train

import (
	"iter"
	"math"
)

const (
	normMomentum = 0.1
	normEpsilon  = 1e-5
)

// batchNorm normalises each channel over the batch, then scales and shifts it
// (Ioffe and Szegedy, arXiv 1502.03167). Outside training it uses the running
// mean and variance, so that it folds into the layer before it. A fixed one uses
// these in training too: they are what was measured before the first step.
type batchNorm[T real] struct {
	fixed          bool
	gain, shift    *param[T]
	mean, variance []T // running

	unit, y, dx []T
	inverse     []T // 1/deviation of the last batch
	shape       batch[T]
}

func newBatchNorm[T real](channels int) *batchNorm[T] {
	l := &batchNorm[T]{gain: newParam[T](channels, false), shift: newParam[T](channels, false),
		mean: make([]T, channels), variance: make([]T, channels), inverse: make([]T, channels)}
	for i := range channels {
		l.gain.x[i], l.variance[i] = 1, 1
	}
	return l
}

func (l *batchNorm[T]) params() []*param[T] { return []*param[T]{l.gain, l.shift} }

// scale returns what one channel is multiplied with, then added to, outside training.
func (l *batchNorm[T]) scale(c int) (mul, add float64) {
	mul = float64(l.gain.x[c]) / math.Sqrt(float64(l.variance[c])+normEpsilon)
	return mul, float64(l.shift.x[c]) - mul*float64(l.mean[c])
}

func (l *batchNorm[T]) forward(in batch[T], training bool) batch[T] {
	p := in.plane()
	l.shape, l.y = in, grow(l.y, len(in.x))
	out := in
	out.x = l.y
	if !training {
		for c := range in.c {
			mul, add := l.scale(c)
			for from, to := range in.channel(c) {
				y := out.x[from:to]
				for i, z := range in.x[from:to] {
					y[i] = T(mul)*z + T(add)
				}
			}
		}
		return out
	}
	l.unit = grow(l.unit, len(in.x))
	count := float64(in.n * p)
	for c := range in.c {
		if l.fixed {
			l.inverse[c] = T(1 / math.Sqrt(float64(l.variance[c])+normEpsilon))
			l.apply(in, c, l.mean[c])
			continue
		}
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
		variance := sq / count
		l.inverse[c] = T(1 / math.Sqrt(variance+normEpsilon))
		l.mean[c] += normMomentum * (T(mean) - l.mean[c])
		l.variance[c] += normMomentum * (T(variance*count/max(count-1, 1)) - l.variance[c])
		l.apply(in, c, T(mean))
	}
	return out
}

// apply writes what becomes of a channel with this mean.
func (l *batchNorm[T]) apply(in batch[T], c int, mean T) {
	gain, shift, inverse := l.gain.x[c], l.shift.x[c], l.inverse[c]
	for from, to := range in.channel(c) {
		unit, y := l.unit[from:to], l.y[from:to]
		for i, z := range in.x[from:to] {
			u := (z - mean) * inverse
			unit[i] = u
			y[i] = gain*u + shift
		}
	}
}

func (l *batchNorm[T]) backward(dout batch[T]) batch[T] {
	l.dx = grow(l.dx, len(dout.x))
	din := l.shape
	din.x = l.dx
	count := T(l.shape.n * l.shape.plane())
	for c := range l.shape.c {
		var ds, dg float64
		for from, to := range dout.channel(c) {
			unit := l.unit[from:to]
			for i, d := range dout.x[from:to] {
				ds += float64(d)
				dg += float64(d) * float64(unit[i])
			}
		}
		l.shift.grad[c] += T(ds)
		l.gain.grad[c] += T(dg)
		if l.fixed {
			ds, dg = 0, 0 // mean and variance are constants
		}
		k := l.gain.x[c] * l.inverse[c] / count
		for from, to := range dout.channel(c) {
			unit, dx := l.unit[from:to], din.x[from:to]
			for i, d := range dout.x[from:to] {
				dx[i] = k * (count*d - T(ds) - unit[i]*T(dg))
			}
		}
	}
	return din
}

// channel yields where channel c of each example begins and ends.
func (b batch[T]) channel(c int) iter.Seq2[int, int] {
	return func(yield func(from, to int) bool) {
		for i, p := 0, b.plane(); i < b.n; i++ {
			if from := (i*b.c + c) * p; !yield(from, from+p) {
				return
			}
		}
	}
}

// poly is a x^2 + b x + c with coefficients of each channel's own, started at
// the least-squares fit of ReLU on a unit normal.
type poly[T real] struct {
	coeff       *param[T] // [channels][3]: constant, linear, square
	limit, cost T         // the range penalty: cost * mean(max(0, |z| - limit)^2)

	src   batch[T]
	y, dx []T
}

func newPoly[T real](channels int, limit, cost float64) *poly[T] {
	l := &poly[T]{coeff: newParam[T](3*channels, false), limit: T(limit), cost: T(cost)}
	for c := range channels {
		l.coeff.x[3*c+1], l.coeff.x[3*c+2] = 0.5, 0.1995
	}
	return l
}

func (l *poly[T]) params() []*param[T] { return []*param[T]{l.coeff} }

func (l *poly[T]) forward(in batch[T], _ bool) batch[T] {
	l.src, l.y = in, grow(l.y, len(in.x))
	out := in
	out.x = l.y
	for c := range in.c {
		k := l.coeff.x[3*c : 3*c+3]
		for from, to := range in.channel(c) {
			y := out.x[from:to]
			for i, z := range in.x[from:to] {
				y[i] = k[0] + z*(k[1]+z*k[2])
			}
		}
	}
	return out
}

func (l *poly[T]) backward(dout batch[T]) batch[T] {
	l.dx = grow(l.dx, len(dout.x))
	din := l.src
	din.x = l.dx
	scale := 2 * l.cost / T(len(dout.x))
	for c := range l.src.c {
		k, grad := l.coeff.x[3*c:3*c+3], l.coeff.grad[3*c:3*c+3]
		var g0, g1, g2 T
		for from, to := range dout.channel(c) {
			src, dx := l.src.x[from:to], din.x[from:to]
			for i, d := range dout.x[from:to] {
				z := src[i]
				g0, g1, g2 = g0+d, g1+d*z, g2+d*z*z
				g := d * (k[1] + 2*k[2]*z)
				if z > l.limit {
					g += scale * (z - l.limit)
				} else if z < -l.limit {
					g += scale * (z + l.limit)
				}
				dx[i] = g
			}
		}
		grad[0], grad[1], grad[2] = grad[0]+g0, grad[1]+g1, grad[2]+g2
	}
	return din
}

// penalty returns the range penalty of the last forward step.
func (l *poly[T]) penalty() float64 {
	var s float64
	for _, z := range l.src.x {
		if over := math.Abs(float64(z)) - float64(l.limit); over > 0 {
			s += over * over
		}
	}
	return float64(l.cost) * s / float64(len(l.src.x))
}

type pool[T real] struct {
	kernel int
	src    batch[T]
	y, dx  []T
}

func (l *pool[T]) params() []*param[T] { return nil }

func (l *pool[T]) forward(in batch[T], _ bool) batch[T] {
	out := batch[T]{n: in.n, c: in.c, h: in.h / l.kernel, w: in.w / l.kernel}
	l.src, l.y = in, grow(l.y, in.n*in.c*out.plane())
	clear(l.y)
	out.x = l.y
	l.pairs(func(o, i int) { out.x[o] += in.x[i] })
	k := 1 / T(l.kernel*l.kernel)
	for i := range out.x {
		out.x[i] *= k
	}
	return out
}

func (l *pool[T]) backward(dout batch[T]) batch[T] {
	din := l.src
	l.dx = grow(l.dx, len(l.src.x))
	clear(l.dx)
	din.x = l.dx
	k := 1 / T(l.kernel*l.kernel)
	l.pairs(func(o, i int) { din.x[i] = k * dout.x[o] })
	return din
}

// pairs calls do for every output value and each input value of its window.
func (l *pool[T]) pairs(do func(o, i int)) {
	h, w := l.src.h/l.kernel, l.src.w/l.kernel
	for c := range l.src.n * l.src.c {
		for y := range h * l.kernel {
			for x := range w * l.kernel {
				do((c*h+y/l.kernel)*w+x/l.kernel, (c*l.src.h+y)*l.src.w+x)
			}
		}
	}
}
