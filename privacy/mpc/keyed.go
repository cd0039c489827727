package mpc

import (
	"fmt"

	"manx/privacy/mpc/dcf"
	"manx/privacy/mpc/ring"
)

// Signs in two rounds, by function secret sharing (Boyle et al., ePrint
// 2020/1392, section 4). A value x is masked by r = r1 + r2, of which the pivot
// and party 0 draw r1, the pivot and party 2 r2. Parties 0 and 2 tell each other
// what they alone have of m = x + r, masked: component 1 with r1, component 2
// with r2. Meanwhile the pivot deals the two keys of step functions that depend
// on r alone, so that what they do at m tells of x; parties 0 and 2 evaluate
// their summands of it, and spread them.
//
// The pivot receives nothing at all. Parties 0 and 2 see m, of whose mask each
// lacks a summand, keys that hide where their steps are, and masked summands.

// A keyed function of a value: a step over so many bits, of so many values; what
// it is for a mask, which the pivot sets; and a party's summand of the function,
// from the masked value, its summand of the mask, 1 at one of the two parties, and
// its summands of the step's values at the masked value. It is computed of the
// value plus each of some constants, for all of which one mask and one step's keys
// will do.
type keyed struct {
	plus         []uint64
	bits, values int
	set          func(r uint64, below, here, above []uint64)
	summand      func(m, r, one uint64, q []uint64) uint64
}

// keyedSign tells whether x < 0: m's highest bit, r's, and the borrow of the bits
// below, which is whether m's are less than r's. Step: r's highest bit and the borrow.
func keyedSign(plus []uint64) keyed {
	return keyed{
		plus, 63, 1,
		func(r uint64, below, here, above []uint64) {
			below[0], here[0], above[0] = 1-r>>63, r>>63, r>>63
		},
		func(m, _, one uint64, q []uint64) uint64 { return flipped(q[0], m>>63, one) },
	}
}

// keyedReLU is x where x >= 0, 0 elsewhere: m·b - r·b for b = 1 where x >= 0.
// Step: b but for m's highest bit, and r times that.
func keyedReLU() keyed {
	return keyed{
		[]uint64{0}, 63, 2,
		func(r uint64, below, here, above []uint64) {
			below[0], here[0], above[0] = r>>63, 1-r>>63, 1-r>>63
			below[1], here[1], above[1] = r*below[0], r*here[0], r*above[0]
		},
		func(m, r, one uint64, q []uint64) uint64 {
			top := m >> 63
			return m*flipped(q[0], top, one) - r*top - (1-2*top)*q[1]
		},
	}
}

// keyedZero tells whether x = 0, which is whether m = r.
func keyedZero() keyed {
	return keyed{
		[]uint64{0}, 64, 1,
		func(_ uint64, _, here, _ []uint64) { here[0] = 1 },
		func(_, _, _ uint64, q []uint64) uint64 { return q[0] },
	}
}

// flipped returns a summand of the bit q, or of 1-q where top is 1.
func flipped(q, top, one uint64) uint64 { return one*top + (1-2*top)*q }

func (k keyed) shape(n int) dcf.Shape { return dcf.Shape{Steps: n, Bits: k.bits, Values: k.values} }

// within returns the bits of v that a step is over.
func (k keyed) within(v uint64) uint64 { return v << (64 - k.bits) >> (64 - k.bits) }

// byKeys computes a keyed function of every value plus the first constant, then of
// every value plus the next.
func (s *Session) byKeys(x vec, k keyed) vec {
	var known []uint64
	if s.party == pivot {
		s.dealSteps(x.len(), k)
	} else {
		known = s.evalSteps(x, k)
	}
	s.round()
	return s.spread(known, x.len()*len(k.plus), false)
}

// dealSteps draws masks of n values and deals the keys of their steps. No message
// of the others' is waited for, only that they read: they do, as each first sends
// what the other needs before keys.
func (s *Session) dealSteps(n int, k keyed) {
	s.round()
	r := s.mine.draw(n)
	ring.Add(r, r, s.ours.draw(n))
	defer s.preprocessing()()
	for from := 0; from < n && s.failed() == nil; from += dcf.Most {
		masks := r[from:min(from+dcf.Most, n)]
		at := make([]uint64, len(masks))
		var values [3][]uint64 // below, at and above the step
		for i := range values {
			values[i] = make([]uint64, len(masks)*k.values)
		}
		for i, v := range masks {
			at[i] = k.within(v)
			k.set(v, values[0][i*k.values:], values[1][i*k.values:], values[2][i*k.values:])
		}
		keys, err := dcf.Deal(k.shape(len(masks)), at, values[0], values[1], values[2])
		if err != nil {
			s.fail(fmt.Errorf("mpc: keys: %w", err))
			return
		}
		for side, c := range []*channel{s.previous, s.next} {
			c.send(keys[side].Words())
			c.room()
		}
	}
}

// evalSteps opens the masked values between parties 0 and 2, and returns this
// one's summands of the function.
func (s *Session) evalSteps(x vec, k keyed) []uint64 {
	n := x.len()
	s.round()
	side, mask, peer, dealer := 0, s.ours, s.previous, s.next
	if s.party == 2 {
		side, mask, peer, dealer = 1, s.mine, s.next, s.previous
	}
	masks := mask.draw(n)
	m := make([]uint64, n)
	ring.Add(m, s.other(x, false), masks)
	peer.send(m)
	ring.Add(m, m, s.common(x))
	peer.combine(m, false)
	defer s.preprocessing()()
	out := make([]uint64, n*len(k.plus))
	words := make([]uint64, k.shape(min(n, dcf.Most)).Words())
	points := make([]uint64, min(n, dcf.Most))
	for from := 0; from < n; from += dcf.Most {
		to := min(from+dcf.Most, n)
		shape := k.shape(to - from)
		dealer.receive(words[:shape.Words()])
		if s.failed() != nil {
			return out
		}
		keys, err := dcf.Read(shape, side, words[:shape.Words()])
		if err != nil {
			s.fail(dealer.blame(s.step, fmt.Errorf("%w: %w", ErrMalformed, err)))
			return out
		}
		for c, plus := range k.plus {
			for i, v := range m[from:to] {
				points[i] = k.within(v + plus)
			}
			q, err := keys.Eval(points[:to-from])
			if err != nil {
				s.fail(fmt.Errorf("mpc: keys: %w", err))
				return out
			}
			for i := from; i < to; i++ {
				out[c*n+i] = k.summand(m[i]+plus, masks[i], uint64(side), q[(i-from)*k.values:])
			}
		}
	}
	return out
}

// preprocessing counts what follows as such, until what it returns is called: it
// depends on no value. Keys are one round, beside that in which masked values are
// opened.
func (s *Session) preprocessing() func() {
	before := s.phase
	s.phase = &s.stats.Preprocessing
	s.round()
	return func() { s.phase = before }
}
