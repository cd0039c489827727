package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"

	"manx/ml"
	"manx/ml/lungct"
	"manx/ml/onnx"
)

// writeNetwork writes a small network for pictures of 8 x 8 as ONNX:
// network [--max-pool|--deep] FILE.
func writeNetwork(ts *testscript.TestScript, _ bool, args []string) {
	d := rand.New(rand.NewPCG(7, 8))
	weights := func(n, in int) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = d.NormFloat64() / math.Sqrt(float64(in))
		}
		return v
	}
	linear := func(out, in int) ml.Linear {
		return ml.Linear{Out: out, In: in, Weights: weights(out*in, in), Bias: weights(out, 16)}
	}
	relu := ml.Activation{Kind: ml.ReLU}
	ops := []ml.Op{ml.Conv{Out: 2, In: 1, Kernel: 3, Stride: 1, Pad: 1, Weights: weights(18, 9), Bias: weights(2, 9)}, relu}
	switch args[0] {
	case "--max-pool":
		ops = append(ops, ml.MaxPool{Kernel: [2]int{2, 2}, Stride: [2]int{2, 2}}, ml.Flatten{}, linear(2, 32))
	case "--deep":
		ops = append(ops, ml.Flatten{}, linear(8, 128))
		for range 3 {
			ops = append(ops, relu, linear(8, 8))
		}
	default:
		ops = append(ops, ml.Flatten{}, linear(2, 128), ml.Softmax{})
	}
	g := ml.Graph{Name: "small", Input: []int{1, 8, 8}, Output: len(ops)}
	for i, op := range ops {
		g.Nodes = append(g.Nodes, ml.Node{Op: op, Args: []int{i}})
	}
	var b bytes.Buffer
	ts.Check(onnx.Write(&b, g))
	ts.Check(os.WriteFile(ts.MkAbs(args[len(args)-1]), b.Bytes(), 0o600))
}

// writePictures writes pictures of two kinds and their labels: pictures DIR COUNT.
func writePictures(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.MkdirAll(dir, 0o700))
	d := rand.New(rand.NewPCG(9, 10))
	labels := "file,label\n"
	for i := range n {
		img := image.NewGray(image.Rect(0, 0, 16, 16))
		for at := range img.Pix {
			if (at/16 < 8) == (i%2 == 0) {
				img.SetGray(at%16, at/16, color.Gray{Y: uint8(d.IntN(256))})
			}
		}
		var b bytes.Buffer
		ts.Check(png.Encode(&b, img))
		name := fmt.Sprintf("%03d.png", i)
		ts.Check(os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600))
		labels += fmt.Sprintf("%s,%d\n", name, i%2)
	}
	ts.Check(os.WriteFile(filepath.Join(dir, "labels.csv"), []byte(labels), 0o600))
}

// writeCardOf writes a card that names a network's hash: cards FILE MODEL.onnx.
func writeCardOf(ts *testscript.TestScript, _ bool, args []string) {
	g, err := onnx.Read(strings.NewReader(ts.ReadFile(args[1])))
	ts.Check(err)
	_, card, err := lungct.Model()
	ts.Check(err)
	card.Hash, err = ml.Hash(g)
	ts.Check(err)
	card.Precision = nil
	b, err := json.Marshal(card)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}

// narrow checks that no line of stdout is wider than a terminal: narrow COLUMNS.
func narrow(ts *testscript.TestScript, _ bool, args []string) {
	most, err := strconv.Atoi(args[0])
	ts.Check(err)
	for line := range strings.SplitSeq(ts.ReadFile("stdout"), "\n") {
		if utf8.RuneCountInString(line) > most || strings.HasSuffix(line, " ") || strings.Contains(line, "\t") {
			ts.Fatalf("a line of %d columns, or with blanks at its end: %q", utf8.RuneCountInString(line), line)
		}
	}
}
