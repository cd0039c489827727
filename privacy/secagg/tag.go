package secagg

import (
	"encoding/binary"

	"manx/privacy/mpc/ring"
)

// tagWords is how many words of a vector one set of weights serves.
const tagWords = 1 << 10

// tagOf is what holds a masked vector on its way, with a key that is used for one
// vector: of each tagWords words two inner products over GF(2^64) with words of the
// key's stream, the second shifted by one (Krawczyk, CRYPTO 1994); of those, two
// polynomials at points of the stream; and a word of it added to each. Another vector
// of b such parts has the same tag with probability under 2^-126·b², which is 2^-96
// for the longest.
func tagOf(key [32]byte, vector []byte) [tagSize]byte { return tagBy(key, vector, haveVectors()) }

func tagBy(key [32]byte, vector []byte, vectors bool) (tag [tagSize]byte) {
	var r [2*tagWords + groupWords]uint32
	maskOf(key, false, vectors).add(r[:], 0)
	littleEndian(r[:])
	weights := bytesOf(r[:])
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(weights[8*i:]) }
	var sums [2]uint64
	for len(vector) > 0 {
		part := vector[:min(len(vector), 8*tagWords)]
		vector = vector[len(part):]
		products := partOf(weights, part, vectors)
		for i := range sums {
			sums[i] = ring.GFMul(sums[i], word(tagWords+2+i)) ^ products[i]
		}
	}
	for i := range sums {
		binary.LittleEndian.PutUint64(tag[8*i:], sums[i]^word(tagWords+4+i))
	}
	return tag
}

// partOf returns the inner products of a part of a vector with the weights from the
// first on, and from the second.
func partOf(weights, part []byte, vectors bool) (out [2]uint64) {
	done := 0
	if groups := len(part) / 64; vectors && groups > 0 {
		var sums [4]uint64
		dots(&sums[0], &weights[0], &part[0], groups)
		out = [2]uint64{ring.GFReduce([2]uint64(sums[:2])), ring.GFReduce([2]uint64(sums[2:]))}
		done = 64 * groups
	}
	for ; done < len(part); done += 8 {
		var word [8]byte
		copy(word[:], part[done:])
		v := binary.LittleEndian.Uint64(word[:])
		out[0] ^= ring.GFMul(v, binary.LittleEndian.Uint64(weights[done:]))
		out[1] ^= ring.GFMul(v, binary.LittleEndian.Uint64(weights[done+8:]))
	}
	return out
}
