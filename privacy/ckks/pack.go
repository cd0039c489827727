package ckks

import (
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
			limbs[i][j] = residue(x, q)
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
