// Package ring holds the arithmetic of Z_2^64 under three-party computation:
// sums and products of vectors and matrices, bit slicing, and the rings over
// which products are checked. In AVX-512 where the CPU has it, otherwise in Go,
// with equal results.
//
// It knows nothing of parties, shares or messages.
package ring

// Add sets z to x + y. All lengths are equal.
func Add(z, x, y []uint64) {
	x, y = x[:len(z)], y[:len(z)]
	for i := range z {
		z[i] = x[i] + y[i]
	}
}

// Sub sets z to x - y.
func Sub(z, x, y []uint64) {
	x, y = x[:len(z)], y[:len(z)]
	for i := range z {
		z[i] = x[i] - y[i]
	}
}

// Scale sets z to c·x.
func Scale(z, x []uint64, c uint64) {
	x = x[:len(z)]
	for i := range z {
		z[i] = c * x[i]
	}
}

// Words returns how many words hold n bits.
func Words(n int) int { return (n + 63) / 64 }
