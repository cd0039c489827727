package train

import "math"

// standard keeps every row of a layer's weights at mean 0 and norm 1: what is learned
// is any vector, what computes is that vector made standard (weight standardisation:
// Qiao et al. 2019, arXiv 1903.10520; Brock, De and Smith 2021, arXiv 2101.08692). So
// the layer's outputs keep their size while it learns, without a look at a batch:
// a gradient over examples is the sum of theirs, at whatever sites they lie. nil
// leaves weights as they are.
type standard[T real] struct {
	unit    []T // [rows * k]
	inverse []T // of each row's norm after its mean was taken off
}

// leastNorm keeps a row of equal weights from dividing by nothing; squared.
const leastNorm = 1e-8

// of returns the weights that compute, of so many rows.
func (s *standard[T]) of(weight []T, rows int) []T {
	if s == nil {
		return weight
	}
	s.unit, s.inverse = grow(s.unit, len(weight)), grow(s.inverse, rows)
	k := len(weight) / rows
	for o := range rows {
		row, unit := weight[o*k:(o+1)*k], s.unit[o*k:(o+1)*k]
		var mean, square float64
		for _, v := range row {
			mean += float64(v)
		}
		mean /= float64(k)
		for _, v := range row {
			d := float64(v) - mean
			square += d * d
		}
		by := 1 / math.Sqrt(square+leastNorm)
		s.inverse[o] = T(by)
		for i, v := range row {
			unit[i] = T((float64(v) - mean) * by)
		}
	}
	return s.unit
}

// back makes the gradient by the weights that compute, of the last call of `of`, that
// by the learned ones.
func (s *standard[T]) back(grad []T) {
	if s == nil {
		return
	}
	k := len(grad) / len(s.inverse)
	for o, by := range s.inverse {
		row, unit := grad[o*k:(o+1)*k], s.unit[o*k:(o+1)*k]
		var mean, along float64
		for i, d := range row {
			mean += float64(d)
			along += float64(d) * float64(unit[i])
		}
		mean /= float64(k)
		for i, d := range row {
			row[i] = T((float64(d) - mean - along*float64(unit[i])) * float64(by))
		}
	}
}
