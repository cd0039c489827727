package onnx

import (
	"errors"

	"manx/ml"
)

// pool covers the four operators that pool a picture.
func (l *loader) pool(op string, args []value, a attributes) (value, error) {
	in := args[0]
	if !l.picture(in) {
		return value{}, errors.New("only pictures can be pooled")
	}
	c, h, w := in.shape[0], in.shape[1], in.shape[2]
	y, x := axis{in: h, kernel: h, stride: 1}, axis{in: w, kernel: w, stride: 1}
	ceil := false
	if op == "AveragePool" || op == "MaxPool" {
		kernel, ok := a.ints("kernel_shape", 2, 0)
		if !ok {
			return value{}, errors.New("only two spatial dimensions are covered")
		}
		var err error
		if y, x, err = window(a, in.shape, kernel[0], kernel[1]); err != nil {
			return value{}, err
		}
		if ceil = a.int("ceil_mode", 0) != 0; ceil {
			y.ceil()
			x.ceil()
		}
		if max(y.before, y.after) >= y.kernel || max(x.before, x.after) >= x.kernel {
			return value{}, errors.New("padding as wide as the window is not covered")
		}
	}
	padded := y.before+y.after+x.before+x.after > 0
	switch {
	case op == "MaxPool" || op == "GlobalMaxPool":
		return l.push(ml.MaxPool{
			Kernel: [2]int{y.kernel, x.kernel}, Stride: [2]int{y.stride, x.stride},
			Before: [2]int{y.before, x.before}, After: [2]int{y.after, x.after},
		}, []int{c, y.out(), x.out()}, 0, l.real(in))
	case !padded && y.kernel == x.kernel && (op == "GlobalAveragePool" || y.kernel == y.stride && y.kernel == x.stride):
		return l.push(ml.AveragePool{Kernel: y.kernel}, []int{c, y.out(), x.out()}, 0, l.real(in))
	}
	include := a.int("count_include_pad", 0) != 0
	if ceil && include {
		return value{}, errors.New("ceil_mode together with count_include_pad is not covered")
	}
	// A convolution of each channel with itself alone; where padding does not
	// count, of ones, divided by how many values each window holds.
	weight := 1 / float64(y.kernel*x.kernel)
	if padded && !include {
		weight = 1
	}
	sum, err := l.cross(in, y, x, make([]float64, c), func(put func(o, c, ky, kx int, w float64)) {
		for i := range c {
			for ky := range y.kernel {
				for kx := range x.kernel {
					put(i, i, ky, kx, weight)
				}
			}
		}
	})
	if err != nil || !padded || include {
		return sum, err
	}
	if c*y.out()*x.out() > maxCoeffs/8 {
		return value{}, tooLarge("a pooling has too many windows")
	}
	var rows [][]float64
	for range c {
		for oy := range y.out() {
			for ox := range x.out() {
				rows = append(rows, []float64{0, 1 / float64(y.count(oy)*x.count(ox))})
			}
		}
	}
	return l.compose(sum, rows)
}

// ceil pads at the end so that out rounds up, but for a window that would
// begin in that padding.
func (d *axis) ceil() {
	rest := d.in + d.before + d.after - d.kernel
	steps := (rest + d.stride - 1) / d.stride
	if steps*d.stride >= d.in+d.before {
		steps--
	}
	d.after += steps*d.stride - rest
}

// count returns how many values of the input, not of the padding, window o holds.
func (d axis) count(o int) int {
	from := o*d.stride - d.before
	return min(from+d.kernel, d.in) - max(from, 0)
}
