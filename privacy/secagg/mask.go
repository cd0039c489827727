package secagg

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// addMask adds the mask of a key to v, or takes it off: AES-128 in counter mode
// from 0, as little-endian words.
func addMask(v []uint32, key [32]byte, off bool) {
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		panic(err) // sixteen bytes are a key
	}
	stream := cipher.NewCTR(block, make([]byte, aes.BlockSize))
	var chunk [16 << 10]byte
	for len(v) > 0 {
		n := min(len(v), len(chunk)/4)
		b := chunk[:4*n]
		clear(b)
		stream.XORKeyStream(b, b)
		part := v[:n]
		if off {
			for i := range part {
				part[i] -= binary.LittleEndian.Uint32(b[4*i:])
			}
		} else {
			for i := range part {
				part[i] += binary.LittleEndian.Uint32(b[4*i:])
			}
		}
		v = v[n:]
	}
}

// appendWords appends v, little-endian.
func appendWords(b []byte, v []uint32) []byte {
	for _, w := range v {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

// addWords adds words of bytes to v, which has as many.
func addWords(v []uint32, b []byte) {
	for i := range v {
		v[i] += binary.LittleEndian.Uint32(b[4*i:])
	}
}
