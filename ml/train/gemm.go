package train

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"
)

// A real is what a network computes in: float32 to train, float64 where the
// tests compare gradients with differences.
type real interface{ float32 | float64 }

// gemm adds op(a) b to c, an m x n matrix, where op transposes if ta is set; k is the
// inner dimension. All are row-major and dense. The same matrices give the same bits,
// with vectors and without: each value of c gains its products one after another,
// rounded each. There is no b transposed: gonum would take inner products, which it
// sums in an order that depends on where the slices lie in memory.
func gemm[T real](ta bool, m, n, k int, a, b, c []T) {
	if c, ok := any(c).([]float32); ok && haveVectors() {
		tiles(ta, m, n, k, any(a).([]float32), any(b).([]float32), c)
		return
	}
	ar, ac, at := m, k, blas.NoTrans
	if ta {
		ar, ac, at = k, m, blas.Trans
	}
	switch c := any(c).(type) {
	case []float32:
		blas32.Gemm(at, blas.NoTrans, 1, blas32.General{Rows: ar, Cols: ac, Stride: ac, Data: any(a).([]float32)},
			blas32.General{Rows: k, Cols: n, Stride: n, Data: any(b).([]float32)}, 1,
			blas32.General{Rows: m, Cols: n, Stride: n, Data: c})
	case []float64:
		blas64.Gemm(at, blas.NoTrans, 1, blas64.General{Rows: ar, Cols: ac, Stride: ac, Data: any(a).([]float64)},
			blas64.General{Rows: k, Cols: n, Stride: n, Data: any(b).([]float64)}, 1,
			blas64.General{Rows: m, Cols: n, Stride: n, Data: c})
	}
}

// tiles is gemm in vectors.
func tiles(ta bool, m, n, k int, a, b, c []float32) {
	if m == 0 || n == 0 || k == 0 {
		return
	}
	aRow, aStep := k, 1
	if ta {
		aRow, aStep = 1, m
	}
	_, _, _ = a[m*k-1], b[k*n-1], c[m*n-1]
	for j := 0; j < n; j += 32 {
		columns := uint32(math.MaxUint32) >> max(32-(n-j), 0)
		for i := 0; i < m; i += 4 {
			tile(&c[i*n+j], &a[i*aRow], &b[j], k, n, aRow, aStep, n, min(4, m-i), columns)
		}
	}
}

// transposed returns the transpose of a rows x columns matrix, in buf where it fits.
func transposed[T real](buf, a []T, rows, columns int) []T {
	out := grow(buf, len(a))
	const side = 16 // of blocks: both matrices' lines stay in the cache
	for i := 0; i < rows; i += side {
		for j := 0; j < columns; j += side {
			for r := i; r < min(i+side, rows); r++ {
				for c, v := range a[r*columns+j : r*columns+min(j+side, columns)] {
					out[(j+c)*rows+r] = v
				}
			}
		}
	}
	return out
}
