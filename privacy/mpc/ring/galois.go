package ring

import "math/bits"

// The Galois ring GR(2^64, 64): polynomials of degree under 64 over Z_2^64,
// modulo x^64 + x^4 + x^3 + x + 1, which is irreducible modulo 2. An element is
// 64 words, a vector of elements one after the other. An element with
// coefficients 0 and 1 is written as a word, bit i for x^i: the difference of
// any two of these is invertible.

// Degree is how many words an element has.
const Degree = 64

// Lift writes the element with the bits of v as coefficients.
func Lift(out []uint64, v uint64) {
	for i := range Degree {
		out[i] = v >> i & 1
	}
}

// galoisReduce reduces a polynomial of 2·Degree-1 coefficients in place; its low
// Degree ones are the result. x^64 = -(x^4+x^3+x+1).
func galoisReduce(c *[2 * Degree]uint64) {
	for i := 2*Degree - 2; i >= Degree; i-- {
		v := c[i]
		c[i-64] -= v
		c[i-63] -= v
		c[i-61] -= v
		c[i-60] -= v
	}
}

// GaloisMulAdd adds a·b to out.
func GaloisMulAdd(out, a, b []uint64) {
	var c [2 * Degree]uint64
	b = b[:Degree]
	for i, v := range a[:Degree] {
		if v == 0 {
			continue
		}
		row := c[i : i+Degree]
		for j, w := range b {
			row[j] += v * w
		}
	}
	galoisReduce(&c)
	for i := range Degree {
		out[i] += c[i]
	}
}

// GaloisDot adds the sum of u_i·v_i to out: the products of all pairs of
// coefficients as one product of matrices.
func GaloisDot(out, u, v []uint64) {
	n := len(u) / Degree
	turned := make([]uint64, len(u))
	TransposeWords(turned, u, n, Degree)
	pairs := make([]uint64, Degree*Degree)
	MulAdd(pairs, turned, v, Degree, n, Degree)
	var c [2 * Degree]uint64
	for i := range Degree {
		for j := range Degree {
			c[i+j] += pairs[i*Degree+j]
		}
	}
	galoisReduce(&c)
	for i := range Degree {
		out[i] += c[i]
	}
}

// GaloisWeigh adds to out the product of the element a with the one whose
// coefficients are the bits of w.
func GaloisWeigh(out, a []uint64, w uint64) {
	var c [2 * Degree]uint64
	galoisShifts(&c, a[:Degree], w)
	galoisReduce(&c)
	for i := range Degree {
		out[i] += c[i]
	}
}

// GaloisSums adds, for every row of x, the sum of its values times the elements
// whose coefficients are the bits of the weights at their places: an element a row.
func GaloisSums(out, x, weights []uint64) {
	if n := len(weights); n > 0 {
		galoisSums(out, x, weights, len(x)/n)
	}
}

func galoisSumsGo(out, x, weights []uint64, rows int) {
	n := len(weights)
	for r := range rows {
		element := out[r*Degree : (r+1)*Degree]
		for i, v := range x[r*n : (r+1)*n] {
			w := weights[i]
			for b := range element {
				element[b] += v & -(w >> b & 1)
			}
		}
	}
}

func galoisShiftsGo(c *[2 * Degree]uint64, a []uint64, w uint64) {
	for ; w != 0; w &= w - 1 {
		i := bits.TrailingZeros64(w)
		row := c[i : i+Degree]
		for j, v := range a[:Degree] {
			row[j] += v
		}
	}
}

// GaloisScale adds c·v_i to out_i: many at a time as one product with the
// matrix of c.
func GaloisScale(out, v, c []uint64) {
	if len(v) < 8*Degree {
		for i := 0; i < len(v); i += Degree {
			GaloisMulAdd(out[i:i+Degree], v[i:i+Degree], c)
		}
		return
	}
	m := make([]uint64, Degree*Degree) // row i is c·x^i
	copy(m, c[:Degree])
	for i := 1; i < Degree; i++ {
		row, last := m[i*Degree:(i+1)*Degree], m[(i-1)*Degree:i*Degree]
		copy(row[1:], last[:Degree-1])
		top := last[Degree-1]
		row[0] -= top
		row[1] -= top
		row[3] -= top
		row[4] -= top
	}
	MulAdd(out, v, m, len(v)/Degree, Degree, Degree)
}

// TransposeWords writes the rows of x (m of n) as columns.
func TransposeWords(out, x []uint64, m, n int) {
	for i := range m {
		for j := range n {
			out[j*m+i] = x[i*n+j]
		}
	}
}
