package ml

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"

	"manx/privacy/notice"
)

// Bounds on a graph; what outside input asks beyond them is refused.
const (
	MaxNodes   = 1024
	MaxTensor  = 1 << 22 // values of one tensor
	MaxWeights = 1 << 24 // weights of a graph, together
	MaxDegree  = 15      // of a polynomial
	maxKernel  = 64
	maxSide    = 1 << 14 // one dimension
)

// Size returns the number of values of a shape.
func Size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Shapes returns the shape of the input and of every node's value, or a notice
// of kind Invalid that names the first node that cannot be: an argument that
// does not come before it, shapes that do not fit, a weight that is not finite,
// a bound exceeded.
func (g Graph) Shapes() ([][]int, error) {
	if len(g.Nodes) == 0 || len(g.Nodes) > MaxNodes {
		return nil, bad("the model has %d operations, not 1 to %d", len(g.Nodes), MaxNodes)
	}
	if g.Output < 1 || g.Output > len(g.Nodes) {
		return nil, bad("the model's output is none of its values")
	}
	if len(g.Name) > 128 {
		return nil, bad("the model's name is longer than 128 bytes")
	}
	if !bounded(g.Input) {
		return nil, bad("the model's input has the shape %v", g.Input)
	}
	shapes := append(make([][]int, 0, len(g.Nodes)+1), g.Input)
	weights := 0
	for i, n := range g.Nodes {
		least, most := 1, 1
		switch n.Op.(type) {
		case Add:
			least, most = 2, 2
		case Concat:
			least, most = 2, MaxNodes
		}
		if len(n.Args) < least || len(n.Args) > most {
			return nil, bad("operation %d takes %d to %d values, not %d", i, least, most, len(n.Args))
		}
		for _, a := range n.Args {
			if a < 0 || a > i {
				return nil, bad("operation %d uses a value that does not come before it", i)
			}
		}
		shape, w, err := infer(n, shapes)
		if err != nil {
			return nil, bad("operation %d (%T): %s", i, n.Op, err.Error())
		}
		if !bounded(shape) {
			return nil, bad("operation %d yields the shape %v, which is too large or empty", i, shape)
		}
		if weights += w; weights > MaxWeights {
			return nil, bad("the model has more than %d weights", MaxWeights)
		}
		shapes = append(shapes, shape)
	}
	return shapes, nil
}

// Check returns nil when every runtime could accept g, and otherwise what
// Shapes returns.
func (g Graph) Check() error {
	_, err := g.Shapes()
	return err
}

func bad(format string, args ...any) error {
	return notice.New(notice.Invalid, fmt.Sprintf(format, args...), "export the model again, or check the file that it came from")
}

// bounded says whether shape is [channels, height, width] or [length].
func bounded(shape []int) bool {
	if len(shape) != 1 && len(shape) != 3 {
		return false
	}
	n := 1
	for _, d := range shape {
		if d < 1 || d > MaxTensor || len(shape) == 3 && d > maxSide || n > MaxTensor/d {
			return false
		}
		n *= d
	}
	return true
}

// infer returns the shape of n's value and how many weights n has.
func infer(n Node, shapes [][]int) ([]int, int, error) {
	in := shapes[n.Args[0]]
	switch op := n.Op.(type) {
	case Conv:
		if len(in) != 3 || op.In != in[0] || op.Out < 1 || op.Out > maxSide || op.Kernel < 1 || op.Kernel > maxKernel ||
			op.Stride < 1 || op.Stride > maxKernel || op.Pad < 0 || op.Pad >= op.Kernel {
			return nil, 0, fmt.Errorf("no such convolution of %v", in)
		}
		h, w := in[1]+2*op.Pad-op.Kernel, in[2]+2*op.Pad-op.Kernel
		if h < 0 || w < 0 {
			return nil, 0, fmt.Errorf("the kernel is larger than %v", in)
		}
		if len(op.Weights) != op.Out*op.In*op.Kernel*op.Kernel || len(op.Bias) != op.Out {
			return nil, 0, fmt.Errorf("%d weights and %d biases", len(op.Weights), len(op.Bias))
		}
		return []int{op.Out, h/op.Stride + 1, w/op.Stride + 1}, len(op.Weights) + op.Out, finite(op.Weights, op.Bias)
	case Linear:
		if len(in) != 1 || op.In != in[0] || op.Out < 1 || op.Out > MaxTensor {
			return nil, 0, fmt.Errorf("it takes %d values, not %v", op.In, in)
		}
		if len(op.Bias) != op.Out || op.Out > MaxWeights/op.In || len(op.Weights) != op.Out*op.In {
			return nil, 0, fmt.Errorf("%d weights and %d biases", len(op.Weights), len(op.Bias))
		}
		return []int{op.Out}, len(op.Weights) + op.Out, finite(op.Weights, op.Bias)
	case Poly:
		if len(op.Coeffs) != 1 && len(op.Coeffs) != in[0] && len(op.Coeffs) != Size(in) {
			return nil, 0, fmt.Errorf("%d polynomials for %d channels", len(op.Coeffs), in[0])
		}
		count := 0
		for _, k := range op.Coeffs {
			if len(k) == 0 || len(k) > MaxDegree+1 {
				return nil, 0, fmt.Errorf("a polynomial of %d coefficients", len(k))
			}
			count += len(k)
		}
		return in, count, finite(op.Coeffs...)
	case AveragePool:
		if len(in) != 3 || op.Kernel < 1 || op.Kernel > min(in[1], in[2]) {
			return nil, 0, fmt.Errorf("windows of %d in %v", op.Kernel, in)
		}
		return []int{in[0], in[1] / op.Kernel, in[2] / op.Kernel}, 0, nil
	case Flatten:
		return []int{Size(in)}, 0, nil
	case Add:
		other := shapes[n.Args[1]]
		if len(other) != len(in) {
			return nil, 0, fmt.Errorf("shapes %v and %v", in, other)
		}
		for i := range in {
			if in[i] != other[i] {
				return nil, 0, fmt.Errorf("shapes %v and %v", in, other)
			}
		}
		return in, 0, nil
	}
	shape, err := reform(n, shapes)
	return shape, 0, err
}

// reform is infer for the operations without weights that came later.
func reform(n Node, shapes [][]int) ([]int, error) {
	in := shapes[n.Args[0]]
	switch op := n.Op.(type) {
	case Reshape:
		if !bounded(op.Shape) || Size(op.Shape) != Size(in) {
			return nil, fmt.Errorf("the shape %v for %v", op.Shape, in)
		}
		return slices.Clone(op.Shape), nil
	case Pad:
		sides := []int{op.Top, op.Left, op.Bottom, op.Right}
		if len(in) != 3 || slices.Min(sides) < 0 || slices.Max(sides) > maxSide {
			return nil, fmt.Errorf("zeros %v around %v", sides, in)
		}
		return []int{in[0], op.Top + in[1] + op.Bottom, op.Left + in[2] + op.Right}, nil
	case MaxPool:
		if len(in) != 3 {
			return nil, fmt.Errorf("windows in %v", in)
		}
		out := []int{in[0], 0, 0}
		for d := range 2 {
			k, s, before, after := op.Kernel[d], op.Stride[d], op.Before[d], op.After[d]
			if k < 1 || k > maxSide || s < 1 || s > maxSide || before < 0 || after < 0 || before >= k || after >= k || in[d+1]+before+after < k {
				return nil, fmt.Errorf("windows of %v in %v", op.Kernel, in)
			}
			out[d+1] = (in[d+1]+before+after-k)/s + 1
		}
		return out, nil
	case Concat:
		if op.Axis < 0 || op.Axis >= len(in) {
			return nil, fmt.Errorf("dimension %d of %v", op.Axis, in)
		}
		out := slices.Clone(in)
		for _, a := range n.Args[1:] {
			other := slices.Clone(shapes[a])
			if len(other) != len(in) {
				return nil, fmt.Errorf("shapes %v and %v", in, other)
			}
			out[op.Axis] += other[op.Axis]
			other[op.Axis] = in[op.Axis]
			if !slices.Equal(other, in) {
				return nil, fmt.Errorf("shapes %v and %v", in, shapes[a])
			}
		}
		return out, nil
	case Activation:
		if op.Kind < ReLU || op.Kind > Tanh {
			return nil, fmt.Errorf("a function that models here do not have")
		}
		return in, nil
	case Softmax:
		if op.Axis < 0 || op.Axis >= len(in) {
			return nil, fmt.Errorf("dimension %d of %v", op.Axis, in)
		}
		return in, nil
	}
	return nil, fmt.Errorf("an operation that models here do not have")
}

func finite(rows ...[]float64) error {
	for _, r := range rows {
		for _, x := range r {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return fmt.Errorf("a weight that is not finite")
			}
		}
	}
	return nil
}

// Hash returns the model hash that receipts name: SHA-256, in hexadecimal, over
// an encoding of g that is the same on every machine. The name takes no part:
// two graphs that compute the same operations in the same order are one model.
func Hash(g Graph) (string, error) {
	if err := g.Check(); err != nil {
		return "", err
	}
	b := []byte("manx graph 1\n")
	number := func(ns ...int) {
		for _, n := range ns {
			b = binary.AppendUvarint(b, uint64(n))
		}
	}
	reals := func(xs []float64) {
		number(len(xs))
		for _, x := range xs {
			if x == 0 {
				x = 0 // one zero, not two
			}
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
	}
	number(len(g.Input))
	number(g.Input...)
	number(len(g.Nodes))
	for _, n := range g.Nodes {
		number(len(n.Args))
		number(n.Args...)
		switch op := n.Op.(type) {
		case Conv:
			number(1, op.Out, op.In, op.Kernel, op.Stride, op.Pad)
			reals(op.Weights)
			reals(op.Bias)
		case Linear:
			number(2, op.Out, op.In)
			reals(op.Weights)
			reals(op.Bias)
		case Poly:
			number(3, len(op.Coeffs))
			for _, k := range op.Coeffs {
				reals(k)
			}
		case AveragePool:
			number(4, op.Kernel)
		case Flatten:
			number(5)
		case Add:
			number(6)
		case Reshape:
			number(7, len(op.Shape))
			number(op.Shape...)
		case Pad:
			number(8, op.Top, op.Left, op.Bottom, op.Right)
		case MaxPool:
			number(9)
			for _, pair := range [][2]int{op.Kernel, op.Stride, op.Before, op.After} {
				number(pair[:]...)
			}
		case Concat:
			number(10, op.Axis)
		case Activation:
			number(11, int(op.Kind))
		case Softmax:
			number(12, op.Axis)
		}
	}
	number(g.Output)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}
