package rns

import (
	"fmt"
	"math/bits"
)

// A Turn permutes transformed vectors as the automorphism X -> X^g does: eight
// residues that stand together stay together, in one of eight orders.
type Turn struct {
	moves  []uint32 // for each eight of the output: where they come from, times 8, plus their order
	orders [8][8]uint64
}

// NewTurn returns the permutation for an odd g and vectors of n residues.
func NewTurn(n int, g uint64) (*Turn, error) {
	if g%2 == 0 || n < 64 || n&(n-1) != 0 {
		return nil, fmt.Errorf("rns: no automorphism by %d of %d residues", g, n)
	}
	logN := bits.Len(uint(n)) - 1
	reverse := func(i uint64) uint64 { return bits.Reverse64(i) >> (64 - logN) }
	t := &Turn{moves: make([]uint32, n/8)}
	for b := range t.moves {
		var place [8]uint64
		for r := range place {
			e := g * (2*reverse(uint64(8*b+r)) + 1) & uint64(2*n-1)
			place[r] = reverse(e >> 1)
		}
		order := bits.Reverse64(place[0]&7) >> 61
		for r, p := range place {
			if p>>3 != place[0]>>3 {
				return nil, fmt.Errorf("rns: automorphism by %d moves neighbours apart", g)
			}
			t.orders[order][r] = p & 7
		}
		t.moves[b] = uint32(place[0]>>3<<3 | order)
	}
	return t, nil
}

// Permute sets out to in, permuted. They do not overlap.
func (m *Modulus) Permute(out, in []uint64, t *Turn) {
	out, in = out[:m.N], in[:m.N]
	if m.simd {
		permuteSIMD(out, in, t)
		return
	}
	for b, move := range t.moves {
		from := in[move&^7:][:8]
		for r, p := range t.orders[move&7] {
			out[8*b+r] = from[p]
		}
	}
}

// PermuteAdd adds in, permuted, to out. They do not overlap.
func (m *Modulus) PermuteAdd(out, in []uint64, t *Turn) {
	out, in = out[:m.N], in[:m.N]
	if m.simd {
		m.permuteAddSIMD(out, in, t)
		return
	}
	for b, move := range t.moves {
		from := in[move&^7:][:8]
		for r, p := range t.orders[move&7] {
			out[8*b+r] = below(out[8*b+r]+from[p], m.Q)
		}
	}
}
