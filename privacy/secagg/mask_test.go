package secagg

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"manx/privacy/internal/kernel"
)

// What is sent is the contribution in steps and the streams of AES in counter mode
// on top, as the standard library has them; on and off is nothing; and the tag is of
// that. Of many spans, on all processors.
func TestHidingIsAddingStreams(t *testing.T) {
	const n = 3*spanWords + 77
	r := rand.New(rand.NewPCG(2, 2))
	w := newWorld(t, 4, 3, n-1)
	c := w.sites[0].c
	for range n - 1 {
		c.Noise = append(c.Noise, int64(r.IntN(2001))-1000)
	}
	w.round.Noise = 1000 * (w.round.Clip + 1) / float64(w.round.limit()-2)
	by := float64(c.Weight) / float64(w.round.Most) / w.round.Step()
	want := []uint32{c.Weight}
	for i, v := range c.Values {
		want = append(want, uint32(int64(math.RoundToEven(v*by))+c.Noise[i]))
	}
	plain := slices.Clone(want)
	var masks, back []mask
	for i := range 5 {
		var key [32]byte
		binary.LittleEndian.PutUint64(key[3:], r.Uint64())
		off := i%2 == 1
		masks, back = append(masks, newMask(key, off)), append(back, newMask(key, !off))
		block, err := aes.NewCipher(key[:16])
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 4*n)
		cipher.NewCTR(block, make([]byte, 16)).XORKeyStream(b, b)
		for i := range want {
			word := binary.LittleEndian.Uint32(b[4*i:])
			if off {
				word = -word
			}
			want[i] += word
		}
	}
	for _, vectors := range []bool{false, kernel.Vectors()} {
		steps, err := w.round.steps(c)
		if err != nil {
			t.Fatal(err)
		}
		steps.vectors = vectors
		got, tag := make([]uint32, n), newTagging([32]byte{1}, 4*n)
		if err := hide(got, steps, masks, tag); err != nil {
			t.Fatal(err)
		}
		littleEndian(got)
		if !slices.Equal(got, want) {
			t.Fatalf("vectors %v: another vector", vectors)
		}
		littleEndian(got)
		if tag.tag() != tagOf([32]byte{1}, bytesOf(got)) {
			t.Errorf("vectors %v: the tag is another's", vectors)
		}
		littleEndian(got)
		addMasks(got, 0, back)
		if !slices.Equal(got, plain) {
			t.Errorf("vectors %v: what was added does not come off", vectors)
		}
	}
}

// quantised returns a contribution in steps.
func quantised(t testing.TB, r Round, c Contribution) []uint32 {
	out := make([]uint32, 1+r.Length)
	s, err := r.steps(c)
	if err == nil {
		err = s.write(out, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// tagOf returns the tag of a vector that is there.
func tagOf(key [32]byte, vector []byte) [tagSize]byte {
	t := newTagging(key, len(vector))
	t.take(vector, 0)
	return t.tag()
}

// A tag changes with every bit of the vector and of the key.
func TestTags(t *testing.T) {
	v := make([]byte, 2*8192+12)
	for i := range v {
		v[i] = byte(i * i)
	}
	tag := tagOf([32]byte{1}, v)
	for _, n := range []int{0, 4, 8, 60, 64, 68, 8192, 8196, len(v)} {
		// Cut otherwise, and at bytes that are no word's.
		moved := append(make([]byte, 1, 1+n), v[:n]...)[1:]
		tag := newTagging([32]byte{9}, n)
		for at := 0; at < n; at += 8 * tagWords {
			tag.take(moved[at:min(n, at+8*tagWords)], at)
		}
		if tag.tag() != tagOf([32]byte{9}, v[:n]) {
			t.Fatalf("%d bytes: another tag part by part", n)
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
	// By the words of the stream: of a part the sum of products of pairs, and of two of
	// them, u and v, u·z + v and the pad.
	var r [2*tagWords + kernel.GroupWords]uint32
	kernel.NewStream([16]byte{1}).Add(r[:], 0, false)
	k := func(i int) uint64 { return uint64(r[2*i]) | uint64(r[2*i+1])<<32 }
	long := make([]byte, 8*tagWords+8)
	long[0], long[8*tagWords+1] = 3, 5
	got := tagOf([32]byte{1}, long)
	for i := range 2 {
		u, v := uint64(0), kernel.GFMul(k(2*i)^5<<8, k(2*i+1))
		for w := 0; w < tagWords; w += 2 {
			first := k(w + 2*i)
			if w == 0 {
				first ^= 3
			}
			u ^= kernel.GFMul(first, k(w+2*i+1))
		}
		want := kernel.GFMul(u, k(tagWords+2+i)) ^ v ^ k(tagWords+4+i)
		if binary.LittleEndian.Uint64(got[8*i:]) != want {
			t.Errorf("half %d is not the polynomial of sums", i)
		}
	}
}

// Values are rounded in vectors as in Go, and the first that is out of bounds is
// found where it stands.
func TestRoundingInVectors(t *testing.T) {
	values := []float64{0, 0.5, 1.5, -0.5, -1.5, 2.4999999, -2.5, 2, -2, 1e-300, 3, -3, 0.1, -0.1, 2.999, 1, 0.25, 0.75, -0.75}
	want := []uint32{0, 0, 2, 0, ^uint32(1), 2, ^uint32(1), 2, ^uint32(1), 0, 3, ^uint32(2), 0, 0, 3, 1, 0, 1, ^uint32(0)}
	for _, vectors := range []bool{false, kernel.Vectors()} {
		got := make([]uint32, len(values))
		if n := (steps{by: 1, clip: 3, vectors: vectors}).values(got, values); n != len(values) || !slices.Equal(got, want) {
			t.Errorf("vectors %v: %d, %d", vectors, n, got)
		}
		for at := range values {
			for _, bad := range []float64{math.NaN(), math.Inf(-1), 3.0000001} {
				v := slices.Clone(values)
				v[at] = bad
				if n := (steps{by: 1, clip: 3, vectors: vectors}).values(got, v); n != at {
					t.Errorf("vectors %v: %g at %d is found at %d", vectors, bad, at, n)
				}
			}
		}
	}
}
