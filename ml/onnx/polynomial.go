package onnx

import (
	"errors"
	"math"
	"slices"

	"manx/ml"
)

// identity is x itself.
var identity = []float64{0, 1}

// row returns the polynomial of v for the i-th of n rows; a row for each
// channel stands for all its values.
func (v value) row(i, n int) []float64 {
	if len(v.poly) == 0 {
		return identity
	}
	return v.poly[i*len(v.poly)/n]
}

// compose returns after(v), channel by channel; an affine map of a convolution
// or dense layer that nothing else reads is folded into its weights.
func (l *loader) compose(v value, after [][]float64) (value, error) {
	if v.poly == nil && !v.shared && v.base > 0 && len(after[0]) == 2 {
		if l.fold(v.base-1, after) {
			return v, nil
		}
	}
	n := max(len(v.poly), len(after))
	rows := make([][]float64, n)
	for c := range n {
		k := after[c*len(after)/n]
		sum := []float64{k[len(k)-1]}
		for d := len(k) - 2; d >= 0; d-- { // Horner
			sum = times(sum, v.row(c, n))
			sum[0] += k[d]
		}
		rows[c] = sum
	}
	return l.polynomial(v, rows)
}

func (l *loader) polynomial(v value, rows [][]float64) (value, error) {
	for c, r := range rows {
		if len(r) > ml.MaxDegree+1 {
			return value{}, errors.New("a polynomial of degree above 15")
		}
		if l.coeffs += len(r); l.coeffs > maxCoeffs {
			return value{}, tooLarge("the polynomials have too many coefficients")
		}
		for len(r) > 1 && r[len(r)-1] == 0 {
			r = r[:len(r)-1]
		}
		rows[c] = r
	}
	return value{base: v.base, shape: v.shape, poly: rows, shared: v.shared}, nil
}

// fold takes an affine map into the node's own weights, where it has any.
func (l *loader) fold(node int, after [][]float64) bool {
	at := func(o int) (add, mul float64) { k := after[min(o, len(after)-1)]; return k[0], k[1] }
	scale := func(w, b []float64) {
		for o := range b {
			add, mul := at(o)
			b[o] = mul*b[o] + add
			for i := o * len(w) / len(b); i < (o+1)*len(w)/len(b); i++ {
				w[i] *= mul
			}
		}
	}
	var w, b []float64
	switch op := l.graph.Nodes[node].Op.(type) {
	case ml.Conv:
		w, b = op.Weights, op.Bias
	case ml.Linear:
		w, b = op.Weights, op.Bias
	}
	if len(b) == 0 || len(after) != 1 && len(after) != len(b) {
		return false
	}
	scale(w, b)
	return true
}

func times(a, b []float64) []float64 {
	out := make([]float64, len(a)+len(b)-1)
	for i, x := range a {
		for j, y := range b {
			out[i+j] += x * y
		}
	}
	return out
}

func plus(a, b []float64, sign float64) []float64 {
	out := make([]float64, max(len(a), len(b)))
	copy(out, a)
	for i, y := range b {
		out[i] += sign * y
	}
	return out
}

// spread returns a constant as one value, one for each channel of shape, or one
// for each value of shape.
func (l *loader) spread(c *constant, shape []int) ([]float64, error) {
	dims := c.dims
	if len(c.values) == 1 && len(dims) <= len(shape)+l.lead {
		return c.values, nil
	}
	if l.lead == 1 && len(dims) == len(shape)+1 {
		if dims[0] != 1 {
			return nil, errors.New("a constant that differs along the batch is not covered")
		}
		dims = dims[1:]
	}
	if len(dims) > len(shape) {
		return nil, errShape
	}
	dims = append(slices.Repeat([]int{1}, len(shape)-len(dims)), dims...)
	each := len(shape) == 1 || len(shape) == 3 // is there one for each channel?
	for i, d := range dims {                   // as many as shape has
		if d != 1 && d != shape[i] { //nolint:gosec // see above
			return nil, errors.New("a constant larger than the value it meets is not covered")
		}
		each = each && (i == 0 || d == 1)
	}
	size := ml.Size(shape)
	if each {
		size = len(c.values)
	}
	if size > maxCoeffs/8 {
		return nil, tooLarge("an activation has too many constants")
	}
	if each {
		return c.values, nil
	}
	out := make([]float64, size)
	for i := range out {
		rest, at, step := i, 0, 1
		for d := len(shape) - 1; d >= 0; d-- {
			if dims[d] > 1 {
				at += rest % shape[d] * step
				step *= dims[d]
			}
			rest /= shape[d]
		}
		out[i] = c.values[at]
	}
	return out, nil
}

func (l *loader) binary(op string, args []value) (value, error) {
	if len(args) != 2 {
		return value{}, errShape
	}
	x, y := args[0], args[1]
	if x.constant != nil && y.constant != nil {
		return l.arithmetic(op, x.constant, y.constant)
	}
	if x.constant == nil && x.shape == nil || y.constant == nil && y.shape == nil {
		return value{}, errShape
	}
	if x.constant != nil || y.constant != nil {
		v, c := x, y.constant
		if x.constant != nil {
			v, c = y, x.constant
		}
		k, err := l.spread(c, v.shape)
		if err != nil {
			return value{}, err
		}
		after := make([][]float64, len(k))
		for i, k := range k {
			switch {
			case op == "Mul":
				after[i] = []float64{0, k}
			case op == "Div" && (y.constant == nil || math.IsInf(1/k, 0)):
				return value{}, errors.New("only division by constants that are not zero is covered")
			case op == "Div":
				after[i] = []float64{0, 1 / k}
			case op == "Add":
				after[i] = []float64{k, 1}
			case y.constant != nil: // x - k
				after[i] = []float64{-k, 1}
			default: // k - x
				after[i] = []float64{k, -1}
			}
		}
		return l.compose(v, after)
	}
	if !slices.Equal(x.shape, y.shape) {
		return value{}, errShape
	}
	if op == "Div" {
		return value{}, errors.New("a quotient of two values is not covered")
	}
	if x.base == y.base {
		n := max(len(x.poly), len(y.poly), 1)
		rows := make([][]float64, n)
		for c := range rows {
			switch op {
			case "Mul":
				rows[c] = times(x.row(c, n), y.row(c, n))
			case "Add":
				rows[c] = plus(x.row(c, n), y.row(c, n), 1)
			default:
				rows[c] = plus(x.row(c, n), y.row(c, n), -1)
			}
			if len(rows[c]) > ml.MaxDegree+1 {
				return value{}, errors.New("a polynomial of degree above 15")
			}
		}
		x.shared = true
		return l.polynomial(x, rows)
	}
	if op == "Mul" {
		return value{}, errors.New("a product of two different values is not covered")
	}
	if op == "Sub" {
		var err error
		if y, err = l.compose(y, [][]float64{{0, -1}}); err != nil {
			return value{}, err
		}
	}
	return l.push(ml.Add{}, x.shape, 0, l.real(x), l.real(y))
}

func (l *loader) power(args []value) (value, error) {
	if len(args) == 2 && args[0].constant != nil && args[1].constant != nil {
		return l.arithmetic("Pow", args[0].constant, args[1].constant)
	}
	if len(args) != 2 || args[0].constant != nil || args[1].constant == nil || len(args[1].constant.values) != 1 {
		return value{}, errors.New("only a constant power is covered")
	}
	k := args[1].constant.values[0]
	if k != float64(int(k)) || k < 1 || k > ml.MaxDegree {
		return value{}, errors.New("only the powers 1 to 15 are covered")
	}
	return l.compose(args[0], [][]float64{append(make([]float64, int(k)), 1)})
}
