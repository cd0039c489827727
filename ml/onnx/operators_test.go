package onnx

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math"
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

var update = flag.Bool("update", false, "write testdata/refused.txt anew")

// passes is how many of ONNX's own tests of each operator run here and agree.
var passes = map[string]int{
	"Add": 2, "AveragePool": 9, "BatchNormalization": 2, "Clip": 7, "Conv": 3, "Div": 2, "Dropout": 4, "Flatten": 2, "Gemm": 6, "GlobalAveragePool": 1,
	"GlobalMaxPool": 2, "Identity": 1, "LeakyRelu": 3, "MatMul": 1, "MaxPool": 7, "Mul": 2, "Relu": 1, "Reshape": 7, "Sigmoid": 2, "Softmax": 5, "Squeeze": 1,
	"Sub": 2, "Tanh": 1, "Transpose": 1, "Unsqueeze": 6,
}

// TestOperatorTestsOfONNX runs each of ONNX's tests: either its outputs agree,
// or a notice that names the operator refuses it, as listed in refused.txt.
func TestOperatorTestsOfONNX(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(realdata.Path(t, "models", "onnx-operator-tests"), "test_*"))
	if err != nil || len(dirs) != 150 {
		t.Fatalf("%d tests, not 150 (%v)", len(dirs), err)
	}
	got := map[string]int{}
	var refused strings.Builder
	for _, dir := range dirs {
		name := filepath.Base(dir)
		op, err := operatorTest(t, dir)
		switch {
		case err == nil:
			got[op]++
		case !notice.Is(err, notice.Unsupported) || !strings.Contains(err.Error(), "operator \""+op+"\""):
			t.Errorf("%s: %v", name, err)
		default:
			fmt.Fprintf(&refused, "%s: %v\n", strings.TrimPrefix(name, "test_"), err)
		}
	}
	if !maps.Equal(got, passes) {
		t.Errorf("tests that pass: %v, not %v", got, passes)
	}
	const golden = "testdata/refused.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(refused.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != refused.String() {
		t.Errorf("what is refused is not as in %s (-update writes it anew):\n%s", golden, refused.String())
	}
}

// operatorTest makes every input but the first a weight, and runs the first in
// one piece or, where it is a batch, row by row. It returns the operator.
func operatorTest(t *testing.T, dir string) (string, error) {
	t.Helper()
	m := &pb.Model{}
	unmarshal(t, filepath.Join(dir, "model.onnx"), m)
	if len(m.GetGraph().GetNode()) != 1 {
		t.Fatalf("%s has %d operators", dir, len(m.GetGraph().GetNode()))
	}
	op := m.GetGraph().GetNode()[0].GetOpType()
	var first *pb.Tensor
	for i, in := range m.GetGraph().GetInput() {
		x := &pb.Tensor{}
		unmarshal(t, filepath.Join(dir, "test_data_set_0", fmt.Sprintf("input_%d.pb", i)), x)
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
		return op, err
	}
	out := &pb.Tensor{}
	unmarshal(t, filepath.Join(dir, "test_data_set_0", "output_0.pb"), out)
	return op, agree(g, constantIn(t, first), constantIn(t, out), 1e-5)
}

func unmarshal(t *testing.T, path string, m proto.Message) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(raw, m); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func constantIn(t *testing.T, m *pb.Tensor) []float64 {
	t.Helper()
	c, err := decode(m)
	if err != nil {
		t.Fatal(err)
	}
	return c.values
}

// agree runs g over x, as many inputs as there are, and compares within a relative tolerance.
func agree(g ml.Graph, x, want []float64, tolerance float64) error {
	size := ml.Size(g.Input)
	if len(x) == 0 || len(x)%size != 0 {
		return fmt.Errorf("%d values for an input of %d", len(x), size)
	}
	var got []float64
	for at := 0; at < len(x); at += size {
		y, err := clear.Run(g, x[at:at+size])
		if err != nil {
			return err
		}
		got = append(got, y...)
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d values, not %d", len(got), len(want))
	}
	for i, w := range want {
		if !(math.Abs(got[i]-w) <= tolerance*math.Abs(w)+1e-7) {
			return fmt.Errorf("value %d is %g, not %g", i, got[i], w)
		}
	}
	return nil
}
