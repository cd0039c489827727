package mpc

import (
	"fmt"
	"time"

	"manx/privacy/mpc/ring"
)

// How long a message takes there and back decides, in semi-honest sessions, how
// signs are computed: from bits, in nine rounds and few bytes, or by keys, in two
// rounds and many. Party 0 measures when the session opens and tells the others,
// so that all three decide alike, in whole numbers.

// A way is how signs are computed.
type way int

const (
	byCost way = iota
	fromBits
	withKeys
)

const (
	// A ping that took long is repeated, as the machine may have been busy: once,
	// and again while all of them took no more than that together.
	pings   = 6
	pinging = 20 * time.Millisecond
	// Nearer peers compute from bits, whatever the batch: keys would save less
	// than a millisecond or two and cost a busy processor more.
	near = 2 * time.Millisecond
	far  = time.Minute // farther ones are not believed
	told = 1 << 63     // marks party 0's word that ends the pings
	// keyedMost is for how many values at most keys are dealt: 100 MB of messages.
	keyedMost = 1 << 14
)

// Rounds of a sign from bits, but for the first, which is the pivot's to deal and
// waits for nobody, and by keys; and what either costs a value beside
// them: from bits 0.4 µs; by keys dealing and each evaluation, and the
// time of its keys' words on a link of a gigabit a second (docs/benchmarks.md).
// What a link does carry is not measured.
const (
	bitsRounds, keysRounds = 8, 2
	bitsEach               = 400 * time.Nanosecond
	dealEach               = 4 * time.Microsecond
	evalEach               = time.Microsecond
	wordEach               = 64 * time.Nanosecond
)

// measure finds the round trip to the farther peer from party 0.
func (s *Session) measure() {
	s.step = "round trip"
	if s.party == 0 {
		s.ping()
	} else {
		s.answer()
	}
}

func (s *Session) ping() {
	var all time.Duration
	for k := 0; k < pings && (k == 0 || s.stats.RoundTrip >= near && (k == 1 || all <= pinging)); k++ {
		began := time.Now()
		for _, c := range []*channel{s.next, s.previous} {
			c.send([]uint64{0})
		}
		s.round()
		s.round()
		for _, c := range []*channel{s.next, s.previous} {
			var word [1]uint64
			if c.receive(word[:]); word[0] != 0 {
				s.fail(c.blame(s.step, fmt.Errorf("%w: no answer to a ping", ErrMalformed)))
				return
			}
		}
		took := max(1, min(time.Since(began), far))
		if all += took; k == 0 || took < s.stats.RoundTrip {
			s.stats.RoundTrip = took
		}
	}
	s.round()
	for _, c := range []*channel{s.next, s.previous} {
		c.send([]uint64{told | uint64(s.stats.RoundTrip)})
	}
}

func (s *Session) answer() {
	first := s.previous // party 0
	if s.party == 2 {
		first = s.next
	}
	for k := 0; s.failed() == nil; k++ {
		var word [1]uint64
		s.round()
		first.receive(word[:])
		took := time.Duration(word[0] &^ told)
		switch {
		case word[0] == 0 && k < pings:
			s.round()
			first.send([]uint64{0})
		case word[0]&told != 0 && k > 0 && took > 0 && took <= far:
			s.stats.RoundTrip = took
			return
		default:
			s.fail(first.blame(s.step, fmt.Errorf("%w: neither a ping nor a round trip", ErrMalformed)))
		}
	}
}

// useKeys reports whether a function of n values is computed by keys, and counts
// how often it is computed.
func (s *Session) useKeys(n int, k keyed) bool {
	yes := false
	switch {
	case s.security != SemiHonest || n == 0:
	case s.way == byCost:
		times := time.Duration(len(k.plus))
		each := dealEach + times*evalEach + time.Duration(2*k.shape(1).Words())*wordEach - times*bitsEach
		saved := (bitsRounds - keysRounds) * s.stats.RoundTrip / 2
		yes = n <= keyedMost && s.stats.RoundTrip >= near && time.Duration(n)*each < saved
	default:
		yes = s.way == withKeys
	}
	if yes {
		s.stats.ByKeys += uint64(n * len(k.plus))
	} else {
		s.stats.FromBits += uint64(n * len(k.plus))
	}
	return yes
}

// negative returns 1 where x < 0, 0 elsewhere.
func (s *Session) negative(x vec) vec {
	if k := keyedSign([]uint64{0}); s.useKeys(x.len(), k) {
		return s.byKeys(x, k)
	}
	return s.number(s.sign(x), x.len())
}

// notNegative returns 1 where x >= 0, 0 elsewhere.
func (s *Session) notNegative(x vec) vec { return s.flip(s.negative(x)) }

// negatives is negative of x plus the first constant, then of x plus the next.
func (s *Session) negatives(x vec, plus []uint64) vec {
	if k := keyedSign(plus); s.useKeys(x.len(), k) {
		return s.byKeys(x, k)
	}
	all := make([]vec, len(plus))
	for i, c := range plus {
		all[i] = s.addConstant(x, c)
	}
	return s.number(s.sign(concat(all...)), x.len()*len(plus))
}

// notNegatives is notNegative of x plus the first constant, then of x plus the next.
func (s *Session) notNegatives(x vec, plus []uint64) vec {
	return s.flip(s.negatives(x, plus))
}

// flip makes a bit b 1-b, in place.
func (s *Session) flip(b vec) vec {
	ring.Scale(b.a, b.a, ^uint64(0))
	ring.Scale(b.b, b.b, ^uint64(0))
	own := s.component(b, 0)
	for i := range own {
		own[i]++
	}
	return b
}

// isZero returns 1 where x = 0, 0 elsewhere.
func (s *Session) isZero(x vec) vec {
	if k := keyedZero(); s.useKeys(x.len(), k) {
		return s.byKeys(x, k)
	}
	return s.number(s.zero(x), x.len())
}
