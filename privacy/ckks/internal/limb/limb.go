// Package limb holds what ciphertexts, keys and committees do with residues,
// limb by limb: how they are drawn from seeds, lifted from integers, and packed
// into bytes. It knows no scheme.
package limb

import (
	"fmt"
	"io"
	"math/bits"
)

// New returns count vectors of n zeros, side by side in memory.
func New(count, n int) [][]uint64 {
	flat := make([]uint64, count*n)
	limbs := make([][]uint64, count)
	for i := range limbs {
		limbs[i] = flat[i*n : (i+1)*n : (i+1)*n]
	}
	return limbs
}

// Size returns the bytes Write writes for one polynomial of n coefficients.
func Size(primes []uint64, n int) (size int64) {
	for _, q := range primes {
		size += int64(PackedSize(n, bits.Len64(q)))
	}
	return size
}

// Expand makes the public uniform polynomial of a seed.
func Expand(seed [32]byte, primes []uint64, limbs [][]uint64) {
	s := NewStream(Derive(seed, "uniform"))
	for i, q := range primes {
		s.Uniform(q, limbs[i])
	}
}

// Centre returns residues modulo q as the integers nearest to 0.
func Centre(v []uint64, q uint64) []int64 {
	out := make([]int64, len(v))
	for i, x := range v {
		out[i] = int64(x)
		if x > q/2 {
			out[i] -= int64(q)
		}
	}
	return out
}

// AddSmall adds signed integers, |x| < 2^62, to coefficients.
func AddSmall(limbs [][]uint64, v []int64, primes []uint64) {
	for i, q := range primes {
		row := limbs[i]
		for j, x := range v {
			t := row[j] + Residue(x, q)
			if t >= q {
				t -= q
			}
			row[j] = t
		}
	}
}

// PackedSize returns the bytes n residues of width bits take; n is a multiple
// of 64, so it is exact.
func PackedSize(n, width int) int { return n / 8 * width }

// Pack appends each value's low width bits, least significant first.
func Pack(dst []byte, v []uint64, width int) []byte {
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

// Unpack reads what Pack wrote: len(out) values of width bits, below 57.
func Unpack(src []byte, out []uint64, width int) {
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

// Write writes residues packed to the width of their primes.
func Write(w io.Writer, primes []uint64, limbs [][]uint64) error {
	var buf []byte
	for i, q := range primes {
		buf = Pack(buf[:0], limbs[i], bits.Len64(q))
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// Read fills limbs with what Write wrote; residues that are not below
// their prime are an error, so that every value has one encoding.
func Read(r io.Reader, primes []uint64, limbs [][]uint64) error {
	buf := make([]byte, PackedSize(len(limbs[0]), 56))
	for i, q := range primes {
		b := buf[:PackedSize(len(limbs[i]), bits.Len64(q))]
		if _, err := io.ReadFull(r, b); err != nil {
			return fmt.Errorf("limb %d: %w", i, err)
		}
		Unpack(b, limbs[i], bits.Len64(q))
		for _, v := range limbs[i] {
			if v >= q {
				return fmt.Errorf("limb %d holds a residue over its prime", i)
			}
		}
	}
	return nil
}

// Lift writes small signed integers as residues of each prime.
func Lift(v []int64, primes []uint64, limbs [][]uint64) {
	for i, q := range primes {
		for j, x := range v {
			limbs[i][j] = Residue(x, q)
		}
	}
}

// Residue returns x mod q without branching on x; |x| < 2^62 .
func Residue(x int64, q uint64) uint64 {
	if x < int64(q) && x > -int64(q) {
		return uint64(x + int64(q)&(x>>63))
	}
	r := x % int64(q)
	return uint64(r + int64(q)&(r>>63))
}
