package workbench_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"manx/ml"
	"manx/ml/lungct"
	"manx/ml/onnx"
	"manx/ml/samples"
	"manx/ml/workbench"
	"manx/privacy/notice"
	"manx/test/realdata"
)

func chain(input []int, ops ...ml.Op) ml.Graph {
	g := ml.Graph{Name: "test", Input: input, Output: len(ops)}
	for i, op := range ops {
		g.Nodes = append(g.Nodes, ml.Node{Op: op, Args: []int{i}})
	}
	return g
}

type dice struct{ *rand.Rand }

func (d dice) vector(n int, deviation float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = d.NormFloat64() * deviation
	}
	return v
}

func (d dice) linear(out, in int) ml.Linear {
	return ml.Linear{Out: out, In: in, Weights: d.vector(out*in, 1/math.Sqrt(float64(in))), Bias: d.vector(out, .2)}
}

// file writes a graph as ONNX.
func file(t *testing.T, g ml.Graph) string {
	t.Helper()
	var b bytes.Buffer
	if err := onnx.Write(&b, g); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "model.onnx")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func clock() time.Duration { return 0 }

// TestAReLUNetworkFromFileToCard takes a network with ReLU and Softmax all the way.
func TestAReLUNetworkFromFileToCard(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(5, 6))}
	m, err := workbench.Read(file(t, chain([]int{20}, d.linear(24, 20), ml.Activation{Kind: ml.ReLU}, d.linear(3, 24), ml.Softmax{})))
	if err != nil || m.Format != "ONNX" {
		t.Fatal(m.Format, err)
	}
	if _, err := workbench.Compile(m, samples.Set{}, 0); !notice.Is(err, notice.Invalid) || !strings.Contains(err.Error(), "no inputs to fit") {
		t.Errorf("without inputs: %v", err)
	}
	set := samples.Set{}
	for range 100 {
		set.Inputs, set.Labels = append(set.Inputs, d.vector(20, 1)), append(set.Labels, d.IntN(3))
	}
	c, err := workbench.Compile(m, set, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := c.Report
	if r.Calibrated != 80 || !r.HeldOut || r.Cost.Inputs != 20 || r.Cost.Measure != "accuracy" || len(r.Replaced) != 1 || !slices.Equal(r.Final, []string{"Softmax"}) {
		t.Errorf("%+v", r)
	}
	if !(r.Cost.Worst > 0 && r.Cost.Worst < .5) {
		t.Errorf("replacing ReLU costs %+v", r.Cost)
	}
	compared, err := c.Compare(t.Context(), c.Graph, workbench.Take(c.Unseen, 3).Inputs, clock, nil)
	if err != nil || compared.Inputs != 3 || compared.Worst > compared.Stated || compared.KeyBytes != r.KeyBytes {
		t.Fatalf("%+v (%v)", compared, err)
	}
	checked := workbench.Quality(compared, c.Unseen.Labels)
	if checked.Measure != "accuracy" || checked.Clear != checked.Encrypted {
		t.Errorf("%+v", checked)
	}
	_, card, err := lungct.Model()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := workbench.Measured(card, r, checked, ""); !notice.Is(err, notice.Invalid) {
		t.Errorf("another model's card: %v", err)
	}
	card.Hash = r.Model
	metrics := len(card.Metrics)
	for range 2 { // what is measured again replaces what was
		if card, err = workbench.Measured(card, r, checked, workbench.Digest(c.Unseen.Inputs)); err != nil {
			t.Fatal(err)
		}
	}
	if len(card.Metrics) != metrics+5 || len(card.Comparison) != 1 || card.Precision.Seen != compared.Worst || card.Precision.Inputs != 3 {
		t.Errorf("%+v", card)
	}
	checked.Worst = 1
	if _, err := workbench.Measured(card, r, checked, ""); !notice.Is(err, notice.Integrity) {
		t.Errorf("over the card's bound: %v", err)
	}
}

func TestBuiltInModelsAreTheirCards(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lung-ct.onnx")
	if err := os.WriteFile(name, lungct.ONNX(), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := workbench.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := ml.Hash(m.Graph)
	if _, card, _ := lungct.Model(); err != nil || card.Hash != hash {
		t.Errorf("the file's hash is %s (%v)", hash, err)
	}
	if m, err = workbench.Read("../../credit/scorecard/consumer-risk.json"); err != nil || m.Format != "scorecard" {
		t.Fatal(err)
	}
	c, err := workbench.Compile(m, samples.Set{}, 0)
	if err != nil || c.Report.Set != "small" || c.Report.Replaced != nil {
		t.Error(err)
	}
}

// TestModelsMadeElsewhere says what the compiler answers for each.
func TestModelsMadeElsewhere(t *testing.T) {
	for file, want := range map[string]string{
		"onnx-mnist/mnist_cntk_opset8.onnx":          "layer 3, MaxPool",
		"onnx-mnist/mnist_opset12.onnx":              "layer 3, MaxPool",
		"cnn-ct-iqoth/ct_lung_malignancy_64x64.onnx": "layer 3, MaxPool",
		"xgboost-1.7.4-credit/taiwan_model.json":     "60 boosted trees of XGBoost",
		"xgboost-1.7.4-credit/taiwan_model.ubj":      "60 boosted trees of XGBoost",
		"xgboost-1.7.4-credit/taiwan_dump.json":      "boosted trees of XGBoost",
		"tree-models-leaves/lg_breast_cancer.txt":    "boosted trees of LightGBM",
		"tree-models-leaves/lg_1tree.json":           "boosted trees of LightGBM",
	} {
		m, err := workbench.Read(realdata.Path(t, "models", file))
		if err == nil {
			_, err = workbench.Compile(m, samples.Set{}, 0)
		}
		if !notice.Is(err, notice.Unsupported) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if n, ok := errors.AsType[*notice.Error](err); !ok || !strings.Contains(n.Hint, "MPC") {
			t.Errorf("%s: no hint that proposes MPC", file)
		}
	}
	m, err := workbench.Read(realdata.Path(t, "models", "xgboost-1.7.4-credit", "taiwan_logistic.json"))
	if err != nil || m.Format != "logistic" || len(m.Features) != 23 {
		t.Fatal(err)
	}
	c, err := workbench.Compile(m, samples.Set{}, 0)
	if err != nil || !slices.Equal(c.Report.First, []string{"Poly"}) || !slices.Equal(c.Report.Final, []string{"Sigmoid"}) {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"tree\nversion=v4\n", `{"learner":{}}`, `{"tree_info":[]}`, `{"schema":"","base":0}`, `{"features":["a"],"coef":[1],"intercept":0}`, `[{"nodeid":0}]`, "{", "\x08\x07"} {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		name := filepath.Join(dir, "m")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := workbench.Read(name); err != nil && !slices.ContainsFunc([]notice.Kind{notice.Invalid, notice.Unsupported, notice.Exhausted, notice.Denied}, func(k notice.Kind) bool { return notice.Is(err, k) }) {
			t.Fatalf("%T: %v", err, err)
		}
	})
}
