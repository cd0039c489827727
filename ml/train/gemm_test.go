package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// Vectors give gonum's bits, so that a seed gives one network on every processor of
// an architecture.
func TestVectorsGiveTheSameBits(t *testing.T) {
	if !haveVectors() {
		t.Skip("this processor has no AVX-512")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	random := func(n int) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = float32(rng.NormFloat64())
			if rng.IntN(9) == 0 {
				out[i] = 0
			}
		}
		return out
	}
	for _, s := range [][3]int{{8, 1024, 25}, {16, 256, 200}, {200, 256, 16}, {16, 200, 256}, {32, 1, 32}, {1, 1, 1}, {5, 33, 3}, {3, 47, 70}, {130, 130, 130}, {2, 31, 1}, {7, 16, 2}} {
		for _, ta := range []bool{false, true} {
			m, n, k := s[0], s[1], s[2]
			a, b, c := random(m*k), random(k*n), random(m*n)
			want := blas32.General{Rows: m, Cols: n, Stride: n, Data: append([]float32(nil), c...)}
			of, at := blas32.General{Rows: m, Cols: k, Stride: k, Data: a}, blas.NoTrans
			if ta {
				of, at = blas32.General{Rows: k, Cols: m, Stride: m, Data: a}, blas.Trans
			}
			blas32.Gemm(at, blas.NoTrans, 1, of, blas32.General{Rows: k, Cols: n, Stride: n, Data: b}, 1, want)
			tiles(ta, m, n, k, a, b, c)
			for i := range c {
				if math.Float32bits(c[i]) != math.Float32bits(want.Data[i]) {
					t.Fatalf("%v, transposed %v: value %d is %v, gonum's %v", s, ta, i, c[i], want.Data[i])
				}
			}
		}
	}
}
