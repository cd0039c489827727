package onnx

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	_ "image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"manx/ml"
	"manx/ml/clear"
	"manx/ml/onnx/internal/pb"
	"manx/test/realdata"
)

func model(t *testing.T, path string) ml.Graph {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	g, err := Read(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return g
}

// operations lists the types of a graph's operations.
func operations(g ml.Graph) string {
	var ops []string
	for _, n := range g.Nodes {
		name := fmt.Sprintf("%T", n.Op)[len("ml."):]
		if a, ok := n.Op.(ml.Activation); ok {
			name = a.Kind.String()
		}
		ops = append(ops, name)
	}
	return fmt.Sprint(ops)
}

// TestMNIST runs the networks of ONNX's model zoo unchanged: weights listed as
// inputs, constants that Reshape folds, padding by name.
func TestMNIST(t *testing.T) {
	dir := realdata.Path(t, "models", "onnx-mnist")
	for _, name := range []string{"mnist_cntk_opset8.onnx", "mnist_opset12.onnx"} {
		g := model(t, filepath.Join(dir, name))
		if got := operations(g); got != "[Conv Relu MaxPool Conv Relu MaxPool Flatten Linear]" {
			t.Errorf("%s is %s", name, got)
		}
		for i := range 3 {
			x, y := &pb.Tensor{}, &pb.Tensor{}
			unmarshal(t, filepath.Join(dir, fmt.Sprintf("test_data_set_%d", i), "input_0.pb"), x)
			unmarshal(t, filepath.Join(dir, fmt.Sprintf("test_data_set_%d", i), "output_0.pb"), y)
			if err := agree(g, constantIn(t, x), constantIn(t, y), 1e-5); err != nil {
				t.Errorf("%s, pair %d: %v", name, i, err)
			}
		}
		for file, want := range map[string]int{"eight.png": 8, "seven.png": 7, "tiny_5.png": 5} {
			y, err := clear.Run(g, digit(t, filepath.Join(dir, file)))
			if err != nil {
				t.Fatal(err)
			}
			if got := slices.Index(y, slices.Max(y)); got != want {
				t.Errorf("%s: %s is read as %d", name, file, got)
			}
		}
	}
}

// digit scales a drawing to 28x28 by the mean of each cell, ink 255, paper 0.
func digit(t *testing.T, path string) []float64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	img, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	const side, fine = 28, 8
	b := img.Bounds()
	grey := func(x, y int) float64 { return float64(color.GrayModel.Convert(img.At(x, y)).(color.Gray).Y) }
	paper := grey(b.Min.X, b.Min.Y)
	out := make([]float64, side*side)
	for y := range side * fine {
		for x := range side * fine {
			v := grey(b.Min.X+x*b.Dx()/(side*fine), b.Min.Y+y*b.Dy()/(side*fine))
			out[y/fine*side+x/fine] += math.Abs(v-paper) / (fine * fine)
		}
	}
	return out
}

// TestReLUNetworkOfCT compares the logits of 16 slices with those that PyTorch gave.
func TestReLUNetworkOfCT(t *testing.T) {
	dir := realdata.Path(t, "models", "cnn-ct-iqoth")
	g := model(t, filepath.Join(dir, "ct_lung_malignancy_64x64.onnx"))
	if err := agree(g, npy(t, filepath.Join(dir, "expected_io.npz"), "input.npy"), npy(t, filepath.Join(dir, "expected_io.npz"), "logits.npy"), 1e-5); err != nil {
		t.Error(err)
	}
	if got := operations(g); got != "[Conv Relu MaxPool Conv Relu MaxPool Conv Relu MaxPool Flatten Linear Relu Linear]" {
		t.Errorf("it is %s", got)
	}
}

// npy reads an array of float32 from a file of NumPy arrays.
func npy(t *testing.T, path, name string) []float64 {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = z.Close() }()
	f, err := z.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	if len(raw) < 10 || !bytes.Contains(raw[:100], []byte("'<f4', 'fortran_order': False")) {
		t.Fatalf("%s is not an array of float32", name)
	}
	raw = raw[10+int(binary.LittleEndian.Uint16(raw[8:])):]
	out := make([]float64, len(raw)/4)
	for i := range out {
		out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
	}
	return out
}
