package mpc

import (
	"fmt"

	"manx/privacy/mpc/circuit"
	"manx/privacy/mpc/ring"
)

// blockRows is how many rows a program runs on at a time: few enough that what
// it holds stays in the caches, enough that rounds and calls are shared.
const blockRows = 2048

// Evaluate runs a program on rows of whole numbers and returns its outputs as
// whole numbers. Number j of row i is x[j·rows+i], and so with outputs; what the
// program takes as Bits was dealt by DealBits. Of a
// number only as many low bits count as the program reads. It sends a bit a party and AND and row,
// and takes the program's rounds with five more.
func (s *Session) Evaluate(p *circuit.Program, x Share, rows int) (Share, error) {
	if rows < 0 || x.Len() != len(p.Inputs)*rows {
		return Share{}, fmt.Errorf("mpc: a program of %d inputs over %d rows takes other than %d values", len(p.Inputs), rows, x.Len())
	}
	if err := s.enter("program", x); err != nil {
		return Share{}, err
	}
	out := newVec(len(p.Outputs) * rows)
	e := evaluation{s: s, p: p}
	for from := 0; from < rows && s.failed() == nil; from += blockRows {
		to := min(from+blockRows, rows)
		z := e.block(x.vec(), rows, from, to)
		for o := range p.Outputs {
			copy(out.a[o*rows+from:o*rows+to], z.a[o*(to-from):])
			copy(out.b[o*rows+from:o*rows+to], z.b[o*(to-from):])
		}
	}
	return s.share(out)
}

// An evaluation is a program at work on one block after the other.
type evaluation struct {
	s     *Session
	p     *circuit.Program
	w     int      // words of a plane
	n     int      // rows of this block
	slots []uint64 // of slot i, both components: from 2·w·i
	sent  []uint64 // of a round, component i of all its ANDs
	got   []uint64 // component i+1
}

// slot returns a plane of the program's.
func (e *evaluation) slot(i int32) vec {
	at := 2 * e.w * int(i)
	return vec{e.slots[at : at+e.w], e.slots[at+e.w : at+2*e.w]}
}

func (e *evaluation) block(x vec, rows, from, to int) vec {
	n := to - from
	if w := ring.Words(n); w != e.w || e.slots == nil {
		e.w, e.slots = w, make([]uint64, 2*w*e.p.Slots)
	}
	in := newVec(len(e.p.Inputs) * n)
	for j := range e.p.Inputs {
		copy(in.a[j*n:(j+1)*n], x.a[j*rows+from:])
		copy(in.b[j*n:(j+1)*n], x.b[j*rows+from:])
	}
	e.n = n
	e.load(in, n)
	for _, r := range e.p.Rounds {
		switch {
		case len(r.Ands) == 0:
		case n <= narrowRows:
			e.andNarrow(r.Ands)
		case e.s.security == WithAbort:
			e.andRecorded(r.Ands)
		default:
			e.and(r.Ands)
		}
		for _, g := range r.Xors {
			e.xor(g)
		}
	}
	return e.read(n)
}

// load puts two summands of every number into its slots, and bits into theirs.
func (e *evaluation) load(x vec, n int) {
	s, w := e.s, e.w
	total := 0
	for j, in := range e.p.Inputs {
		if in[1] != nil {
			total += len(in[0])
			continue
		}
		bits := newVec(len(in[0]) * w) // dealt as bits: components are sliced as they are
		ring.Slice(bits.a, x.a[j*n:(j+1)*n], 0, len(in[0]))
		ring.Slice(bits.b, x.b[j*n:(j+1)*n], 0, len(in[0]))
		for k, slot := range in[0] {
			put(e, slot, bits.part(k*w, (k+1)*w))
		}
	}
	first, second := e.summands(x, n, total)
	at := 0
	for _, in := range e.p.Inputs {
		if in[1] == nil {
			continue
		}
		for k := range in[0] {
			put(e, in[0][k], first[at])
			if s.security == WithAbort && k == 0 {
				put(e, in[1][k], newVec(w)) // carries come from the bit below
			} else {
				put(e, in[1][k], second[at])
			}
			at++
		}
	}
}

// summands returns the planes of two summands of all numbers. In sessions with
// abort the second are carries, each beside the bit above the one it left.
func (e *evaluation) summands(x vec, n, total int) (first, second []vec) {
	s, w := e.s, e.w
	slice := func(component []uint64) []uint64 {
		bits, at := make([]uint64, total*w), 0
		for j, in := range e.p.Inputs {
			if in[1] == nil {
				continue
			}
			if component != nil {
				ring.Slice(bits[at:], component[j*n:(j+1)*n], 0, len(in[0]))
			}
			at += len(in[0]) * w
		}
		return bits
	}
	switch {
	case total == 0:
		return nil, nil
	case s.security == WithAbort:
		var c [Parties][]vec
		for j := range c {
			c[j] = planes(s.place(j, slice(s.component(x, j))), w)
		}
		sum, up := s.saveCarries(c, total)
		return sum, append([]vec{newVec(w)}, up...)
	}
	known := s.common(x)
	if s.party == pivot {
		known = s.other(x, false)
	}
	bits := slice(known)
	s.round()
	return planes(s.place(0, bits), w), planes(s.deal(bits, len(bits), true), w)
}

// put copies a plane into a slot, if it has one.
func put(e *evaluation, slot int32, plane vec) {
	if slot >= 0 {
		to := e.slot(slot)
		copy(to.a, plane.a)
		copy(to.b, plane.b)
	}
}

// andRecorded computes the ANDs of a round with copies of what they read, which
// the session checks later.
func (e *evaluation) andRecorded(gates []circuit.And) {
	words := len(gates) * e.w
	x, y := newVec(words), newVec(words)
	for i, g := range gates {
		from, to := i*e.w, (i+1)*e.w
		px, py := e.slot(g.X), e.slot(g.Y)
		copy(x.a[from:to], px.a)
		copy(x.b[from:to], px.b)
		copy(y.a[from:to], py.a)
		copy(y.b[from:to], py.b)
	}
	one := []gate{{x: x, y: y}}
	e.s.and(one)
	for i, g := range gates {
		put(e, g.Z, one[0].z.part(i*e.w, (i+1)*e.w))
	}
}

// and computes the ANDs of a round as Session.and does, from the slots.
func (e *evaluation) and(gates []circuit.And) {
	s, w, words := e.s, e.w, len(gates)*e.w
	if len(e.sent) < words {
		e.sent, e.got = make([]uint64, words), make([]uint64, words)
	}
	s.round()
	sent, got := e.sent[:words], e.got[:words]
	at := 0 // words that are hidden and on their way
	for i, g := range gates {
		andPart(sent[i*w:(i+1)*w], e.slot(g.X), e.slot(g.Y))
		if done := (i + 1) * w; done-at >= blockWords || i+1 == len(gates) {
			s.mine.xor(sent[at:done])
			s.ours.xor(sent[at:done])
			s.previous.put(sent[at:done])
			at = done
		}
	}
	s.previous.flush()
	s.next.receive(got)
	for i, g := range gates {
		put(e, g.Z, vec{sent[i*w : (i+1)*w], got[i*w : (i+1)*w]})
	}
}

// lane is how many words of both components xor works on at a time.
const lane = 8

// xor combines planes. The result's slot may be one of theirs: it is written
// when all have been read.
func (e *evaluation) xor(g circuit.Xor) {
	stride := 2 * e.w
	k := 0
	for ; k+lane <= stride; k += lane {
		var v [lane]uint64
		for _, x := range g.X {
			p := (*[lane]uint64)(e.slots[int(x)*stride+k:])
			v[0] ^= p[0]
			v[1] ^= p[1]
			v[2] ^= p[2]
			v[3] ^= p[3]
			v[4] ^= p[4]
			v[5] ^= p[5]
			v[6] ^= p[6]
			v[7] ^= p[7]
		}
		copy(e.slots[int(g.Z)*stride+k:], v[:])
	}
	for ; k < stride; k += 2 {
		var v, u uint64
		for _, x := range g.X {
			p := e.slots[int(x)*stride+k:][:2]
			v ^= p[0]
			u ^= p[1]
		}
		z := e.slots[int(g.Z)*stride+k:][:2]
		z[0], z[1] = v, u
	}
}

// read turns the bits of the outputs into numbers, n of each output.
func (e *evaluation) read(n int) vec {
	s := e.s
	total := 0
	for _, o := range e.p.Outputs {
		total += len(o)
	}
	bits, at := newVec(ring.Words(total*n)), 0
	own := s.component(bits, 0)
	for _, number := range e.p.Outputs {
		for _, l := range number {
			if l.Slot >= 0 {
				plane := e.slot(l.Slot)
				append64(bits.a, plane.a, at, n)
				append64(bits.b, plane.b, at, n)
			}
			if l.Not && own != nil {
				for i := at; i < at+n; i++ {
					own[i/64] ^= 1 << (i % 64)
				}
			}
			at += n
		}
	}
	v := s.number(bits, total*n)
	out := newVec(len(e.p.Outputs) * n)
	at = 0
	for o, number := range e.p.Outputs {
		for k := range number {
			for i := range n {
				out.a[o*n+i] += v.a[at+i] << k
				out.b[o*n+i] += v.b[at+i] << k
			}
			at += n
		}
	}
	return out
}

// append64 copies the first n bits of a plane to bit at of bits, which is 0 there.
func append64(bits, plane []uint64, at, n int) {
	shift := at % 64
	for j := range ring.Words(n) {
		v := plane[j]
		if left := n - 64*j; left < 64 {
			v &= 1<<left - 1
		}
		bits[at/64+j] |= v << shift
		if rest := v >> (64 - shift); shift > 0 && rest != 0 {
			bits[at/64+j+1] |= rest
		}
	}
}
