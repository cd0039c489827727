package ckks

import (
	"bytes"
	"context"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tuneinsight/lattigo/v5/core/rlwe"
	"github.com/tuneinsight/lattigo/v5/ring"
	"github.com/tuneinsight/lattigo/v5/ring/ringqp"
	"github.com/tuneinsight/lattigo/v5/utils/structs"

	"manx/privacy"
	"manx/privacy/ckks/internal/limb"
)

// primesOf returns distinct primes of the given lengths, 1 modulo 2^(logN+1).
func primesOf(logN int, lengths []int) (out []uint64) {
	step := uint64(2) << logN
	for _, b := range lengths {
		q := (uint64(1)<<b-1)/step*step + 1
		for slices.Contains(out, q) || !new(big.Int).SetUint64(q).ProbablyPrime(20) {
			q -= step
		}
		out = append(out, q)
	}
	return out
}

// randomSpec draws parameters that Check passes, with width key-switching primes.
func randomSpec(g *rand.Rand, logN, width int) spec {
	limit, _ := maxLogQP(logN)
	sp := spec{name: "drawn", logN: logN, input: 1 << 30, work: 1 << 30, drop: 1}
	var p []int
	total := 0
	for range width {
		b := 45 + g.IntN(6)
		p, total = append(p, b), total+b
	}
	q := []int{30 + g.IntN(21)}
	for total += q[0]; len(q) < 10; {
		b := 28 + g.IntN(23)
		if total+b > int(limit) {
			break
		}
		q, total = append(q, b), total+b
	}
	all := primesOf(logN, append(append([]int(nil), q...), p...))
	sp.q, sp.p = all[:len(q)], all[len(q):]
	return sp
}

// A bench has one evaluator of ours and lattigo's, on the same keys.
type bench struct {
	l      *lattice
	e      *Evaluator
	params rlwe.Parameters
	theirs *rlwe.Evaluator
	keys   map[int]*rlwe.EvaluationKey
}

// newBench makes keys for rotations (0 is relinearisation) at the top level.
func newBench(t testing.TB, sp spec, rotations ...int) *bench {
	t.Helper()
	l, err := sp.lattice(0)
	if err != nil {
		t.Fatal(err)
	}
	k, err := l.secretKey(privacy.Hide([32]byte{7}))
	if err != nil {
		t.Fatal(err)
	}
	params, err := rlwe.NewParametersFromLiteral(rlwe.ParametersLiteral{LogN: sp.logN, Q: sp.q, P: sp.p, NTTFlag: true})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{l: l, params: params, theirs: rlwe.NewEvaluator(params, nil), keys: map[int]*rlwe.EvaluationKey{}}
	mine := &EvaluationKeys{lat: l, keys: map[int]*switchKey{}}
	for _, r := range rotations {
		n, public := Need{r, len(sp.q) - 1}, [32]byte{9}
		wire, err := k.open().evaluationKey(n, public)
		if err != nil {
			t.Fatal(err)
		}
		primes := l.chain(n.Level, true)
		halves, second := make([][][]uint64, l.digits(n.Level)), make([][][]uint64, l.digits(n.Level))
		value := make(structs.Matrix[rlwe.VectorQP], len(halves))
		in := bytes.NewReader(wire[5:])
		for d := range halves {
			halves[d] = limb.New(len(primes), l.n)
			if err := limb.Read(in, primes, halves[d]); err != nil {
				t.Fatal(err)
			}
			a := limb.New(len(primes), l.n)
			limb.Expand(KeySeed(public, n, d), primes, a)
			second[d] = a
			pair := rlwe.VectorQP{b.polyQP(halves[d], n.Level), b.polyQP(a, n.Level)}
			for _, p := range pair {
				params.RingQP().NTT(p, p)
				params.RingQP().MForm(p, p)
			}
			value[d] = []rlwe.VectorQP{pair}
		}
		if mine.keys[r], err = l.key(n, halves, second); err != nil {
			t.Fatal(err)
		}
		b.keys[r] = &rlwe.EvaluationKey{GadgetCiphertext: rlwe.GadgetCiphertext{Value: value}}
	}
	b.e = NewEvaluator(mine)
	return b
}

func (b *bench) polyQP(limbs [][]uint64, level int) ringqp.Poly {
	return *ringqp.Poly{Q: ring.Poly{Coeffs: limbs[:level+1]}, P: ring.Poly{Coeffs: limbs[level+1:]}}.CopyNew()
}

// draw returns a random value in both forms.
func (b *bench) draw(g *rand.Rand, level int) (*Value, *rlwe.Ciphertext) {
	v := b.e.value(level)
	c := &rlwe.Ciphertext{Element: rlwe.Element[ring.Poly]{
		MetaData: &rlwe.MetaData{CiphertextMetaData: rlwe.CiphertextMetaData{IsNTT: true}},
		Value:    make([]ring.Poly, 2),
	}}
	for h := range v.c {
		for i, m := range b.l.moduli[:level+1] {
			for j := range v.c[h][i] {
				v.c[h][i][j] = g.Uint64N(m.Q)
			}
		}
		c.Value[h] = *ring.Poly{Coeffs: v.c[h]}.CopyNew()
	}
	return v, c
}

func same(t *testing.T, what string, got *Value, want []ring.Poly) {
	t.Helper()
	for h := range got.c {
		for i, limb := range got.c[h] {
			if !slices.Equal(limb, want[h].Coeffs[i]) {
				t.Fatalf("%s: half %d, limb %d of %d differs from lattigo's", what, h, i, len(got.c[h]))
			}
		}
	}
}

// multiply is lattigo's product, relinearised and rescaled.
func (b *bench) multiply(x, y *rlwe.Ciphertext) []ring.Poly {
	level := x.Level()
	r := b.params.RingQ().AtLevel(level)
	d0, d1, d2, m0, m1 := r.NewPoly(), r.NewPoly(), r.NewPoly(), r.NewPoly(), r.NewPoly()
	r.MForm(x.Value[0], m0)
	r.MForm(x.Value[1], m1)
	r.MulCoeffsMontgomery(m0, y.Value[0], d0)
	r.MulCoeffsMontgomery(m0, y.Value[1], d1)
	r.MulCoeffsMontgomeryThenAdd(m1, y.Value[0], d1)
	r.MulCoeffsMontgomery(m1, y.Value[1], d2)
	t := &rlwe.Ciphertext{Element: rlwe.Element[ring.Poly]{MetaData: x.MetaData, Value: []ring.Poly{m0, m1}}}
	b.theirs.GadgetProduct(level, d2, &b.keys[0].GadgetCiphertext, t)
	r.Add(d0, t.Value[0], d0)
	r.Add(d1, t.Value[1], d1)
	r.DivRoundByLastModulusNTT(d0, d2, d0)
	r.DivRoundByLastModulusNTT(d1, d2, d1)
	return []ring.Poly{d0, d1}
}

// rotate is lattigo's automorphism by g, under our key of that number.
func (b *bench) rotate(t testing.TB, x *rlwe.Ciphertext, rotation int, g uint64) []ring.Poly {
	level := x.Level()
	r := b.params.RingQ().AtLevel(level)
	index, err := ring.AutomorphismNTTIndex(b.l.n, uint64(2*b.l.n), g)
	if err != nil {
		t.Fatal(err)
	}
	s := &rlwe.Ciphertext{Element: rlwe.Element[ring.Poly]{MetaData: x.MetaData, Value: []ring.Poly{r.NewPoly(), r.NewPoly()}}}
	b.theirs.GadgetProduct(level, x.Value[1], &b.keys[rotation].GadgetCiphertext, s)
	r.Add(s.Value[0], x.Value[0], s.Value[0])
	out := []ring.Poly{r.NewPoly(), r.NewPoly()}
	r.AutomorphismNTTWithIndex(s.Value[0], index, out[0])
	r.AutomorphismNTTWithIndex(s.Value[1], index, out[1])
	return out
}

// Rotations, conjugations and products are lattigo's to the last bit, over drawn parameters,
// levels and residues. A product's one rounding equals lattigo's two but for one
// coefficient in 2^28 or more.
func TestEvaluatorIsLattigos(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 2))
	for _, logN := range []int{12, 13, 14, 15} {
		for width := 1; width <= 3; width++ {
			if limit, _ := maxLogQP(logN); float64(50*width+100) > limit && width > 1 {
				continue
			}
			sp := randomSpec(g, logN, width)
			rotation := 1 + g.IntN(1<<logN/2-1)
			b := newBench(t, sp, 0, rotation, 1<<logN/2)
			for _, level := range []int{len(sp.q) - 1, g.IntN(len(sp.q))} {
				what := fmt.Sprintf("2^%d, %d and %d primes, level %d, rotation %d", logN, len(sp.q), width, level, rotation)
				x, lx := b.draw(g, level)
				y, ly := b.draw(g, level)
				v, err := b.e.Rotate(t.Context(), x, rotation)
				if err != nil {
					t.Fatal(err)
				}
				same(t, what, v, b.rotate(t, lx, rotation, b.params.GaloisElement(rotation)))
				if v, err = b.e.Conjugate(t.Context(), x); err != nil {
					t.Fatal(err)
				}
				same(t, what+", conjugate", v, b.rotate(t, lx, 1<<logN/2, uint64(2*b.l.n-1)))
				if level == 0 {
					continue
				}
				if v, err = b.e.Multiply(t.Context(), x, y); err != nil {
					t.Fatal(err)
				}
				same(t, what+", product", v, b.multiply(lx, ly))
			}
		}
	}
}

// The division that ends products and transforms is exact arithmetic on the
// integers that residues stand for, rounded to nearest.
func TestDivisionIsExact(t *testing.T) {
	g := rand.New(rand.NewPCG(3, 4))
	for _, drop := range []int{1, 3} {
		sp := randomSpec(g, 13, 2)
		for len(sp.q) < 4 {
			sp = randomSpec(g, 13, 2)
		}
		sp.drop = drop
		divideExactly(t, g, newBench(t, sp))
	}
}

func divideExactly(t *testing.T, g *rand.Rand, b *bench) {
	sp := b.l.spec
	for level := sp.drop; level < len(sp.q); level++ {
		primes := b.l.chain(level, true)
		total, divisor := big.NewInt(1), big.NewInt(1)
		for _, q := range sp.q[level+1-sp.drop : level+1] {
			divisor.Mul(divisor, new(big.Int).SetUint64(q))
		}
		for _, q := range primes {
			total.Mul(total, new(big.Int).SetUint64(q))
		}
		for _, p := range sp.p {
			divisor.Mul(divisor, new(big.Int).SetUint64(p))
		}
		sum := b.e.pair(level)
		want := [2][]*big.Int{}
		half := new(big.Int).Rsh(total, 1)
		for h := range sum {
			for j := range b.l.n {
				x := new(big.Int)
				for range primes {
					x.Lsh(x, 50).Or(x, new(big.Int).SetUint64(g.Uint64N(1<<50)))
				}
				x.Mod(x, total).Sub(x, half)
				for i, q := range primes {
					sum[h][i][j] = new(big.Int).Mod(x, new(big.Int).SetUint64(q)).Uint64()
				}
				// floor((2x + D) / 2D): the nearest integer, D being odd.
				x.Lsh(x, 1).Add(x, divisor)
				want[h] = append(want[h], x.Div(x, new(big.Int).Lsh(divisor, 1)))
			}
			for i, m := range b.l.at(level, true) {
				m.NTT(sum[h][i], sum[h][i])
			}
		}
		out := b.e.value(level - sp.drop)
		if err := b.e.divide(context.Background(), b.e.division(b.l.products[level], level, sum, out)); err != nil {
			t.Fatal(err)
		}
		for h := range out.c {
			for i, m := range b.l.moduli[:level+1-sp.drop] {
				m.INTT(out.c[h][i], out.c[h][i])
				for j, x := range want[h] {
					if r := new(big.Int).Mod(x, new(big.Int).SetUint64(m.Q)).Uint64(); out.c[h][i][j] != r {
						t.Fatalf("level %d, half %d, limb %d, coefficient %d: %d, want %d", level, h, i, j, out.c[h][i][j], r)
					}
				}
			}
		}
	}
}
