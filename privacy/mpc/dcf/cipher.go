package dcf

import (
	"encoding/binary"

	"manx/privacy/internal/kernel"
)

// cipherWords is how many words the cipher's key is.
const cipherWords = 2

// newCipher returns what grows seeds: a block b becomes AES(b) ^ b under one key
// that all who deal and evaluate know (Guo et al., S&P 2020), a pseudorandom
// generator where AES is an ideal permutation. As a key serves Most steps, whoever
// guesses seeds of 126 bits has 2^17 targets at a time.
func newCipher(key []uint64) *kernel.Permutation {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], key[0])
	binary.LittleEndian.PutUint64(b[8:], key[1])
	return kernel.NewPermutation(b)
}
