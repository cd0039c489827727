package mpc

import "manx/privacy/mpc/ring"

// number returns bits as the integers 0 and 1.
func (s *Session) number(bits vec, n int) vec {
	if s.security == WithAbort {
		return s.numberOfThree(n, bits)
	}
	// b = b0 + β(1-2·b0), where the pivot knows β = b1^b2.
	s.round()
	var beta []uint64
	if s.party == pivot {
		beta = unpack(s.other(bits, true), n)
	}
	d := s.deal(beta, n, false)
	var known, low []uint64
	if s.party != pivot {
		known, low = s.other(d, false), unpack(s.common(bits), n)
		for i, b := range low {
			known[i] *= 1 - 2*b
		}
	}
	s.round()
	z := s.spread(known, n, false)
	own := s.common(z)
	for i := range own {
		own[i] += low[i]
	}
	return z
}

// numberOfThree converts planes of n bits, one after the other, with products
// alone: b0^b1^b2, a^b = a + b - 2ab.
func (s *Session) numberOfThree(n int, bits ...vec) vec {
	var c [Parties]vec
	for j := range c {
		own := make([]uint64, 0, n*len(bits))
		for _, plane := range bits {
			if known := s.component(plane, j); known != nil {
				own = append(own, unpack(known, n)...)
			}
		}
		c[j] = s.place(j, own[:n*len(bits)])
	}
	t := c[0]
	for j := 1; j < Parties; j++ {
		t = sub(add(t, c[j]), scale(s.mul(t, c[j]), 2))
	}
	return t
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
		return s.mul(s.numberOfThree(n, bits), x)
	}
	// With A = x0, B = x1+x2, b0 and β as in number:
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
