package approximate

import (
	"math"

	"manx/ml"
)

// MaxDegree is the highest degree that is fitted: what two levels more than a
// square's allow.
const MaxDegree = 7

// A series is c[0] T0 + c[1] T1 + … of a value t in a frame, T being Chebyshev's
// polynomials.
type series []float64

// A frame maps a range to [-1, 1], where sums of Chebyshev's polynomials are well
// conditioned.
type frame struct{ middle, half float64 }

func scaled(low, high float64) frame {
	f := frame{low + (high-low)/2, (high - low) / 2}
	if !(f.half > 1e-9) {
		f.half = 1e-9 // one value alone
	}
	return f
}

func (f frame) to(x float64) float64   { return (x - f.middle) / f.half }
func (f frame) from(t float64) float64 { return f.middle + f.half*t }

// unscale returns the coefficients of powers of x.
func (f frame) unscale(c series) []float64 {
	a, b := 1/f.half, -f.middle/f.half // t = a x + b
	times := func(p []float64, scale float64) []float64 {
		out := make([]float64, len(c))
		for i, v := range p {
			out[i] += scale * b * v
			if i+1 < len(out) {
				out[i+1] += scale * a * v
			}
		}
		return out
	}
	out, last := make([]float64, len(c)), make([]float64, len(c))
	this := make([]float64, len(c))
	this[0] = 1
	for k, v := range c {
		for i := range out {
			out[i] += v * this[i]
		}
		if k == 0 {
			last, this = this, times(this, 1)
			continue
		}
		next := times(this, 2)
		for i := range next {
			next[i] -= last[i]
		}
		last, this = this, next
	}
	return out
}

// A straight channel is given a small square term: under encryption a x^2 + b x
// is a square less the constant b^2/4a, and exact to about as many bits fewer as
// that constant has over the results. It may be loose times the slope over half
// the range, and at most mostLoose, somewhat under what ml/ckks refuses.
const (
	loose     = 256
	mostLoose = 14000
)

// bent gives a series of degree 2 a square term where it has next to none, and
// takes that term's mean over the range out of the constant. Others are evaluated
// another way, and need none.
func bent(c series, f frame) series {
	if len(c) != 3 {
		return c
	}
	for range 32 {
		// In x the square term is 2c2/half^2, and the slope slope/half.
		slope := math.Abs(c[1] - 4*c[2]*f.middle/f.half)
		least := slope * slope / 4 / min(loose*max(slope, 1), mostLoose)
		if least == 0 || math.Abs(2*c[2]) >= least {
			break
		}
		c[2] = math.Copysign(1.01*least, c[2]) / 2
	}
	return c
}

// moments are sums over points (t, y): of T0 … T(2 MaxDegree) at t, of y times the
// first of them, of y^2. They serve every degree.
type moments struct {
	sum    [2*MaxDegree + 1]float64
	cross  [MaxDegree + 1]float64
	square float64
}

func (m *moments) add(t, y, weight float64) {
	last, this := t, 1.0 // T(-1) is T1
	for d := range m.sum {
		m.sum[d] += weight * this
		if d < len(m.cross) {
			m.cross[d] += weight * y * this
		}
		last, this = this, 2*t*this-last
	}
	m.square += weight * y * y
}

// Outside the range that it was fitted on a polynomial of degree 3 or more soon
// leaves the function. So it is also held to the function at anchors points over
// a range that is wider by a fifth of its half on both sides, which count together
// as much as one value in rare.
const (
	anchors = 128
	wider   = 1.2
	rare    = 16
)

func (m *moments) hold(kind ml.Kind, degree int, f frame) {
	if degree < 3 {
		return
	}
	weight := m.sum[0] / rare / anchors
	for i := range anchors {
		t := wider * (2*float64(i)/(anchors-1) - 1)
		m.add(t, function(kind, f.from(t)), weight)
	}
}

func (m *moments) join(o moments) {
	for d, v := range o.sum {
		m.sum[d] += v
	}
	for d, v := range o.cross {
		m.cross[d] += v
	}
	m.square += o.square
}

// gram returns the sum of Ti Tj, half of those of T(i+j) and T|i-j|.
func (m *moments) gram(i, j int) float64 { return (m.sum[i+j] + m.sum[max(i-j, j-i)]) / 2 }

// solve returns the least-squares series. A trace of ridge keeps values that are
// all alike from giving wild ones.
func (m moments) solve(f frame, degree int) series {
	n := degree + 1
	var a [MaxDegree + 1][MaxDegree + 2]float64
	for i := range n {
		for j := range n {
			a[i][j] = m.gram(i, j)
		}
		a[i][i] += 1e-9 * (m.sum[0] + 1) //nolint:gosec // no degree is above MaxDegree
		a[i][n] = m.cross[i]             //nolint:gosec // see above
	}
	for i := range n { // Gauss-Jordan; the matrix is positive definite
		for j := range n {
			if i == j {
				continue
			}
			r := a[j][i] / a[i][i]
			for k := i; k <= n; k++ {
				a[j][k] -= r * a[i][k]
			}
		}
	}
	c := make(series, n)
	for i := range c {
		c[i] = a[i][n] / a[i][i]
	}
	return bent(c, f)
}

// error returns the sum of squared differences of a series.
func (m moments) error(c series) float64 {
	sum := m.square
	for i, x := range c {
		sum -= 2 * x * m.cross[i]
		for j, y := range c {
			sum += x * y * m.gram(i, j)
		}
	}
	return sum
}
