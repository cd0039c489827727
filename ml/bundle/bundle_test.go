package bundle

import (
	"os"
	"slices"
	"testing"

	"manx/ml"
	"manx/privacy/notice"
)

// small is a graph with every kind of weights.
func small() ml.Graph {
	return ml.Graph{Name: "small", Input: []int{1, 3, 3}, Output: 4, Nodes: []ml.Node{
		{Op: ml.Conv{Out: 2, In: 1, Kernel: 2, Stride: 1, Weights: []float64{.1, -.2, .3, 0, 7, .5, -.25, 1}, Bias: []float64{.01, -3}}, Args: []int{0}},
		{Op: ml.Poly{Coeffs: [][]float64{{0, .5, .2}, {.1, .6, .19}}}, Args: []int{1}},
		{Op: ml.Flatten{}, Args: []int{2}},
		{Op: ml.Linear{Out: 1, In: 8, Weights: []float64{1, 2, 3, 4, 5, 6, 7, 1. / 3}, Bias: []float64{-1}}, Args: []int{3}},
	}}
}

func TestWeightsThatDoNotFitAreRefused(t *testing.T) {
	shape := small()
	good := encodeWeights(Quantise(shape))
	if g, err := decodeWeights(good, shape); err != nil || g.Check() != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{
		"empty": nil, "cut": good[:len(good)-1], "longer": append(slices.Clone(good), 0), "another magic": append([]byte("x"), good...),
		"another shift": append(append(slices.Clone(good[:len(magic)]), 99), good[len(magic)+1:]...),
	} {
		if _, err := decodeWeights(raw, shape); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What Write writes, Open reads as the same model; files of two models are refused.
func TestWrittenFilesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	write := func(g ml.Graph) Files {
		hash, err := ml.Hash(g)
		if err != nil {
			t.Fatal(err)
		}
		card := ml.Card{Format: 1, Name: "small", Version: "1.0.0", Vertical: "health", Hash: hash, Licence: "x", Price: "1", Summary: "x",
			IntendedUse: []string{"x"}, NotFor: []string{"x"}, Data: []ml.Source{{}}, Metrics: []ml.Metric{{Name: "x", Method: "x"}}, Versions: []ml.Change{{}}}
		if err := Write(dir, g, map[string]int{"rows": 1}, card); err != nil {
			t.Fatal(err)
		}
		var f Files
		for name, to := range map[string]*[]byte{ModelFile: &f.Model, WeightsFile: &f.Weights, ResultsFile: &f.Results, CardFile: &f.Card} {
			if *to, err = os.ReadFile(dir + "/" + name); err != nil {
				t.Fatal(err)
			}
		}
		return f
	}
	f := write(Quantise(small()))
	g, card, err := f.Open(small())
	if err != nil {
		t.Fatal(err)
	}
	again, err := f.ONNX()
	if err != nil {
		t.Fatal(err)
	}
	for name, g := range map[string]ml.Graph{"weights": g, "ONNX": again} {
		if hash, err := ml.Hash(g); err != nil || hash != card.Hash {
			t.Errorf("%s: hash %s (%v), not %s", name, hash, err, card.Hash)
		}
	}
	other := small()
	other.Nodes[3].Op.(ml.Linear).Bias[0] = 2
	f.Card = write(Quantise(other)).Card
	if _, _, err := f.Open(small()); !notice.Is(err, notice.Integrity) {
		t.Errorf("another model's card: %v", err)
	}
}

func FuzzWeights(f *testing.F) {
	shape := small()
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if g, err := decodeWeights(raw, shape); err == nil && g.Check() != nil {
			t.Fatal("weights that no runtime accepts")
		}
	})
}
