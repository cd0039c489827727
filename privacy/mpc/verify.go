package mpc

import (
	"manx/privacy/internal/kernel"
	"manx/privacy/mpc/ring"
)

// Sessions with abort check every product and every AND before a result leaves.
// Of what party p sent for z = x·y this must hold, with its masks F:
//
//	z_p - F_p + F_(p+1) - x_p·y_p = x_p·y_(p+1) + y_p·x_(p+1)
//
// On the left, party p-1 knows all but F_(p+1), which party p+1 knows; on the
// right party p-1 knows the first factors, party p+1 the second ones. Equations
// are added up with random weights, drawn after the messages, and the sum of
// products is proved (proof.go). ANDs are checked in GF(2^64), 64 to a word at
// weights x^0 to x^63; products in GR(2^64, 64), matrices after multiplication
// with a random vector from either side (Freivalds). A wrong message passes with
// probability under 2^-55: weights 2^-62, then the points of at most 9 foldings.

// groups is how many groups the first folding makes of what was recorded.
const groups = 64

// Limits of what is recorded before it is checked: memory, not soundness.
const (
	wordsMax = 1 << 20
	termsMax = 1 << 20
)

// verify checks what was recorded, and returns when all three parties are
// content, or the session has failed.
func (s *Session) verify() {
	if s.security != WithAbort || s.failed() != nil {
		return
	}
	s.check()
	defer s.enterPhase(&s.stats.Checks)()
	s.round()
	content := []uint64{^uint64(0)}
	s.next.send(content)
	s.previous.send(content)
	for _, ch := range []*channel{s.next, s.previous} {
		got := []uint64{0}
		ch.receive(got)
		if s.failed() == nil && got[0] != content[0] {
			s.fail(ch.blame(s.step, ErrMalformed))
		}
	}
}

func (s *Session) enterPhase(p *Phase) func() {
	before := s.phase
	s.phase = p
	return func() { s.phase = before }
}

// check proves all that was recorded and forgets it.
func (s *Session) check() {
	defer s.enterPhase(&s.stats.Checks)()
	r := s.records
	s.records = records{}
	s.ready()
	if len(r.gates) > 0 && s.failed() == nil {
		s.checkGates(r.gates, r.words)
	}
	if len(r.products) > 0 && s.failed() == nil {
		s.checkProducts(r.products)
	}
}

// ready tells the next party that this one, witness of the party before it, has
// all that is to be checked: before the receiver, which the next one is, may
// tell a prover what it is asked.
func (s *Session) ready() {
	s.round()
	const yes = 1
	s.next.send([]uint64{yes})
	got := []uint64{0}
	s.previous.receive(got)
	if s.failed() == nil && got[0] != yes {
		s.fail(s.previous.blame(s.step, ErrMalformed))
	}
}

// weights are the random factors of one role's sum.
type weights struct {
	each []uint64 // of a place in its group
	of   []uint64 // of a group
}

func drawWeights(seed []uint64, n int) weights {
	var key [32]byte
	copy(key[:], bytesOf(seed))
	st := newStream(key, "weights")
	return weights{st.draw(n), st.draw(groups)}
}

// begun is a proof before its first folding, in three roles.
type begun struct {
	prover, receiver, witness weights
}

func (c *challenges) begin(n int) begun {
	p, r, w := c.next(4)
	return begun{drawWeights(p, n), drawWeights(r, n), drawWeights(w, n)}
}

// checkGates checks ANDs: group g has words [g·m, (g+1)·m).
func (s *Session) checkGates(gates []gateRecord, words int) {
	m := (words + groups - 1) / groups
	x, y := newVec(m*groups), newVec(m*groups)
	lhs, mask := make([]uint64, m*groups), make([]uint64, m*groups)
	at := 0
	for _, g := range gates {
		copy(x.a[at:], g.x.a)
		copy(x.b[at:], g.x.b)
		copy(y.a[at:], g.y.a)
		copy(y.b[at:], g.y.b)
		copy(mask[at:], g.mask)
		for k, v := range g.lhs {
			lhs[at+k] = v ^ g.x.b[k]&g.y.b[k]
		}
		at += g.x.len()
	}
	c := &challenges{s: s}
	b := c.begin(m)
	part := func(v []uint64, g int) []uint64 { return v[g*m : (g+1)*m] }
	sum := func(w weights, v []uint64) []uint64 {
		var out uint64
		for g := range groups {
			out ^= kernel.GFMul(w.of[g], kernel.GFDot(w.each, part(v, g)))
		}
		return []uint64{out}
	}
	coefficients := make([]uint64, 2*groups-1)
	for k, q := range cross(b.prover.each, x, y, m) {
		g, h := k/groups, k%groups
		coefficients[groups-1+g-h] ^= kernel.GFMul(b.prover.of[g], kernel.GFReduce(q))
	}
	p := &proof{f: gf{}, receiverClaim: sum(b.receiver, lhs), witnessClaim: sum(b.witness, mask)}
	points := p.first(c, coefficients)
	u := func(t uint64, w weights, x, y []uint64) []uint64 {
		return foldBits(bitMap(t, w.of, false), m, w.each, x, y)
	}
	v := func(t uint64, x, y []uint64) []uint64 { return foldBits(bitMap(t, nil, true), m, nil, x, y) }
	p.proved = [2][]uint64{u(points[0], b.prover, x.a, y.a), v(points[0], y.b, x.b)}
	p.received = u(points[1], b.receiver, x.b, y.b)
	p.witness = v(points[2], y.a, x.a)
	p.run(c)
}

// first sends the coefficients of the first folding and moves both claims to
// the points, which it returns: as prover, receiver and witness.
func (p *proof) first(c *challenges, coefficients []uint64) [3]uint64 {
	theirs, ours := p.summands(c.s, coefficients, groups-1)
	prover, receiver, witness := c.next(1)
	p.receiverClaim = p.evaluate(theirs, p.receiverClaim, p.powers(receiver[0], 2*groups-1), groups-1)
	p.witnessClaim = p.evaluate(ours, p.witnessClaim, p.powers(witness[0], 2*groups-1), groups-1)
	return [3]uint64{prover[0], receiver[0], witness[0]}
}

// cross returns, for all pairs of groups g and h, at g·groups+h, the weighted
// sums of x_g·y_h' + y_g·x_h', the second factors of component i+1.
func cross(each []uint64, x, y vec, m int) [][2]uint64 {
	const block = 64 // places at a time: the blocks of all groups fit the cache
	acc := make([][2]uint64, groups*groups)
	for from := 0; from < m; from += block {
		to := min(from+block, m)
		for g := range groups {
			xa, ya := x.a[g*m+from:g*m+to], y.a[g*m+from:g*m+to]
			for h := range groups {
				kernel.GFCross(&acc[g*groups+h], each[from:to], xa, y.b[h*m+from:h*m+to], ya, x.b[h*m+from:h*m+to])
			}
		}
	}
	return acc
}

// bitMap is the folding of one bit of each group at t: bit g goes to t^g times
// the group's weight, or with backwards to t^(groups-1-g).
func bitMap(t uint64, of []uint64, backwards bool) *kernel.GFMap {
	var images [groups]uint64
	power := uint64(1)
	for g := range groups {
		if backwards {
			images[groups-1-g] = power
		} else {
			images[g] = kernel.GFMul(power, of[g])
		}
		power = kernel.GFMul(power, t)
	}
	return kernel.NewGFMap(&images)
}

// foldBits folds the groups of x, then those of y: an element for each bit of a
// group, times the place's weight if there are any.
func foldBits(f *kernel.GFMap, m int, each []uint64, parts ...[]uint64) []uint64 {
	out := make([]uint64, 0, len(parts)*m*64)
	var block, scale [64]uint64
	for _, v := range parts {
		for k := range m {
			for g := range groups {
				block[g] = v[g*m+k]
			}
			ring.Transpose(&block)
			for b, bits := range block {
				block[b] = f.Of(bits)
			}
			if each != nil {
				w := each[k]
				for b := range scale {
					scale[b] = w
					w = kernel.GFTimesX(w)
				}
				kernel.GFMulEach(block[:], scale[:])
			}
			out = append(out, block[:]...)
		}
	}
	return out
}
