package mpc

import (
	"errors"
	"fmt"
	"math"

	"manx/ml"
	"manx/privacy/mpc"
)

// compile makes a step of an operation whose arguments and result have the
// given shapes; bounds are of the arguments, which have scale bits after the point.
func compile(op ml.Op, in [][]int, out []int, args []interval, scale int) (step, error) {
	switch op := op.(type) {
	case ml.Conv:
		return convolution(op, in[0], out, args[0], scale)
	case ml.Linear:
		return dense(op, args[0], scale)
	case ml.Poly:
		return horner(op, args[0])
	case ml.Activation:
		return activation(op, ml.Size(out), scale)
	case ml.AveragePool:
		w := windows(in[0], [2]int{op.Kernel, op.Kernel}, [2]int{op.Kernel, op.Kernel}, [2]int{}, out)
		return averages(w, op.Kernel*op.Kernel, args[0], scale)
	case ml.MaxPool:
		return maxima(windows(in[0], op.Kernel, op.Stride, op.Before, out), op.Kernel[0]*op.Kernel[1], scale), nil
	case ml.Flatten, ml.Reshape:
		return step{name: named(op), scale: scale, run: func(_ *mpc.Session, x []mpc.Share, _ int) (mpc.Share, error) { return x[0], nil }}, nil
	case ml.Pad:
		return gather(named(op), padded(op, in[0], out), scale), nil
	case ml.Concat:
		return concat(op, in, scale), nil
	case ml.Add:
		return step{name: named(op), scale: scale, run: func(s *mpc.Session, x []mpc.Share, _ int) (mpc.Share, error) { return s.Add(x[0], x[1]) }}, nil
	}
	return step{}, errors.New("it has no form on shares")
}

// none stands for a zero among the indices that gather takes.
const none = -1

// gather makes a step that takes values of one argument by index, of each row.
func gather(name string, at []int, scale int) step {
	return step{name: name, scale: scale, run: func(s *mpc.Session, x []mpc.Share, rows int) (mpc.Share, error) { return pick(s, x[0], rows, at) }}
}

// pick takes the values at the indices, none being a zero, of each of the rows.
func pick(s *mpc.Session, x mpc.Share, rows int, at []int) (mpc.Share, error) {
	size := x.Len() / rows
	x, err := mpc.Concat(x, s.Public([]uint64{0}))
	if err != nil {
		return mpc.Share{}, err
	}
	all := make([]int, 0, rows*len(at))
	for r := range rows {
		for _, i := range at {
			if i == none {
				all = append(all, rows*size)
			} else {
				all = append(all, r*size+i)
			}
		}
	}
	return x.Gather(all), nil
}

// convolution is a product of the patches under the kernel with its weights
// (im2col): a row for each place, a column for each channel.
func convolution(op ml.Conv, in, out []int, x interval, scale int) (step, error) {
	k, places, depth := op.Kernel, out[1]*out[2], op.In*op.Kernel*op.Kernel
	patches := make([]int, 0, places*depth)
	for oy := range out[1] {
		for ox := range out[2] {
			for c := range op.In {
				for ky := range k {
					for kx := range k {
						y, xx := oy*op.Stride+ky-op.Pad, ox*op.Stride+kx-op.Pad
						if y < 0 || y >= in[1] || xx < 0 || xx >= in[2] {
							patches = append(patches, none)
						} else {
							patches = append(patches, (c*in[1]+y)*in[2]+xx)
						}
					}
				}
			}
		}
	}
	turned := make([]int, 0, op.Out*places) // channels before places
	for c := range op.Out {
		for p := range places {
			turned = append(turned, p*op.Out+c)
		}
	}
	multiply, f, err := multiplier(op.Weights, op.Bias, op.Out, depth, x.most(), scale)
	if err != nil {
		return step{}, err
	}
	return step{name: named(op), scale: scale + f, run: func(s *mpc.Session, args []mpc.Share, rows int) (mpc.Share, error) {
		cols, err := pick(s, args[0], rows, patches)
		if err != nil {
			return mpc.Share{}, err
		}
		y, err := multiply(s, cols, rows*places)
		if err != nil {
			return mpc.Share{}, err
		}
		return pick(s, y, rows, turned)
	}}, nil
}

func dense(op ml.Linear, x interval, scale int) (step, error) {
	multiply, f, err := multiplier(op.Weights, op.Bias, op.Out, op.In, x.most(), scale)
	if err != nil {
		return step{}, err
	}
	return step{name: named(op), scale: scale + f, run: func(s *mpc.Session, args []mpc.Share, rows int) (mpc.Share, error) {
		return multiply(s, args[0], rows)
	}}, nil
}

// multiplier returns what multiplies rows of depth values, at most top each, with
// the transpose of weights (out rows of depth) and adds the bias, and by how many
// bits the result has more after the point: no message.
func multiplier(weights, bias []float64, out, depth int, top float64, scale int) (multiply func(s *mpc.Session, x mpc.Share, rows int) (mpc.Share, error), f int, err error) {
	sum := 0.0
	for o := range out {
		row := math.Abs(bias[o])
		for _, w := range weights[o*depth : (o+1)*depth] {
			row += math.Abs(w) * top
		}
		sum = max(sum, row)
	}
	if f, err = fraction(sum, scale); err != nil {
		return nil, 0, err
	}
	w, turned, b := make([]uint64, depth*out), make([]uint64, depth*out), make([]uint64, out)
	for o := range out {
		for i := range depth {
			w[o*depth+i] = fixed(weights[o*depth+i], f)
			turned[i*out+o] = w[o*depth+i]
		}
		b[o] = fixed(bias[o], f+scale)
	}
	return func(s *mpc.Session, x mpc.Share, rows int) (mpc.Share, error) {
		var y mpc.Share
		var err error
		if rows == 1 { // inner products with rows of weights, as they lie in memory
			y, err = s.PublicMatMul(w, x, out, depth, 1)
		} else {
			y, err = s.MatMulPublic(x, turned, rows, depth, out)
		}
		if err != nil {
			return mpc.Share{}, err
		}
		each := make([]uint64, 0, rows*out)
		for range rows {
			each = append(each, b...)
		}
		return s.AddPublic(y, each)
	}, f, nil
}

// horner evaluates polynomials of up to the same degree, one for each value.
func horner(op ml.Poly, x interval) (step, error) {
	size, degree, most := len(x.low), 0, 0.0
	for _, k := range op.Coeffs {
		degree = max(degree, len(k)-1)
	}
	coefficients := make([][]float64, degree+1)
	for d := range coefficients {
		coefficients[d] = make([]float64, size)
		for i := range coefficients[d] {
			if k := op.Coeffs[i/(size/len(op.Coeffs))]; d < len(k) {
				coefficients[d][i] = k[d]
			}
			most = max(most, math.Abs(coefficients[d][i])*max(x.most(), 1)*2)
		}
	}
	// Every partial result times x is a product of two numbers.
	for i := range size {
		t, v := 0.0, max(-x.low[i], x.high[i])
		for d := degree; d > 0; d-- {
			t = math.Abs(coefficients[d][i]) + t*v
		}
		if t*v >= limit {
			return step{}, fmt.Errorf("a partial result may reach %.3g", t*v)
		}
	}
	f, err := fraction(most, mpc.Fraction)
	if err != nil {
		return step{}, err
	}
	row := func(d, bits, rows int) []uint64 {
		out := make([]uint64, 0, rows*size)
		for range rows {
			for _, c := range coefficients[d] {
				out = append(out, fixed(c, bits))
			}
		}
		return out
	}
	run := func(s *mpc.Session, args []mpc.Share, rows int) (mpc.Share, error) {
		if degree == 0 {
			return s.Public(row(0, mpc.Fraction, rows)), nil
		}
		t, err := s.MulPublic(args[0], row(degree, f, rows))
		if err != nil {
			return mpc.Share{}, err
		}
		if t, err = s.AddPublic(t, row(degree-1, f+mpc.Fraction, rows)); err != nil {
			return mpc.Share{}, err
		}
		if t, err = s.Truncate(t, f); err != nil {
			return mpc.Share{}, err
		}
		for d := degree - 2; d >= 0; d-- {
			if t, err = s.MulFixed(t, args[0]); err != nil {
				return mpc.Share{}, err
			}
			if t, err = s.AddPublic(t, row(d, mpc.Fraction, rows)); err != nil {
				return mpc.Share{}, err
			}
		}
		return t, nil
	}
	return step{name: named(op), scale: mpc.Fraction, run: run, cost: some(truncation, size).times(min(degree, 1)).plus(some(product, size).times(max(degree-1, 0)))}, nil
}

func activation(op ml.Activation, size, scale int) (step, error) {
	st := step{name: op.Kind.String(), scale: scale, cost: some(sigmoid, size)}
	switch op.Kind {
	case ml.ReLU:
		st.cost = some(rectifier, size)
		st.run = func(s *mpc.Session, x []mpc.Share, _ int) (mpc.Share, error) { return s.ReLU(x[0]) }
	case ml.Sigmoid:
		st.run = func(s *mpc.Session, x []mpc.Share, _ int) (mpc.Share, error) { return s.Sigmoid(x[0]) }
	case ml.Tanh: // 2/(1+exp(-2x)) - 1
		st.run = func(s *mpc.Session, x []mpc.Share, _ int) (mpc.Share, error) {
			y, err := s.Scale(x[0], 2)
			if err == nil {
				y, err = s.Sigmoid(y)
			}
			if err == nil {
				y, err = s.Scale(y, 2)
			}
			if err != nil {
				return mpc.Share{}, err
			}
			minus := make([]uint64, y.Len())
			for i := range minus {
				minus[i] = fixed(-1, mpc.Fraction)
			}
			return s.AddPublic(y, minus)
		}
	default:
		return st, fmt.Errorf("no such function as %v", op.Kind)
	}
	return st, nil
}
