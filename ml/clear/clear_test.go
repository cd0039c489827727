package clear_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"manx/ml"
	"manx/ml/clear"
)

func Example() {
	g := ml.Graph{
		Name: "means-squared", Input: []int{1, 2, 2}, Output: 4,
		Nodes: []ml.Node{
			{Op: ml.AveragePool{Kernel: 2}, Args: []int{0}},
			{Op: ml.Flatten{}, Args: []int{1}},
			{Op: ml.Poly{Coeffs: [][]float64{{1, 0, 1}}}, Args: []int{2}}, // 1 + x^2
			{Op: ml.Linear{Out: 1, In: 1, Weights: []float64{10}, Bias: []float64{0.5}}, Args: []int{3}},
		},
	}
	y, err := clear.Run(g, []float64{1, 2, 3, 6})
	fmt.Println(y, err)
	// Output: [100.5] <nil>
}

func TestOperations(t *testing.T) {
	one := func(op ml.Op, args ...int) []ml.Node { return []ml.Node{{Op: op, Args: args}} }
	for name, c := range map[string]struct {
		in    []int
		nodes []ml.Node
		x, y  []float64
	}{
		"convolution with padding and stride": {
			[]int{1, 3, 3}, one(ml.Conv{Out: 1, In: 1, Kernel: 3, Stride: 2, Pad: 1, Weights: []float64{1, 2, 3, 4, 5, 6, 7, 8, 9}, Bias: []float64{0.5}}, 0),
			[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9}, []float64{94.5, 106.5, 106.5, 94.5},
		},
		"polynomial of each channel": {
			[]int{2, 1, 2}, one(ml.Poly{Coeffs: [][]float64{{1, 2}, {0, 0, 1}}}, 0), []float64{1, 2, 3, 4}, []float64{3, 5, 9, 16},
		},
		"pooling that leaves a rest": {[]int{1, 3, 2}, one(ml.AveragePool{Kernel: 2}, 0), []float64{1, 2, 3, 4, 5, 6}, []float64{2.5}},
		"polynomial of each value":   {[]int{1, 1, 2}, one(ml.Poly{Coeffs: [][]float64{{1, 2}, {0, 3}}}, 0), []float64{1, 2}, []float64{3, 6}},
		"another shape":              {[]int{4}, one(ml.Reshape{Shape: []int{1, 2, 2}}, 0), []float64{1, 2, 3, 4}, []float64{1, 2, 3, 4}},
		"zeros around": {
			[]int{2, 1, 2}, one(ml.Pad{Top: 1, Left: 2, Right: 1}, 0), []float64{1, 2, 3, 4},
			[]float64{0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 3, 4, 0},
		},
		"largest of windows": {
			[]int{1, 3, 3}, one(ml.MaxPool{Kernel: [2]int{2, 3}, Stride: [2]int{2, 1}, Before: [2]int{1, 0}, After: [2]int{0, 1}}, 0),
			[]float64{-9, -8, -7, -6, -5, -4, -3, -2, -1}, []float64{-7, -7, -1, -1},
		},
		"joined channels": {[]int{1, 1, 2}, one(ml.Concat{}, 0, 0), []float64{1, 2}, []float64{1, 2, 1, 2}},
		"joined columns":  {[]int{1, 2, 2}, one(ml.Concat{Axis: 2}, 0, 0), []float64{1, 2, 3, 4}, []float64{1, 2, 1, 2, 3, 4, 3, 4}},
		"max(x, 0)":       {[]int{3}, one(ml.Activation{Kind: ml.ReLU}, 0), []float64{-1, 0, 2}, []float64{0, 0, 2}},
		"sigmoid":         {[]int{3}, one(ml.Activation{Kind: ml.Sigmoid}, 0), []float64{-1e9, 0, 1e9}, []float64{0, 0.5, 1}},
		"tanh":            {[]int{3}, one(ml.Activation{Kind: ml.Tanh}, 0), []float64{-1e9, 0, 1e9}, []float64{-1, 0, 1}},
		"softmax":         {[]int{2}, one(ml.Softmax{}, 0), []float64{1000, 1000}, []float64{0.5, 0.5}},
		"softmax of channels": {
			[]int{2, 1, 2}, one(ml.Softmax{}, 0), []float64{7, 0, 7, 1e9}, []float64{0.5, 0, 0.5, 1},
		},
		"sum": {[]int{2}, one(ml.Add{}, 0, 0), []float64{1, -2}, []float64{2, -4}},
	} {
		y, err := clear.Run(ml.Graph{Input: c.in, Nodes: c.nodes, Output: 1}, c.x)
		if err != nil || !slices.Equal(y, c.y) {
			t.Errorf("%s: %v (%v), not %v", name, y, err, c.y)
		}
	}
}

func TestInputThatIsNotTheModelsIsRefused(t *testing.T) {
	g := ml.Graph{Input: []int{2}, Nodes: []ml.Node{{Op: ml.Flatten{}, Args: []int{0}}}, Output: 1}
	for _, x := range [][]float64{nil, {1}, {1, math.NaN()}, {1, 2, 3}} {
		if _, err := clear.Run(g, x); err == nil {
			t.Errorf("%v was run", x)
		}
	}
}
