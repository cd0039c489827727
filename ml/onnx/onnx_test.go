package onnx

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	"manx/ml"
	"manx/ml/clear"
	"manx/ml/onnx/internal/pb"
	"manx/privacy/notice"
)

func reals(rng *rand.Rand, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = float64(float32(rng.NormFloat64()))
	}
	return out
}

// small holds every operation, weights that are float32 numbers, and a branch.
func small() ml.Graph {
	rng := rand.New(rand.NewPCG(3, 4))
	rows := func(n, d int) (out [][]float64) {
		for range n {
			out = append(out, reals(rng, d+1))
		}
		return out
	}
	return ml.Graph{Name: "small", Input: []int{2, 8, 8}, Output: 9, Nodes: []ml.Node{
		{Op: ml.Conv{Out: 3, In: 2, Kernel: 3, Stride: 1, Pad: 1, Weights: reals(rng, 54), Bias: reals(rng, 3)}, Args: []int{0}},
		{Op: ml.Poly{Coeffs: rows(3, 2)}, Args: []int{1}},
		{Op: ml.Conv{Out: 3, In: 3, Kernel: 3, Stride: 1, Pad: 1, Weights: reals(rng, 81), Bias: reals(rng, 3)}, Args: []int{2}},
		{Op: ml.Add{}, Args: []int{3, 2}},
		{Op: ml.AveragePool{Kernel: 2}, Args: []int{4}},
		{Op: ml.Flatten{}, Args: []int{5}},
		{Op: ml.Linear{Out: 4, In: 48, Weights: reals(rng, 192), Bias: reals(rng, 4)}, Args: []int{6}},
		{Op: ml.Poly{Coeffs: rows(4, 3)}, Args: []int{7}},
		{Op: ml.Linear{Out: 2, In: 4, Weights: reals(rng, 8), Bias: reals(rng, 2)}, Args: []int{8}},
	}}
}

// wide holds the operations that small has not, and polynomials of each value.
func wide() ml.Graph {
	rng := rand.New(rand.NewPCG(5, 6))
	own := ml.Poly{}
	for range 2 * 5 * 4 {
		own.Coeffs = append(own.Coeffs, reals(rng, 3))
	}
	return ml.Graph{Name: "wide", Input: []int{40}, Output: 11, Nodes: []ml.Node{
		{Op: ml.Reshape{Shape: []int{2, 5, 4}}, Args: []int{0}},
		{Op: own, Args: []int{1}},
		{Op: ml.Activation{Kind: ml.ReLU}, Args: []int{2}},
		{Op: ml.Pad{Top: 1, Right: 2}, Args: []int{3}},
		{Op: ml.Activation{Kind: ml.Tanh}, Args: []int{4}},
		{Op: ml.MaxPool{Kernel: [2]int{3, 2}, Stride: [2]int{2, 1}, Before: [2]int{1, 0}, After: [2]int{0, 1}}, Args: []int{5}},
		{Op: ml.Activation{Kind: ml.Sigmoid}, Args: []int{6}},
		{Op: ml.Concat{Axis: 2}, Args: []int{6, 7}},
		{Op: ml.Concat{Axis: 0}, Args: []int{8, 8, 8}},
		{Op: ml.Softmax{Axis: 1}, Args: []int{9}},
		{Op: ml.Flatten{}, Args: []int{10}},
	}}
}

func TestReadGivesBackWhatWasWritten(t *testing.T) {
	for _, g := range []ml.Graph{small(), wide()} {
		var file, again bytes.Buffer
		if err := Write(&file, g); err != nil {
			t.Fatal(err)
		}
		got, err := Read(bytes.NewReader(file.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		in := reals(rand.New(rand.NewPCG(5, 6)), ml.Size(g.Input))
		want, err := clear.Run(g, in)
		if err != nil {
			t.Fatal(err)
		}
		y, err := clear.Run(got, in)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if want[i] != y[i] {
				t.Errorf("%s: output %d is %g, not %g", g.Name, i, y[i], want[i])
			}
		}
		if err := Write(&again, g); err != nil || !bytes.Equal(file.Bytes(), again.Bytes()) {
			t.Errorf("%s: the same graph gave other bytes (%v)", g.Name, err)
		}
		before, _ := ml.Hash(g)
		if after, _ := ml.Hash(got); g.Name == "wide" && before != after {
			t.Errorf("%s: it became another model", g.Name)
		}
	}
}

func TestExternalDataIsRefused(t *testing.T) {
	_, err := decode(&pb.Tensor{Dims: []int64{1}, DataType: proto.Int32(1), DataLocation: proto.Int32(1), ExternalData: []*pb.Entry{{Key: proto.String("location"), Value: proto.String("../secret")}}})
	if !notice.Is(err, notice.Unsupported) {
		t.Errorf("got %v", err)
	}
}

func TestInvariant9_DeclaredSizesAreNotBelieved(t *testing.T) {
	for name, c := range map[string]*pb.Tensor{
		"more than there is": {Dims: []int64{1 << 20}, DataType: proto.Int32(1), RawData: []byte{0, 0, 0, 0}},
		"overflow":           {Dims: []int64{1 << 23, 1 << 23, 1 << 23}, DataType: proto.Int32(1)},
		"negative":           {Dims: []int64{-1}, DataType: proto.Int32(1)},
		"both":               {Dims: []int64{1}, DataType: proto.Int32(1), RawData: make([]byte, 4), FloatData: []float32{1}},
		"not a number":       {Dims: []int64{1}, DataType: proto.Int32(1), FloatData: []float32{float32(math.NaN())}},
	} {
		var n *notice.Error
		if _, err := decode(c); !errors.As(err, &n) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Two bytes a message: refused before they become a hundred each.
	if _, err := Read(bytes.NewReader(bytes.Repeat([]byte{8<<3 | 2, 0}, 1<<20))); !notice.Is(err, notice.Exhausted) {
		t.Errorf("got %v", err)
	}
	if _, err := Read(bytes.NewReader(make([]byte, MaxFile+1))); !notice.Is(err, notice.Exhausted) {
		t.Errorf("got %v", err)
	}
}

func FuzzRead(f *testing.F) {
	for _, g := range []ml.Graph{small(), wide()} {
		var file bytes.Buffer
		if err := Write(&file, g); err != nil {
			f.Fatal(err)
		}
		f.Add(file.Bytes())
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		g, err := Read(bytes.NewReader(raw))
		if err != nil {
			var n *notice.Error
			if !errors.As(err, &n) {
				t.Fatalf("not a notice: %v", err)
			}
			return
		}
		shapes, err := g.Shapes()
		if err != nil {
			t.Fatal(err)
		}
		size := 0 // of the work, roughly
		for i, n := range g.Nodes {
			size += ml.Size(shapes[i]) + ml.Size(shapes[i+1])
			if c, ok := n.Op.(ml.Conv); ok {
				size += len(c.Weights)
			}
		}
		if size < 1<<12 {
			if _, err := clear.Run(g, make([]float64, ml.Size(g.Input))); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzReadTensor(f *testing.F) {
	for _, s := range []string{"", "\x08\x01\x08\x02\x10\x01\x22\x08\x00\x00\x80\x3f\x00\x00\x00\x40", "\x08\x04\x10\x01\x4a\x04\x00\x00\x80\x3f"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		dims, values, err := ReadTensor(bytes.NewReader(b))
		if err != nil {
			if _, ok := errors.AsType[*notice.Error](err); !ok {
				t.Fatalf("not a notice: %v", err)
			}
			return
		}
		n := 1
		for _, d := range dims {
			n *= d
		}
		if n != len(values) {
			t.Fatalf("%d values of shape %v", len(values), dims)
		}
	})
}
