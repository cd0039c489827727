package mpc

import (
	"math/bits"

	"manx/privacy/mpc/circuit"
	"manx/privacy/mpc/ring"
)

// narrowRows is up to how many rows the gates of a round share words, so that a
// single row sends a bit a gate and not a word.
const narrowRows = 32

// lanes is how many bits of a word the rows of a narrow block take: a power of 2.
func (e *evaluation) lanes() int { return 1 << bits.Len(uint(e.n-1)) }

// andNarrow computes the ANDs of a round, some to a word.
func (e *evaluation) andNarrow(gates []circuit.And) {
	lanes, words := e.lanes(), ring.Words(len(gates)*e.lanes())
	x, y := newVec(words), newVec(words)
	mask := uint64(1)<<lanes - 1
	for i, g := range gates {
		at, shift := i*lanes/64, i*lanes%64
		px, py := e.slots[2*g.X:][:2], e.slots[2*g.Y:][:2]
		x.a[at] |= px[0] & mask << shift
		x.b[at] |= px[1] & mask << shift
		y.a[at] |= py[0] & mask << shift
		y.b[at] |= py[1] & mask << shift
	}
	one := []gate{{x: x, y: y}}
	e.s.and(one)
	for i, g := range gates {
		at, shift := i*lanes/64, i*lanes%64
		z := e.slots[2*g.Z:][:2]
		z[0], z[1] = one[0].z.a[at]>>shift&mask, one[0].z.b[at]>>shift&mask
	}
}
