package onnx

import (
	"errors"
	"math"
	"slices"

	"manx/ml"
)

// afford counts values that folding constants makes, since a few operators of
// a small file could otherwise make very many.
func (l *loader) afford(n int) error {
	if l.folded += n; l.folded > ml.MaxWeights {
		return tooLarge("its constants compute too many values")
	}
	return nil
}

// arithmetic computes x op y, broadcast as ONNX does.
func (l *loader) arithmetic(op string, x, y *constant) (value, error) {
	rank := max(len(x.dims), len(y.dims))
	out := &constant{dims: make([]int, rank)}
	size := 1
	for i := range out.dims {
		a, b := dimension(x, i-rank), dimension(y, i-rank)
		if a != b && a != 1 && b != 1 {
			return value{}, errShape
		}
		d := a
		if a == 1 {
			d = b
		}
		if out.dims[i] = d; d > 0 && size > ml.MaxWeights/d {
			return value{}, tooLarge("its constants compute too many values")
		}
		size *= d
	}
	if err := l.afford(size); err != nil {
		return value{}, err
	}
	out.values = make([]float64, size)
	for i := range out.values {
		a, b, rest, sa, sb := 0, 0, i, 1, 1
		for d := -1; d >= -rank; d-- {
			at := rest % out.dims[rank+d]
			rest /= out.dims[rank+d]
			if n := dimension(x, d); n > 1 {
				a += at * sa
				sa *= n
			}
			if n := dimension(y, d); n > 1 {
				b += at * sb
				sb *= n
			}
		}
		u, v := x.values[a], y.values[b]
		switch op {
		case "Add":
			u += v
		case "Sub":
			u -= v
		case "Mul":
			u *= v
		case "Div":
			u /= v
		default:
			u = math.Pow(u, v)
		}
		if math.IsNaN(u) || math.IsInf(u, 0) {
			return value{}, errors.New("its constants compute a value that is not finite")
		}
		out.values[i] = u
	}
	return value{constant: out}, nil
}

// dimension returns a dimension counted from the end (-1 is the last), 1 beyond the first.
func dimension(c *constant, fromEnd int) int {
	if i := len(c.dims) + fromEnd; i >= 0 {
		return c.dims[i]
	}
	return 1
}

// permute transposes a constant.
func (l *loader) permute(c *constant, perm []int) (value, error) {
	if err := l.afford(len(c.values)); err != nil {
		return value{}, err
	}
	out := &constant{values: make([]float64, len(c.values))}
	strides := make([]int, len(c.dims))
	for i, step := len(c.dims)-1, 1; i >= 0; i-- {
		strides[i] = step
		step *= c.dims[i]
	}
	for _, p := range perm {
		out.dims = append(out.dims, c.dims[p])
	}
	for i := range out.values {
		rest, at := i, 0
		for d := len(perm) - 1; d >= 0; d-- {
			at += rest % out.dims[d] * strides[perm[d]]
			rest /= out.dims[d]
		}
		out.values[i] = c.values[at]
	}
	return value{constant: out}, nil
}

// chain joins constants along a dimension.
func (l *loader) chain(args []value, axis int) (value, error) {
	first := args[0].constant
	if axis < 0 {
		axis += len(first.dims)
	}
	if axis < 0 || axis >= len(first.dims) {
		return value{}, errShape
	}
	out := &constant{dims: slices.Clone(first.dims)}
	out.dims[axis] = 0
	size := 0
	for _, a := range args {
		dims := slices.Clone(a.constant.dims)
		if len(dims) != len(first.dims) {
			return value{}, errShape
		}
		out.dims[axis] += dims[axis]
		dims[axis] = first.dims[axis]
		if !slices.Equal(dims, first.dims) {
			return value{}, errShape
		}
		size += len(a.constant.values)
	}
	if err := l.afford(size); err != nil {
		return value{}, err
	}
	for i := range ml.Size(first.dims[:axis]) {
		for _, a := range args {
			run := ml.Size(a.constant.dims[axis:])
			out.values = append(out.values, a.constant.values[i*run:(i+1)*run]...)
		}
	}
	return value{constant: out}, nil
}

func reshapeConstant(c *constant, to []float64) (value, error) {
	size, free := 1, -1
	dims := make([]int, 0, min(len(to), 8))
	for i, d := range to {
		n := int(d)
		switch {
		case len(dims) == 8 || d < -1 || d > ml.MaxWeights:
			return value{}, errShape
		case n == -1 && free < 0:
			free, n = i, 1
		case n == -1:
			return value{}, errShape
		case n == 0 && i < len(c.dims):
			n = c.dims[i]
		}
		if n > 0 && size > ml.MaxWeights/n {
			return value{}, errShape
		}
		size *= n
		dims = append(dims, n)
	}
	if free >= 0 && size > 0 {
		dims[free] = len(c.values) / size
		size *= dims[free]
	}
	if size != len(c.values) {
		return value{}, errShape
	}
	return value{constant: &constant{dims: dims, values: c.values}}, nil
}
