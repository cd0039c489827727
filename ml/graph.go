// Package ml describes models as one graph of operations that runs unchanged
// in the clear (ml/clear, the oracle), under CKKS (ml/ckks) and on shares among
// three parties (ml/mpc). It runs nothing itself and knows neither health nor credit.
package ml

import "strconv"

// A Graph is a model: operations in topological order. Tensors are float64,
// row-major, without a batch dimension: [channels, height, width] or [length].
type Graph struct {
	Name  string
	Input []int  // shape of the one input
	Nodes []Node // Nodes[i] yields value i+1; value 0 is the input
	// Output is the value that is the result; its tensor is flattened.
	Output int
}

// A Node applies Op to earlier values.
type Node struct {
	Op   Op
	Args []int
}

// An Op is one of the types below. Under CKKS run Conv, Linear, Poly,
// AveragePool, Flatten and Add; the others are refused there, or replaced. On
// shares all run but Softmax inside a model.
type Op interface{ op() }

// Conv is a 2-D cross-correlation with zero padding, as in ONNX Conv.
type Conv struct {
	Out, In, Kernel, Stride, Pad int
	Weights                      []float64 // [Out][In][Kernel][Kernel]
	Bias                         []float64 // [Out]
}

// Linear is y = W x + b over a flattened input, as in ONNX Gemm.
type Linear struct {
	Out, In int
	Weights []float64 // [Out][In]
	Bias    []float64 // [Out]
}

// Poly applies a polynomial of its own to each channel (or, on a vector, each
// element): y = c[0] + c[1] x + c[2] x^2 + … . One row means the same for all;
// a picture may also have a row for each of its values, row-major.
type Poly struct{ Coeffs [][]float64 }

// AveragePool averages Kernel x Kernel windows with stride Kernel, no padding.
type AveragePool struct{ Kernel int }

// Flatten makes a vector of a tensor, row-major.
type Flatten struct{}

// Add sums two values of one shape.
type Add struct{}

// Reshape gives a value another shape of the same size, row-major.
type Reshape struct{ Shape []int }

// Pad puts zeros around each channel of a picture.
type Pad struct{ Top, Left, Bottom, Right int }

// MaxPool takes the largest value of each window that overlaps the picture;
// padding counts as less than every value. Pairs are {rows, columns}.
type MaxPool struct {
	Kernel, Stride [2]int
	Before, After  [2]int // padding, less than Kernel
}

// Concat joins two values or more, alike but along the dimension Axis.
type Concat struct{ Axis int }

// Activation applies a function that is no polynomial to each value.
type Activation struct{ Kind Kind }

// Softmax is exp(x) / sum exp(x) over the dimension Axis.
type Softmax struct{ Axis int }

// A Kind is which function an Activation applies.
type Kind int

// The numbers take part in Hash.
const (
	ReLU    Kind = 1 // max(x, 0)
	Sigmoid Kind = 2 // 1 / (1 + exp(-x))
	Tanh    Kind = 3
)

// String returns the name that ONNX has for k.
func (k Kind) String() string {
	switch k {
	case ReLU:
		return "Relu"
	case Sigmoid:
		return "Sigmoid"
	case Tanh:
		return "Tanh"
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

func (Conv) op()        {}
func (Linear) op()      {}
func (Poly) op()        {}
func (AveragePool) op() {}
func (Flatten) op()     {}
func (Add) op()         {}
func (Reshape) op()     {}
func (Pad) op()         {}
func (MaxPool) op()     {}
func (Concat) op()      {}
func (Activation) op()  {}
func (Softmax) op()     {}

// Parameters returns how many numbers make g: weights, biases and coefficients.
func (g Graph) Parameters() (n int) {
	for _, node := range g.Nodes {
		switch op := node.Op.(type) {
		case Conv:
			n += len(op.Weights) + len(op.Bias)
		case Linear:
			n += len(op.Weights) + len(op.Bias)
		case Poly:
			for _, c := range op.Coeffs {
				n += len(c)
			}
		}
	}
	return n
}
