package bounded

import (
	"crypto/aes"
	"crypto/cipher"
)

// coins are -1, 0 and 1, with probabilities 1/4, 1/2 and 1/4: the difference of two
// bits of AES-128 in counter mode.
type coins struct{ stream cipher.Stream }

func newCoins(seed [32]byte) coins {
	block, err := aes.NewCipher(seed[:16])
	if err != nil {
		panic(err) // sixteen bytes are a key
	}
	return coins{cipher.NewCTR(block, seed[16:])}
}

// fill sets out to the next coins, modulo 2^64.
func (c coins) fill(out []uint64) {
	b := make([]byte, (len(out)+3)/4)
	c.stream.XORKeyStream(b, b)
	for i := range out {
		pair := b[i/4] >> (2 * (i % 4))
		out[i] = uint64(pair&1) - uint64(pair>>1&1)
	}
}
