package mpc

import "manx/privacy/mpc/ring"

// number returns bits as the integers 0 and 1.
func (s *Session) number(bits vec, n int) vec { return s.numbers(n, bits) }

// numbers converts planes of n bits, one after the other. With β = b1^b2, which
// the pivot knows and deals as r + t, b = b0 + β(1-2·b0), of which party 0 knows
// r(1-2·b0) and party 2 t(1-2·b0).
func (s *Session) numbers(n int, bits ...vec) vec {
	var b vec // the bits of both components, as integers
	for _, plane := range bits {
		b.a, b.b = append(b.a, unpack(plane.a, n)...), append(b.b, unpack(plane.b, n)...)
	}
	s.round()
	d := s.deal(s.beta(b), b.len(), false)
	var known []uint64
	low := s.common(b)
	if s.party != pivot {
		known = make([]uint64, b.len())
		for i, v := range s.other(d, false) {
			known[i] = v * (1 - 2*low[i])
		}
	}
	s.round()
	z := s.spread(known, b.len(), false)
	if s.security == WithAbort {
		s.keep(s.conversion(b, d, z, known))
	}
	own := s.common(z)
	for i := range own {
		own[i] += low[i]
	}
	return z
}

// beta returns the exclusive or of both components' bits at the pivot.
func (s *Session) beta(b vec) []uint64 {
	if s.party != pivot {
		return nil
	}
	out := make([]uint64, b.len())
	xorTo(out, b.a, b.b)
	return out
}

// conversion is what a session with abort checks of numbers: with F the masks of
// spread, and m what parties 0 and 2 sent there, an equation of each party's,
// whose left side and factors the other two know one each of:
//
//	party 1: r + t - b1 - b2 = -2·b1·b2
//	party 0: m0 + F1 - r = b0·(-2r)
//	party 2: F2 - t + m2 = (-2t)·b0
func (s *Session) conversion(b, d, z vec, known []uint64) product {
	n := b.len()
	minus := func(x, y []uint64) []uint64 {
		out := make([]uint64, n)
		ring.Sub(out, x, y)
		return out
	}
	twice := func(x []uint64) []uint64 { // -2x
		out := make([]uint64, n)
		ring.Scale(out, x, ^uint64(1))
		return out
	}
	p := product{m: n, k: 1}
	var u, v, receives, sees []uint64
	switch s.party {
	case 0: // has b0, b1, r
		u, v = b.a, twice(d.b)
		receives, p.lhs = twice(b.b), minus(d.b, b.b)
		sees, p.mask = b.a, minus(z.a, minus(known, z.b))
	case pivot: // has b1, b2, r, t
		u, v = twice(b.a), b.b
		receives, p.lhs = twice(d.b), minus(z.b, d.b)
		sees, p.mask = twice(d.a), minus(z.a, d.a)
	case 2: // has b2, b0, t
		u, v = twice(d.a), b.b
		receives, p.lhs = b.b, minus(z.b, minus(known, z.a))
		sees, p.mask = b.a, minus(d.a, b.a)
	}
	p.u, p.v, p.known, p.seen = [][]uint64{u}, [][]uint64{v}, [][]uint64{receives}, [][]uint64{sees}
	return p
}

func unpack(plane []uint64, n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = ring.Bit(plane, i)
	}
	return out
}

// choose returns x where the bit is 1, 0 elsewhere.
func (s *Session) choose(bits vec, x vec) vec {
	n := x.len()
	if s.security == WithAbort {
		return s.mul(s.number(bits, n), x)
	}
	// With A = x0, B = x1+x2, b0 and β as in numbers:
	// x·b = A·b0 + A(1-2b0)·β + (1-2b0)·Bβ + B·b0; the pivot deals β and Bβ.
	s.round()
	var secret []uint64
	if s.party == pivot {
		beta := s.other(bits, true)
		b := s.other(x, false)
		secret = make([]uint64, 2*n)
		for i := range n {
			secret[i] = ring.Bit(beta, i)
			secret[n+i] = b[i] * secret[i]
		}
	}
	d := s.deal(secret, 2*n, false)
	var known []uint64
	if s.party != pivot {
		low, a, rest, part := s.common(bits), s.common(x), s.other(x, false), s.other(d, false)
		known = make([]uint64, n)
		for i := range known {
			b0 := ring.Bit(low, i)
			known[i] = (1-2*b0)*(a[i]*part[i]+part[n+i]) + b0*rest[i]
		}
	}
	s.round()
	z := s.spread(known, n, false)
	if own := s.common(z); own != nil {
		low, a := s.common(bits), s.common(x)
		for i := range own {
			own[i] += ring.Bit(low, i) * a[i]
		}
	}
	return z
}

// RandomBits returns n random bits as the integers 0 and 1, known to nobody.
func (s *Session) RandomBits(n int) (Share, error) {
	if n < 0 {
		return Share{}, ErrRange
	}
	if err := s.enter("random bits"); err != nil {
		return Share{}, err
	}
	w := ring.Words(n)
	return s.share(s.number(vec{s.mine.draw(w), s.ours.draw(w)}, n))
}
