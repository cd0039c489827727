package committee

import (
	"math/big"
	"sync"

	"manx/privacy/ckks"
	"manx/privacy/ckks/internal/limb"
	"manx/privacy/ckks/rns"
)

// wide is the fixed point of the cosines below.
const wide = 128

// cosines returns 2^128 cos(pi k/n) for k of 0 to n, off by less than 2^20. It
// computes in integers, so every machine finds the same.
func cosines(n int) []*big.Int {
	// The first by its series, the others by turning: cos(a+b), sin(a+b).
	one := new(big.Int).Lsh(big.NewInt(1), wide)
	angle := circle()
	angle.Quo(angle, big.NewInt(int64(n)))
	cos1, sin1 := new(big.Int).Set(one), new(big.Int)
	term := new(big.Int).Set(one)
	for k := int64(1); term.Sign() != 0; k++ {
		term.Rsh(term.Mul(term, angle), wide)
		term.Quo(term, big.NewInt(k))
		switch k & 3 {
		case 2:
			cos1.Sub(cos1, term)
		case 0:
			cos1.Add(cos1, term)
		case 3:
			sin1.Sub(sin1, term)
		case 1:
			sin1.Add(sin1, term)
		}
	}
	out := make([]*big.Int, n+1)
	c, s, t := new(big.Int).Set(one), new(big.Int), new(big.Int)
	for k := range out {
		out[k] = new(big.Int).Set(c)
		next := new(big.Int).Mul(c, cos1)
		next.Sub(next, t.Mul(s, sin1))
		turned := new(big.Int).Mul(s, cos1)
		turned.Add(turned, t.Mul(c, sin1))
		c, s = next.Rsh(next, wide), turned.Rsh(turned, wide)
	}
	return out
}

// circle returns 2^128 pi (Machin 1706).
func circle() *big.Int {
	const guard = 32
	arctan := func(x int64) *big.Int {
		sum := new(big.Int)
		term := new(big.Int).Quo(new(big.Int).Lsh(big.NewInt(1), wide+guard), big.NewInt(x))
		for k := int64(1); term.Sign() != 0; k += 2 {
			t := new(big.Int).Quo(term, big.NewInt(k))
			if k&3 == 3 {
				t.Neg(t)
			}
			sum.Add(sum, t)
			term.Quo(term, big.NewInt(x*x))
		}
		return sum
	}
	pi := new(big.Int).Mul(arctan(5), big.NewInt(16))
	pi.Sub(pi, new(big.Int).Mul(arctan(239), big.NewInt(4)))
	return pi.Rsh(pi, guard)
}

// An opener brings results to one number each. It is read-only.
type opener struct {
	*ring
	level   int        // of masked results
	cosines []*big.Int // see cosines
	factor  *big.Int   // of a mask, with 2^shift
	shift   uint
	drop    *rns.Basis // the division by the level's prime above
	modulus *big.Int   // product of the primes of level
	parts   []*big.Int // 1 modulo a prime, 0 modulo the others
}

// openerOf returns a set's opener, made once in a process.
func openerOf(s ckks.Set) (*opener, error) {
	if !s.Valid() {
		return nil, headroom(s)
	}
	made := &openers[s]
	made.once.Do(func() { made.opener, made.err = newOpener(s) })
	return made.opener, made.err
}

//nolint:gochecknoglobals // tables that follow from constants, made when they are first needed
var openers [ckks.SharedDeep + 1]struct {
	once sync.Once
	*opener
	err error
}

func newOpener(s ckks.Set) (*opener, error) {
	r, err := newRing(s)
	if err != nil {
		return nil, err
	}
	o := &opener{ring: r, level: resultLevel(s), modulus: big.NewInt(1)}
	kept := r.moduli[:o.level+1]
	for _, m := range kept {
		o.modulus.Mul(o.modulus, new(big.Int).SetUint64(m.Q))
	}
	for _, m := range kept {
		q := new(big.Int).SetUint64(m.Q)
		rest := new(big.Int).Quo(o.modulus, q)
		o.parts = append(o.parts, rest.Mul(rest, new(big.Int).ModInverse(rest, q)))
	}
	o.drop = rns.NewBasis(r.moduli[o.level+1:o.level+2], kept)
	o.cosines = cosines(r.n)
	// A result x is at scale W; shares of it shall be of x 2^fraction modulo 2^64
	// when W x modulo Q is brought there, so a mask is 2^(fraction-64) Q/W, times
	// the prime that the division takes.
	o.factor = new(big.Int).Mul(o.modulus, new(big.Int).SetUint64(r.primes[o.level+1]))
	o.shift = uint(scaleBits(s) + 64 - fraction + wide)
	return o, nil
}

// mask returns the polynomial whose product's constant coefficient is the slot's
// value, in integers: with g = 5^slot, the coefficients cos(pi g k / N), scaled.
// At every other slot the polynomial is 0, but for the rounding of its integers.
func (o *opener) mask(slot int) []int64 {
	g := uint64(1)
	for range slot {
		g = g * 5 & uint64(2*o.n-1)
	}
	half := new(big.Int).Lsh(big.NewInt(1), o.shift-1)
	out := make([]int64, o.n)
	t := new(big.Int)
	for k := range out {
		at := int(g * uint64(k) & uint64(2*o.n-1))
		t.Mul(o.cosines[min(at, 2*o.n-at)], o.factor)
		out[k] = t.Rsh(t.Add(t, half), o.shift).Int64()
	}
	return out
}

// A sample is what is opened to shares of one result, or of one check: the
// constant coefficient of c0 + c1 s, at the level of masked results.
type sample struct {
	c0 []uint64   // a residue a prime
	c1 [][]uint64 // coefficients
}

// result returns a slot's sample: masked, the others' slots being 0, divided by
// the level's prime, and with the encryption of zero of a seed added, so that no
// two orders open one c1.
func (o *opener) result(public *ckks.PublicKey, c *ckks.Ciphertext, slot int, seed [32]byte) (sample, error) {
	ms, primes := o.moduli[:o.level+2], o.primes[:o.level+2]
	mask := limb.New(len(ms), o.n)
	limb.Lift(o.mask(slot), primes, mask)
	mask = transformed(ms, mask)
	out, err := o.check(public, seed)
	if err != nil {
		return sample{}, err
	}
	c0, c1 := c.Halves()
	for h, half := range [2][][]uint64{c0, c1} {
		x := limb.New(len(ms), o.n)
		product(ms, half, mask, x)
		folded := limb.New(o.drop.Vectors(), o.n)
		o.drop.Fold(folded, x[len(ms)-1:])
		t := make([]uint64, o.n)
		for i, m := range ms[:len(ms)-1] {
			o.drop.Extend(m, t, folded)
			m.SubScale(x[i], x[i], t, o.drop.Inverse(m))
			if h == 1 {
				m.Add(out.c1[i], out.c1[i], x[i])
			} else {
				out.c0[i] = (out.c0[i] + x[i][0]) % m.Q
			}
		}
	}
	return out, nil
}

// check returns the sample of an encryption of zero: whose shares must add up to
// nothing but noise.
func (o *opener) check(public *ckks.PublicKey, seed [32]byte) (sample, error) {
	z, err := public.Zero(limb.CoinsOf(seed), o.level)
	if err != nil {
		return sample{}, err
	}
	z0, z1 := z.Halves()
	out := sample{c1: z1}
	for _, l := range z0 {
		out.c0 = append(out.c0, l[0])
	}
	return out, nil
}

// whole returns the integer of 0 to Q-1 that residues stand for.
func (o *opener) whole(v []uint64) *big.Int {
	x, t := new(big.Int), new(big.Int)
	for i, p := range o.parts {
		x.Add(x, t.Mul(p, t.SetUint64(v[i])))
	}
	return x.Mod(x, o.modulus)
}

// switched brings a residue modulo Q to one modulo 2^64: x 2^64/Q, rounded. A
// multiple of Q becomes a multiple of 2^64, so additive shares stay additive
// shares, of the value 2^64/Q times, off by at most half for each.
func (o *opener) switched(v []uint64) uint64 {
	x := o.whole(v)
	x.Lsh(x, 65).Add(x, o.modulus)
	x.Quo(x, new(big.Int).Lsh(o.modulus, 1))
	return new(big.Int).And(x, new(big.Int).SetUint64(^uint64(0))).Uint64()
}
