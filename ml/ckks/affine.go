package ckks

import (
	"fmt"

	"manx/ml"
)

// An affine map y = A x + b, A sparse by rows.
type affine struct {
	cols int
	rows [][]entry // nil: the identity on cols
	bias []float64 // nil: none
}

type entry struct {
	col    int32
	weight float64
}

// Bounds on what a graph may ask of the compiler.
const (
	maxWidth   = 1 << 17 // elements of a tensor
	maxEntries = 1 << 24 // weights after unrolling
)

func (a *affine) height() int {
	if a.rows == nil {
		return a.cols
	}
	return len(a.rows)
}

func (a *affine) row(i int) []entry {
	if a.rows == nil {
		return []entry{{int32(i), 1}}
	}
	return a.rows[i]
}

func (a *affine) offset(i int) float64 {
	if a.bias == nil {
		return 0
	}
	return a.bias[i]
}

// then returns b after a.
func (a *affine) then(b *affine) (*affine, error) {
	if b.cols != a.height() {
		return nil, fmt.Errorf("map of %d inputs after one of %d outputs", b.cols, a.height())
	}
	if a.rows == nil && a.bias == nil {
		return b, nil
	}
	out := &affine{cols: a.cols, rows: make([][]entry, b.height()), bias: make([]float64, b.height())}
	sum := make([]float64, a.cols)
	seen := make([]bool, a.cols)
	var touched []int32
	total := 0
	for i := range out.rows {
		out.bias[i] = b.offset(i)
		touched = touched[:0]
		for _, e := range b.row(i) {
			out.bias[i] += e.weight * a.offset(int(e.col))
			for _, f := range a.row(int(e.col)) {
				if !seen[f.col] {
					seen[f.col] = true
					touched = append(touched, f.col)
				}
				sum[f.col] += e.weight * f.weight
			}
		}
		row := make([]entry, 0, len(touched))
		for _, c := range touched {
			row = append(row, entry{c, sum[c]})
			sum[c], seen[c] = 0, false
		}
		out.rows[i] = row
		if total += len(row); total > maxEntries {
			return nil, tooLarge("its linear layers have too many weights together")
		}
	}
	return out, nil
}

// plus returns a + b, both of the same input.
func (a *affine) plus(b *affine) *affine {
	out := &affine{cols: a.cols, rows: make([][]entry, a.height()), bias: make([]float64, a.height())}
	for i := range out.rows {
		sums := map[int32]int{}
		for _, e := range append(append([]entry(nil), a.row(i)...), b.row(i)...) {
			if at, ok := sums[e.col]; ok {
				out.rows[i][at].weight += e.weight
				continue
			}
			sums[e.col] = len(out.rows[i])
			out.rows[i] = append(out.rows[i], e)
		}
		out.bias[i] = a.offset(i) + b.offset(i)
	}
	return out
}

// convolution unrolls c over an input of shape.
func convolution(c ml.Conv, shape []int) (*affine, []int, error) {
	if len(shape) != 3 || shape[0] != c.In || c.In < 1 || c.Out < 1 || c.Kernel < 1 || c.Stride < 1 || c.Pad < 0 ||
		c.Pad >= c.Kernel || c.Kernel > 64 || len(c.Weights) != c.Out*c.In*c.Kernel*c.Kernel || len(c.Bias) != c.Out {
		return nil, nil, malformed("a convolution")
	}
	h, w := (shape[1]+2*c.Pad-c.Kernel)/c.Stride+1, (shape[2]+2*c.Pad-c.Kernel)/c.Stride+1
	if shape[1]+2*c.Pad < c.Kernel || shape[2]+2*c.Pad < c.Kernel {
		return nil, nil, malformed("a convolution")
	}
	if c.Out > maxWidth/(h*w) || c.Out*h*w > maxEntries/(c.In*c.Kernel*c.Kernel) {
		return nil, nil, tooLarge("a convolution is too wide")
	}
	a := &affine{cols: shape[0] * shape[1] * shape[2]}
	for o := range c.Out {
		for y := range h {
			for x := range w {
				var row []entry
				for i := range c.In {
					for ky := range c.Kernel {
						for kx := range c.Kernel {
							sy, sx := y*c.Stride+ky-c.Pad, x*c.Stride+kx-c.Pad
							if sy < 0 || sy >= shape[1] || sx < 0 || sx >= shape[2] {
								continue
							}
							// A weight of nothing costs nothing: that is what makes grouped and
							// depthwise convolutions cheap.
							if weight := c.Weights[((o*c.In+i)*c.Kernel+ky)*c.Kernel+kx]; weight != 0 {
								row = append(row, entry{int32((i*shape[1]+sy)*shape[2] + sx), weight})
							}
						}
					}
				}
				a.rows = append(a.rows, row)
				a.bias = append(a.bias, c.Bias[o])
			}
		}
	}
	return a, []int{c.Out, h, w}, nil
}

func dense(l ml.Linear, shape []int) (*affine, []int, error) {
	if l.In < 1 || l.Out < 1 || size(shape) != l.In || len(l.Bias) != l.Out || l.Out > maxEntries/l.In || len(l.Weights) != l.Out*l.In {
		return nil, nil, malformed("a linear layer")
	}
	a := &affine{cols: l.In, bias: l.Bias}
	for o := range l.Out {
		row := make([]entry, l.In)
		for i := range row {
			row[i] = entry{int32(i), l.Weights[o*l.In+i]}
		}
		a.rows = append(a.rows, row)
	}
	return a, []int{l.Out}, nil
}

func averagePool(p ml.AveragePool, shape []int) (*affine, []int, error) {
	if len(shape) != 3 || p.Kernel < 1 || p.Kernel > shape[1] || p.Kernel > shape[2] {
		return nil, nil, malformed("an average pool")
	}
	k := p.Kernel
	out := []int{shape[0], shape[1] / k, shape[2] / k}
	a := &affine{cols: size(shape)}
	for c := range out[0] {
		for y := range out[1] {
			for x := range out[2] {
				var row []entry
				for dy := range k {
					for dx := range k {
						row = append(row, entry{int32((c*shape[1]+y*k+dy)*shape[2] + x*k + dx), 1 / float64(k*k)})
					}
				}
				a.rows = append(a.rows, row)
			}
		}
	}
	return a, out, nil
}

// diagonal is y_i = w_i x_i + b_i.
func diagonal(w, b []float64) *affine {
	a := &affine{cols: len(w), rows: make([][]entry, len(w)), bias: b}
	for i, x := range w {
		a.rows[i] = []entry{{int32(i), x}}
	}
	return a
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		if d < 1 || d > maxWidth || n > maxWidth/d {
			return 0
		}
		n *= d
	}
	return n
}
