package mpc

import (
	"fmt"
	"math"

	"manx/ml"
	"manx/privacy/mpc"
)

// windows returns the indices of the values in each window over a picture, one
// window after the other. Where a window hangs over the edge, one of its values
// stands in for each that is not there.
func windows(in []int, kernel, stride, before [2]int, out []int) (at []int) {
	h, w := in[1], in[2]
	for c := range in[0] {
		for oy := range out[1] {
			for ox := range out[2] {
				top, left := oy*stride[0]-before[0], ox*stride[1]-before[1]
				for ky := range kernel[0] {
					for kx := range kernel[1] {
						y, x := min(max(top+ky, 0), h-1), min(max(left+kx, 0), w-1)
						at = append(at, (c*h+y)*w+x)
					}
				}
			}
		}
	}
	return at
}

func maxima(at []int, group, scale int) step {
	n := len(at) / group
	var c cost
	for g := group; g > 1; g = (g + 1) / 2 {
		c = c.plus(some(rectifier, n*(g/2)))
	}
	return step{name: "MaxPool", scale: scale, cost: c, run: func(s *mpc.Session, x []mpc.Share, rows int) (mpc.Share, error) {
		y, err := pick(s, x[0], rows, at)
		if err != nil {
			return mpc.Share{}, err
		}
		return s.Max(y, group)
	}}
}

func averages(at []int, group int, x interval, scale int) (step, error) {
	f, err := fraction(x.most()+1, scale)
	if err != nil {
		return step{}, err
	}
	share := fixed(1/float64(group), f)
	if math.Log2(float64(group)) > float64(f)/2 {
		return step{}, fmt.Errorf("windows of %d values", group)
	}
	return step{name: "AveragePool", scale: scale + f, run: func(s *mpc.Session, x []mpc.Share, rows int) (mpc.Share, error) {
		y, err := pick(s, x[0], rows, at)
		if err == nil {
			y, err = s.Sum(y, group)
		}
		if err == nil {
			y, err = s.Scale(y, share)
		}
		return y, err
	}}, nil
}

func padded(op ml.Pad, in, out []int) (at []int) {
	for c := range in[0] {
		for y := range out[1] {
			for x := range out[2] {
				if sy, sx := y-op.Top, x-op.Left; sy < 0 || sy >= in[1] || sx < 0 || sx >= in[2] {
					at = append(at, none)
				} else {
					at = append(at, (c*in[1]+sy)*in[2]+sx)
				}
			}
		}
	}
	return at
}

// concat joins the arguments of each row.
func concat(op ml.Concat, in [][]int, scale int) step {
	return step{name: named(op), scale: scale, run: func(s *mpc.Session, x []mpc.Share, rows int) (mpc.Share, error) {
		all, err := mpc.Concat(x...)
		if err != nil {
			return mpc.Share{}, err
		}
		var at []int
		for r := range rows {
			for i := range ml.Size(in[0][:op.Axis]) {
				start := 0
				for k := range in {
					size, run := ml.Size(in[k]), ml.Size(in[k][op.Axis:])
					for j := range run {
						at = append(at, start+r*size+i*run+j)
					}
					start += rows * size
				}
			}
		}
		return all.Gather(at), nil
	}}
}
