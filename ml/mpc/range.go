package mpc

import (
	"fmt"
	"math"
	"slices"

	"manx/ml"
	"manx/ml/clear"
)

// An interval bounds each element of a value.
type interval struct{ low, high []float64 }

// most is the largest magnitude.
func (v interval) most() (top float64) {
	for i := range v.low {
		top = max(top, -v.low[i], v.high[i])
	}
	return top
}

// within narrows v to a range.
func (v interval) within(low, high float64) interval {
	out := interval{slices.Clone(v.low), slices.Clone(v.high)}
	for i := range out.low {
		out.low[i], out.high[i] = min(max(v.low[i], low), high), max(min(v.high[i], high), low)
	}
	return out
}

// bounds returns what the result of a node lies in where its arguments lie in
// args, of the given shapes.
func bounds(n ml.Node, args []interval, shapes [][]int) (interval, error) {
	switch op := n.Op.(type) {
	case ml.Conv:
		size := op
		size.Weights, size.Bias = magnitudes(op.Weights), make([]float64, len(op.Bias))
		return affine(op, size, args, shapes)
	case ml.Linear:
		size := op
		size.Weights, size.Bias = magnitudes(op.Weights), make([]float64, len(op.Bias))
		return affine(op, size, args, shapes)
	case ml.Poly:
		return polynomial(op, args[0]), nil
	}
	// What is left grows with its arguments.
	low, err1 := apply(n.Op, shapes, lows(args))
	high, err2 := apply(n.Op, shapes, highs(args))
	if err1 != nil || err2 != nil {
		return interval{}, fmt.Errorf("mpc: bounds of %T: %w", n.Op, max2(err1, err2))
	}
	return interval{low, high}, nil
}

func max2(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// affine takes the middle of the arguments through op, and half their width
// through the same with magnitudes of weights.
func affine(op, size ml.Op, args []interval, shapes [][]int) (interval, error) {
	middle, half := make([]float64, len(args[0].low)), make([]float64, len(args[0].low))
	for i := range middle {
		middle[i], half[i] = (args[0].low[i]+args[0].high[i])/2, (args[0].high[i]-args[0].low[i])/2
	}
	m, err := apply(op, shapes, [][]float64{middle})
	if err != nil {
		return interval{}, err
	}
	r, err := apply(size, shapes, [][]float64{half})
	if err != nil {
		return interval{}, err
	}
	out := interval{m, r}
	for i := range m {
		out.low[i], out.high[i] = m[i]-r[i], m[i]+r[i]
	}
	return out, nil
}

// polynomial bounds Horner's steps.
func polynomial(op ml.Poly, x interval) interval {
	out := interval{make([]float64, len(x.low)), make([]float64, len(x.low))}
	each := len(x.low) / len(op.Coeffs)
	for i := range out.low {
		k := op.Coeffs[i/each]
		low, high := 0.0, 0.0
		for d := len(k) - 1; d >= 0; d-- {
			p := []float64{low * x.low[i], low * x.high[i], high * x.low[i], high * x.high[i]}
			low, high = slices.Min(p)+k[d], slices.Max(p)+k[d]
		}
		out.low[i], out.high[i] = low, high
	}
	return out
}

// apply runs one operation in the clear.
func apply(op ml.Op, shapes [][]int, args [][]float64) ([]float64, error) {
	if len(args) == 1 {
		return clear.Run(ml.Graph{Input: shapes[0], Nodes: []ml.Node{{Op: op, Args: []int{0}}}, Output: 1}, args[0])
	}
	// Several arguments are cut out of one input by linear maps of ones, which is
	// dear: the two operations that have some are simple enough.
	if _, ok := op.(ml.Add); ok {
		out := slices.Clone(args[0])
		for i, v := range args[1] {
			out[i] += v
		}
		return out, nil
	}
	return joined(op.(ml.Concat), args, shapes), nil
}

// joined is Concat in the clear.
func joined(op ml.Concat, args [][]float64, shapes [][]int) (out []float64) {
	for i := range ml.Size(shapes[0][:op.Axis]) {
		for k, a := range args {
			run := ml.Size(shapes[k][op.Axis:])
			out = append(out, a[i*run:(i+1)*run]...)
		}
	}
	return out
}

func magnitudes(w []float64) []float64 {
	out := make([]float64, len(w))
	for i, v := range w {
		out[i] = math.Abs(v)
	}
	return out
}

func lows(args []interval) (out [][]float64) {
	for _, a := range args {
		out = append(out, a.low)
	}
	return out
}

func highs(args []interval) (out [][]float64) {
	for _, a := range args {
		out = append(out, a.high)
	}
	return out
}

// Ranges returns what every value of g lay in over the inputs, for Calibrated.
func Ranges(g ml.Graph, inputs [][]float64) ([]ml.Range, error) {
	var out []ml.Range
	for i, x := range inputs {
		values, err := clear.Trace(g, x)
		if err != nil {
			return nil, err
		}
		for v, y := range values {
			if i == 0 {
				out = append(out, ml.Range{Value: v, Low: y[0], High: y[0]})
			}
			out[v].Low, out[v].High = min(out[v].Low, slices.Min(y)), max(out[v].High, slices.Max(y))
		}
	}
	return out, nil
}
