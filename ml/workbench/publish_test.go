package workbench_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"manx/ml"
	"manx/ml/clear"
	"manx/ml/heart"
	"manx/ml/samples"
	"manx/ml/workbench"
	"manx/privacy/notice"
)

func run(t *testing.T, g ml.Graph, x []float64) []float64 {
	t.Helper()
	y, err := clear.Run(g, x)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

// However a classifier ends, its logit gives the probability that it gave.
func TestLogitGivesTheModelsProbability(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(7, 7))}
	conv := ml.Conv{Out: 2, In: 1, Kernel: 2, Stride: 2, Weights: d.vector(8, 1), Bias: d.vector(2, 1)}
	for what, c := range map[string]struct {
		g       ml.Graph
		changed bool
		last    int // of its outputs, the positive class
	}{
		"a logit":               {chain([]int{5}, d.linear(1, 5)), false, -1},
		"a sigmoid":             {chain([]int{5}, d.linear(1, 5), ml.Activation{Kind: ml.Sigmoid}), true, 0},
		"two classes":           {chain([]int{5}, d.linear(2, 5), ml.Softmax{}), true, 1},
		"two classes, on a map": {chain([]int{1, 2, 2}, conv, ml.Softmax{}), true, 1},
	} {
		m, changed, err := workbench.Logit(workbench.Model{Graph: c.g})
		changed = strings.TrimPrefix(strings.TrimSuffix(changed, "weights are rounded to float32, so that the graph can be shown"), "; ")
		if err != nil || (changed != "") != c.changed {
			t.Errorf("%s: %q, %v", what, changed, err)
			continue
		}
		x := d.vector(ml.Size(c.g.Input), 1)
		got, want := run(t, m.Graph, x), run(t, c.g, x)
		p := 1 / (1 + math.Exp(-got[0]))
		if len(got) != 1 || c.last < 0 && math.Abs(got[0]-want[0]) > 1e-5 || c.last >= 0 && math.Abs(p-want[c.last]) > 1e-5 {
			t.Errorf("%s: %v of %v", what, got, want)
		}
	}
	for what, g := range map[string]ml.Graph{
		"three classes": chain([]int{5}, d.linear(3, 5), ml.Softmax{}), "two numbers": chain([]int{5}, d.linear(2, 5)),
		"a tanh": chain([]int{5}, d.linear(1, 5), ml.Activation{Kind: ml.Tanh}), "two sigmoids": chain([]int{5}, d.linear(2, 5), ml.Activation{Kind: ml.Sigmoid}),
		"twice": chain([]int{5}, d.linear(1, 5), ml.Activation{Kind: ml.Sigmoid}, ml.Activation{Kind: ml.Sigmoid}),
	} {
		if _, _, err := workbench.Logit(workbench.Model{Graph: g}); !notice.Is(err, notice.Unsupported) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestCardIsFittedToItsModel(t *testing.T) {
	_, card, err := heart.Model()
	if err != nil {
		t.Fatal(err)
	}
	d := dice{rand.New(rand.NewPCG(8, 8))}
	file := chain([]int{heart.Inputs}, d.linear(1, heart.Inputs), ml.Activation{Kind: ml.Sigmoid})
	m, _, err := workbench.Logit(workbench.Model{Graph: file})
	if err != nil {
		t.Fatal(err)
	}
	c, err := workbench.Compile(m, samples.Set{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	own, err := ml.Hash(file)
	if err != nil || own == c.Report.Model {
		t.Fatal(own, err)
	}
	card.Precision = nil
	for _, hash := range []string{"", own, c.Report.Model} {
		card.Hash = hash
		got, err := workbench.Carded(card, file, c.Report)
		if err != nil || got.Hash != c.Report.Model || !(got.Precision.Bound >= 10*c.Report.Precision) || !strings.Contains(got.Precision.Parameters, "levels") {
			t.Errorf("hash %.8q: %+v, %v", hash, got.Precision, err)
		}
	}
	card.Hash = strings.Repeat("0", 64)
	if _, err := workbench.Carded(card, file, c.Report); !notice.Is(err, notice.Invalid) {
		t.Errorf("another model's card: %v", err)
	}
	card.Hash, card.Chart = "", &ml.Chart{Fields: card.Chart.Fields[:3]}
	for i := range card.Chart.Fields {
		card.Chart.Fields[i].Usual = nil
	}
	if _, err := workbench.Carded(card, file, c.Report); !notice.Is(err, notice.Invalid) || !strings.Contains(err.Error(), "input") {
		t.Errorf("a card of another input: %v", err)
	}
	// Its weights are rounded, so it has an ONNX file of the same hash; with others not.
	if b, err := c.File(); err != nil || len(b) == 0 {
		t.Errorf("%d bytes of ONNX, %v", len(b), err)
	}
	odd, err := workbench.Compile(workbench.Model{Graph: file}, samples.Set{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := odd.File(); err != nil || b != nil {
		t.Errorf("%d bytes of ONNX of weights that float32 does not hold, %v", len(b), err)
	}
	a, again := workbench.MadeUp([]int{1, 3, 4}, 3), workbench.MadeUp([]int{1, 3, 4}, 3)
	if len(a.Inputs) != 3 || len(a.Inputs[0]) != 12 || a.Inputs[2][7] != again.Inputs[2][7] || a.Inputs[0][0] == a.Inputs[1][0] {
		t.Errorf("noise: %v", a.Inputs)
	}
}
