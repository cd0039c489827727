package mpc

import (
	"crypto/sha256"
	"crypto/subtle"

	"manx/privacy/internal/kernel"
	"manx/privacy/mpc/ring"
)

// A proof is an argument that <u, v> = c, after Boneh et al. (CRYPTO 2019): the
// prover p knows both vectors, party p-1 knows u, party p+1 knows v, and these
// two have summands of c. The vectors are cut into groups and folded to one
// group at a random point t:
//
//	u(t) = Σ t^g·u_g,  v(t) = Σ t^(K-1-g)·v_g
//
// The coefficient of t^(K-1) of <u(t), v(t)> is the claim; the prover sends the
// others, as summands, to party p-1 (party p+1 draws its own), so that both then
// have summands of the claim about the folded vectors. Party p-1 tells the
// prover t once it has the coefficients; party p+1 draws the same t.
// At the end v is hidden behind a random element, which party p+1 reveals to
// party p-1, who compares. Nobody learns of the vectors.
//
// Every party runs three at once: as prover, as receiver of the next party's
// proof, and as witness of the previous party's.
type proof struct {
	f algebra
	// As prover both vectors, as receiver u, as witness v.
	proved                      [2][]uint64
	received, witness           []uint64
	receiverClaim, witnessClaim []uint64 // the summands of c
}

// An algebra is a ring in which proofs are made. Elements are size words.
type algebra interface {
	size() int
	dot(out, u, v []uint64)       // out += <u, v>
	addScaled(out, v, c []uint64) // out += c·v, elementwise
	lift(out []uint64, t uint64)
	sub(out, x []uint64)
}

// gf is GF(2^64).
type gf struct{}

func (gf) size() int                    { return 1 }
func (gf) dot(out, u, v []uint64)       { out[0] ^= kernel.GFDot(u, v) }
func (gf) addScaled(out, v, c []uint64) { kernel.GFMulAdd(out, v, c[0]) }
func (gf) lift(out []uint64, t uint64)  { out[0] = t }
func (gf) sub(out, x []uint64)          { xorInto(out, x) }

func xorInto(out, x []uint64) {
	for i := range out {
		out[i] ^= x[i]
	}
}

// galois is GR(2^64, 64).
type galois struct{}

func (galois) size() int                    { return ring.Degree }
func (galois) dot(out, u, v []uint64)       { ring.GaloisDot(out, u, v) }
func (galois) addScaled(out, v, c []uint64) { ring.GaloisScale(out, v, c) }
func (galois) lift(out []uint64, t uint64)  { ring.Lift(out, t) }
func (galois) sub(out, x []uint64)          { ring.Sub(out, out, x) }

// fold is how many groups a round of a proof makes of a vector.
const fold = 8

// challenges are what a party knows of the three proofs' random choices.
type challenges struct {
	s        *Session
	heard    []uint64 // as prover, from the receiver
	expected []uint64 // as witness: what the prover should have heard
}

// next returns n random words in each role: as prover, receiver and witness.
// Parties p-1 and p+1 share the stream of the component that p has no part of.
func (c *challenges) next(n int) (prover, receiver, witness []uint64) {
	s := c.s
	s.round()
	receiver, witness = s.judge.draw(n), s.judged.draw(n)
	for _, words := range [][]uint64{receiver, witness} {
		for i, w := range words {
			if w == 0 {
				words[i] = 1 // a point to evaluate at is not 0
			}
		}
	}
	s.next.send(receiver)
	prover = make([]uint64, n)
	s.previous.receive(prover)
	c.heard = append(c.heard, prover...)
	c.expected = append(c.expected, witness...)
	return prover, receiver, witness
}

// agree makes sure, as witness, that the prover heard what this party drew:
// a receiver that told other points would learn more than it should.
func (c *challenges) agree() {
	s := c.s
	s.round()
	digest := func(words []uint64) []uint64 {
		d := sha256.Sum256(bytesOf(words))
		out := make([]uint64, 4)
		copy(bytesOf(out), d[:])
		return out
	}
	s.next.send(digest(c.heard))
	got := make([]uint64, 4)
	s.previous.receive(got)
	if s.failed() == nil && subtle.ConstantTimeCompare(bytesOf(got), bytesOf(digest(c.expected))) != 1 {
		s.cheated()
	}
}

func (s *Session) cheated() {
	s.fail(&PeerError{Party: s.next.peer, Other: s.previous.peer, Step: "the checks before " + s.step, Err: ErrCheat})
}

// run does the rounds of folding and the comparison.
func (p *proof) run(c *challenges) {
	for len(p.received)/p.f.size() > fold {
		p.pad(fold)
		p.reduce(c, fold, false)
		if c.s.failed() != nil {
			return
		}
	}
	p.reduce(c, len(p.received)/p.f.size(), true)
	c.agree()
	if c.s.failed() != nil {
		return
	}
	// The witness reveals v(t) and its summand; the receiver compares.
	s, size := c.s, p.f.size()
	s.round()
	s.next.send(append(append([]uint64{}, p.witness...), p.witnessClaim...))
	got := make([]uint64, 2*size)
	s.previous.receive(got)
	if s.failed() != nil {
		return
	}
	claim := make([]uint64, size)
	p.f.dot(claim, p.received, got[:size])
	p.f.sub(claim, p.receiverClaim)
	p.f.sub(claim, got[size:])
	if !equal(claim, make([]uint64, size)) {
		s.cheated()
	}
}

// pad makes the number of elements a multiple of groups.
func (p *proof) pad(groups int) {
	unit := groups * p.f.size()
	for _, v := range []*[]uint64{&p.proved[0], &p.proved[1], &p.received, &p.witness} {
		if over := len(*v) % unit; over != 0 {
			*v = append(*v, make([]uint64, unit-over)...)
		}
	}
}

// reduce folds `groups` groups into one. In the last round, v gets a random
// element at t^groups, which leaves the claim's coefficient alone.
func (p *proof) reduce(c *challenges, groups int, last bool) {
	s, size := c.s, p.f.size()
	part := func(v []uint64, g int) []uint64 {
		n := len(v) / groups
		return v[g*n : (g+1)*n]
	}
	count := 2*groups - 1
	var hidden, hiding []uint64 // v's random element, as prover and as witness
	if last {
		count = 2 * groups
		hidden, hiding = s.ours.draw(size), s.mine.draw(size)
	}
	coefficients := make([]uint64, count*size)
	at := func(v []uint64, k int) []uint64 { return v[k*size : (k+1)*size] }
	for g := range groups {
		for h := range groups {
			if g != h {
				p.f.dot(at(coefficients, groups-1+g-h), part(p.proved[0], g), part(p.proved[1], h))
			}
		}
		if last {
			p.f.dot(at(coefficients, groups+g), part(p.proved[0], g), hidden)
		}
	}
	theirs, ours := p.summands(s, coefficients, groups-1)
	tProver, tReceiver, tWitness := c.next(1)
	proverPowers, receiverPowers, witnessPowers := p.powers(tProver[0], count), p.powers(tReceiver[0], count), p.powers(tWitness[0], count)
	p.receiverClaim = p.evaluate(theirs, p.receiverClaim, receiverPowers, groups-1)
	p.witnessClaim = p.evaluate(ours, p.witnessClaim, witnessPowers, groups-1)

	foldU := func(v, powers []uint64) []uint64 {
		out := make([]uint64, len(v)/groups)
		for g := range groups {
			p.f.addScaled(out, part(v, g), at(powers, g))
		}
		return out
	}
	foldV := func(v, powers, random []uint64) []uint64 {
		out := make([]uint64, len(v)/groups)
		for g := range groups {
			p.f.addScaled(out, part(v, g), at(powers, groups-1-g))
		}
		if last {
			p.f.addScaled(out, random, at(powers, groups))
		}
		return out
	}
	p.proved[0], p.proved[1] = foldU(p.proved[0], proverPowers), foldV(p.proved[1], proverPowers, hidden)
	p.received = foldU(p.received, receiverPowers)
	p.witness = foldV(p.witness, witnessPowers, hiding)
}

// summands sends all coefficients but the claim's to the receiver, less what the
// witness draws, and returns what this party has as receiver and as witness.
func (p *proof) summands(s *Session, coefficients []uint64, claim int) (receiver, witness []uint64) {
	size := p.f.size()
	n := len(coefficients) - size
	sent := append(append(make([]uint64, 0, n), coefficients[:claim*size]...), coefficients[(claim+1)*size:]...)
	p.f.sub(sent, s.ours.draw(n))
	s.round()
	s.previous.send(sent)
	receiver, witness = make([]uint64, n), s.mine.draw(n)
	s.next.receive(receiver)
	return receiver, witness
}

// evaluate returns the summand of the polynomial at t: of the coefficients but
// the claim's, and the summand of the claim.
func (p *proof) evaluate(coefficients, claim, powers []uint64, place int) []uint64 {
	size := p.f.size()
	out := make([]uint64, size)
	p.f.addScaled(out, claim, powers[place*size:(place+1)*size])
	for k := 0; k*size < len(coefficients); k++ {
		power := k
		if k >= place {
			power++
		}
		p.f.addScaled(out, coefficients[k*size:(k+1)*size], powers[power*size:(power+1)*size])
	}
	return out
}

// powers returns t^0 to t^(n-1).
func (p *proof) powers(t uint64, n int) []uint64 {
	size := p.f.size()
	out := make([]uint64, n*size)
	p.f.lift(out, 1)
	point := make([]uint64, size)
	p.f.lift(point, t)
	for k := 1; k < n; k++ {
		p.f.addScaled(out[k*size:(k+1)*size], out[(k-1)*size:k*size], point)
	}
	return out
}
