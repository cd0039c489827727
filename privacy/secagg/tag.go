package secagg

import (
	"encoding/binary"

	"manx/privacy/internal/kernel"
)

// tagWords is how many words of 64 bits of a vector one set of weights serves.
const tagWords = 1 << 10

// A tagging makes the tag that holds a masked vector on its way, with a key that is
// used for one vector: of each tagWords words two sums of products of pairs, after
// words of the key's stream were added, over GF(2^64), the second with the stream two
// words on (Black et al., CRYPTO 1999; Lemire and Kaser, J. Cryptographic Engineering
// 2016); of those, two polynomials at points of the stream; and a word of it added to
// each. Another vector of b such parts has the same tag with probability under
// 2^-126·b², which is 2^-96 for the longest.
type tagging struct {
	weights [tagWords + kernel.GroupWords/2]uint64
	parts   [][2]uint64
}

// newTagging begins the tag of a vector of that many bytes.
func newTagging(key [32]byte, size int) *tagging {
	t := &tagging{parts: make([][2]uint64, (size+8*tagWords-1)/(8*tagWords))}
	var r [2 * len(t.weights)]uint32
	kernel.NewStream([16]byte(key[:16])).Add(r[:], 0, false)
	for i := range t.weights {
		t.weights[i] = uint64(r[2*i]) | uint64(r[2*i+1])<<32
	}
	return t
}

// take takes in the bytes from `at` on, a multiple of 8·tagWords. Others may be taken
// in meanwhile.
func (t *tagging) take(b []byte, at int) {
	for i := at / (8 * tagWords); len(b) > 0; i++ {
		part := b[:min(len(b), 8*tagWords)]
		b = b[len(part):]
		t.parts[i] = kernel.GFPairs(t.weights[:], part)
	}
}

// tag returns the tag, once all has been taken in.
func (t *tagging) tag() (tag [tagSize]byte) {
	for i := range 2 {
		var sum uint64
		for _, p := range t.parts {
			sum = kernel.GFMul(sum, t.weights[tagWords+2+i]) ^ p[i]
		}
		binary.LittleEndian.PutUint64(tag[8*i:], sum^t.weights[tagWords+4+i])
	}
	return tag
}
