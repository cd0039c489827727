package secagg

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"manx/privacy/mpc/ring"
)

// A mask is AES-128 in counter mode, as the standard library has it, in Go and in
// vectors, from any group on and of any length; on and off is nothing.
func TestMasksAreAESInCounterMode(t *testing.T) {
	var key [32]byte
	for i := range key {
		key[i] = byte(3 * i)
	}
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		t.Fatal(err)
	}
	const n = 3*spanWords + 77
	b := make([]byte, 4*n)
	cipher.NewCTR(block, make([]byte, 16)).XORKeyStream(b, b)
	want := make([]uint32, n)
	for i := range want {
		want[i] = 5 + binary.LittleEndian.Uint32(b[4*i:])
	}
	ways := []bool{false}
	if haveVectors() {
		ways = append(ways, true)
	} else {
		t.Log("this machine has no vectors of AES: in Go alone")
	}
	for _, vectors := range ways {
		for _, length := range []int{1, 63, 64, 65, 200, spanWords, n} {
			v := slices.Repeat([]uint32{5}, length)
			addMasks(v, []*mask{maskOf(key, false, vectors)})
			if !slices.Equal(v, want[:length]) {
				t.Fatalf("vectors %v, length %d: another stream", vectors, length)
			}
			addMasks(v, []*mask{maskOf(key, true, vectors)})
			if !slices.Equal(v, slices.Repeat([]uint32{5}, length)) {
				t.Fatalf("vectors %v, length %d: what was added does not come off", vectors, length)
			}
		}
		v := slices.Repeat([]uint32{5}, 150)
		maskOf(key, false, vectors).add(v, 128)
		if !slices.Equal(v, want[128:278]) {
			t.Fatalf("vectors %v: another stream from the middle", vectors)
		}
	}
	// A counter that passes 32 bits.
	if haveVectors() {
		a, b := make([]uint32, 256), make([]uint32, 256)
		maskOf(key, false, true).add(a, 4<<32-128)
		maskOf(key, false, false).add(b, 4<<32-128)
		if !slices.Equal(a, b) {
			t.Error("the counters part at 2^32")
		}
	}
}

// A tag changes with every bit of the vector and of the key.
func TestTags(t *testing.T) {
	v := make([]byte, 2*8192+12)
	for i := range v {
		v[i] = byte(i * i)
	}
	tag := tagOf([32]byte{1}, v)
	for _, n := range []int{0, 4, 8, 60, 64, 68, 8192, 8196, len(v)} {
		if tagBy([32]byte{9}, v[:n], false) != tagOf([32]byte{9}, v[:n]) {
			t.Fatalf("%d bytes: another tag in vectors than in Go", n)
		}
	}
	if tagOf([32]byte{2}, v) == tag {
		t.Error("another key has the tag")
	}
	for _, at := range []int{0, 7, 8, 8191, 8192, 16383, 16384, len(v) - 5, len(v) - 1} {
		v[at] ^= 0x10
		if other := tagOf([32]byte{1}, v); [8]byte(other[:8]) == [8]byte(tag[:8]) || [8]byte(other[8:]) == [8]byte(tag[8:]) {
			t.Errorf("byte %d is not in the tag", at)
		}
		v[at] ^= 0x10
	}
	// By the words of the stream: of one word x the first half is x·k0 and a pad, and
	// of a word x and one a part later, y, it is (x·k0)·z + y·k0 and the pad.
	var r [2*tagWords + groupWords]uint32
	newMask([32]byte{1}, false).add(r[:], 0)
	k := func(i int) uint64 { return uint64(r[2*i]) | uint64(r[2*i+1])<<32 }
	long := make([]byte, 8*tagWords+8)
	long[0], long[8*tagWords+1] = 3, 5
	got := tagOf([32]byte{1}, long)
	for i := range 2 {
		want := ring.GFMul(ring.GFMul(3, k(i)), k(tagWords+2+i)) ^ ring.GFMul(5<<8, k(i)) ^ k(tagWords+4+i)
		if binary.LittleEndian.Uint64(got[8*i:]) != want {
			t.Errorf("half %d is not the polynomial of inner products", i)
		}
	}
}

// Values are rounded in vectors as in Go, and the first that is out of bounds is
// found where it stands.
func TestRoundingInVectors(t *testing.T) {
	values := []float64{0, 0.5, 1.5, -0.5, -1.5, 2.4999999, -2.5, 2, -2, 1e-300, 3, -3, 0.1, -0.1, 2.999, 1, 0.25, 0.75, -0.75}
	want := []uint32{0, 0, 2, 0, ^uint32(1), 2, ^uint32(1), 2, ^uint32(1), 0, 3, ^uint32(2), 0, 0, 3, 1, 0, 1, ^uint32(0)}
	for _, vectors := range []bool{false, haveVectors()} {
		got := make([]uint32, len(values))
		if n := rounded(got, values, 1, 3, vectors); n != len(values) || !slices.Equal(got, want) {
			t.Errorf("vectors %v: %d, %d", vectors, n, got)
		}
		for at := range values {
			for _, bad := range []float64{math.NaN(), math.Inf(-1), 3.0000001} {
				v := slices.Clone(values)
				v[at] = bad
				if n := rounded(got, v, 1, 3, vectors); n != at {
					t.Errorf("vectors %v: %g at %d is found at %d", vectors, bad, at, n)
				}
			}
		}
	}
}
