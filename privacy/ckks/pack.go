package ckks

import (
	"bytes"
	"fmt"
	"math/bits"

	"manx/privacy/ckks/internal/limb"
)

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
	return Integers{gap, uint8(width), limb.Pack(nil, kept, width)}
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
	limb.Unpack(p.data, kept, int(p.width))
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
	limb.Unpack(p.data, kept, int(p.width))
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
	size := limb.PackedSize(n>>gap, width)
	if size > r.Len() {
		return Integers{}, fmt.Errorf("plaintext is cut short")
	}
	p := Integers{uint8(gap), uint8(width), make([]byte, size)}
	_, _ = r.Read(p.data)
	return p, nil
}
