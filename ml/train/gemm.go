package train

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"
)

// A real is what a network computes in: float32 to train, float64 where the
// tests compare gradients with differences.
type real interface{ float32 | float64 }

// gemm adds op(a) op(b) to c, an m x n matrix; k is the inner dimension. All
// are row-major and dense. The same matrices give the same bits.
func gemm[T real](ta, tb bool, m, n, k int, a, b, c []T) {
	if tb {
		// Of a times b transposed, gonum takes inner products, which it sums in an
		// order that depends on where the slices lie in memory. Without the
		// transpose it adds rows, in one order.
		b = transposed(b, n, k)
	}
	ar, ac, at := m, k, blas.NoTrans
	if ta {
		ar, ac, at = k, m, blas.Trans
	}
	br, bc, bt := k, n, blas.NoTrans
	switch c := any(c).(type) {
	case []float32:
		blas32.Gemm(at, bt, 1, blas32.General{Rows: ar, Cols: ac, Stride: ac, Data: any(a).([]float32)},
			blas32.General{Rows: br, Cols: bc, Stride: bc, Data: any(b).([]float32)}, 1,
			blas32.General{Rows: m, Cols: n, Stride: n, Data: c})
	case []float64:
		blas64.Gemm(at, bt, 1, blas64.General{Rows: ar, Cols: ac, Stride: ac, Data: any(a).([]float64)},
			blas64.General{Rows: br, Cols: bc, Stride: bc, Data: any(b).([]float64)}, 1,
			blas64.General{Rows: m, Cols: n, Stride: n, Data: c})
	}
}

// transposed returns the transpose of a rows x columns matrix.
func transposed[T real](a []T, rows, columns int) []T {
	out := make([]T, len(a))
	for i := range rows {
		for j, v := range a[i*columns : (i+1)*columns] {
			out[j*rows+i] = v
		}
	}
	return out
}
