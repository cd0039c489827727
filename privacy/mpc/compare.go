package mpc

import "manx/privacy/mpc/ring"

// Signs and equality of values, from the bits of their components.

// sliceValues is how many values are turned into bits together.
const sliceValues = 1 << 20

// sign returns the highest bit of every value, as a plane.
func (s *Session) sign(x vec) vec {
	return s.inBlocks(x, func(x vec) vec {
		if s.security == WithAbort {
			return s.signOfThree(s.slices(x, 0, 64))
		}
		a, b := s.summands(x, false)
		runs := make([]carry, 63)
		w := ring.Words(x.len())
		// The lowest runs' AND: party 0 and 2 know a, and each a part of b.
		known := make([]uint64, 0, 63*w)
		if s.party != pivot {
			low, part := s.common(a)[:63*w], s.other(b, true)
			known = known[:63*w]
			for k, v := range low {
				known[k] = v & part[k]
			}
		}
		s.round()
		makes := planes(s.spread(known, 63*w, true), w)
		passes := planes(xor(a, b), w)
		for k := range runs {
			runs[k] = carry{makes[k], passes[k]}
		}
		runs[0].pass = vec{}
		return xor(passes[63], s.carryOut(runs))
	})
}

// signOfThree returns the highest bit of the sum of three 64-bit numbers.
func (s *Session) signOfThree(c [Parties][]vec) vec {
	sum, up := s.saveCarries(c, 63)
	gates := make([]gate, 62)
	for k := range gates {
		gates[k] = gate{x: sum[k+1], y: up[k]}
	}
	s.and(gates)
	runs := make([]carry, 62)
	for k := range runs {
		runs[k] = carry{gates[k].z, xor(sum[k+1], up[k])}
	}
	runs[0].pass = vec{}
	return xor(xor(sum[63], up[62]), s.carryOut(runs))
}

// saveCarries turns three numbers into two: their bitwise sum, and the carries
// out of the lowest n bits.
func (s *Session) saveCarries(c [Parties][]vec, n int) (sum, up []vec) {
	gates := make([]gate, n)
	for k := range gates {
		gates[k] = gate{x: xor(c[0][k], c[2][k]), y: xor(c[1][k], c[2][k])}
	}
	s.and(gates)
	for k := range c[0] {
		sum = append(sum, xor(xor(c[0][k], c[1][k]), c[2][k]))
	}
	for k, g := range gates {
		up = append(up, xor(g.z, c[2][k]))
	}
	return sum, up
}

// zero returns a plane that tells which values are 0.
func (s *Session) zero(x vec) vec {
	return s.inBlocks(x, func(x vec) vec {
		w := ring.Words(x.len())
		var differ []vec
		if s.security == WithAbort {
			// a + b = 0 if and only if a_k + b_k = a_{k-1} or b_{k-1} everywhere.
			sum, up := s.saveCarries(s.slices(x, 0, 64), 63)
			gates := make([]gate, 62)
			for k := range gates {
				gates[k] = gate{x: sum[k+1], y: up[k]}
			}
			s.and(gates)
			differ = []vec{sum[0], xor(xor(sum[1], up[0]), sum[0])}
			for k := 2; k < 64; k++ {
				d := xor(xor(sum[k], up[k-1]), gates[k-2].z)
				differ = append(differ, xor(d, xor(sum[k-1], up[k-2])))
			}
		} else {
			a, b := s.summands(x, true) // x0 and -(x1+x2)
			differ = planes(xor(a, b), w)
		}
		same := make([]vec, 64)
		for k, d := range differ {
			same[k] = s.not(d)
		}
		return s.every(same)
	})
}

// inBlocks applies f to at most sliceValues values at a time.
func (s *Session) inBlocks(x vec, f func(vec) vec) vec {
	if x.len() == 0 {
		return vec{}
	}
	if x.len() <= sliceValues {
		return f(x)
	}
	out := newVec(0)
	for from := 0; from < x.len(); from += sliceValues {
		z := f(x.part(from, min(from+sliceValues, x.len())))
		out.a, out.b = append(out.a, z.a...), append(out.b, z.b...)
	}
	return out
}

// slices returns the planes of each component, each as a sharing with the other
// components 0: no message.
func (s *Session) slices(x vec, low, n int) (c [Parties][]vec) {
	w := ring.Words(x.len())
	for j := range c {
		var bits []uint64
		if own := s.component(x, j); own != nil {
			bits = make([]uint64, n*w)
			ring.Slice(bits, own, low, n)
		} else {
			bits = make([]uint64, n*w)
		}
		c[j] = planes(s.place(j, bits), w)
	}
	return c
}

// summands returns boolean sharings of x0 and of x1+x2, 64 planes each, or of
// -(x1+x2). One round, 8 bytes from the pivot.
func (s *Session) summands(x vec, negated bool) (a, b vec) {
	w := ring.Words(x.len())
	bits := make([]uint64, 64*w)
	if s.party == pivot {
		u := s.other(x, false)
		if negated {
			ring.Scale(u, u, ^uint64(0))
		}
		ring.Slice(bits, u, 0, 64)
	} else {
		ring.Slice(bits, s.common(x), 0, 64)
	}
	s.round()
	return s.place(0, bits), s.deal(bits, len(bits), true)
}

// Negative returns 1 where x < 0 as a signed number, 0 elsewhere.
func (s *Session) Negative(x Share) (Share, error) {
	if err := s.enter("comparison", x); err != nil {
		return Share{}, err
	}
	return s.share(s.number(s.sign(x.vec()), x.Len()))
}

// Less returns 1 where x < y, 0 elsewhere. |x - y| stays under 2^63.
func (s *Session) Less(x, y Share) (Share, error) {
	if err := s.enter("comparison", x, y); err != nil {
		return Share{}, err
	}
	return s.share(s.number(s.sign(sub(x.vec(), y.vec())), x.Len()))
}

// Equal returns 1 where x = y, 0 elsewhere.
func (s *Session) Equal(x, y Share) (Share, error) {
	if err := s.enter("equality", x, y); err != nil {
		return Share{}, err
	}
	return s.share(s.number(s.zero(sub(x.vec(), y.vec())), x.Len()))
}
