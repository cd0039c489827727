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
// serves Most steps, who guesses seeds has some 2^18 targets at a time.
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

// grow sets out to the first blocks of each seed, step by step. Blocks 2 and 3 of
// seeds whose values share one block are that block alone, for left and right.
func (c *cipherKey) grow(out, seeds []uint64, blocks int) {
	per := 2 * blocks
	for i := 0; i < len(seeds)/2; i++ {
		for tag := range blocks {
			out[i*per+2*tag], out[i*per+2*tag+1] = seeds[2*i]|uint64(tag), seeds[2*i+1]
		}
	}
	c.mix(out)
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
