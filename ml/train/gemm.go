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
// are row-major and dense.
func gemm[T real](ta, tb bool, m, n, k int, a, b, c []T) {
	ar, ac, at := m, k, blas.NoTrans
	if ta {
		ar, ac, at = k, m, blas.Trans
	}
	br, bc, bt := k, n, blas.NoTrans
	if tb {
		br, bc, bt = n, k, blas.Trans
	}
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
