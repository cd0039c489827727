package mpc

import "manx/privacy/mpc/ring"

// The lowest layers of a comparison cost no AND: party 1 knows the bits u of one
// summand, so it deals the products of every subset of three neighbours, and
// parties 0 and 2, who know the bits a of the other, make of them sums that are
// shared between the two of them: what three bits do to a carry is
//
//	make = u2·a2 + (u2+a2)·(u1·a1 + (u1+a1)·u0·a0)
//	pass = (u2+a2)(u1+a1)(u0+a0)
//
// and multiplied out each term is a product of u's, dealt, and one of a's, known.

// A third is three neighbouring bits of 63; the highest bit stands alone.
const (
	thirds  = 21
	subsets = 7 // of three bits, the empty one left out
)

// halvesOf returns a's planes, at parties 0 and 2, and a sharing of the products
// of u's, subset by subset, and of u's highest bit, for x = a + u, or for a = u
// if and only if x = 0. One round, 148 bits from the pivot.
func (s *Session) halvesOf(x vec, negated bool) (a []uint64, u vec) {
	w := ring.Words(x.len())
	bits := s.temporaryWords(64 * w)
	s.round()
	if s.party != pivot {
		ring.Slice(bits, s.common(x), 0, 64)
		return bits, s.deal(nil, (thirds*subsets+1)*w, true)
	}
	other := s.other(x, false)
	if negated {
		ring.Scale(other, other, ^uint64(0))
	}
	ring.Slice(bits, other, 0, 64)
	products := s.temporaryWords((thirds*subsets + 1) * w)
	plane := func(v []uint64, p int) []uint64 { return v[p*w : (p+1)*w] }
	for g := range thirds {
		for set := 1; set <= subsets; set++ {
			out := plane(products, g*subsets+set-1)
			switch lowest := set & -set; {
			case set == lowest:
				copy(out, plane(bits, 3*g+set/2)) // 1, 2 and 4 are bits 0, 1 and 2
			default:
				rest, one := plane(products, g*subsets+set-lowest-1), plane(products, g*subsets+lowest-1)
				for k := range out {
					out[k] = rest[k] & one[k]
				}
			}
		}
	}
	copy(plane(products, thirds*subsets), plane(bits, 63))
	return nil, s.deal(products, len(products), true)
}

// third is the planes of one third: a's bits, and a party's summands of u's
// products.
type third struct {
	a [3][]uint64
	u [subsets + 1][]uint64
}

func thirdOf(a, u []uint64, g, w int) (t third) {
	for i := range t.a {
		t.a[i] = a[(3*g+i)*w : (3*g+i+1)*w]
	}
	for set := 1; set <= subsets; set++ {
		p := g*subsets + set - 1
		t.u[set] = u[p*w : (p+1)*w]
	}
	return t
}

// makes sets out to a summand of the carries that are made.
func (t *third) makes(out []uint64) {
	for k := range out {
		a0, a1, a2 := t.a[0][k], t.a[1][k], t.a[2][k]
		low := t.u[3][k]&a0 ^ t.u[2][k]&a1 ^ t.u[1][k]&a1&a0
		high := t.u[7][k]&a0 ^ t.u[6][k]&a1 ^ t.u[5][k]&a1&a0
		out[k] = t.u[4][k]&a2 ^ high ^ low&a2
	}
}

// passes sets out to a summand of whether carries are passed on, or, with flip
// all ones, of whether the bits are the same. One of the two parties adds what
// is of a's alone.
func (t *third) passes(out []uint64, flip uint64, own bool) {
	var alone uint64
	if own {
		alone = ^uint64(0)
	}
	for k := range out {
		a0, a1, a2 := t.a[0][k]^flip, t.a[1][k]^flip, t.a[2][k]^flip
		out[k] = t.u[7][k] ^ t.u[6][k]&a0 ^ t.u[5][k]&a1 ^ t.u[3][k]&a2 ^
			t.u[4][k]&a1&a0 ^ t.u[2][k]&a2&a0 ^ t.u[1][k]&a2&a1 ^ alone&a2&a1&a0
	}
}

// signOfTwo returns the highest bit of the sum of two summands.
func (s *Session) signOfTwo(x vec) vec {
	w := ring.Words(x.len())
	a, u := s.halvesOf(x, false)
	const n = 2*thirds - 1 // nothing is passed on by the lowest third
	var known []uint64
	var top []uint64
	if s.party != pivot {
		known, top = s.temporaryWords(n*w), a[63*w:]
		part := s.other(u, true)
		for g := range thirds {
			t := thirdOf(a, part, g, w)
			t.makes(known[g*w : (g+1)*w])
			if g > 0 {
				t.passes(known[(thirds+g-1)*w:(thirds+g)*w], 0, s.party == 0)
			}
		}
	}
	s.round()
	all := planes(s.spread(known, n*w, true), w)
	runs := make([]carry, thirds)
	for g := range runs {
		runs[g].make = all[g]
		if g > 0 {
			runs[g].pass = all[thirds+g-1]
		}
	}
	sum := s.xor(u.part(thirds*subsets*w, u.len()), s.carryOut(runs))
	own := s.common(sum)
	for k := range own {
		own[k] ^= top[k]
	}
	return sum
}

// zeroOfTwo tells where x = 0: where a and -u have the same bits.
func (s *Session) zeroOfTwo(x vec) vec {
	w := ring.Words(x.len())
	a, u := s.halvesOf(x, true)
	var known []uint64
	if s.party != pivot {
		known = s.temporaryWords(thirds * w)
		part := s.other(u, true)
		for g := range thirds {
			t := thirdOf(a, part, g, w)
			t.passes(known[g*w:(g+1)*w], ^uint64(0), s.party == 0)
		}
	}
	s.round()
	same := planes(s.spread(known, thirds*w, true), w)
	last := s.not(u.part(thirds*subsets*w, u.len()))
	own := s.common(last)
	for k := range own {
		own[k] ^= a[63*w+k]
	}
	return s.every(append(same, last))
}
