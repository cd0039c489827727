package onnx

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"google.golang.org/protobuf/proto"

	"manx/ml"
	"manx/ml/clear"
	"manx/ml/onnx/internal/pb"
	"manx/privacy/notice"
)

func node(op string, in []string, out string, a ...*pb.Attribute) *pb.Node {
	return &pb.Node{OpType: proto.String(op), Name: proto.String(out), Input: in, Output: []string{out}, Attribute: a}
}

func real(name string, v float64) *pb.Attribute {
	return &pb.Attribute{Name: proto.String(name), F: proto.Float32(float32(v))}
}

func weights(name string, dims []int64, v ...float32) *pb.Tensor {
	return &pb.Tensor{Name: proto.String(name), Dims: dims, DataType: proto.Int32(typeFloat), FloatData: v}
}

func file(t *testing.T, shape []int, init []*pb.Tensor, nodes ...*pb.Node) []byte {
	t.Helper()
	g := &pb.Graph{Name: proto.String("g"), Node: nodes, Initializer: init, Input: []*pb.ValueInfo{described("x", shape)},
		Output: []*pb.ValueInfo{described("y", []int{1})}}
	for _, w := range init { // older files list weights as inputs too
		g.Input = append(g.Input, &pb.ValueInfo{Name: w.Name})
	}
	raw, err := proto.Marshal(&pb.Model{IrVersion: proto.Int64(8), Graph: g, OpsetImport: []*pb.OperatorSet{{Version: proto.Int64(13)}}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestChainsBecomeOneOperation(t *testing.T) {
	w := weights("w", []int64{2, 2}, 1, 2, 3, 4)
	bn := []*pb.Tensor{weights("s", []int64{2}, 2, 3), weights("b", []int64{2}, 1, -1), weights("m", []int64{2}, 0.5, 1), weights("v", []int64{2}, 4, 9)}
	scalar := func(name string, v float32) *pb.Tensor { return weights(name, nil, v) }
	for _, c := range []struct {
		name  string
		init  []*pb.Tensor
		nodes []*pb.Node
		ops   string
		want  func(x, y float64) []float64
	}{
		{
			"product and sum", []*pb.Tensor{w, weights("c", []int64{2}, 5, 6)},
			[]*pb.Node{node("MatMul", []string{"x", "w"}, "a"), node("Add", []string{"a", "c"}, "y")}, "[ml.Linear]",
			func(x, y float64) []float64 { return []float64{x + 3*y + 5, 2*x + 4*y + 6} },
		},
		{
			"a square read twice", []*pb.Tensor{w, scalar("two", 2)},
			[]*pb.Node{node("MatMul", []string{"x", "w"}, "a"), node("Pow", []string{"a", "two"}, "b"), node("MatMul", []string{"b", "w"}, "c"), node("MatMul", []string{"b", "w"}, "d"), node("Add", []string{"c", "d"}, "y")},
			"[ml.Linear ml.Poly ml.Linear ml.Linear ml.Add]",
			func(x, y float64) []float64 {
				a, b := (x+3*y)*(x+3*y), (2*x+4*y)*(2*x+4*y)
				return []float64{2 * (a + 3*b), 2 * (2*a + 4*b)}
			},
		},
		{
			"normalisation", append([]*pb.Tensor{w}, bn...),
			[]*pb.Node{node("MatMul", []string{"x", "w"}, "a"), node("BatchNormalization", []string{"a", "s", "b", "m", "v"}, "y", &pb.Attribute{Name: proto.String("epsilon"), F: proto.Float32(0)})}, "[ml.Linear]",
			func(x, y float64) []float64 { return []float64{(x + 3*y - 0.5) + 1, (2*x + 4*y - 1) - 1} },
		},
		{
			"a x^2 + b x + c", []*pb.Tensor{w, scalar("two", 2), weights("k2", []int64{1, 2}, 3, 4), scalar("k1", 5), scalar("k0", 6)},
			[]*pb.Node{node("MatMul", []string{"x", "w"}, "z"), node("Pow", []string{"z", "two"}, "q"), node("Mul", []string{"k2", "q"}, "a"), node("Mul", []string{"z", "k1"}, "b"), node("Add", []string{"a", "b"}, "s"), node("Add", []string{"s", "k0"}, "y")}, "[ml.Linear ml.Poly]",
			func(x, y float64) []float64 {
				u, v := x+3*y, 2*x+4*y
				return []float64{3*u*u + 5*u + 6, 4*v*v + 5*v + 6}
			},
		},
		{
			"a weight that two read is not folded into", []*pb.Tensor{w, scalar("k", 10)},
			[]*pb.Node{node("MatMul", []string{"x", "w"}, "z"), node("Identity", []string{"z"}, "i"), node("Mul", []string{"i", "k"}, "a"), node("Sub", []string{"a", "z"}, "y")}, "[ml.Linear ml.Poly]",
			func(x, y float64) []float64 { return []float64{9 * (x + 3*y), 9 * (2*x + 4*y)} },
		},
	} {
		g, err := Read(bytes.NewReader(file(t, []int{2}, c.init, c.nodes...)))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var ops []string
		for _, n := range g.Nodes {
			ops = append(ops, fmt.Sprintf("%T", n.Op))
		}
		if fmt.Sprint(ops) != c.ops {
			t.Errorf("%s: %v, not %s", c.name, ops, c.ops)
		}
		y, err := clear.Run(g, []float64{0.5, -2})
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range c.want(0.5, -2) {
			if math.Abs(y[i]-w) > 1e-12 {
				t.Errorf("%s: output %d is %v, not %v", c.name, i, y[i], w)
			}
		}
	}
}

// TestOneExampleOfEachForm covers what the tests of one operator cannot: what
// is folded away, and what a second value is joined with.
func TestOneExampleOfEachForm(t *testing.T) {
	conv := weights("w", []int64{1, 1, 2, 2}, 1, 2, 3, 4)
	nine := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9}
	for _, c := range []struct {
		name  string
		shape []int
		init  []*pb.Tensor
		nodes []*pb.Node
		ops   string
		x, y  []float64
	}{
		{
			"padding taken into a convolution", []int{1, 3, 3}, []*pb.Tensor{conv, weights("p", []int64{8}, 0, 0, 1, 1, 0, 0, 0, 0)},
			[]*pb.Node{node("Pad", []string{"x", "p"}, "a"), node("Conv", []string{"a", "w"}, "y", numbers("strides", 2, 2))},
			"[Conv]", nine, []float64{4, 18, 36, 77},
		},
		{
			"padding that a square kernel cannot hold", []int{1, 3, 2}, []*pb.Tensor{weights("w", []int64{1, 1, 1, 2}, 1, 2)},
			[]*pb.Node{node("Conv", []string{"x", "w"}, "y", numbers("pads", 1, 0, 0, 0))},
			"[Pad Conv]", nine[:6], []float64{0, 5, 11, 17},
		},
		{
			"grouped channels", []int{2, 1, 1}, []*pb.Tensor{weights("w", []int64{2, 1, 1, 1}, 3, 5)},
			[]*pb.Node{node("Conv", []string{"x", "w"}, "y", number("group", 2))}, "[Conv]", []float64{2, 7}, []float64{6, 35},
		},
		{
			"a constant for each pixel", []int{1, 2, 2}, []*pb.Tensor{weights("k", []int64{2, 2}, 1, 2, 3, 4), weights("d", []int64{1, 1, 2}, 2, 4)},
			[]*pb.Node{node("Sub", []string{"x", "k"}, "a"), node("Div", []string{"a", "d"}, "y")}, "[Poly]", []float64{5, 6, 7, 8}, []float64{2, 1, 2, 1},
		},
		{
			"pooling whose padding does not count", []int{1, 3, 3}, nil,
			[]*pb.Node{node("AveragePool", []string{"x"}, "y", numbers("kernel_shape", 2, 2), numbers("strides", 2, 2), number("ceil_mode", 1))},
			"[Conv Poly]", nine, []float64{3, 4.5, 7.5, 9},
		},
		{
			"constants folded", []int{2}, []*pb.Tensor{weights("k", []int64{2, 1}, 1, 2), weights("j", []int64{1, 2}, 10, 20), weights("s", []int64{2}, -1, 1), weights("a", []int64{1}, 0)},
			[]*pb.Node{
				node("Mul", []string{"k", "j"}, "kj"), node("Transpose", []string{"kj"}, "t"), node("Concat", []string{"t", "kj"}, "c", number("axis", 1)),
				node("MatMul", []string{"x", "c"}, "m"), node("Reshape", []string{"k", "s"}, "r"), node("Squeeze", []string{"j", "a"}, "f"),
				node("Pow", []string{"f", "one"}, "g"), node("Concat", []string{"g", "g"}, "b", number("axis", 0)), node("Add", []string{"m", "b"}, "y"),
			}, "[Linear]", []float64{1, 100}, []float64{2010 + 10, 4020 + 20, 2010 + 10, 4020 + 20},
		},
		{
			"branches joined", []int{2}, nil, []*pb.Node{node("Relu", []string{"x"}, "a"), node("Dropout", []string{"a"}, "b"), node("Concat", []string{"b", "x"}, "y", number("axis", -1))},
			"[Relu Concat]", []float64{-1, 3}, []float64{0, 3, -1, 3},
		},
		{
			"clipped at both ends", []int{4}, []*pb.Tensor{weights("lo", nil, 0), weights("hi", nil, 6)},
			[]*pb.Node{node("Clip", []string{"x", "lo", "hi"}, "y")}, "[Relu Poly Relu Poly Add]", []float64{-1, 2, 6, 9}, []float64{0, 2, 6, 6},
		},
		{
			"clipped from above", []int{3}, []*pb.Tensor{weights("hi", nil, 6)},
			[]*pb.Node{node("Clip", []string{"x", "", "hi"}, "y")}, "[Poly Relu Poly]", []float64{-7, 6, 9}, []float64{-7, 6, 6},
		},
		{
			"clipped by attributes, after a layer that something else reads", []int{2}, []*pb.Tensor{weights("w", []int64{2, 2}, 1, 0, 0, 1)},
			[]*pb.Node{node("MatMul", []string{"x", "w"}, "m"), node("Clip", []string{"m"}, "c", real("min", -1), real("max", 3.4e38)), node("Add", []string{"m", "c"}, "y")},
			"[Linear Poly Relu Poly Add]", []float64{-5, 2}, []float64{-6, 4},
		},
		{
			"clipped nowhere", []int{2}, nil, []*pb.Node{node("Clip", []string{"x"}, "a"), node("Relu", []string{"a"}, "y")}, "[Relu]", []float64{-5, 2}, []float64{0, 2},
		},
		{
			"leaky", []int{3}, nil, []*pb.Node{node("LeakyRelu", []string{"x"}, "y", real("alpha", .25))}, "[Relu Poly Poly Add]", []float64{-4, 0, 3}, []float64{-1, 0, 3},
		},
		{
			"leaky after a layer", []int{2}, []*pb.Tensor{weights("w", []int64{2, 2}, 2, 0, 0, 2)},
			[]*pb.Node{node("MatMul", []string{"x", "w"}, "m"), node("LeakyRelu", []string{"m"}, "y", real("alpha", .5))}, "[Linear Relu Poly Poly Add]", []float64{-4, 3}, []float64{-4, 6},
		},
		{
			"a picture made of a vector", []int{4}, []*pb.Tensor{weights("s", []int64{4}, -1, 1, 2, 2)},
			[]*pb.Node{node("Reshape", []string{"x", "s"}, "a"), node("Transpose", []string{"a"}, "b", numbers("perm", 0, 2, 1, 3)), node("GlobalMaxPool", []string{"b"}, "y")},
			"[Reshape Reshape MaxPool]", []float64{1, 9, 3, 4}, []float64{9, 4},
		},
	} {
		c.init = append(c.init, weights("one", nil, 1))
		g, err := Read(bytes.NewReader(file(t, c.shape, c.init, c.nodes...)))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := operations(g); got != c.ops {
			t.Errorf("%s: %s, not %s", c.name, got, c.ops)
		}
		if err := agree(g, c.x, c.y, 1e-12); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestPaddingByName(t *testing.T) {
	w := weights("w", []int64{1, 1, 2, 2}, 1, 2, 3, 4)
	auto := &pb.Attribute{Name: proto.String("auto_pad"), S: []byte("SAME_UPPER")}
	g, err := Read(bytes.NewReader(file(t, []int{1, 3, 3}, []*pb.Tensor{w}, node("Conv", []string{"x", "w"}, "y", auto))))
	if err != nil {
		t.Fatal(err)
	}
	y, err := clear.Run(g, []float64{1, 2, 3, 4, 5, 6, 7, 8, 9})
	want := []float64{37, 47, 21, 67, 77, 33, 23, 26, 9}
	if err != nil || len(y) != 9 {
		t.Fatal(y, err)
	}
	for i := range want {
		if y[i] != want[i] {
			t.Fatalf("%v, not %v", y, want)
		}
	}
}

func TestWhatIsNotCoveredIsNamed(t *testing.T) {
	two := weights("k", []int64{2}, 1, 2)
	for name, raw := range map[string][]byte{
		"operator":                     file(t, []int{2}, nil, node("Elu", []string{"x"}, "y")),
		"bounds that are no constants": file(t, []int{2}, []*pb.Tensor{two}, node("Clip", []string{"x", "x"}, "y")),
		"bounds of each value":         file(t, []int{2}, []*pb.Tensor{two}, node("Clip", []string{"x", "k"}, "y")),
		"bounds the wrong way":         file(t, []int{2}, []*pb.Tensor{weights("lo", nil, 2), weights("hi", nil, 1)}, node("Clip", []string{"x", "lo", "hi"}, "y")),
		"a slope that is not finite":   file(t, []int{2}, nil, node("LeakyRelu", []string{"x"}, "y", real("alpha", math.Inf(1)))),
		"quotient":                     file(t, []int{2}, []*pb.Tensor{two}, node("Div", []string{"k", "x"}, "y")),
		"division by zero":             file(t, []int{2}, []*pb.Tensor{weights("k", nil, 0)}, node("Div", []string{"x", "k"}, "y")),
		"strides that differ":          file(t, []int{1, 4, 4}, []*pb.Tensor{weights("w", []int64{1, 1, 1, 1}, 1)}, node("Conv", []string{"x", "w"}, "y", numbers("strides", 1, 2))),
		"joining a constant":           file(t, []int{2}, []*pb.Tensor{weights("k", []int64{1, 2}, 1, 2)}, node("Concat", []string{"x", "k"}, "y", number("axis", 1))),
		"joining batches":              file(t, []int{2}, nil, node("Concat", []string{"x", "x"}, "y", number("axis", 0))),
		"softmax of a batch":           file(t, []int{2}, nil, node("Softmax", []string{"x"}, "y", number("axis", 0))),
		"padding with a value":         file(t, []int{1, 4, 4}, []*pb.Tensor{weights("p", []int64{8}, 0, 0, 1, 1, 0, 0, 1, 1), weights("k", nil, 1)}, node("Pad", []string{"x", "p", "k"}, "y")),
		"padding of channels":          file(t, []int{1, 4, 4}, []*pb.Tensor{weights("p", []int64{8}, 0, 1, 0, 0, 0, 0, 0, 0)}, node("Pad", []string{"x", "p"}, "y")),
		"a moving transpose":           file(t, []int{2, 4, 4}, nil, node("Transpose", []string{"x"}, "y", numbers("perm", 0, 2, 1, 3))),
		"padding of a scalar":          file(t, []int{1}, []*pb.Tensor{weights("a", []int64{1}, 1), weights("p", []int64{0})}, node("Squeeze", []string{"x", "a"}, "s"), node("Pad", []string{"s", "p"}, "y")),
		"axes given twice":             file(t, []int{2}, []*pb.Tensor{weights("a", []int64{3}, 1, 2, 3)}, node("Unsqueeze", []string{"x", "a"}, "i", numbers("axes", 1)), node("Elu", []string{"i"}, "y")),
		"training":                     file(t, []int{2}, []*pb.Tensor{weights("r", nil, 0.5), {Name: proto.String("t"), DataType: proto.Int32(typeBool), RawData: []byte{1}}}, node("Dropout", []string{"x", "r", "t"}, "y")),
		"constants that overflow":      file(t, []int{2}, []*pb.Tensor{weights("k", nil, 0)}, node("Div", []string{"k", "k"}, "i"), node("Add", []string{"x", "i"}, "y")),
		"product of two values":        file(t, []int{2}, []*pb.Tensor{weights("w", []int64{2, 2}, 1, 2, 3, 4)}, node("MatMul", []string{"x", "w"}, "a"), node("Mul", []string{"a", "x"}, "y")),
		"power":                        file(t, []int{2}, []*pb.Tensor{weights("k", nil, 0.5)}, node("Pow", []string{"x", "k"}, "y")),
		"degree":                       file(t, []int{2}, []*pb.Tensor{weights("k", nil, 8)}, node("Pow", []string{"x", "k"}, "a"), node("Pow", []string{"a", "k"}, "y")),
		"dilation":                     file(t, []int{1, 4, 4}, []*pb.Tensor{weights("w", []int64{1, 1, 1, 1}, 1)}, node("Conv", []string{"x", "w"}, "y", numbers("dilations", 2, 2))),
		"domain":                       file(t, []int{2}, nil, &pb.Node{OpType: proto.String("Add"), Domain: proto.String("evil"), Input: []string{"x", "x"}, Output: []string{"y"}}),
	} {
		if _, err := Read(bytes.NewReader(raw)); !notice.Is(err, notice.Unsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	alone := file(t, []int{2}, []*pb.Tensor{two}, node("Add", []string{"k", "k"}, "y"))
	if _, err := Read(bytes.NewReader(alone)); !notice.Is(err, notice.Invalid) {
		t.Errorf("constants alone: %v", err)
	}
	if err := Write(&bytes.Buffer{}, ml.Graph{}); !notice.Is(err, notice.Invalid) {
		t.Errorf("got %v", err)
	}
}
