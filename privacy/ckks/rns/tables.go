package rns

// Tables are a Modulus's constants and twiddles, for arithmetic elsewhere than on this
// processor (privacy/ckks/gpu). A pair is a constant w and floor(w 2^64 / Q).
type Tables struct {
	Mu                uint64 // floor(2^64 / Q)
	Mont              uint64 // -1/Q modulo 2^52
	Radix, Inverse    [2]uint64
	Forward, Backward []uint64 // N pairs each: powers of the root and of its inverse, bit-reversed
}

// Tables returns m's.
func (m *Modulus) Tables() Tables {
	t := Tables{Mu: m.mu, Mont: m.k.mont, Radix: Scalar{m.radix}.Words(), Inverse: Scalar{m.inverse}.Words()}
	for i := range m.forward {
		t.Forward = append(t.Forward, m.forward[i].w, m.forward[i].quotient)
		t.Backward = append(t.Backward, m.backward[i].w, m.backward[i].quotient)
	}
	return t
}

// Words returns the constant and its quotient.
func (s Scalar) Words() [2]uint64 { return [2]uint64{s.p.w, s.p.quotient} }

// A Source is one of the primes that a Basis extends from. D is their product.
type Source struct {
	Q            uint64
	Half         uint64 // (D-1)/2
	Shift, Ratio uint64 // y/Q in 51 bits is the high half, of 52, of (y << Shift) Ratio
	Inverse      [2]uint64
}

// Sources returns the primes that b extends from, in their order.
func (b *Basis) Sources() (out []Source) {
	for k, m := range b.from {
		out = append(out, Source{m.Q, b.half[k], b.share[k].shift, b.share[k].ratio, b.inverse[k].Words()})
	}
	return out
}

// A Target is what b needs to extend to a prime. Factors are in Montgomery form: D/q
// for each source, then -D, then -(D-1)/2.
type Target struct {
	Minus   uint64 // -(D-1)/2
	Inverse [2]uint64
	Factors []uint64
}

// Target returns what b has for a prime; ok is false where it does not extend to it.
func (b *Basis) Target(q uint64) (t Target, ok bool) {
	e := b.to[q]
	if e == nil {
		return t, false
	}
	return Target{e.minus, e.inverse.Words(), e.factors}, true
}

// Bytes returns the weights as they lie in memory: for each 32 residues in turn those of
// the first term, then of the next; WeightBytes each. At least 8 more follow. They are
// not to be changed.
func (w *Weights) Bytes() []byte { return w.data }
