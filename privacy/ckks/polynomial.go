package ckks

import (
	"fmt"
	"math"
	"slices"
)

// A Polynomial is evaluated slot by slot. Value 0 is its input, at Level, and
// Steps[i] gives value i+1; the last is the result. It is a list of steps, and
// integers, so that who evaluates it chooses nothing and rounds nothing.
type Polynomial struct {
	Level int
	Steps []Step
}

// A Step is one rescaling. With ∘ the product slot by slot, it is
//
//	rescale( sum over Products of a∘b, twice where Double, + sum over Terms of By∘value ) + Add
//
// of values at Level or above, reduced to it; the result is one level below. All
// its products share one relinearisation.
type Step struct {
	Level    int
	Double   bool
	Products [][2]int
	Terms    []Scaled
	Add      Integers // at the result's scale
}

// Scaled is a value times a plaintext polynomial.
type Scaled struct {
	Value int
	By    Integers
}

const maxSteps = 128

// Check reports whether p can be evaluated in a set: one whose products take a
// level each.
func (p *Polynomial) Check(s Set) error {
	if p.Relinearised() > 0 && s.Drop() != 1 {
		return fmt.Errorf("polynomial with products in set %s, where one takes %d levels", s, s.Drop())
	}
	return p.check(s.Levels())
}

func (p *Polynomial) check(most int) error {
	if p.Level < 1 || p.Level > most || len(p.Steps) < 1 || len(p.Steps) > maxSteps {
		return fmt.Errorf("polynomial of %d steps at level %d", len(p.Steps), p.Level)
	}
	levels := []int{p.Level}
	for i, st := range p.Steps {
		ok := st.Level >= 1 && len(st.Products)+len(st.Terms) > 0 && len(st.Products) <= maxSteps && len(st.Terms) <= maxSteps
		has := func(value int) bool { return value >= 0 && value < len(levels) && levels[value] >= st.Level }
		for _, x := range st.Products {
			ok = ok && has(x[0]) && has(x[1])
		}
		for _, t := range st.Terms {
			ok = ok && has(t.Value)
		}
		if !ok {
			return fmt.Errorf("polynomial's step %d is out of range", i)
		}
		levels = append(levels, st.Level-1)
	}
	return nil
}

// Result returns the level of the result.
func (p *Polynomial) Result() int { return p.Steps[len(p.Steps)-1].Level - 1 }

// Relinearised returns the highest level of a product, 0 where there is none.
func (p *Polynomial) Relinearised() (level int) {
	for _, s := range p.Steps {
		if len(s.Products) > 0 {
			level = max(level, s.Level)
		}
	}
	return level
}

// A Basis says what a polynomial's coefficients multiply.
type Basis int

// Bases.
const (
	Power     Basis = 1 // 1, x, x^2, …
	Chebyshev Basis = 2 // T0 = 1, T1 = x, Tn = 2 x T(n-1) - T(n-2): at most 1 over -1 to 1
)

// Depth returns the levels that a polynomial of a degree takes: log2 of one more,
// rounded up.
func Depth(degree int) (levels int) {
	for degree > 0 {
		degree >>= 1
		levels++
	}
	return levels
}

// Polynomial lays out the evaluation of a polynomial on a value at a level and
// scale. coeffs[k] is what the k-th of the basis is multiplied by: one number, or
// one for each slot. The result is Depth levels below, exactly at scale out.
//
// It is Paterson and Stockmeyer's (1973) with baby steps 1 and x and giant steps
// x^2, x^4, x^8, …, the recursion that takes the fewest levels: p is the sum of
// quotients by giant steps, each of a degree below its giant step's, and one
// relinearisation serves them all. Scales go from the result down: a quotient is
// made at the scale that its product needs, so all summands of a step agree
// (Bossuat et al. 2021, section 4).
func (e *Encoder) Polynomial(basis Basis, coeffs [][]float64, level int, in, out float64) (*Polynomial, error) {
	b := &layer{Polynomial: Polynomial{Level: level}, e: e, basis: basis, scale: []float64{in}, level: []int{level}}
	c := make([][]float64, len(coeffs))
	for k := range coeffs {
		if len(coeffs[k]) != 1 && len(coeffs[k]) != e.n/2 {
			return nil, fmt.Errorf("%d coefficients for %d slots", len(coeffs[k]), e.n/2)
		}
		c[k] = slices.Clone(coeffs[k])
	}
	c = trim(c)
	end := level - Depth(len(c)-1)
	if len(c) < 2 || end < 0 || basis != Power && basis != Chebyshev {
		return nil, fmt.Errorf("polynomial of degree %d at level %d", len(c)-1, level)
	}
	b.sum(c, end, out)
	if b.err != nil {
		return nil, b.err
	}
	return &b.Polynomial, b.check(len(e.q) - 1)
}

// A layer lays a polynomial out; err is the first error.
type layer struct {
	Polynomial
	e     *Encoder
	basis Basis
	scale []float64 // of each value
	level []int
	giant []int // giant[i] is the value of x^(2^i), or T(2^i)
	err   error
}

func (b *layer) step(s Step, scale float64) int {
	b.Steps = append(b.Steps, s)
	b.scale, b.level = append(b.scale, scale), append(b.level, s.Level-1)
	return len(b.Steps)
}

// power returns the value of the i-th giant step, made at the highest level it can be.
func (b *layer) power(i int) int {
	if len(b.giant) == 0 {
		b.giant = []int{0}
	}
	for len(b.giant) <= i {
		half := b.giant[len(b.giant)-1]
		s := Step{Level: b.level[half], Products: [][2]int{{half, half}}, Double: b.basis == Chebyshev}
		scale := b.scale[half] * b.scale[half] / float64(b.e.q[s.Level])
		if s.Double {
			s.Add = b.integers([]float64{-1}, scale)
		}
		b.giant = append(b.giant, b.step(s, scale))
	}
	return b.giant[i]
}

// sum returns the value of a polynomial, trimmed and not constant, at a level and
// scale.
func (b *layer) sum(c [][]float64, level int, scale float64) int {
	s := Step{Level: level + 1}
	whole := scale * float64(b.e.q[s.Level]) // before the rescaling
	term := func(value int, by []float64) {
		s.Terms = append(s.Terms, Scaled{value, b.integers(by, whole/b.scale[value])})
	}
	for i := Depth(len(c)-1) - 1; i > 0; i-- {
		if len(c) <= 1<<i {
			continue
		}
		var q [][]float64
		q, c = b.divide(c, 1<<i)
		x := b.power(i)
		if len(q) == 1 {
			term(x, q[0])
			continue
		}
		s.Products = append(s.Products, [2]int{b.sum(q, s.Level, whole/b.scale[x]), x})
	}
	if len(c) > 1 {
		term(0, c[1])
	}
	if len(c) > 0 {
		s.Add = b.integers(c[0], scale)
	}
	return b.step(s, scale)
}

// divide returns quotient and remainder by the giant step of degree n, both of a
// lower degree.
func (b *layer) divide(c [][]float64, n int) (quotient, rest [][]float64) {
	rest = c[:n:n]
	for j, x := range c[n:] {
		if j > 0 && b.basis == Chebyshev { // T(n+j) = 2 Tn Tj - T(n-j)
			rest[n-j] = plus(rest[n-j], x, -1)
			x = plus(x, x, 1)
		}
		quotient = append(quotient, x)
	}
	return quotient, trim(rest)
}

// plus returns a + f b, of one number or one for each slot.
func plus(a, b []float64, f float64) []float64 {
	out := make([]float64, max(len(a), len(b)))
	for i := range out {
		out[i] = a[i%len(a)] + f*b[i%len(b)]
	}
	return out
}

// trim takes coefficients off the end that are 0 everywhere.
func trim(c [][]float64) [][]float64 {
	for len(c) > 0 && !slices.ContainsFunc(c[len(c)-1], func(x float64) bool { return x != 0 }) {
		c = c[:len(c)-1]
	}
	return c
}

func (b *layer) integers(values []float64, scale float64) Integers {
	if len(values) > 1 {
		c, err := b.e.Coefficients(values, scale)
		if err != nil && b.err == nil {
			b.err = err
		}
		return PackIntegers(c)
	}
	x := math.RoundToEven(values[0] * scale)
	if !(math.Abs(x) < 1<<52) {
		if b.err == nil {
			b.err = fmt.Errorf("a coefficient is not finite or too large to encode")
		}
		return Integers{}
	}
	c := make([]int64, b.e.n)
	c[0] = int64(x)
	return PackIntegers(c)
}
