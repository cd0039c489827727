package saliency

import (
	"fmt"
	"math"

	"manx/ml"
	"manx/ml/clear"
)

// Gradient returns how fast g's one output changes with each value of its
// input, in output per input, at x, and that output. It is exact up to
// rounding: reverse mode over the operations that encrypted runtimes cover
// (Conv, Linear, Poly, AveragePool, Flatten, Add). Other operations, models with
// several outputs and more work than maxWork are notice.Unsupported.
func Gradient(g ml.Graph, x []float64) (slope []float64, y float64, err error) {
	shapes, err := covered(g, 1)
	if err != nil {
		return nil, 0, err
	}
	return gradient(g, shapes, x)
}

func gradient(g ml.Graph, shapes [][]int, x []float64) ([]float64, float64, error) {
	values, err := clear.Trace(g, x)
	if err != nil {
		return nil, 0, err
	}
	y := values[g.Output][0]
	if math.IsNaN(y) || math.IsInf(y, 0) {
		return nil, 0, fmt.Errorf("saliency: the model's output is not finite")
	}
	slopes := make([][]float64, len(values)) // of the output with each value; nil is zero
	slopes[g.Output] = []float64{1}
	for i := g.Output - 1; i >= 0; i-- {
		n, dy := g.Nodes[i], slopes[i+1]
		if dy == nil {
			continue // the output does not need it
		}
		for _, a := range n.Args {
			if slopes[a] == nil {
				slopes[a] = make([]float64, len(values[a]))
			}
			back(n.Op, dy, values[a], shapes[a], shapes[i+1], slopes[a])
		}
		slopes[i+1] = nil
	}
	if slopes[0] == nil {
		slopes[0] = make([]float64, len(x))
	}
	return slopes[0], y, nil
}

// back adds to dx what dy, the slopes of an operation's result, means for one
// argument x of it.
func back(op ml.Op, dy, x []float64, in, out []int, dx []float64) {
	switch op := op.(type) {
	case ml.Conv:
		backConv(op, dy, in, out, dx)
	case ml.Linear:
		for o, d := range dy {
			for i, w := range op.Weights[o*op.In : (o+1)*op.In] {
				dx[i] += float64(w * d) // the conversion forbids a fused multiply-add
			}
		}
	case ml.Poly:
		each := len(x) / len(op.Coeffs)
		for i, d := range dy {
			k := op.Coeffs[i/each]
			var s float64 // Horner on the derivative
			for p := len(k) - 1; p > 0; p-- {
				s = float64(s*x[i]) + float64(float64(p)*k[p])
			}
			dx[i] += float64(s * d)
		}
	case ml.AveragePool:
		k, h, w := op.Kernel, in[1], in[2]
		for i, d := range dy {
			ox, oy, c := i%out[2], i/out[2]%out[1], i/(out[1]*out[2])
			for ky := range k {
				row := (c*h+oy*k+ky)*w + ox*k
				for kx := range k {
					dx[row+kx] += d / float64(k*k)
				}
			}
		}
	case ml.Flatten, ml.Add:
		for i, d := range dy {
			dx[i] += d
		}
	}
}

func backConv(c ml.Conv, dy []float64, in, out []int, dx []float64) {
	h, w := in[1], in[2]
	for j, d := range dy {
		if d == 0 {
			continue
		}
		left, top, o := j%out[2]*c.Stride-c.Pad, j/out[2]%out[1]*c.Stride-c.Pad, j/(out[1]*out[2])
		from, to := max(0, -left), min(c.Kernel, w-left)
		for i := range c.In {
			for ky := max(0, -top); ky < min(c.Kernel, h-top); ky++ {
				weights := c.Weights[((o*c.In+i)*c.Kernel+ky)*c.Kernel:][:c.Kernel]
				row := dx[(i*h+top+ky)*w:][:w]
				for kx := from; kx < to; kx++ {
					row[left+kx] += float64(weights[kx] * d)
				}
			}
		}
	}
}
