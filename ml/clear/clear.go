// Package clear runs a model on plaintext, in float64 and one fixed order, with
// the plainest loops that are right: it is the oracle for every other runtime.
// It is not meant to be fast, and it encrypts nothing.
package clear

import (
	"fmt"
	"math"

	"manx/ml"
)

// Run evaluates g on input, flattened row-major, and returns its output,
// flattened. Products are rounded before they are added, on every architecture.
func Run(g ml.Graph, input []float64) ([]float64, error) {
	values, err := Trace(g, input)
	if err != nil {
		return nil, err
	}
	return values[g.Output], nil
}

// Trace evaluates g on input and returns every value: the input, then the
// result of each node.
func Trace(g ml.Graph, input []float64) ([][]float64, error) {
	shapes, err := g.Shapes()
	if err != nil {
		return nil, err
	}
	if want := ml.Size(shapes[0]); len(input) != want {
		return nil, fmt.Errorf("clear: the input has %d values, the model takes %d", len(input), want)
	}
	for _, x := range input {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, fmt.Errorf("clear: the input has a value that is not finite")
		}
	}
	values := [][]float64{input}
	for _, n := range g.Nodes {
		a := n.Args[0]
		x, shape := values[a], shapes[a]
		var y []float64
		switch op := n.Op.(type) {
		case ml.Conv:
			y = convolve(op, x, shape)
		case ml.Linear:
			y = dense(op, x)
		case ml.Poly:
			y = polynomial(op, x)
		case ml.AveragePool:
			y = pool(op, x, shape)
		case ml.Flatten:
			y = x
		case ml.Add:
			y = make([]float64, len(x))
			for i := range x {
				y[i] = x[i] + values[n.Args[1]][i]
			}
		case ml.Reshape:
			y = x
		case ml.Pad:
			y = surround(op, x, shape)
		case ml.MaxPool:
			y = largest(op, x, shape)
		case ml.Concat:
			y = join(op, n.Args, values, shapes)
		case ml.Activation:
			y = activate(op, x)
		case ml.Softmax:
			y = softmax(op, x, shape)
		}
		values = append(values, y)
	}
	return values, nil
}

func convolve(c ml.Conv, x []float64, shape []int) []float64 {
	h, w := shape[1], shape[2]
	oh, ow := (h+2*c.Pad-c.Kernel)/c.Stride+1, (w+2*c.Pad-c.Kernel)/c.Stride+1
	y := make([]float64, 0, c.Out*oh*ow)
	for o := range c.Out {
		for oy := range oh {
			for ox := range ow {
				sum := c.Bias[o]
				for i := range c.In {
					for ky := range c.Kernel {
						sy := oy*c.Stride + ky - c.Pad
						if sy < 0 || sy >= h {
							continue
						}
						for kx := range c.Kernel {
							sx := ox*c.Stride + kx - c.Pad
							if sx < 0 || sx >= w {
								continue
							}
							// The conversion forbids a fused multiply-add.
							sum += float64(c.Weights[((o*c.In+i)*c.Kernel+ky)*c.Kernel+kx] * x[(i*h+sy)*w+sx])
						}
					}
				}
				y = append(y, sum)
			}
		}
	}
	return y
}

func dense(l ml.Linear, x []float64) []float64 {
	y := make([]float64, l.Out)
	for o := range y {
		sum := l.Bias[o]
		for i, v := range x {
			sum += float64(l.Weights[o*l.In+i] * v)
		}
		y[o] = sum
	}
	return y
}

func polynomial(p ml.Poly, x []float64) []float64 {
	y := make([]float64, len(x))
	each := len(x) / len(p.Coeffs)
	for i, v := range x {
		k := p.Coeffs[i/each]
		var sum float64 // Horner
		for d := len(k) - 1; d >= 0; d-- {
			sum = float64(sum*v) + k[d]
		}
		y[i] = sum
	}
	return y
}

func pool(p ml.AveragePool, x []float64, shape []int) []float64 {
	k, h, w := p.Kernel, shape[1], shape[2]
	oh, ow := (h-k)/k+1, (w-k)/k+1
	y := make([]float64, 0, shape[0]*oh*ow)
	for c := range shape[0] {
		for oy := range oh {
			for ox := range ow {
				var sum float64
				for ky := range k {
					for kx := range k {
						sum += x[(c*h+oy*k+ky)*w+ox*k+kx]
					}
				}
				y = append(y, sum/float64(k*k))
			}
		}
	}
	return y
}
