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
		return s.signOfTwo(x)
	})
}

// signOfThree returns the highest bit of the sum of three 64-bit numbers.
func (s *Session) signOfThree(c [Parties][]vec) vec {
	sum, up, made := s.twoOfThree(c)
	runs := make([]carry, len(made))
	for k := range runs {
		runs[k] = carry{made[k].z, s.xor(sum[k+1], up[k])}
	}
	runs[0].pass = vec{}
	return s.xor(s.xor(sum[63], up[62]), s.carryOut(runs))
}

// twoOfThree turns three 64-bit numbers into two, and ANDs those two in each
// place but the lowest and the highest.
func (s *Session) twoOfThree(c [Parties][]vec) (sum, up []vec, made []gate) {
	sum, up = s.saveCarries(c, 63)
	made = make([]gate, 62)
	for k := range made {
		made[k] = gate{x: sum[k+1], y: up[k]}
	}
	s.and(made)
	return sum, up, made
}

// saveCarries turns three numbers into two: their bitwise sum, and the carries
// out of the lowest n bits.
func (s *Session) saveCarries(c [Parties][]vec, n int) (sum, up []vec) {
	gates := make([]gate, n)
	for k := range gates {
		gates[k] = gate{x: s.xor(c[0][k], c[2][k]), y: s.xor(c[1][k], c[2][k])}
	}
	s.and(gates)
	for k := range c[0] {
		sum = append(sum, s.xor(s.xor(c[0][k], c[1][k]), c[2][k]))
	}
	for k, g := range gates {
		up = append(up, s.xor(g.z, c[2][k]))
	}
	return sum, up
}

// zero returns a plane that tells which values are 0.
func (s *Session) zero(x vec) vec {
	return s.inBlocks(x, func(x vec) vec {
		if s.security == WithAbort {
			return s.zeroOfThree(s.slices(x, 0, 64))
		}
		return s.zeroOfTwo(x)
	})
}

// zeroOfThree tells where the sum of three numbers is 0: a + b = 0 if and only
// if, in every place, their bits' sum is the lower places' bits' or.
func (s *Session) zeroOfThree(c [Parties][]vec) vec {
	sum, up, made := s.twoOfThree(c)
	differ := []vec{sum[0], s.xor(s.xor(sum[1], up[0]), sum[0])}
	for k := 2; k < 64; k++ {
		d := s.xor(s.xor(sum[k], up[k-1]), made[k-2].z)
		differ = append(differ, s.xor(d, s.xor(sum[k-1], up[k-2])))
	}
	for k, d := range differ {
		differ[k] = s.not(d)
	}
	return s.every(differ)
}

// inBlocks applies f to at most sliceValues values at a time.
func (s *Session) inBlocks(x vec, f func(vec) vec) vec {
	out := newVec(ring.Words(x.len()))
	for from := 0; from < x.len(); from += sliceValues {
		to := min(from+sliceValues, x.len())
		z := f(x.part(from, to))
		copy(out.a[from/64:], z.a)
		copy(out.b[from/64:], z.b)
		s.scratch.used = 0
	}
	return out
}

// scratch is memory for what a comparison needs while it runs: fresh memory for
// each would cost more than the arithmetic.
type scratch struct {
	words []uint64
	used  int
}

// temporary returns a vector of n words, of any contents, that lasts to the end
// of a block: longer in sessions with abort, which record their gates.
func (s *Session) temporary(n int) vec {
	return vec{s.temporaryWords(n), s.temporaryWords(n)}
}

func (s *Session) temporaryWords(n int) []uint64 {
	c := &s.scratch
	if s.security == WithAbort {
		return make([]uint64, n)
	}
	if len(c.words)-c.used < n {
		// What was handed out of the old memory stays with who has it.
		c.words, c.used = make([]uint64, max(2*len(c.words), 1<<16, n)), 0
	}
	c.used += n
	return c.words[c.used-n : c.used : c.used]
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

// Negative returns 1 where x < 0 as a signed number, 0 elsewhere.
func (s *Session) Negative(x Share) (Share, error) {
	if err := s.enter("comparison", x); err != nil {
		return Share{}, err
	}
	return s.share(s.negative(x.vec()))
}

// Less returns 1 where x < y, 0 elsewhere. |x - y| stays under 2^63.
func (s *Session) Less(x, y Share) (Share, error) {
	if err := s.enter("comparison", x, y); err != nil {
		return Share{}, err
	}
	return s.share(s.negative(sub(x.vec(), y.vec())))
}

// Equal returns 1 where x = y, 0 elsewhere.
func (s *Session) Equal(x, y Share) (Share, error) {
	if err := s.enter("equality", x, y); err != nil {
		return Share{}, err
	}
	return s.share(s.isZero(sub(x.vec(), y.vec())))
}
