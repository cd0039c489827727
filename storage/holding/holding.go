// Package holding says what answers a challenge over a blob: a hash, keyed by the
// challenge's seed, of a range of the blob that the seed draws. Who answers and who
// checks compute the same; a blob is named by the hash of its bytes, so that who
// checks knows that it has the right ones, wherever they came from.
//
// An answer shows that who gave it could read that range within the time it had. It
// does not show that the bytes lie with it, rather than with somebody it asked
// (outsourcing), nor that it would not have made them again from what it keeps (the
// generation attack: five other shards give the sixth), nor that two providers keep
// two copies. Blobs here are shards of ciphertext, which no provider can compute from
// a short secret unless it made them.
package holding

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"manx/storage"
)

// Length is how many bytes of a blob an answer is about, or all of a shorter one.
const Length = 4096

// Range returns where in a blob of a size, 1 or more, a seed draws its range from;
// it goes on at the blob's beginning where it reaches the end.
func Range(seed [32]byte, r storage.Ref, size int) (from, length int) {
	m := hmac.New(sha256.New, seed[:])
	m.Write([]byte("range\x00"))
	m.Write(r[:])
	// 64 bits modulo at most 2^20: no size is off by more than 2^-44.
	return int(binary.BigEndian.Uint64(m.Sum(nil)) % uint64(size)), min(Length, size)
}

// Answer returns what answers a challenge over a blob, named r, that holds b.
func Answer(seed [32]byte, r storage.Ref, b []byte) (answer [32]byte) {
	m := hmac.New(sha256.New, seed[:])
	m.Write([]byte("answer\x00"))
	m.Write(r[:])
	if len(b) > 0 {
		from, length := Range(seed, r, len(b))
		first := b[from:min(from+length, len(b))]
		m.Write(first)
		m.Write(b[:length-len(first)])
	}
	return [32]byte(m.Sum(nil))
}

// Right reports whether an answer is right for a blob, whose bytes must have the
// hash that names it.
func Right(seed [32]byte, r storage.Ref, b []byte, answer [32]byte) bool {
	want := Answer(seed, r, b)
	return storage.RefOf(b) == r && hmac.Equal(want[:], answer[:])
}
