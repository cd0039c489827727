package ring

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

// GaloisScale adds c·v_i to out_i: one product with the matrix of c.
func GaloisScale(out, v, c []uint64) {
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
