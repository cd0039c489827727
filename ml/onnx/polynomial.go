package onnx

import (
	"errors"
	"slices"

	"manx/ml"
)

// identity is x itself.
var identity = []float64{0, 1}

// row returns the polynomial of channel c of v.
func (v value) row(c int) []float64 {
	switch len(v.poly) {
	case 0:
		return identity
	case 1:
		return v.poly[0]
	}
	return v.poly[c]
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
		k := after[min(c, len(after)-1)]
		sum := []float64{k[len(k)-1]}
		for d := len(k) - 2; d >= 0; d-- { // Horner
			sum = times(sum, v.row(c))
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
	switch op := l.graph.Nodes[node].Op.(type) {
	case ml.Conv:
		scale(op.Weights, op.Bias)
	case ml.Linear:
		scale(op.Weights, op.Bias)
	default:
		return false
	}
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

// spread returns a constant as one value, or one for each channel of shape.
func spread(c *constant, shape []int) ([]float64, error) {
	dims := c.dims
	if len(c.values) == 1 && len(dims) <= len(shape)+1 {
		return c.values, nil
	}
	if len(dims) == len(shape)+1 && dims[0] == 1 {
		dims = dims[1:]
	}
	if len(c.values) > maxCoeffs/8 {
		return nil, tooLarge("an activation has too many channels")
	}
	want := append([]int{shape[0]}, slices.Repeat([]int{1}, len(shape)-1)...)
	if !slices.Equal(dims, want) {
		return nil, errors.New("a constant must hold one value, or one for each channel")
	}
	return c.values, nil
}

func (l *loader) binary(op string, args []value) (value, error) {
	if len(args) != 2 {
		return value{}, errShape
	}
	x, y := args[0], args[1]
	if x.constant != nil && y.constant != nil {
		return value{}, errors.New("arithmetic on constants alone is not covered")
	}
	if x.constant != nil || y.constant != nil {
		v, c := x, y.constant
		if x.constant != nil {
			v, c = y, x.constant
		}
		k, err := spread(c, v.shape)
		if err != nil {
			return value{}, err
		}
		after := make([][]float64, len(k))
		for i, k := range k {
			switch {
			case op == "Mul":
				after[i] = []float64{0, k}
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
	if x.base == y.base {
		n := max(len(x.poly), len(y.poly), 1)
		rows := make([][]float64, n)
		for c := range rows {
			switch op {
			case "Mul":
				rows[c] = times(x.row(c), y.row(c))
			case "Add":
				rows[c] = plus(x.row(c), y.row(c), 1)
			default:
				rows[c] = plus(x.row(c), y.row(c), -1)
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
	if len(args) != 2 || args[0].constant != nil || args[1].constant == nil || len(args[1].constant.values) != 1 {
		return value{}, errors.New("only a constant power is covered")
	}
	k := args[1].constant.values[0]
	if k != float64(int(k)) || k < 1 || k > ml.MaxDegree {
		return value{}, errors.New("only the powers 1 to 15 are covered")
	}
	return l.compose(args[0], [][]float64{append(make([]float64, int(k)), 1)})
}
