package dcf

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// cipherWords is how many words the cipher's key is.
const cipherWords = 2

// A cipherKey grows seeds: a block b becomes AES(b) ^ b under one key that all
// who deal and evaluate know (Matyas, Meyer and Oseas, as Guo et al., S&P 2020,
// use it), a pseudorandom generator where AES is an ideal permutation. As a key
// serves Most steps, whoever guesses seeds of 126 bits has 2^17 targets at a time.
type cipherKey struct {
	round [22]uint64 // where the machine has instructions for AES
	block cipher.Block
}

func newCipher(key []uint64) *cipherKey {
	c := &cipherKey{}
	if !c.expand(key) {
		var b [16]byte
		putBlock(&b, key)
		var err error
		if c.block, err = aes.NewCipher(b[:]); err != nil {
			panic(err) // sixteen bytes are a key
		}
	}
	return c
}

// mixGo is mix in Go.
func (c *cipherKey) mixGo(blocks []uint64) {
	var in, out [16]byte
	for i := 0; i < len(blocks); i += 2 {
		putBlock(&in, blocks[i:])
		c.block.Encrypt(out[:], in[:])
		blocks[i] ^= binary.LittleEndian.Uint64(out[:])
		blocks[i+1] ^= binary.LittleEndian.Uint64(out[8:])
	}
}

func putBlock(b *[16]byte, words []uint64) {
	binary.LittleEndian.PutUint64(b[:], words[0])
	binary.LittleEndian.PutUint64(b[8:], words[1])
}
