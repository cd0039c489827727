package committee

import (
	"encoding/binary"
	"math/big"
	"math/bits"

	"manx/privacy/ckks"
	"manx/privacy/ckks/internal/limb"
	"manx/privacy/ckks/rns"
)

// A ring is the polynomials a key lives among: modulo the ciphertext primes and
// after them the key-switching primes. Polynomials are coefficients, limb by limb.
type ring struct {
	set     ckks.Set
	n       int
	special int            // key-switching primes
	moduli  []*rns.Modulus // all
	primes  []uint64       // all
}

func newRing(s ckks.Set) (*ring, error) {
	moduli, err := s.Moduli()
	if err != nil {
		return nil, err
	}
	r := &ring{set: s, n: 2 * s.Slots(), special: s.SpecialPrimes(), moduli: moduli}
	for _, m := range moduli {
		r.primes = append(r.primes, m.Q)
	}
	return r, nil
}

// keys returns which of the moduli keys for a level have.
func (r *ring) keys(level int) (at []int) {
	for i := range level + 1 {
		at = append(at, i)
	}
	for i := len(r.moduli) - r.special; i < len(r.moduli); i++ {
		at = append(at, i)
	}
	return at
}

// ciphertext returns the primes of ciphertexts at the top.
func (r *ring) ciphertext() []uint64 { return r.primes[:len(r.primes)-r.special] }

// pick returns some of a polynomial's limbs.
func pick[T any](all []T, at []int) []T {
	out := make([]T, len(at))
	for i, k := range at {
		out[i] = all[k]
	}
	return out
}

// product sets out to a s, s transformed and in Montgomery form.
func product(ms []*rns.Modulus, a, s, out [][]uint64) {
	for i, m := range ms {
		m.NTT(out[i], a[i])
		m.Mul(out[i], out[i], s[i])
		m.INTT(out[i], out[i])
	}
}

// transformed returns a polynomial as product takes it.
func transformed(ms []*rns.Modulus, a [][]uint64) [][]uint64 {
	out := limb.New(len(ms), ms[0].N)
	for i, m := range ms {
		m.NTT(out[i], a[i])
		m.Montgomery(out[i], out[i])
	}
	return out
}

// add adds b to a.
func add(ms []*rns.Modulus, a, b [][]uint64) {
	for i, m := range ms {
		m.Add(a[i], a[i], b[i])
	}
}

// packed appends a polynomial's bytes.
func packed(b []byte, primes []uint64, p [][]uint64) []byte {
	w := &appender{b}
	_ = limb.Write(w, primes, p) // an appender takes all
	return w.b
}

type appender struct{ b []byte }

func (a *appender) Write(b []byte) (int, error) { a.b = append(a.b, b...); return len(b), nil }

// deal evaluates the polynomial with coefficients c at x (Shamir 1979): c[0] is
// the secret, c[k] belongs to x^k.
func (r *ring) deal(c [][][]uint64, x int) [][]uint64 {
	out := limb.New(len(r.moduli), r.n)
	for i, m := range r.moduli {
		at := m.Scalar(uint64(x))
		copy(out[i], c[len(c)-1][i])
		t := make([]uint64, r.n)
		for k := len(c) - 2; k >= 0; k-- {
			copy(t, c[k][i])
			m.ScaleAdd(t, out[i], at)
			out[i], t = t, out[i]
		}
	}
	return out
}

// polynomial draws what deal takes: degree need-1, with a secret.
func (r *ring) polynomial(secret [][]uint64, need int, seed [32]byte) [][][]uint64 {
	c := [][][]uint64{secret}
	for k := 1; k < need; k++ {
		u := limb.New(len(r.moduli), r.n)
		limb.Expand(limb.Derive(seed, "committee, coefficient", uint64(k)), r.primes, u)
		c = append(c, u)
	}
	return c
}

// weight returns member's Lagrange weight at x among members, modulo q: the
// values at members, weighed so, add up to the polynomial's value at x.
func weight(member int, members []int, x int, q uint64) uint64 {
	mod := new(big.Int).SetUint64(q)
	num, den := big.NewInt(1), big.NewInt(1)
	for _, other := range members {
		if other != member {
			num.Mod(num.Mul(num, big.NewInt(int64(x-other))), mod)
			den.Mod(den.Mul(den, big.NewInt(int64(member-other))), mod)
		}
	}
	return num.Mod(num.Mul(num, den.ModInverse(den, mod)), mod).Uint64()
}

// weighed returns the member's additive share: what all active members' add up
// to is the secret.
func (r *ring) weighed(share [][]uint64, member int, active []int) [][]uint64 {
	out := limb.New(len(r.moduli), r.n)
	for i, m := range r.moduli {
		m.Scale(out[i], share[i], m.Scalar(weight(member, active, 0, m.Q)))
	}
	return out
}

// residues appends one residue a prime, 8 bytes each.
func residues(b []byte, v []uint64) []byte {
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, x)
	}
	return b
}

// readResidues reads residues of primes; false where one is not below its prime.
func readResidues(b []byte, primes []uint64) ([]uint64, bool) {
	out := make([]uint64, len(primes))
	for i, q := range primes {
		if out[i] = binary.LittleEndian.Uint64(b[8*i:]); out[i] >= q {
			return nil, false
		}
	}
	return out, true
}

// inner returns the sum of a[k] b[k] modulo a prime below 2^50.
func inner(m *rns.Modulus, a, b []uint64) uint64 {
	var hi, lo uint64 // at most 2^16 products of 100 bits
	for k, x := range a {
		h, l := bits.Mul64(x, b[k])
		var carry uint64
		lo, carry = bits.Add64(lo, l, 0)
		hi += h + carry
	}
	_, r := bits.Div64(hi%m.Q, lo, m.Q)
	return r
}

// constant returns the constant coefficient of a b modulo X^N + 1.
func constant(m *rns.Modulus, a, b []uint64) uint64 {
	turned := make([]uint64, len(b)) // b(1/X)
	turned[0] = b[0]
	for k := 1; k < len(b); k++ {
		if v := b[len(b)-k]; v != 0 {
			turned[k] = m.Q - v
		}
	}
	return inner(m, a, turned)
}
