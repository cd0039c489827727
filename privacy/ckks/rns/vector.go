package rns

import "math/bits"

// A Scalar is a constant modulo one Modulus, ready for products.
type Scalar struct{ p pair }

// Scalar returns c mod q as a Scalar.
func (m *Modulus) Scalar(c uint64) Scalar { return Scalar{m.pair(m.reduce(c))} }

// Inverse returns 1/c mod q; c is no multiple of q.
func (m *Modulus) Inverse(c uint64) Scalar {
	return Scalar{m.pair(power(m.reduce(c), m.Q-2, m.Q))}
}

// Product returns the product of numbers modulo q.
func (m *Modulus) Product(factors ...uint64) uint64 {
	out := uint64(1)
	for _, f := range factors {
		out = mulmod(out, m.reduce(f), m.Q)
	}
	return out
}

// Add sets out to a + b.
func (m *Modulus) Add(out, a, b []uint64) {
	out, a, b = out[:m.N], a[:m.N], b[:m.N]
	if m.simd {
		m.addSIMD(out, a, b)
		return
	}
	for i := range out {
		out[i] = below(a[i]+b[i], m.Q)
	}
}

// Sub sets out to a - b.
func (m *Modulus) Sub(out, a, b []uint64) {
	out, a, b = out[:m.N], a[:m.N], b[:m.N]
	if m.simd {
		m.subSIMD(out, a, b)
		return
	}
	for i := range out {
		out[i] = min(a[i]-b[i], a[i]-b[i]+m.Q)
	}
}

// Scale sets out to c a.
func (m *Modulus) Scale(out, a []uint64, c Scalar) {
	out, a = out[:m.N], a[:m.N]
	if m.simd {
		m.scaleSIMD(out, a, c.p)
		return
	}
	for i, x := range a {
		out[i] = below(times(c.p, x, m.Q), m.Q)
	}
}

// SubScale sets out to c (a - b): the last step of a division.
func (m *Modulus) SubScale(out, a, b []uint64, c Scalar) {
	out, a, b = out[:m.N], a[:m.N], b[:m.N]
	if m.simd {
		m.subScaleSIMD(out, a, b, c.p)
		return
	}
	for i, x := range a {
		out[i] = below(times(c.p, x-b[i]+m.Q, m.Q), m.Q)
	}
}

// ScaleAdd adds c a to out.
func (m *Modulus) ScaleAdd(out, a []uint64, c Scalar) {
	out, a = out[:m.N], a[:m.N]
	if m.simd {
		m.scaleAddSIMD(out, a, c.p)
		return
	}
	for i, x := range a {
		out[i] = m.reduce(out[i] + times(c.p, x, m.Q))
	}
}

// Montgomery sets out to 2^52 a, the form of one factor that products ask for.
func (m *Modulus) Montgomery(out, a []uint64) { m.Scale(out, a, Scalar{m.radix}) }

// Mul sets out to a b, b in Montgomery form.
func (m *Modulus) Mul(out, a, b []uint64) {
	out, a, b = out[:m.N], a[:m.N], b[:m.N]
	if m.simd {
		m.mulSIMD(out, a, b)
		return
	}
	for i, x := range a {
		out[i] = m.reduce(m.redc(bits.Mul64(x, b[i])))
	}
}

// Tensor sets d0, d1, d2 to a0 b0, a0 b1 + a1 b0, a1 b1. No output overlaps an
// input.
func (m *Modulus) Tensor(d0, d1, d2, a0, a1, b0, b1 []uint64) {
	if m.simd {
		m.tensorSIMD(d0[:m.N], d1[:m.N], d2[:m.N], a0[:m.N], a1[:m.N], b0[:m.N], b1[:m.N])
		return
	}
	for i := range d0[:m.N] {
		d0[i] = mulmod2(a0[i], b0[i], 0, 0, m)
		d1[i] = mulmod2(a0[i], b1[i], a1[i], b0[i], m)
		d2[i] = mulmod2(a1[i], b1[i], 0, 0, m)
	}
}

// mulmod2 returns a b + c d mod q.
func mulmod2(a, b, c, d uint64, m *Modulus) uint64 {
	hi, lo := bits.Mul64(a, b)
	h, l := bits.Mul64(c, d)
	lo, carry := bits.Add64(lo, l, 0)
	// Twice Montgomery's radix: the second product takes the first's 2^-52 back.
	return below(times(m.radix, m.redc(hi+h+carry, lo), m.Q), m.Q)
}

// redc returns (hi 2^64 + lo) / 2^52 mod q for values below 2^113, below 2^62.
func (m *Modulus) redc(hi, lo uint64) uint64 {
	h, l := bits.Mul64(lo*m.k.mont&mask, m.Q)
	lo, carry := bits.Add64(lo, l, 0)
	return (hi+h+carry)<<(64-word) | lo>>word
}

// MaxTerms bounds the products that one sum adds up.
const MaxTerms = 4094

// A sum of products, in two words.
type sum struct{ hi, lo uint64 }

func (s *sum) add(a, b uint64) {
	hi, lo := bits.Mul64(a, b)
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, lo, 0)
	s.hi += hi + carry
}
