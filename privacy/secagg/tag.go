package secagg

import (
	"encoding/binary"

	"manx/privacy/mpc/ring"
)

// tagWords is how many words of a vector one draw of weights serves.
const tagWords = 1 << 10

// tagOf is what holds a masked vector on its way: with a key that is used for one
// vector, two inner products over GF(2^64) with words of its stream, the second
// shifted by one (Krawczyk, CRYPTO 1994), and a word added to each. Another vector
// has the same with probability 2^-128.
func tagOf(key [32]byte, vector []byte) [tagSize]byte { return tagBy(key, vector, haveVectors()) }

func tagBy(key [32]byte, vector []byte, vectors bool) (tag [tagSize]byte) {
	stream := maskOf(key, false, vectors)
	var r [2*tagWords + groupWords]uint32
	draw := func(at int) {
		clear(r[:])
		stream.add(r[:], at*len(r))
		littleEndian(r[:])
	}
	draw(0)
	weights := bytesOf(r[:])
	a, b := binary.LittleEndian.Uint64(weights), binary.LittleEndian.Uint64(weights[8:])
	for at := 1; len(vector) > 0; at++ {
		draw(at)
		part := vector[:min(len(vector), 8*tagWords)]
		vector = vector[len(part):]
		done := 0
		if groups := len(part) / 64; vectors && groups > 0 {
			var sums [4]uint64
			dots(&sums[0], &weights[0], &part[0], groups)
			a ^= ring.GFReduce([2]uint64(sums[:2]))
			b ^= ring.GFReduce([2]uint64(sums[2:]))
			done = 64 * groups
		}
		for ; done < len(part); done += 8 {
			var word [8]byte
			copy(word[:], part[done:])
			v := binary.LittleEndian.Uint64(word[:])
			a ^= ring.GFMul(v, binary.LittleEndian.Uint64(weights[done:]))
			b ^= ring.GFMul(v, binary.LittleEndian.Uint64(weights[done+8:]))
		}
	}
	binary.LittleEndian.PutUint64(tag[:], a)
	binary.LittleEndian.PutUint64(tag[8:], b)
	return tag
}
