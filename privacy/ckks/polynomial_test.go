package ckks

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tuneinsight/lattigo/v5/core/rlwe"
	"github.com/tuneinsight/lattigo/v5/he/hefloat"
	"github.com/tuneinsight/lattigo/v5/ring"
	"github.com/tuneinsight/lattigo/v5/utils/bignum"

	"manx/privacy"
	"manx/privacy/reveal"
)

// inClear evaluates a polynomial in the clear, by its basis's recurrence.
func inClear(basis Basis, coeffs [][]float64, x []float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		last, this := 0.0, 1.0
		for k, c := range coeffs {
			out[i] += c[i%len(c)] * this
			switch {
			case basis == Power:
				this *= v
			case k == 0:
				last, this = this, v
			default:
				last, this = this, 2*v*this-last
			}
		}
	}
	return out
}

// coefficients draws a polynomial, with a number for each slot where each is set.
func coefficients(g *rand.Rand, degree, slots int, each bool) [][]float64 {
	out := make([][]float64, degree+1)
	for k := range out {
		n := 1
		if each && g.IntN(2) == 0 {
			n = slots
		}
		for range n {
			out[k] = append(out[k], (2*g.Float64()-1)/math.Sqrt(float64(degree+1)))
		}
		if k < degree && g.IntN(5) == 0 {
			clear(out[k])
		}
	}
	return out
}

// Any degree that fits the levels, in both bases, is the clear polynomial, at
// exactly the scale asked for and Depth levels below.
func TestPolynomialIsTheClearOne(t *testing.T) {
	g := rand.New(rand.NewPCG(5, 6))
	for _, s := range []Set{Small, Medium, Deep} {
		k, in, level := key(t, s), vector(s.Slots(), 1), s.Levels()
		e := NewEvaluator(evaluationKeys(t, k, Needs{{0, level}}))
		ecd, err := NewEncoder(s)
		if err != nil {
			t.Fatal(err)
		}
		c, err := k.Encrypt(privacy.Hide(in), level)
		if err != nil {
			t.Fatal(err)
		}
		x, err := e.Load(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		for _, basis := range []Basis{Power, Chebyshev} {
			for _, degree := range []int{1, 2, 3, 4, 5, 6, 7, 8, 11, 15, 31, 63} {
				if Depth(degree) > level {
					continue
				}
				what := fmt.Sprintf("%s, basis %d, degree %d", s, basis, degree)
				coeffs := coefficients(g, degree, s.Slots(), degree < 16)
				p, err := ecd.Polynomial(basis, coeffs, level, s.InputScale(), s.WorkScale())
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				if p.Result() != level-Depth(degree) {
					t.Errorf("%s ends at level %d", what, p.Result())
				}
				ready, err := PreparePolynomial(s, p)
				if err != nil {
					t.Fatal(err)
				}
				y, err := e.Polynomial(t.Context(), ready, x)
				if err != nil {
					t.Fatal(err)
				}
				out, err := k.Decrypt(stored(t, e, y), s.WorkScale(), 1)
				if err != nil {
					t.Fatal(err)
				}
				limit := 1e-4
				if s == Small {
					limit = 1e-2 // its scale has 24 bits
				}
				apart(t, what, out.Reveal(reveal.Token{}), inClear(basis, coeffs, in), limit)
				e.Free(y)
			}
		}
		for _, bad := range [][][]float64{{{1}}, {}, {{1}, {0}}, {{1}, {2, 3}}, coefficients(g, 1<<level, 0, false), {{0}, {1e30}}, {{0}, {math.NaN()}}} {
			if _, err := ecd.Polynomial(Power, bad, level, s.InputScale(), s.WorkScale()); err == nil {
				t.Errorf("%s: a polynomial of %d coefficients is taken", s, len(bad))
			}
		}
	}
}

// A polynomialBench has one encrypted vector, and lattigo's evaluator of
// polynomials beside ours, on the same keys.
type polynomialBench struct {
	*bench
	k      *SecretKey
	ecd    *Encoder
	params hefloat.Parameters
	eval   *hefloat.PolynomialEvaluator
	in     []float64
	x      *Value
}

func newPolynomialBench(t testing.TB, logN int) *polynomialBench {
	t.Helper()
	sp := spec{name: "drawn", logN: logN, input: 1 << 38, work: 1 << 38, drop: 1}
	all := primesOf(logN, map[int][]int{13: {50, 38, 38, 38, 49}, 14: {50, 38, 38, 38, 38, 38, 38, 50}}[logN])
	sp.q, sp.p = all[:len(all)-1], all[len(all)-1:]
	p := &polynomialBench{bench: newBench(t, sp, 0), in: vector(1<<logN/2, 3)}
	var err error
	check := func() {
		if err != nil {
			t.Fatal(err)
		}
	}
	p.k, err = p.l.secretKey(privacy.Hide([32]byte{7}))
	check()
	p.params, err = hefloat.NewParametersFromLiteral(hefloat.ParametersLiteral{LogN: logN, Q: sp.q, P: sp.p, LogDefaultScale: 38})
	check()
	p.eval = hefloat.NewPolynomialEvaluator(p.params, hefloat.NewEvaluator(p.params,
		rlwe.NewMemEvaluationKeySet(&rlwe.RelinearizationKey{EvaluationKey: *p.keys[0]})))
	p.ecd, err = p.l.encoder()
	check()
	fresh, err := p.k.Encrypt(privacy.Hide(p.in), len(sp.q)-1)
	check()
	p.x, err = p.e.Load(t.Context(), fresh)
	check()
	return p
}

// lattigo returns what evaluates a polynomial there.
func (p *polynomialBench) lattigo(t testing.TB, basis Basis, coeffs [][]float64) func() *rlwe.Ciphertext {
	ct := hefloat.NewCiphertext(p.params, 1, p.x.level)
	ct.Scale = rlwe.NewScale(p.l.input)
	for h := range p.x.c {
		ct.Value[h] = *ring.Poly{Coeffs: p.x.c[h]}.CopyNew()
	}
	numbers, of := make([]float64, len(coeffs)), bignum.Monomial
	for i := range numbers {
		numbers[i] = coeffs[i][0]
	}
	if basis == Chebyshev {
		of = bignum.Chebyshev
	}
	poly := bignum.NewPolynomial(of, numbers, [2]float64{-1, 1})
	return func() *rlwe.Ciphertext {
		out, err := p.eval.Evaluate(ct, poly, rlwe.NewScale(p.l.work))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// On the same ciphertext and keys ours is about as near the clear polynomial as
// lattigo's, and takes no more levels.
func TestPolynomialBesideLattigos(t *testing.T) {
	g := rand.New(rand.NewPCG(7, 8))
	for _, logN := range []int{13, 14} {
		p := newPolynomialBench(t, logN)
		for _, basis := range []Basis{Power, Chebyshev} {
			for _, degree := range []int{3, 5, 7, 15} {
				if Depth(degree) > p.x.level {
					continue
				}
				coeffs := coefficients(g, degree, 0, false)
				want := inClear(basis, coeffs, p.in)
				poly, err := p.ecd.Polynomial(basis, coeffs, p.x.level, p.l.input, p.l.work)
				if err != nil {
					t.Fatal(err)
				}
				y, err := p.e.Polynomial(t.Context(), p.l.polynomial(poly), p.x)
				if err != nil {
					t.Fatal(err)
				}
				worst := func(c *Ciphertext, scale float64) (off float64) {
					out, err := p.k.Decrypt(c, scale, 1)
					if err != nil {
						t.Fatal(err)
					}
					for i, v := range out.Reveal(reveal.Token{}) {
						off = max(off, math.Abs(v-want[i]))
					}
					return off
				}
				ours := worst(stored(t, p.e, y), p.l.work)
				their := p.lattigo(t, basis, coeffs)()
				if their.Level() > poly.Result() {
					t.Errorf("degree %d ends at level %d, lattigo's at %d", degree, poly.Result(), their.Level())
				}
				low := &Value{level: 0, c: [2][][]uint64{their.Value[0].Coeffs[:1], their.Value[1].Coeffs[:1]}}
				other := worst(stored(t, p.e, low), their.Scale.Float64())
				t.Logf("2^%d, basis %d, degree %d: ours off by %.2g, lattigo's by %.2g", logN, basis, degree, ours, other)
				if ours > 4*other {
					t.Errorf("2^%d, basis %d, degree %d: off by %.2g, lattigo's by %.2g", logN, basis, degree, ours, other)
				}
				p.e.Free(y)
			}
		}
	}
}

func TestPolynomialChecks(t *testing.T) {
	one := PackIntegers(append([]int64{1}, make([]int64, 2*Medium.Slots()-1)...))
	square := Step{Level: 3, Products: [][2]int{{0, 0}}}
	for i, p := range []Polynomial{
		{Level: 3},
		{Level: 4, Steps: []Step{{Level: 4, Products: [][2]int{{0, 0}}}}},
		{Level: 0, Steps: []Step{{Level: 0, Terms: []Scaled{{0, one}}}}},
		{Level: 3, Steps: []Step{{Level: 3}}},
		{Level: 3, Steps: []Step{{Level: 3, Products: [][2]int{{0, 1}}}}},
		{Level: 3, Steps: []Step{square, {Level: 3, Terms: []Scaled{{1, one}}}}},
		{Level: 3, Steps: []Step{square, {Level: 2, Terms: []Scaled{{-1, one}}}}},
		{Level: 2, Steps: []Step{square}},
		{Level: 3, Steps: make([]Step, maxSteps+1)},
	} {
		if p.Check(Medium) == nil {
			t.Errorf("polynomial %d is taken", i)
		}
	}
	ok := Polynomial{Level: 3, Steps: []Step{square, {Level: 2, Products: [][2]int{{1, 0}}, Terms: []Scaled{{0, one}}, Add: one}}}
	if err := ok.Check(Medium); err != nil || ok.Result() != 1 || ok.Relinearised() != 3 {
		t.Error(err, ok.Result(), ok.Relinearised())
	}
}
