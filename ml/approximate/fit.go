package approximate

import "math"

// A quadratic is c[0] + c[1] x + c[2] x^2.
type quadratic [3]float64

// A frame maps a range to [-1, 1], where sums of powers are well conditioned.
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

// unscale returns the polynomial in x of one in t.
func (f frame) unscale(q quadratic) quadratic {
	a, b := 1/f.half, -f.middle/f.half // t = a x + b
	return quadratic{q[0] + q[1]*b + q[2]*b*b, q[1]*a + 2*q[2]*a*b, q[2] * a * a}
}

// A straight channel is given a small square term: under encryption a x^2 + b x
// is a square less the constant b^2/4a, and exact to about as many bits fewer as
// that constant has over the results. It may be loose times the slope over half
// the range, and at most mostLoose, somewhat under what ml/ckks refuses.
const (
	loose     = 256
	mostLoose = 14000
)

// bent gives a polynomial in t a square term where it has next to none, and
// takes that term's mean over the range out of the constant.
func bent(q quadratic, f frame) quadratic {
	for range 32 {
		// In x the square term is q2/half^2, and the slope slope/half.
		slope := math.Abs(q[1] - 2*q[2]*f.middle/f.half)
		least := slope * slope / 4 / min(loose*max(slope, 1), mostLoose)
		if least == 0 || math.Abs(q[2]) >= least {
			break
		}
		more := math.Copysign(1.01*least, q[2]) - q[2]
		q[0], q[2] = q[0]-more/2, q[2]+more
	}
	return q
}

// moments are sums over points (t, y): of t^0 … t^4, of y t^0 … y t^2, of y^2.
type moments struct {
	sum    [5]float64
	cross  [3]float64
	square float64
}

func (m *moments) add(t, y float64) {
	p := 1.0
	for d := range m.sum {
		m.sum[d] += p
		if d < len(m.cross) {
			m.cross[d] += y * p
		}
		p *= t
	}
	m.square += y * y
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

// solve returns the least-squares polynomial in x. A trace of ridge keeps values
// that are all alike from giving wild ones.
func (m moments) solve(f frame) quadratic {
	var a [3][4]float64
	for i := range a {
		for j := range 3 {
			a[i][j] = m.sum[i+j]
		}
		a[i][i] += 1e-9 * (m.sum[0] + 1)
		a[i][3] = m.cross[i]
	}
	for i := range a { // Gauss-Jordan; the matrix is positive definite
		for j := range a {
			if i == j {
				continue
			}
			r := a[j][i] / a[i][i]
			for k := i; k < 4; k++ {
				a[j][k] -= r * a[i][k]
			}
		}
	}
	var q quadratic
	for i := range q {
		q[i] = a[i][3] / a[i][i]
	}
	return f.unscale(bent(q, f))
}

// error returns the sum of squared differences of a polynomial in x.
func (m moments) error(q quadratic, f frame) float64 {
	// In t: q(middle + half t).
	c := quadratic{q[0] + f.middle*(q[1]+f.middle*q[2]), f.half * (q[1] + 2*q[2]*f.middle), f.half * f.half * q[2]}
	sum := m.square
	for i, x := range c {
		sum -= 2 * x * m.cross[i]
		for j, y := range c {
			sum += x * y * m.sum[i+j]
		}
	}
	return sum
}
