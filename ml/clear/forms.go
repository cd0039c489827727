package clear

import (
	"math"

	"manx/ml"
)

func surround(p ml.Pad, x []float64, shape []int) []float64 {
	h, w := shape[1], shape[2]
	oh, ow := p.Top+h+p.Bottom, p.Left+w+p.Right
	y := make([]float64, shape[0]*oh*ow)
	for c := range shape[0] {
		for i := range h {
			copy(y[(c*oh+p.Top+i)*ow+p.Left:], x[(c*h+i)*w:(c*h+i+1)*w])
		}
	}
	return y
}

func largest(p ml.MaxPool, x []float64, shape []int) []float64 {
	h, w := shape[1], shape[2]
	out := [2]int{}
	for d := range out {
		out[d] = (shape[d+1]+p.Before[d]+p.After[d]-p.Kernel[d])/p.Stride[d] + 1
	}
	y := make([]float64, 0, shape[0]*out[0]*out[1])
	for c := range shape[0] {
		for oy := range out[0] {
			for ox := range out[1] {
				top, left := oy*p.Stride[0]-p.Before[0], ox*p.Stride[1]-p.Before[1]
				best := math.Inf(-1)
				for sy := max(top, 0); sy < min(top+p.Kernel[0], h); sy++ {
					for sx := max(left, 0); sx < min(left+p.Kernel[1], w); sx++ {
						best = max(best, x[(c*h+sy)*w+sx])
					}
				}
				y = append(y, best)
			}
		}
	}
	return y
}

// join copies, for each index before the axis, a run of every argument.
func join(c ml.Concat, args []int, values [][]float64, shapes [][]int) []float64 {
	var y []float64
	for i := range ml.Size(shapes[args[0]][:c.Axis]) {
		for _, a := range args {
			run := ml.Size(shapes[a][c.Axis:])
			y = append(y, values[a][i*run:(i+1)*run]...)
		}
	}
	return y
}

func activate(a ml.Activation, x []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		switch a.Kind {
		case ml.ReLU:
			y[i] = max(v, 0)
		case ml.Sigmoid:
			y[i] = 1 / (1 + math.Exp(-v))
		case ml.Tanh:
			y[i] = math.Tanh(v)
		}
	}
	return y
}

// softmax subtracts the largest value first, so that no exponential overflows.
func softmax(s ml.Softmax, x []float64, shape []int) []float64 {
	y := make([]float64, len(x))
	n, step := shape[s.Axis], ml.Size(shape[s.Axis+1:])
	for i := range x {
		if i/step%n != 0 {
			continue // not the first of its row
		}
		top, sum := math.Inf(-1), 0.0
		for k := range n {
			top = max(top, x[i+k*step])
		}
		for k := range n {
			y[i+k*step] = math.Exp(x[i+k*step] - top)
			sum += y[i+k*step]
		}
		for k := range n {
			y[i+k*step] /= sum
		}
	}
	return y
}
