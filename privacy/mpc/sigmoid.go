package mpc

import "math"

// A knot is where a spline changes: from |x| = at on it is c0 + c1·|x| + c2·|x|²,
// in fixed point with 16 fractional bits; c2 has 24.
type knot struct{ at, c0, c1, c2 uint64 }

// curvature is how many more fractional bits c2 has than Fraction.
const curvature = 8

// splineOf returns the knots for a function of |x| that is `last` from 11 on:
// Newton's interpolation at the ends and the middle of each piece. It is within
// 2·10^-4 of the two curves below.
func splineOf(f func(x float64) float64, last uint64) []knot {
	ends := []float64{0, 0.5, 1, 1.5, 2, 2.75, 3.5, 4.25, 5, 6, 7.25, 9, 11}
	var knots []knot
	for i := 0; i+1 < len(ends); i++ {
		a, b := ends[i], ends[i+1]
		m := (a + b) / 2
		d := (f(m) - f(a)) / (m - a)
		c2 := ((f(b)-f(m))/(b-m) - d) / (b - a)
		knots = append(knots, knot{constant(a), constant(f(a) - d*a + c2*a*m), constant(d - c2*(a+m)), constant(c2 * (1 << curvature))})
	}
	return append(knots, knot{at: constant(ends[len(ends)-1]), c0: last})
}

func sigmoidSpline() []knot {
	return splineOf(func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, one)
}

// Sigmoid returns 1/(1+e^-x) of fixed-point numbers, |x| < 2^30, within 3·10^-4:
// a spline of parabolas on |x|, mirrored.
func (s *Session) Sigmoid(x Share) (Share, error) {
	if err := s.enter("sigmoid", x); err != nil {
		return Share{}, err
	}
	if x.Len() == 0 {
		return x, nil
	}
	v := x.vec()
	negative := s.negative(v)
	// |x| = x - 2·x·negative
	y := s.onSpline(sub(v, scale(s.mul(v, negative), 2)), sigmoidSpline())
	// σ(x) = y, or 1-y for x < 0.
	flip := s.mul(negative, s.addConstant(scale(y, ^uint64(1)), one))
	return s.share(add(y, flip))
}

// Softplus returns log(1+e^x) of fixed-point numbers, |x| < 2^30, within 3·10^-4:
// what a logistic model loses. It is x where x > 0, and the same spline's kind of
// log(1+e^-|x|).
func (s *Session) Softplus(x Share) (Share, error) {
	if err := s.enter("softplus", x); err != nil {
		return Share{}, err
	}
	if x.Len() == 0 {
		return x, nil
	}
	v := x.vec()
	below := s.mul(v, s.negative(v)) // x where x < 0
	y := s.onSpline(sub(v, scale(below, 2)), splineOf(func(x float64) float64 { return math.Log1p(math.Exp(-x)) }, 0))
	return s.share(add(y, sub(v, below)))
}

// onSpline evaluates a spline at numbers that are not negative.
func (s *Session) onSpline(size vec, knots []knot) vec {
	n := size.len()
	// Which pieces does |x| lie beyond?
	var starts []uint64
	for _, k := range knots[1:] {
		starts = append(starts, -k.at)
	}
	beyond := planes(s.notNegatives(size, starts), n)
	c := [3]vec{s.public(fill(n, knots[0].c0)), s.public(fill(n, knots[0].c1)), s.public(fill(n, knots[0].c2))}
	for i, b := range beyond {
		c[0] = add(c[0], scale(b, knots[i+1].c0-knots[i].c0))
		c[1] = add(c[1], scale(b, knots[i+1].c1-knots[i].c1))
		c[2] = add(c[2], scale(b, knots[i+1].c2-knots[i].c2))
	}
	// Beyond the last knot all is constant; |x| may be large there.
	last := beyond[len(beyond)-1]
	inside := sub(size, s.mul(size, last))
	slope := add(c[1], s.truncate(s.mul(c[2], inside), Fraction+curvature))
	return add(c[0], s.mulFixed(slope, inside))
}
