package ckks

import (
	"math"

	he "manx/privacy/ckks"
	"manx/privacy/notice"
)

// A curve is a polynomial for each output of a stage, of degree 3 or more: rows
// of Chebyshev coefficients by degree, one for all outputs or one for as many
// outputs each as divide them evenly.
type curve [][]float64

// curveOf turns polynomials of values within reach into a curve of values between
// -1 and 1.
func curveOf(rows [][]float64, degree int, reach float64) (out curve) {
	for _, row := range rows {
		c := make([]float64, degree+1)
		// Horner, x being reach T1, and T1 Tk half of T(k+1) and T(k-1).
		for k := degree; k >= 0; k-- {
			next := make([]float64, degree+1)
			for i, v := range c[:degree] {
				v *= reach
				switch i {
				case 0:
					next[1] += v
				default:
					next[i-1] += v / 2
					next[i+1] += v / 2
				}
			}
			if k < len(row) {
				next[0] += row[k]
			}
			c = next
		}
		out = append(out, c)
	}
	return out
}

func (c curve) degree() int { return len(c[0]) - 1 }

// slots returns the coefficients as he.Encoder.Polynomial takes them, for n
// outputs in a layout.
func (c curve) slots(n int, l layout, slots int) (out [][]float64) {
	for k := range c[0] {
		if len(c) == 1 {
			out = append(out, c[0][k:k+1])
			continue
		}
		v := make([]float64, slots)
		for i := range n {
			for at := int(l.slot[i]); at < slots; at += l.period {
				v[at] = c[i*len(c)/n][k]
			}
		}
		out = append(out, v)
	}
	return out
}

// bounds returns the largest value and slope over -1 … 1, seen at 65 points, and
// how much the error of a step may grow on its way through the others.
func (c curve) bounds() (value, slope, growth float64) {
	const points = 64
	for _, row := range c {
		grown := 1.0
		for k, v := range row {
			grown = math.Hypot(grown, v*float64(k*k))
		}
		growth = math.Max(growth, grown)
		for i := range points + 1 {
			angle := math.Pi * float64(i) / points
			var y, d float64
			for k, v := range row {
				y += v * math.Cos(float64(k)*angle)
				if s := math.Sin(angle); s > 1e-9 {
					d += v * float64(k) * math.Sin(float64(k)*angle) / s
				} else { // at 1 and -1 it is k^2
					d += v * float64(k*k) * math.Pow(math.Cos(angle), float64(k+1))
				}
			}
			value, slope = math.Max(value, math.Abs(y)), math.Max(slope, math.Abs(d))
		}
	}
	return value, slope, growth
}

// depth returns the levels of a stage's activation in a set.
func (s stage) depth(set he.Set) int {
	if s.curve == nil {
		return set.Drop()
	}
	return he.Depth(s.curve.degree())
}

// levels returns the level of each stage's input in a set.
func levels(set he.Set, stages []stage) []int {
	out, level := make([]int, len(stages)), set.Floor()+1
	for k := len(stages) - 1; k >= 0; k-- {
		if k+1 < len(stages) {
			level += 1 + stages[k].depth(set)
		}
		out[k] = level
	}
	return out
}

// polynomial makes the integers of a stage's activation at a level.
func (s stage) polynomial(ecd *he.Encoder, set he.Set, out layout, level int) (*he.Polynomial, error) {
	p, err := ecd.Polynomial(he.Chebyshev, s.curve.slots(s.height(), out, set.Slots()), level, set.WorkScale(), set.WorkScale())
	if err != nil {
		return nil, notice.Because(err, notice.Unsupported, "an activation's polynomial is too steep to run encrypted", "use a lower degree, or smaller coefficients")
	}
	return p, nil
}
