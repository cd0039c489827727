//go:build amd64 && !purego

package curve

import "encoding/binary"

// leastAgreed is from how many on vectors take less than Go's library.
const leastAgreed = 2

// A ladder is Montgomery's (RFC 7748, section 5), with places for what is between and
// the scalars, lowest word first.
type ladder struct {
	x1, x2, z2, x3, z3 element
	_                  [4]element
	scalars            [4][lanes]uint64
}

// ladderEights goes through it by the 255 low bits of the scalars.
//
//go:noescape
func ladderEights(l *ladder)

// agreeEight returns the secrets of up to eight pairs, zero for one of small order.
func agreeEight(pairs []Pair) [][keySize]byte {
	var l ladder
	for lane := range lanes {
		p := pairs[lane%len(pairs)]
		k := [keySize]byte(p.Own.Bytes())
		k[0] &= 248
		k[31] = k[31]&127 | 64
		for i := range l.scalars {
			l.scalars[i][lane] = binary.LittleEndian.Uint64(k[8*i:])
		}
		l.x1.put(lane, numberOf(p.Other))
	}
	one := number{1}.all()
	l.x2, l.x3, l.z3 = one, l.x1, one
	ladderEights(&l)
	z := inverse(&l.z2)
	x := mul(&l.x2, &z)
	out := make([][keySize]byte, len(pairs))
	for lane := range out {
		out[lane] = x.get(lane).bytes()
	}
	return out
}
