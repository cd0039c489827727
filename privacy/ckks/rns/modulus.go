// Package rns computes with vectors of residues modulo primes below 2^50, the
// limbs of a polynomial in a residue number system: the negacyclic transform
// and its inverse, products and their sums, base extension, and the
// permutations that rotate slots.
//
// Every function is exact and has two forms, chosen once for each Modulus:
// kernels in AVX-512 IFMA (products of 52 bits), and Go; transforms, sums of
// products and base extension have a third for machines with AVX2 alone. All give
// the same residues, below the prime, so results never depend on the machine.
// Where that third one computes with float64 every value is an integer, and exact.
//
// It knows neither ciphertexts nor keys, and its running time depends on the
// primes and lengths alone.
package rns

import (
	"fmt"
	"math/bits"
)

const (
	word    = 52 // bits of a product's half in IFMA, and of Montgomery's radix
	mask    = 1<<word - 1
	maxBits = 50
	minLogN = 10
	maxLogN = 16
)

// A Modulus is a prime q = 1 modulo 2N with the tables for vectors of N
// residues. It is read-only and safe for concurrent use. Vectors are []uint64
// of length N with residues below q, unless a function says otherwise.
type Modulus struct {
	Q uint64
	N int

	k       constants
	radix   pair   // 2^52 mod q: its product is Montgomery's form
	inverse pair   // 1/N
	mu      uint64 // floor(2^64 / q)
	layers  int    // log2 of N
	simd    bool
	lazy    bool // q is so small that no butterfly needs a reduction

	forward, backward []pair // powers of the root, bit-reversed
	passes            []pass
	tail, head        []uint64 // twiddles of the six layers inside 64 residues
	last              []uint64 // the inverse's last pass, with 1/N in it
	float             *floats  // nil unless its kernels are used
}

// constants are what kernels read; their order is theirs.
type constants struct {
	q, twoQ, negQ uint64 // negQ = 2^52 - q
	mu            uint64 // floor(2^52 / q)
	mont          uint64 // -1/q modulo 2^52
	radix, radixQ uint64 // 2^52 mod q, with its quotient in 52 bits
}

// A pair is a constant w with floor(w 2^64 / q): its product with any value
// takes three multiplications (Shoup; Harvey 2014). Kernels read the quotient's
// upper 52 bits, which serve values below 2^52.
type pair struct{ w, quotient uint64 }

// NewModulus returns the tables for a prime and N = 2^logN, 10 to 16. root is a
// primitive 2N-th root of unity modulo q; it fixes the order of transformed
// residues: the i-th is the value at root^(2 r+1), r being i with its bits reversed.
func NewModulus(q uint64, logN int, root uint64) (*Modulus, error) {
	return newModulus(q, logN, root, kinds()[0])
}

// A kind of kernels.
type kind int

const (
	plain kind = iota // Go
	float             // AVX2 and FMA: transforms, sums of products, base extension
	ifma              // AVX-512
)

func (k kind) String() string { return [...]string{"Go", "AVX2", "IFMA"}[k] }

// kinds returns those that this machine has, the fastest first.
func kinds() (out []kind) {
	if haveIFMA() {
		out = append(out, ifma)
	}
	if haveFloat() {
		out = append(out, float)
	}
	return append(out, plain)
}

func newModulus(q uint64, logN int, root uint64, kernels kind) (*Modulus, error) {
	if logN < minLogN || logN > maxLogN {
		return nil, fmt.Errorf("rns: vectors of 2^%d residues", logN)
	}
	n := uint64(1) << logN
	if bits.Len64(q) > maxBits || q < 2*n || q%(2*n) != 1 {
		return nil, fmt.Errorf("rns: no prime below 2^50 that is 1 modulo 2^%d", logN+1)
	}
	if root >= q || power(root, n, q) != q-1 {
		return nil, fmt.Errorf("rns: no primitive root of order 2^%d", logN+1)
	}
	m := &Modulus{Q: q, N: int(n), layers: logN, simd: kernels == ifma}
	m.radix = m.pair((1 << word) % q)
	m.mu = (1<<64 - 1) / q // q is odd, so this is the floor of 2^64 / q
	m.k = constants{
		q: q, twoQ: 2 * q, negQ: 1<<word - q, mu: (1 << word) / q, mont: montgomery(q),
		radix: m.radix.w, radixQ: m.radix.quotient >> (64 - word),
	}
	m.inverse = m.pair(power(n, q-2, q))
	m.lazy = q < 1<<(word-logN)
	m.roots(root)
	switch kernels {
	case ifma:
		m.pack()
	case float:
		m.packFloat()
	}
	return m, nil
}

// montgomery returns -1/q modulo 2^52 by Newton's iteration.
func montgomery(q uint64) uint64 {
	x := q // right modulo 8
	for range 5 {
		x *= 2 - q*x
	}
	return -x & mask
}

func mulmod(a, b, q uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	_, r := bits.Div64(hi%q, lo, q)
	return r
}

func power(x, e, q uint64) uint64 {
	out := uint64(1)
	for ; e > 0; e >>= 1 {
		if e&1 == 1 {
			out = mulmod(out, x, q)
		}
		x = mulmod(x, x, q)
	}
	return out
}

func (m *Modulus) pair(w uint64) pair {
	q, _ := bits.Div64(w, 0, m.Q)
	return pair{w, q}
}

// times returns w x mod q, below 2q.
func times(p pair, x, q uint64) uint64 {
	hi, _ := bits.Mul64(p.quotient, x)
	return p.w*x - hi*q
}

// below brings a value under 2q to under q.
func below(x, q uint64) uint64 { return min(x, x-q) }

// reduce returns x mod q.
func (m *Modulus) reduce(x uint64) uint64 {
	hi, _ := bits.Mul64(m.mu, x)
	return below(x-hi*m.Q, m.Q)
}

// roots fills the tables of powers.
func (m *Modulus) roots(root uint64) {
	m.forward, m.backward = make([]pair, m.N), make([]pair, m.N)
	w, v, back := uint64(1), uint64(1), power(root, m.Q-2, m.Q)
	for i := range m.N {
		r := bits.Reverse32(uint32(i)) >> (32 - m.layers)
		m.forward[r], m.backward[r] = m.pair(w), m.pair(v)
		w, v = mulmod(w, root, m.Q), mulmod(v, back, m.Q)
	}
}

// Residue returns x mod q.
func (m *Modulus) Residue(x int64) uint64 {
	r := x % int64(m.Q)
	return uint64(r + int64(m.Q)&(r>>63))
}

// IFMA reports whether this machine has AVX-512 IFMA, and what else its kernels need.
func IFMA() bool { return haveIFMA() }
