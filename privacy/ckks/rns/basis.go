package rns

import (
	"math/big"
	"math/bits"
)

// A Basis extends vectors from the residues of some primes, whose product is D,
// to other primes: exactly, to the representative in -(D-1)/2 … (D-1)/2, but for
// one value in 2^49 beside the lower end, which may come out D higher (Halevi,
// Polyakov and Shoup 2018, in fixed point). It is read-only.
type Basis struct {
	from    []*Modulus
	half    []uint64 // (D-1)/2 modulo each
	inverse []Scalar // 1/(D/q) modulo each
	share   []fixed  // y/q in fixed point
	product *big.Int
	to      map[uint64]*extension
}

// fixed turns a residue y of a prime into y/q in 51 bits: the high half of
// y 2^shift times ratio.
type fixed struct{ shift, ratio uint64 }

// An extension holds the constants toward one prime.
type extension struct {
	// In Montgomery form: D/q for each prime, then -D for the multiple of it that
	// is too much, then -(D-1)/2, times one.
	factors []uint64
	minus   uint64 // -(D-1)/2, for one prime
	inverse Scalar // 1/D, where D is no multiple of the prime
}

// NewBasis prepares the extension from some primes, at most 8, to others.
func NewBasis(from, to []*Modulus) *Basis {
	b := &Basis{from: from, product: big.NewInt(1), to: map[uint64]*extension{}}
	for _, m := range from {
		b.product.Mul(b.product, new(big.Int).SetUint64(m.Q))
	}
	half := new(big.Int).Rsh(b.product, 1)
	rest := func(x *big.Int, q uint64) uint64 { return new(big.Int).Mod(x, new(big.Int).SetUint64(q)).Uint64() }
	cofactor := func(m *Modulus) *big.Int { return new(big.Int).Div(b.product, new(big.Int).SetUint64(m.Q)) }
	for _, m := range from {
		b.half = append(b.half, rest(half, m.Q))
		b.inverse = append(b.inverse, m.Inverse(rest(cofactor(m), m.Q)))
		length := uint(new(big.Int).SetUint64(m.Q).BitLen())
		ratio := new(big.Int).Lsh(big.NewInt(1), length+word-1)
		b.share = append(b.share, fixed{uint64(word - length), ratio.Div(ratio, new(big.Int).SetUint64(m.Q)).Uint64()})
	}
	for _, m := range to {
		e := &extension{minus: m.Q - rest(half, m.Q)}
		if d := rest(b.product, m.Q); d != 0 {
			e.inverse = m.Inverse(d)
		}
		montgomery := func(x uint64) uint64 { return below(times(m.radix, x, m.Q), m.Q) }
		for _, f := range from {
			e.factors = append(e.factors, montgomery(rest(cofactor(f), m.Q)))
		}
		e.factors = append(e.factors, montgomery(m.Q-rest(b.product, m.Q)), montgomery(e.minus))
		b.to[m.Q] = e
	}
	return b
}

// Vectors returns how many vectors Fold fills.
func (b *Basis) Vectors() int {
	if len(b.from) == 1 {
		return 1
	}
	return len(b.from) + 1
}

// Fold brings residues modulo each prime, coefficients and not transformed, into
// the form that Extend takes, in Vectors() vectors. y may hold x's vectors.
func (b *Basis) Fold(y, x [][]uint64) {
	n := b.from[0].N
	if b.from[0].simd {
		b.foldSIMD(y, x)
		return
	}
	for k, m := range b.from {
		c := b.inverse[k].p
		for i := range n {
			v := below(times(c, below(x[k][i]+b.half[k], m.Q), m.Q), m.Q)
			if len(b.from) > 1 {
				f := b.share[k].of(v)
				if k > 0 {
					f += y[len(b.from)][i]
				}
				if k == len(b.from)-1 {
					f >>= word - 1
				}
				y[len(b.from)][i] = f
			}
			y[k][i] = v
		}
	}
}

// Extend sets out to the residues modulo a prime of what Fold folded.
func (b *Basis) Extend(m *Modulus, out []uint64, y [][]uint64) {
	e, out := b.to[m.Q], out[:m.N]
	if m.simd {
		b.extendSIMD(m, e, out, y)
		return
	}
	if len(b.from) == 1 {
		for i, v := range y[0][:m.N] {
			out[i] = below(m.reduce(v)+e.minus, m.Q)
		}
		return
	}
	if m.float != nil {
		b.extendFloat(m, e, out, y)
		return
	}
	for i := range out {
		hi, lo := uint64(0), e.factors[len(b.from)+1]
		for k, f := range e.factors[:len(b.from)+1] {
			h, l, c := mac(lo, y[k][i], f)
			lo, hi = l, hi+h+c
		}
		out[i] = m.reduce(m.redc(hi, lo))
	}
}

// Inverse returns 1/D modulo a prime that is none of D's.
func (b *Basis) Inverse(m *Modulus) Scalar { return b.to[m.Q].inverse }

// of returns y/q in units of 2^-51.
func (f fixed) of(y uint64) uint64 {
	hi, lo := bits.Mul64(y<<f.shift, f.ratio)
	return hi<<(64-word) | lo>>word
}

// mac returns lo + y f in three parts.
func mac(lo, y, f uint64) (hi, sum, carry uint64) {
	hi, l := bits.Mul64(y, f)
	sum, carry = bits.Add64(lo, l, 0)
	return hi, sum, carry
}
