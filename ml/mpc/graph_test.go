package mpc

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"manx/ml"
	"manx/ml/clear"
	"manx/ml/onnx"
	"manx/privacy/mpc"
	"manx/privacy/mpc/mpctest"
	"manx/privacy/notice"
	"manx/test/realdata"
)

// securities are those that a test runs under. Checks of large computations
// take minutes: they are for MANX_LONG.
func securities(large bool) []mpc.Security {
	if large && os.Getenv("MANX_LONG") == "" {
		return []mpc.Security{mpc.SemiHonest}
	}
	return []mpc.Security{mpc.SemiHonest, mpc.WithAbort}
}

// random returns n numbers of [-size, size].
func random(rng *rand.Rand, n int, size float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = (2*rng.Float64() - 1) * size
	}
	return out
}

// near runs g on shares of all inputs at once, at each security, and compares
// with the clear run.
func near(t *testing.T, g ml.Graph, ranges []ml.Range, inputs [][]float64, bound float64, large bool) {
	t.Helper()
	n, err := CompileNetwork(g, ranges)
	if err != nil {
		t.Fatal(err)
	}
	var flat []uint64
	for _, x := range inputs {
		k, err := n.Input(x)
		if err != nil {
			t.Fatal(err)
		}
		flat = append(flat, k...)
	}
	for _, security := range securities(large) {
		got := mpctest.Run(t, security, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return n.Run(s, in[0], len(inputs)) }, flat)
		worst := 0.0
		for i, x := range inputs {
			y, err := n.Final(got[i*n.Outputs() : (i+1)*n.Outputs()])
			want, err2 := clear.Run(g, x)
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			for k := range want {
				worst = max(worst, math.Abs(y[k]-want[k]))
			}
		}
		t.Logf("%s: off by %.2g at most", security, worst)
		if !(worst <= bound) {
			t.Errorf("%s: off by %.2g, more than %.2g", security, worst, bound)
		}
	}
}

func TestOperationsOnShares(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	picture, vector := []int{2, 6, 5}, []int{12}
	one := func(in []int, op ml.Op) ml.Graph {
		return ml.Graph{Input: in, Nodes: []ml.Node{{Op: op, Args: []int{0}}}, Output: 1}
	}
	for _, g := range []ml.Graph{
		one(picture, ml.Conv{Out: 3, In: 2, Kernel: 3, Stride: 2, Pad: 1, Weights: random(rng, 54, 1), Bias: random(rng, 3, 1)}),
		one(vector, ml.Linear{Out: 7, In: 12, Weights: random(rng, 84, 1), Bias: random(rng, 7, 1)}),
		one(picture, ml.Poly{Coeffs: [][]float64{{1, -0.5, 0.25}, {0.5, 2}}}),
		one(vector, ml.Poly{Coeffs: [][]float64{{0.5, 0.1, -0.2, 0.05}}}),
		one(vector, ml.Poly{Coeffs: [][]float64{{0.5}}}),
		one(picture, ml.Activation{Kind: ml.ReLU}),
		one(picture, ml.AveragePool{Kernel: 2}),
		one(picture, ml.MaxPool{Kernel: [2]int{3, 2}, Stride: [2]int{2, 2}, Before: [2]int{1, 0}, After: [2]int{1, 1}}),
		one(picture, ml.Flatten{}),
		one(picture, ml.Reshape{Shape: []int{5, 3, 4}}),
		one(picture, ml.Pad{Top: 1, Left: 2, Bottom: 0, Right: 1}),
		{Input: picture, Output: 3, Nodes: []ml.Node{{Op: ml.Activation{Kind: ml.ReLU}, Args: []int{0}}, {Op: ml.Add{}, Args: []int{0, 1}}, {Op: ml.Concat{Axis: 2}, Args: []int{0, 2, 1}}}},
		{Input: vector, Output: 2, Nodes: []ml.Node{{Op: ml.Linear{Out: 4, In: 12, Weights: random(rng, 48, 1), Bias: random(rng, 4, 1)}, Args: []int{0}}, {Op: ml.Softmax{}, Args: []int{1}}}},
	} {
		// Truncation is off by 2^-16 or twice that; a cubic multiplies it by x² = 16.
		var inputs [][]float64
		for range 3 {
			inputs = append(inputs, random(rng, ml.Size(g.Input), 4))
		}
		t.Run(named(g.Nodes[len(g.Nodes)-1].Op), func(t *testing.T) { near(t, g, []ml.Range{{Low: -4, High: 4}}, inputs, 7e-4, false) })
	}
	// Splines of the engine: inside a model, where nobody may see what goes in.
	for kind, bound := range map[ml.Kind]float64{ml.Sigmoid: 4e-4, ml.Tanh: 8e-4} {
		g := ml.Graph{Input: vector, Output: 2, Nodes: []ml.Node{{Op: ml.Activation{Kind: kind}, Args: []int{0}}, {Op: ml.Add{}, Args: []int{1, 0}}}}
		t.Run(kind.String(), func(t *testing.T) {
			near(t, g, []ml.Range{{Low: -8, High: 8}}, [][]float64{random(rng, 12, 8), random(rng, 12, 2)}, bound, false)
		})
	}
}

func TestWhatMayOverflowIsRefusedByName(t *testing.T) {
	big := ml.Graph{Input: []int{2}, Output: 2, Nodes: []ml.Node{
		{Op: ml.Flatten{}, Args: []int{0}}, {Op: ml.Linear{Out: 1, In: 2, Weights: []float64{1e6, 1e6}, Bias: []float64{0}}, Args: []int{1}},
	}}
	if _, err := CompileNetwork(big, []ml.Range{{Low: -1, High: 1}}); err != nil {
		t.Errorf("2e6 and its headroom fit: %v", err)
	}
	for name, c := range map[string]struct {
		g      ml.Graph
		ranges []ml.Range
		says   string
	}{
		"no range": {big, nil, "calibrated"},
		"sum":      {big, []ml.Range{{Low: -1000, High: 1000}}, "operation 1 (Linear) may reach"},
		"square":   {ml.Graph{Input: []int{1}, Output: 1, Nodes: []ml.Node{{Op: ml.Poly{Coeffs: [][]float64{{0, 0, 1}}}, Args: []int{0}}}}, []ml.Range{{Low: -30000, High: 30000}}, "operation 0 (Poly) may reach"},
		"softmax": {ml.Graph{Input: []int{2}, Output: 2, Nodes: []ml.Node{{Op: ml.Softmax{}, Args: []int{0}}, {Op: ml.Linear{Out: 1, In: 2, Weights: []float64{1, 2}, Bias: []float64{0}}, Args: []int{1}}}},
			[]ml.Range{{Low: -1, High: 1}}, "operation 0 (Softmax) does not run"},
	} {
		_, err := CompileNetwork(c.g, c.ranges)
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte(c.says)) || !notice.Is(err, notice.Unsupported) && !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A calibrated range saves what bounds alone would refuse.
	deep := ml.Graph{Input: []int{1}, Output: 4}
	for i := range 4 {
		deep.Nodes = append(deep.Nodes, ml.Node{Op: ml.Poly{Coeffs: [][]float64{{0, 0, 1}}}, Args: []int{i}})
	}
	seen := []ml.Range{{Value: 0, Low: -2, High: 2}, {Value: 1, Low: 0, High: 4}, {Value: 2, Low: 0, High: 16}, {Value: 3, Low: 0, High: 256}, {Value: 4, Low: 0, High: 65536}}
	if _, err := CompileNetwork(deep, seen[:1]); err == nil {
		t.Error("8^16 was taken")
	}
	if _, err := CompileNetwork(deep, seen); err != nil {
		t.Error(err)
	}
}

// imported reads an ONNX file of the development data.
func imported(t testing.TB, parts ...string) ml.Graph {
	t.Helper()
	raw, err := os.ReadFile(realdata.Path(t, append([]string{"models"}, parts...)...))
	if err != nil {
		t.Fatal(err)
	}
	g, err := onnx.Read(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestInvariant7_NetworksOnSharesEqualTheClear(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, c := range []struct {
		parts []string
		size  float64 // of inputs, from 0
		bound float64 // MNIST's outputs are in the thousands
	}{
		{[]string{"onnx-mnist", "mnist_cntk_opset8.onnx"}, 255, 1e-2},
		{[]string{"onnx-mnist", "mnist_opset12.onnx"}, 255, 1e-2},
		{[]string{"cnn-ct-iqoth", "ct_lung_malignancy_64x64.onnx"}, 1, 2e-3},
	} {
		t.Run(fmt.Sprint(c.parts), func(t *testing.T) {
			g := imported(t, c.parts...)
			var inputs [][]float64
			for range 2 {
				x := random(rng, ml.Size(g.Input), c.size/2)
				for i := range x {
					x[i] += c.size / 2
				}
				inputs = append(inputs, x)
			}
			ranges, err := Ranges(g, inputs)
			if err != nil {
				t.Fatal(err)
			}
			near(t, g, ranges, inputs, c.bound, true)
		})
	}
}
