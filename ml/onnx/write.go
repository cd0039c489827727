package onnx

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"

	"google.golang.org/protobuf/proto"

	"manx/ml"
	"manx/ml/onnx/internal/pb"
)

// Write writes g as ONNX (IR version 8, operator set 13) with standard
// operators only, so that any ONNX runtime runs it: one input "input" of shape
// [n, …] and one output "output" [n, values], float32. Weights are rounded to
// the nearest float32; Read of the result is the same graph where they all were
// float32 numbers already. The same graph always gives the same bytes.
func Write(w io.Writer, g ml.Graph) error {
	shapes, err := g.Shapes()
	if err != nil {
		return err
	}
	e := &encoder{shapes: shapes, graph: &pb.Graph{Name: &g.Name}}
	e.names = append(e.names, "input")
	for i, n := range g.Nodes {
		e.node(i, n)
	}
	out := e.names[g.Output]
	if len(shapes[g.Output]) > 1 {
		out = e.emit("Flatten", "flat", []string{out}, number("axis", 1))
	}
	e.emit("Identity", "output", []string{out})
	e.graph.Input = []*pb.ValueInfo{described("input", shapes[0])}
	e.graph.Output = []*pb.ValueInfo{described("output", []int{ml.Size(shapes[g.Output])})}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(&pb.Model{
		IrVersion: proto.Int64(8), ProducerName: proto.String("manx"), Graph: e.graph,
		OpsetImport: []*pb.OperatorSet{{Domain: proto.String(""), Version: proto.Int64(13)}},
	})
	if err != nil {
		return fmt.Errorf("onnx: %w", err)
	}
	if _, err := w.Write(raw); err != nil {
		return fmt.Errorf("onnx: writing: %w", err)
	}
	return nil
}

type encoder struct {
	shapes [][]int
	graph  *pb.Graph
	names  []string // of the graph's values
}

func (e *encoder) node(i int, n ml.Node) {
	name := "v" + strconv.Itoa(i+1)
	in := e.names[n.Args[0]]
	var out string
	switch op := n.Op.(type) {
	case ml.Conv:
		out = e.emit("Conv", name, []string{in, e.tensor(name+".weight", op.Weights, op.Out, op.In, op.Kernel, op.Kernel), e.tensor(name+".bias", op.Bias, op.Out)},
			numbers("kernel_shape", op.Kernel, op.Kernel), numbers("strides", op.Stride, op.Stride), numbers("pads", op.Pad, op.Pad, op.Pad, op.Pad))
	case ml.Linear:
		out = e.emit("Gemm", name, []string{in, e.tensor(name+".weight", op.Weights, op.Out, op.In), e.tensor(name+".bias", op.Bias, op.Out)}, number("transB", 1))
	case ml.Poly:
		out = e.polynomial(name, in, op, e.shapes[n.Args[0]])
	case ml.AveragePool:
		out = e.emit("AveragePool", name, []string{in}, numbers("kernel_shape", op.Kernel, op.Kernel), numbers("strides", op.Kernel, op.Kernel))
	case ml.Flatten:
		out = e.emit("Flatten", name, []string{in}, number("axis", 1))
	case ml.Add:
		out = e.emit("Add", name, []string{in, e.names[n.Args[1]]})
	case ml.Reshape:
		out = e.emit("Reshape", name, []string{in, e.integers(name+".shape", append([]int{-1}, op.Shape...))})
	case ml.Pad:
		out = e.emit("Pad", name, []string{in, e.integers(name+".pads", []int{0, 0, op.Top, op.Left, 0, 0, op.Bottom, op.Right})})
	case ml.MaxPool:
		out = e.emit("MaxPool", name, []string{in}, numbers("kernel_shape", op.Kernel[:]...), numbers("strides", op.Stride[:]...),
			numbers("pads", op.Before[0], op.Before[1], op.After[0], op.After[1]))
	case ml.Concat:
		args := make([]string, len(n.Args))
		for i, a := range n.Args {
			args[i] = e.names[a]
		}
		out = e.emit("Concat", name, args, number("axis", op.Axis+1))
	case ml.Activation:
		out = e.emit(op.Kind.String(), name, []string{in})
	case ml.Softmax:
		out = e.emit("Softmax", name, []string{in}, number("axis", op.Axis+1))
	}
	e.names = append(e.names, out)
}

// polynomial writes Horner's scheme: ((k[d] x + k[d-1]) x + …) + k[0].
func (e *encoder) polynomial(name, in string, p ml.Poly, shape []int) string {
	degree := 1
	for _, k := range p.Coeffs {
		degree = max(degree, len(k)-1)
	}
	dims := []int{len(p.Coeffs)}
	for range shape[1:] {
		dims = append(dims, 1)
	}
	if len(p.Coeffs) > shape[0] {
		dims = shape // one for each value
	}
	coefficient := func(d int) string {
		v := make([]float64, len(p.Coeffs))
		for c, k := range p.Coeffs {
			if d < len(k) {
				v[c] = k[d]
			}
		}
		return e.tensor(name+".k"+strconv.Itoa(d), v, dims...)
	}
	acc := e.emit("Mul", name+".m"+strconv.Itoa(degree), []string{in, coefficient(degree)})
	for d := degree - 1; d >= 0; d-- {
		acc = e.emit("Add", name+".a"+strconv.Itoa(d), []string{acc, coefficient(d)})
		if d > 0 {
			acc = e.emit("Mul", name+".m"+strconv.Itoa(d), []string{acc, in})
		}
	}
	return acc
}

func (e *encoder) emit(op, out string, in []string, a ...*pb.Attribute) string {
	e.graph.Node = append(e.graph.Node, &pb.Node{Name: proto.String(out), OpType: proto.String(op), Input: in, Output: []string{out}, Attribute: a})
	return out
}

func (e *encoder) tensor(name string, values []float64, dims ...int) string {
	t := &pb.Tensor{Name: proto.String(name), DataType: proto.Int32(typeFloat), RawData: make([]byte, 0, 4*len(values))}
	for _, d := range dims {
		t.Dims = append(t.Dims, int64(d))
	}
	for _, v := range values {
		t.RawData = binary.LittleEndian.AppendUint32(t.RawData, math.Float32bits(float32(v)))
	}
	e.graph.Initializer = append(e.graph.Initializer, t)
	return name
}

func (e *encoder) integers(name string, values []int) string {
	t := &pb.Tensor{Name: proto.String(name), DataType: proto.Int32(typeInt64), Dims: []int64{int64(len(values))}}
	for _, v := range values {
		t.Int64Data = append(t.Int64Data, int64(v))
	}
	e.graph.Initializer = append(e.graph.Initializer, t)
	return name
}

func number(name string, v int) *pb.Attribute {
	return &pb.Attribute{Name: proto.String(name), Type: proto.Int32(2), I: proto.Int64(int64(v))}
}

func numbers(name string, vs ...int) *pb.Attribute {
	a := &pb.Attribute{Name: proto.String(name), Type: proto.Int32(7)}
	for _, v := range vs {
		a.Ints = append(a.Ints, int64(v))
	}
	return a
}

func described(name string, shape []int) *pb.ValueInfo {
	s := &pb.Shape{Dim: []*pb.Dimension{{DimParam: proto.String("n")}}}
	for _, d := range shape {
		s.Dim = append(s.Dim, &pb.Dimension{DimValue: proto.Int64(int64(d))})
	}
	return &pb.ValueInfo{Name: proto.String(name), Type: &pb.Type{TensorType: &pb.TensorType{ElemType: proto.Int32(typeFloat), Shape: s}}}
}
