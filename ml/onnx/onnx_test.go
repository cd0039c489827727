package onnx

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"manx/ml"
	"manx/ml/clear"
	"manx/ml/onnx/internal/pb"
	"manx/privacy/notice"
	"manx/test/realdata"
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

func TestReadGivesBackWhatWasWritten(t *testing.T) {
	var file, again bytes.Buffer
	if err := Write(&file, small()); err != nil {
		t.Fatal(err)
	}
	got, err := Read(bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	in := reals(rand.New(rand.NewPCG(5, 6)), 128)
	want, err := clear.Run(small(), in)
	if err != nil {
		t.Fatal(err)
	}
	y, err := clear.Run(got, in)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if want[i] != y[i] {
			t.Errorf("output %d is %g, not %g", i, y[i], want[i])
		}
	}
	if err := Write(&again, small()); err != nil || !bytes.Equal(file.Bytes(), again.Bytes()) {
		t.Errorf("the same graph gave other bytes (%v)", err)
	}
}

// operatorTests are ONNX's own; those not named here are refused, never wrong.
var operatorTests = []string{
	"test_averagepool_2d_default", "test_averagepool_2d_precomputed_pads_count_include_pad",
	"test_averagepool_2d_strides", "test_batchnorm_epsilon", "test_batchnorm_example",
	"test_conv_with_strides_no_padding", "test_conv_with_strides_padding",
	"test_flatten_axis1", "test_flatten_default_axis", "test_gemm_alpha", "test_gemm_beta", "test_gemm_default_scalar_bias",
	"test_gemm_default_single_elem_vector_bias", "test_gemm_default_vector_bias", "test_gemm_transposeB",
	"test_matmul_2d",
}

func TestOperatorTestsOfONNX(t *testing.T) {
	dir := realdata.Path(t, "models", "onnx-operator-tests")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	must := map[string]bool{}
	for _, name := range operatorTests {
		must[name] = true
	}
	ran := 0
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		t.Run(e.Name(), func(t *testing.T) {
			err := operatorTest(t, filepath.Join(dir, e.Name()))
			switch {
			case err == nil:
				ran++
			case !notice.Is(err, notice.Unsupported) && !notice.Is(err, notice.Invalid):
				t.Error(err)
			case must[e.Name()]:
				t.Errorf("refused: %v", err)
			}
		})
	}
	t.Logf("%d run and agree", ran)
}

// operatorTest makes every input but the first a weight, and runs row by row.
func operatorTest(t *testing.T, dir string) error {
	t.Helper()
	read := func(name string, m proto.Message) bool {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		return err == nil && proto.Unmarshal(raw, m) == nil
	}
	m, out := &pb.Model{}, &pb.Tensor{}
	if !read("model.onnx", m) || !read("test_data_set_0/output_0.pb", out) {
		t.Skip("not in one piece")
	}
	var first *pb.Tensor
	for i, in := range m.GetGraph().GetInput() {
		x := &pb.Tensor{}
		if !read("test_data_set_0/input_"+string(rune('0'+i))+".pb", x) {
			t.Skip("not in one piece")
		}
		if i == 0 {
			first = x
			continue
		}
		x.Name = proto.String(in.GetName())
		m.Graph.Initializer = append(m.Graph.Initializer, x)
	}
	raw, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	g, err := Read(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	x, err := decode(first)
	if err != nil {
		return err
	}
	want, err := decode(out)
	if err != nil {
		return err
	}
	size := ml.Size(g.Input)
	var got []float64
	for at := 0; at < len(x.values); at += size {
		y, err := clear.Run(g, x.values[at:at+size])
		if err != nil {
			return err
		}
		got = append(got, y...)
	}
	if len(got) != len(want.values) {
		t.Fatalf("%d values, not %d", len(got), len(want.values))
	}
	for i, w := range want.values {
		if math.Abs(got[i]-w) > 1e-4*(1+math.Abs(w)) {
			t.Fatalf("value %d is %g, not %g", i, got[i], w)
		}
	}
	return nil
}

func TestReLUNetworkIsRefusedByName(t *testing.T) {
	f, err := os.Open(realdata.Path(t, "models", "cnn-ct-iqoth", "ct_lung_malignancy_64x64.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	_, err = Read(f)
	if !notice.Is(err, notice.Unsupported) || !strings.Contains(err.Error(), "Relu") {
		t.Errorf("got %v", err)
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
	var file bytes.Buffer
	if err := Write(&file, small()); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		g, err := Read(bytes.NewReader(raw))
		if err != nil {
			var n *notice.Error
			if !errors.As(err, &n) {
				t.Fatalf("not a notice: %v", err)
			}
			return
		}
		if err := g.Check(); err != nil {
			t.Fatal(err)
		}
	})
}
