package mpc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"unsafe"
)

// A stream is pseudorandom words that two parties draw alike: AES-128 in
// counter mode under a key that both put half of.
type stream struct{ c cipher.Stream }

// newStream derives a stream from a seed and a label.
func newStream(seed [32]byte, label string) stream {
	h := sha256.New()
	h.Write(seed[:])
	h.Write([]byte(label))
	k := h.Sum(nil)
	block, err := aes.NewCipher(k[:16])
	if err != nil {
		panic(err) // sixteen bytes are a key
	}
	return stream{cipher.NewCTR(block, k[16:])}
}

// fill sets dst to the next words.
func (s stream) fill(dst []uint64) {
	clear(dst)
	s.xor(dst)
}

// xor combines dst with the next words.
func (s stream) xor(dst []uint64) {
	b := bytesOf(dst)
	s.c.XORKeyStream(b, b)
}

// draw returns the next n words.
func (s stream) draw(n int) []uint64 {
	out := make([]uint64, n)
	s.xor(out)
	return out
}

// bytesOf returns the memory of words. Open refuses machines on which that is
// not little-endian.
func bytesOf(words []uint64) []byte {
	if len(words) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 8*len(words)) //nolint:gosec // words and their bytes, of which there are eight each
}

// littleEndian reports how this machine lays out a word.
func littleEndian() bool { return bytesOf([]uint64{1})[0] == 1 }
