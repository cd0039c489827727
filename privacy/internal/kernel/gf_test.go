package kernel

import (
	"encoding/binary"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

func words(r *rand.Rand, n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = r.Uint64()
	}
	return out
}

// gfSlow is schoolbook multiplication and division, on big integers.
func gfSlow(a, b uint64) uint64 {
	product := new(big.Int)
	for i := range 64 {
		if a>>i&1 == 1 {
			product.Xor(product, new(big.Int).Lsh(new(big.Int).SetUint64(b), uint(i)))
		}
	}
	modulus := new(big.Int).SetBit(big.NewInt(gfTail), 64, 1)
	for product.BitLen() > 64 {
		product.Xor(product, new(big.Int).Lsh(modulus, uint(product.BitLen()-65)))
	}
	return product.Uint64()
}

func TestGF(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	edge := []uint64{0, 1, 2, 1 << 63, ^uint64(0), gfTail}
	for i := range 300 {
		a, b := r.Uint64(), r.Uint64()
		if i < 36 {
			a, b = edge[i/6], edge[i%6]
		}
		if got, want := GFMul(a, b), gfSlow(a, b); got != want {
			t.Fatalf("%x times %x: %x, want %x", a, b, got, want)
		}
		if gfReduce(clmulGo(a, b)) != GFMul(a, b) || GFTimesX(a) != GFMul(a, 2) {
			t.Fatalf("%x and %x: Go differs", a, b)
		}
	}
	for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 63, 130, 1024} {
		w, a, b, c, d := words(r, n), words(r, n), words(r, n), words(r, n), words(r, n)
		lo, hi := gfDotGo(a, b)
		if GFDot(a, b) != gfReduce(lo, hi) {
			t.Errorf("dot of %d differs", n)
		}
		bytes := make([]byte, 1, 1+8*n) // at odd bytes, the last word cut short
		for _, v := range b {
			bytes = binary.LittleEndian.AppendUint64(bytes, v)
		}
		short := min(3, 8*n)
		clear(bytes[len(bytes)-short:])
		keys := append(words(r, 2*((n+1)/2)+2), words(r, n%9)...)
		var pairs [2]uint64
		for i := 0; i < n; i += 2 {
			at := func(i int) (v uint64) {
				if i < n {
					v = binary.LittleEndian.Uint64(bytes[1+8*i:])
				}
				return v
			}
			for j := range pairs {
				pairs[j] ^= gfReduce(clmulGo(at(i)^keys[i+2*j], at(i+1)^keys[i+1+2*j]))
			}
		}
		if GFPairs(keys, bytes[1:len(bytes)-short]) != pairs {
			t.Errorf("pairs of %d differ", n)
		}
		acc := [2]uint64{1, 2}
		GFCross(&acc, w, a, b, c, d)
		lo, hi = gfCrossGo(w, a, b, c, d)
		if acc != [2]uint64{1 ^ lo, 2 ^ hi} {
			t.Errorf("cross of %d differs", n)
		}
		out, want := slices.Clone(a), slices.Clone(a)
		GFMulAdd(out, b, 0xdeadbeefcafef00d)
		gfMulAddGo(want, b, 0xdeadbeefcafef00d)
		if !slices.Equal(out, want) {
			t.Errorf("mulAdd of %d differs", n)
		}
		GFMulEach(out, c)
		gfMulEachGo(want, c)
		if !slices.Equal(out, want) {
			t.Errorf("mulEach of %d differs", n)
		}
	}
	var images [64]uint64
	copy(images[:], words(r, 64))
	m := NewGFMap(&images)
	for range 100 {
		v, want := r.Uint64(), uint64(0)
		for i := range 64 {
			want ^= images[i] & -(v >> i & 1)
		}
		if m.Of(v) != want {
			t.Fatal("map differs")
		}
	}
}
