// Package ml describes models as one graph of operations that runs unchanged
// in the clear (ml/clear, the oracle), under CKKS (ml/ckks) and, later, under
// MPC. It runs nothing itself and knows neither health nor credit.
package ml

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

// An Op is one of Conv, Linear, Poly, AveragePool, Flatten, Add.
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
// element): y = c[0] + c[1] x + c[2] x^2 + … . One row means the same for all.
type Poly struct{ Coeffs [][]float64 }

// AveragePool averages Kernel x Kernel windows with stride Kernel, no padding.
type AveragePool struct{ Kernel int }

// Flatten makes a vector of a tensor, row-major.
type Flatten struct{}

// Add sums two values of one shape.
type Add struct{}

func (Conv) op()        {}
func (Linear) op()      {}
func (Poly) op()        {}
func (AveragePool) op() {}
func (Flatten) op()     {}
func (Add) op()         {}
