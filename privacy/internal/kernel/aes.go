package kernel

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// GroupWords is what a Stream is cut in: it begins at a multiple of so many words.
const GroupWords = 64

// A schedule is the eleven round keys of AES-128 (FIPS 197).
type schedule [11 * aes.BlockSize]byte

// A Stream is AES-128 in counter mode from 0, as 32-bit words, little-endian. It is
// for one use of a key.
type Stream struct {
	block  cipher.Block // nil where there are vectors of AES
	rounds schedule
	ahead  [256 * aes.BlockSize]byte
}

// NewStream returns a key's stream.
func NewStream(key [16]byte) *Stream { return streamOf(key, Vectors()) }

// The counter's low byte is in one column after the first round, its others are in
// other columns, and each byte of a column is one byte's of the second round: so the
// state after two rounds is the sum of what each byte of the counter makes of it.
// What the low one does is looked up, and the others change every 256 blocks
// (Bernstein and Schwabe, INDOCRYPT 2008, section 4.7, who keep the first and part
// of the second).
func streamOf(key [16]byte, vectors bool) *Stream {
	s := new(Stream)
	if vectors {
		expandAES(&s.rounds[0], &key[0])
		aheadAES(&s.ahead[0], &s.rounds[0])
		return s
	}
	s.block = newBlock(key)
	return s
}

func newBlock(key [16]byte) cipher.Block {
	b, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // sixteen bytes are a key
	}
	return b
}

// Add adds the stream's words from `from` on, a multiple of GroupWords, to v, or
// takes them off.
func (s *Stream) Add(v []uint32, from int, off bool) {
	if s.block != nil {
		s.addGo(v, from, off)
		return
	}
	counter := uint64(from) / (aes.BlockSize / 4)
	if whole := len(v) / GroupWords; whole > 0 {
		addStream(&v[0], &s.rounds[0], &s.ahead[0], counter, whole, off)
		v, counter = v[whole*GroupWords:], counter+uint64(whole)*GroupWords*4/aes.BlockSize
	}
	if len(v) > 0 {
		var last [GroupWords]uint32
		addStream(&last[0], &s.rounds[0], &s.ahead[0], counter, 1, off)
		for i := range v {
			v[i] += last[i]
		}
	}
}

func (s *Stream) addGo(v []uint32, from int, off bool) {
	var counter [aes.BlockSize]byte
	binary.BigEndian.PutUint64(counter[8:], uint64(from)/(aes.BlockSize/4))
	stream := cipher.NewCTR(s.block, counter[:])
	var chunk [4 << 10]byte
	for len(v) > 0 {
		part := v[:min(len(v), len(chunk)/4)]
		b := chunk[:4*len(part)]
		clear(b)
		stream.XORKeyStream(b, b)
		for i := range part {
			w := binary.LittleEndian.Uint32(b[4*i:])
			if off {
				w = -w
			}
			part[i] += w
		}
		v = v[len(part):]
	}
}

// A Permutation is AES-128 under a key that is no secret.
type Permutation struct {
	block  cipher.Block // nil where there are instructions for AES
	rounds schedule
}

// NewPermutation returns a key's.
func NewPermutation(key [16]byte) *Permutation { return permutationOf(key, haveAES()) }

func permutationOf(key [16]byte, instructions bool) *Permutation {
	p := new(Permutation)
	if instructions {
		expandAES(&p.rounds[0], &key[0])
		return p
	}
	p.block = newBlock(key)
	return p
}

// Mix sets every block b, two words little-endian, to AES(b) ^ b: one way in b
// (Matyas, Meyer and Oseas).
func (p *Permutation) Mix(blocks []uint64) {
	if p.block == nil {
		if len(blocks) > 0 {
			mixAES(&blocks[0], &p.rounds[0], len(blocks)/2)
		}
		return
	}
	var in, out [16]byte
	for i := 0; i < len(blocks); i += 2 {
		binary.LittleEndian.PutUint64(in[:], blocks[i])
		binary.LittleEndian.PutUint64(in[8:], blocks[i+1])
		p.block.Encrypt(out[:], in[:])
		blocks[i] ^= binary.LittleEndian.Uint64(out[:])
		blocks[i+1] ^= binary.LittleEndian.Uint64(out[8:])
	}
}
