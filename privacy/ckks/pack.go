package ckks

import (
	"bytes"
	"fmt"
	"io"
	"math/bits"
)

// packedSize returns the bytes n residues of width bits take; n is a multiple
// of 64, so it is exact.
func packedSize(n, width int) int { return n / 8 * width }

// pack appends each value's low width bits, least significant first.
func pack(dst []byte, v []uint64, width int) []byte {
	var acc uint64
	var have int
	for _, x := range v {
		acc |= x << have
		if have+width >= 64 {
			dst = append(dst, byte(acc), byte(acc>>8), byte(acc>>16), byte(acc>>24),
				byte(acc>>32), byte(acc>>40), byte(acc>>48), byte(acc>>56))
			acc = x >> (64 - have)
			have += width - 64
		} else {
			have += width
		}
	}
	for ; have > 0; have -= 8 {
		dst = append(dst, byte(acc))
		acc >>= 8
	}
	return dst
}

// unpack reads what pack wrote: len(out) values of width bits, below 57.
func unpack(src []byte, out []uint64, width int) {
	mask := uint64(1)<<width - 1
	var acc uint64
	var have, at int
	for i := range out {
		for have < width {
			acc |= uint64(src[at]) << have
			at++
			have += 8
		}
		out[i] = acc & mask
		acc >>= width
		have -= width
	}
}

// writeLimbs writes residues packed to the width of their primes.
func writeLimbs(w io.Writer, primes []uint64, limbs [][]uint64) error {
	var buf []byte
	for i, q := range primes {
		buf = pack(buf[:0], limbs[i], bits.Len64(q))
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// readLimbs fills limbs with what writeLimbs wrote; residues that are not below
// their prime are an error, so that every value has one encoding.
func readLimbs(r io.Reader, primes []uint64, limbs [][]uint64) error {
	buf := make([]byte, packedSize(len(limbs[0]), 56))
	for i, q := range primes {
		b := buf[:packedSize(len(limbs[i]), bits.Len64(q))]
		if _, err := io.ReadFull(r, b); err != nil {
			return fmt.Errorf("limb %d: %w", i, err)
		}
		unpack(b, limbs[i], bits.Len64(q))
		for _, v := range limbs[i] {
			if v >= q {
				return fmt.Errorf("limb %d holds a residue over its prime", i)
			}
		}
	}
	return nil
}

// lift writes small signed integers as residues of each prime.
func lift(v []int64, primes []uint64, limbs [][]uint64) {
	for i, q := range primes {
		for j, x := range v {
			limbs[i][j] = residue(x, q) //nolint:gosec // a limb for each prime, as long as v
		}
	}
}

// residue returns x mod q without branching on x; |x| < 2^62 .
func residue(x int64, q uint64) uint64 {
	if x < int64(q) && x > -int64(q) {
		return uint64(x + int64(q)&(x>>63))
	}
	r := x % int64(q)
	return uint64(r + int64(q)&(r>>63))
}

// Integers are a plaintext polynomial's signed coefficients, packed: every
// 2^Gap-th one in Width bits, the ones between being 0. The zero Integers is
// the zero polynomial.
type Integers struct {
	gap, width uint8
	data       []byte
}

// PackIntegers packs coefficients of magnitude below 2^52; their number is a
// power of two, at least 64.
func PackIntegers(v []int64) Integers {
	var gap uint8
	for len(v)>>(gap+1) >= 64 {
		step, ok := 1<<(gap+1), true
		for i, x := range v {
			if x != 0 && i%step != 0 {
				ok = false
				break
			}
		}
		if !ok {
			break
		}
		gap++
	}
	var most uint64
	kept := make([]uint64, 0, len(v)>>gap)
	for i := 0; i < len(v); i += 1 << gap {
		z := uint64(v[i])<<1 ^ uint64(v[i]>>63)
		most |= z
		kept = append(kept, z)
	}
	if most == 0 {
		return Integers{}
	}
	width := bits.Len64(most)
	return Integers{gap, uint8(width), pack(nil, kept, width)}
}

// IsZero reports whether every coefficient is 0.
func (p Integers) IsZero() bool { return p.width == 0 }

// constant returns the coefficient of a polynomial that has that one alone.
func (p Integers) constant() (c int64, ok bool) {
	if p.width == 0 {
		return 0, true
	}
	n := len(p.data) * 8 / int(p.width)
	kept := make([]uint64, n)
	unpack(p.data, kept, int(p.width))
	for _, z := range kept[1:] {
		if z != 0 {
			return 0, false
		}
	}
	return int64(kept[0]>>1) ^ -int64(kept[0]&1), true
}

// unpack writes the coefficients to out, whose length is the ring's degree.
func (p Integers) unpack(out []int64) {
	clear(out)
	if p.width == 0 {
		return
	}
	kept := make([]uint64, len(out)>>p.gap)
	unpack(p.data, kept, int(p.width))
	for i, z := range kept {
		out[i<<p.gap] = int64(z>>1) ^ -int64(z&1)
	}
}

// AppendTo appends p's encoding: gap, width and the packed coefficients, the
// sign in the lowest bit.
func (p Integers) AppendTo(b []byte) []byte {
	return append(append(b, p.gap, p.width), p.data...)
}

// ReadIntegers reads what AppendTo wrote for a set, allocating only what r
// still holds.
func ReadIntegers(r *bytes.Reader, s Set) (Integers, error) {
	var h [2]byte
	if _, err := r.Read(h[:]); err != nil {
		return Integers{}, fmt.Errorf("plaintext: %w", err)
	}
	n := 2 * s.Slots()
	gap, width := int(h[0]), int(h[1])
	if width == 0 && gap == 0 {
		return Integers{}, nil
	}
	if gap > 20 || n>>gap < 64 || width < 1 || width > 53 {
		return Integers{}, fmt.Errorf("plaintext of gap %d and width %d", gap, width)
	}
	size := packedSize(n>>gap, width)
	if size > r.Len() {
		return Integers{}, fmt.Errorf("plaintext is cut short")
	}
	p := Integers{uint8(gap), uint8(width), make([]byte, size)}
	_, _ = r.Read(p.data)
	return p, nil
}
