package ckks

import (
	"encoding/binary"

	he "manx/privacy/ckks"
)

// maxSteps bounds a polynomial of a plan, and a step's products and terms.
const maxSteps = 128

// curved reports whether an activation is no squaring.
func (p *Plan) curved() bool {
	for _, c := range p.curves {
		if c != nil {
			return true
		}
	}
	return false
}

// appendCurve appends a polynomial after a stage at a level: the number of its
// steps, 0 for a squaring; for each step how far its level is below the polynomial's,
// whether its products count
// twice, their number and their two values; the number of its terms, and each
// one's value and plaintext; and what it adds.
func appendCurve(b []byte, p *he.Polynomial, level int) []byte {
	number := func(ns ...int) {
		for _, n := range ns {
			b = binary.AppendUvarint(b, uint64(n))
		}
	}
	if p == nil {
		number(0)
		return b
	}
	number(len(p.Steps))
	for _, s := range p.Steps {
		double := 0
		if s.Double {
			double = 1
		}
		number(level-1-s.Level, double, len(s.Products))
		for _, x := range s.Products {
			number(x[0], x[1])
		}
		number(len(s.Terms))
		for _, t := range s.Terms {
			number(t.Value)
			b = t.By.AppendTo(b)
		}
		b = s.Add.AppendTo(b)
	}
	return b
}

// curve reads what appendCurve wrote.
func (r *reader) curve(set he.Set, level int) *he.Polynomial {
	n := r.number("steps", maxSteps)
	if n == 0 {
		return nil
	}
	p := &he.Polynomial{Level: level - 1}
	for ; n > 0 && r.err == nil; n-- {
		s := he.Step{Level: level - 1 - r.number("level", 64), Double: r.number("double", 1) == 1}
		for k := r.number("products", maxSteps); k > 0 && r.err == nil; k-- {
			s.Products = append(s.Products, [2]int{r.number("value", maxSteps), r.number("value", maxSteps)})
		}
		for k := r.number("terms", maxSteps); k > 0 && r.err == nil; k-- {
			s.Terms = append(s.Terms, he.Scaled{Value: r.number("value", maxSteps), By: r.integers(set)})
		}
		s.Add = r.integers(set)
		p.Steps = append(p.Steps, s)
	}
	return p
}
