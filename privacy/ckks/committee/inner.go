package committee

import (
	"math/bits"

	"manx/privacy/ckks/rns"
)

// inner returns the sum of a[k] b[k] modulo a prime below 2^50.
func inner(m *rns.Modulus, a, b []uint64) uint64 {
	var hi, lo uint64 // at most 2^16 products of 100 bits
	for k, x := range a {
		h, l := bits.Mul64(x, b[k])
		var carry uint64
		lo, carry = bits.Add64(lo, l, 0)
		hi += h + carry
	}
	_, r := bits.Div64(hi%m.Q, lo, m.Q)
	return r
}

// constant returns the constant coefficient of a b modulo X^N + 1.
func constant(m *rns.Modulus, a, b []uint64) uint64 {
	turned := make([]uint64, len(b)) // b(1/X)
	turned[0] = b[0]
	for k := 1; k < len(b); k++ {
		if v := b[len(b)-k]; v != 0 {
			turned[k] = m.Q - v
		}
	}
	return inner(m, a, turned)
}
