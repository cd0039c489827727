package kernel

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// A stream is AES-128 in counter mode, as the standard library has it, in Go and in
// vectors, from any group on and of any length; on and off is nothing.
func TestAStreamIsAESInCounterMode(t *testing.T) {
	ways := []bool{false}
	if Vectors() {
		ways = append(ways, true)
	} else {
		t.Log("this machine has no vectors of AES: in Go alone")
	}
	r := rand.New(rand.NewPCG(1, 1))
	const n = 5*1024 + 77 // words: the counter's low byte comes round at 1024
	for range 4 {
		var key [16]byte
		binary.LittleEndian.PutUint64(key[:], r.Uint64())
		binary.LittleEndian.PutUint64(key[8:], r.Uint64())
		b := make([]byte, 4*n)
		cipher.NewCTR(newBlock(key), make([]byte, 16)).XORKeyStream(b, b)
		want := make([]uint32, n)
		for i := range want {
			want[i] = 5 + binary.LittleEndian.Uint32(b[4*i:])
		}
		for _, vectors := range ways {
			s := streamOf(key, vectors)
			for _, from := range []int{0, 64, 960, 1024, 2048 - 64, 3 * 1024} {
				for _, length := range []int{1, 63, 64, 65, 200, 1024, 1100, n - from} {
					v := slices.Repeat([]uint32{5}, length)
					s.Add(v, from, false)
					if !slices.Equal(v, want[from:][:length]) {
						t.Fatalf("vectors %v, from %d, length %d: another stream", vectors, from, length)
					}
					s.Add(v, from, true)
					if !slices.Equal(v, slices.Repeat([]uint32{5}, length)) {
						t.Fatalf("vectors %v, from %d, length %d: what was added does not come off", vectors, from, length)
					}
				}
			}
		}
	}
	// Every byte of the counter that the longest vectors reach changes, and one more.
	for _, at := range []int{4 << 8, 4 << 16, 4 << 24, 4 << 32} {
		if Vectors() {
			a, b := make([]uint32, 512), make([]uint32, 512)
			streamOf([16]byte{7}, true).Add(a, at-256, false)
			streamOf([16]byte{7}, false).Add(b, at-256, false)
			if !slices.Equal(a, b) {
				t.Errorf("the streams part at word %d", at)
			}
		}
	}
}

// The machine's instructions for AES and the standard library give the same bytes.
func TestMixIsAES(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 20 {
		var key [16]byte
		binary.LittleEndian.PutUint64(key[:], r.Uint64())
		here, plain := NewPermutation(key), permutationOf(key, false)
		for _, n := range []int{0, 1, 7, 8, 9, 40} {
			a := words(r, 2*n)
			b, c := slices.Clone(a), slices.Clone(a)
			here.Mix(a)
			plain.Mix(b)
			for i := 0; i < len(c); i += 2 {
				var in, out [aes.BlockSize]byte
				binary.LittleEndian.PutUint64(in[:], c[i])
				binary.LittleEndian.PutUint64(in[8:], c[i+1])
				newBlock(key).Encrypt(out[:], in[:])
				c[i] ^= binary.LittleEndian.Uint64(out[:])
				c[i+1] ^= binary.LittleEndian.Uint64(out[8:])
			}
			if !slices.Equal(a, c) || !slices.Equal(b, c) {
				t.Fatalf("%d blocks differ", n)
			}
		}
	}
}

// BenchmarkStream is what a stream of a million words takes, added where it is near
// and far.
func BenchmarkStream(b *testing.B) {
	for _, of := range []struct {
		name  string
		words int
	}{{"near", 4 << 10}, {"far", 1 << 20}} {
		b.Run(of.name, func(b *testing.B) {
			v := make([]uint32, of.words)
			s := NewStream([16]byte{1})
			b.SetBytes(int64(4 * len(v)))
			for b.Loop() {
				s.Add(v, 0, false)
			}
		})
	}
}

// BenchmarkDot is an inner product over GF(2^64) of a thousand words.
func BenchmarkDot(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 3))
	u, v := words(r, 1024), words(r, 1024)
	b.SetBytes(int64(8 * len(v)))
	var sum uint64
	for b.Loop() {
		sum ^= GFDot(u, v)
	}
	_ = sum
}
