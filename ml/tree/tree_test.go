package tree

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"manx/privacy/notice"
	"manx/test/realdata"
)

func open(t *testing.T, read func(io.Reader) (*Model, error), parts ...string) *Model {
	t.Helper()
	raw, err := os.ReadFile(realdata.Path(t, append([]string{"models"}, parts...)...))
	if err != nil {
		t.Fatal(err)
	}
	m, err := read(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%v: %v", parts, err)
	}
	return m
}

// table reads numbers; an empty field is missing, and a first line of names is left out.
func table(t *testing.T, comma rune, parts ...string) [][]float64 {
	t.Helper()
	f, err := os.Open(realdata.Path(t, append([]string{"models"}, parts...)...))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	r := csv.NewReader(f)
	r.Comma = comma
	lines, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := strconv.ParseFloat(lines[0][0], 64); err != nil {
		lines = lines[1:]
	}
	out := make([][]float64, len(lines))
	for i, line := range lines {
		for _, field := range line {
			v := math.NaN()
			if field != "" {
				if v, err = strconv.ParseFloat(field, 64); err != nil {
					t.Fatal(err)
				}
			}
			out[i] = append(out[i], v)
		}
	}
	return out
}

// TestCreditModels compares 200 rows of each model with the margins and
// probabilities that XGBoost 1.7.4 gave, in float32: 60 sums leave about 1e-6.
func TestCreditModels(t *testing.T) {
	for _, c := range []struct {
		model, expected string
		missing         bool
	}{
		{"taiwan_model.json", "taiwan_expected.csv", false},
		{"taiwan_model.ubj", "taiwan_expected.csv", false},
		{"gmsc_model_with_missing.json", "gmsc_expected.csv", true},
	} {
		m := open(t, ReadXGBoost, "xgboost-1.7.4-credit", c.model)
		if len(m.Trees) != 60 || m.Link != Logistic || len(m.Names) != m.Features {
			t.Errorf("%s: %d trees, link %d, %d names", c.model, len(m.Trees), m.Link, len(m.Names))
		}
		rows := table(t, ',', "xgboost-1.7.4-credit", c.expected)
		if len(rows) != 200 {
			t.Fatalf("%d rows", len(rows))
		}
		missing := false
		for i, row := range rows {
			x, want := row[:m.Features], row[m.Features:]
			margin, err := m.Margins(x)
			if err != nil {
				t.Fatal(err)
			}
			y, err := m.Predict(x)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(margin[0]-want[0]) > 2e-6 || math.Abs(y[0]-want[1]) > 1e-6 {
				t.Errorf("%s, row %d: margin %v, not %v; probability %v, not %v", c.model, i, margin[0], want[0], y[0], want[1])
			}
			for _, v := range x {
				missing = missing || math.IsNaN(v)
			}
		}
		if missing != c.missing {
			t.Errorf("%s: values are missing: %t", c.expected, missing)
		}
	}
}

func TestLightGBMModels(t *testing.T) {
	const dir = "tree-models-leaves"
	check := func(model string, rows, want [][]float64) {
		m := open(t, ReadLightGBM, dir, model)
		if len(rows) == 0 || len(rows) != len(want) {
			t.Fatalf("%d rows, %d predictions", len(rows), len(want))
		}
		for i, x := range rows {
			y, err := m.Predict(x)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(y[0]-want[i][0]) > 1e-12 {
				t.Errorf("%s, row %d: %v, not %v", model, i, y[0], want[i][0])
			}
		}
	}
	check("lg_dart_breast_cancer.model", table(t, '\t', dir, "breast_cancer_test.tsv"), table(t, ',', dir, "lg_dart_breast_cancer_true_predictions.txt"))
	iris := sparse(t, 4, dir, "iris_test.libsvm")
	check("lg_rf_iris.model", iris, table(t, ',', dir, "lg_rf_iris_true_predictions.txt"))
}

// sparse reads label and feature:value pairs; what is absent is zero.
func sparse(t *testing.T, features int, parts ...string) (out [][]float64) {
	t.Helper()
	raw, err := os.ReadFile(realdata.Path(t, append([]string{"models"}, parts...)...))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		x := make([]float64, features)
		for _, pair := range strings.Fields(line)[1:] {
			k, v, _ := strings.Cut(pair, ":")
			i, err1 := strconv.Atoi(k)
			f, err2 := strconv.ParseFloat(v, 64)
			if err1 != nil || err2 != nil {
				t.Fatal(line)
			}
			x[i] = f
		}
		out = append(out, x)
	}
	return out
}

// TestEveryTreeEndsInTheLeafThatLightGBMNames compares 39 trees on 57 rows,
// leaf by leaf: the file has the leaves' values, and the leaf that LightGBM
// reached for each row and tree.
func TestEveryTreeEndsInTheLeafThatLightGBMNames(t *testing.T) {
	const dir = "tree-models-leaves"
	m := open(t, ReadLightGBM, dir, "lg_breast_cancer.txt")
	raw, err := os.ReadFile(realdata.Path(t, "models", dir, "lg_breast_cancer.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var values [][]string
	for line := range strings.Lines(string(raw)) {
		if v, ok := strings.CutPrefix(line, "leaf_value="); ok {
			values = append(values, strings.Fields(v))
		}
	}
	rows, leaves := table(t, ' ', dir, "lg_breast_cancer_data.txt"), table(t, ' ', dir, "lg_breast_cancer_data_pred_leaves.txt")
	if len(rows) != 57 || len(m.Trees) != 39 || len(leaves) != len(rows) {
		t.Fatalf("%d rows, %d trees", len(rows), len(m.Trees))
	}
	for i, x := range rows {
		for k, tree := range m.Trees {
			want, err := strconv.ParseFloat(values[k][int(leaves[i][k])], 64)
			if got := tree.Nodes[tree.Reach(x)].Value; err != nil || got != want {
				t.Errorf("row %d, tree %d: %v, not %v (%v)", i, k, got, want, err)
			}
		}
	}
}

func TestOtherFilesAreRefusedWithAReason(t *testing.T) {
	const dir = "tree-models-leaves"
	for _, c := range []struct {
		file, want string
		read       func(io.Reader) (*Model, error)
	}{
		{"model_simple.txt", "split by category", ReadLightGBM},
		{"tree_1leaf.txt", "does not begin with", ReadLightGBM},
		{"tree_3leaves.txt", "does not begin with", ReadLightGBM},
		{"lg_1tree.json", "not XGBoost's JSON", ReadXGBoost},
		{"xgagaricus.model", "not XGBoost's JSON", ReadXGBoost},
		{"xgblin_agaricus.model", "not XGBoost's JSON", ReadXGBoost},
		{"lg_breast_cancer.txt", "not XGBoost's JSON", ReadXGBoost},
	} {
		raw, err := os.ReadFile(realdata.Path(t, "models", dir, c.file))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.read(bytes.NewReader(raw))
		if _, ok := errors.AsType[*notice.Error](err); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.file, err)
		}
	}
}

// TestThresholdsCompareAsInFloat32 tries values at, beside and between float32
// numbers.
func TestThresholdsCompareAsInFloat32(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	thresholds := []float32{0, 1, -1, 0.1, math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 16777216, 3}
	for range 2000 {
		f := math.Float32frombits(rng.Uint32())
		if f == f && !math.IsInf(float64(f), 0) {
			thresholds = append(thresholds, f)
		}
	}
	for _, f := range thresholds {
		tried := []float64{math.Inf(1), math.Inf(-1), 0, math.MaxFloat64, -math.MaxFloat64, Below(f)}
		for _, v := range []float32{f, math.Nextafter32(f, float32(math.Inf(1))), math.Nextafter32(f, float32(math.Inf(-1)))} {
			tried = append(tried, float64(v), float64(v)/2+float64(f)/2)
		}
		for _, v := range tried {
			for _, x := range []float64{v, math.Nextafter(v, math.Inf(1)), math.Nextafter(v, math.Inf(-1))} {
				if (x <= Below(f)) != (float32(x) < f) {
					t.Fatalf("%b against %b", x, f)
				}
			}
		}
	}
}

// stump has three classes, a tree with a way for what is missing, and a leaf alone.
func stump() *Model {
	return &Model{
		Features: 2, Base: []float64{1, 2, 3}, Link: Softmax,
		Trees: []Tree{
			{Class: 1, Nodes: []Node{{Feature: 1, Threshold: 5, MissingLeft: true, Left: 1, Right: 2}, {Value: 10}, {Feature: 0, Left: 3, Right: 4}, {Value: 20}, {Value: 30}}},
			{Class: 2, Nodes: []Node{{Value: -1}}},
		},
	}
}

func TestWaysDownATree(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct{ x, want []float64 }{
		{[]float64{0, 5}, []float64{1, 12, 2}},
		{[]float64{0, nan}, []float64{1, 12, 2}},
		{[]float64{0, 6}, []float64{1, 22, 2}},
		{[]float64{1, 6}, []float64{1, 32, 2}},
		{[]float64{nan, 6}, []float64{1, 32, 2}},
	} {
		y, err := stump().Margins(c.x)
		if err != nil || y[0] != c.want[0] || y[1] != c.want[1] || y[2] != c.want[2] {
			t.Errorf("%v: %v (%v), not %v", c.x, y, err, c.want)
		}
		p, err := stump().Predict(c.x)
		if err != nil || math.Abs(p[0]+p[1]+p[2]-1) > 1e-15 || math.Abs(p[0]/p[2]-math.Exp(-1)) > 1e-15 {
			t.Errorf("%v: probabilities %v (%v)", c.x, p, err)
		}
	}
	if _, err := stump().Margins([]float64{1}); err == nil {
		t.Error("a short input was taken")
	}
}

func TestModelsThatCannotBeAreRefused(t *testing.T) {
	if err := stump().Check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Model){
		"no features":           func(m *Model) { m.Features = 0 },
		"too few names":         func(m *Model) { m.Names = []string{"a"} },
		"no trees":              func(m *Model) { m.Trees = nil },
		"a class too many":      func(m *Model) { m.Trees[0].Class = 3 },
		"logistic classes":      func(m *Model) { m.Link = Logistic },
		"an unknown link":       func(m *Model) { m.Link = 9 },
		"a tree of nothing":     func(m *Model) { m.Trees[1].Nodes = nil },
		"a child that is above": func(m *Model) { m.Trees[0].Nodes[2].Left = 1 },
		"a child of two":        func(m *Model) { m.Trees[0].Nodes[2].Left = 4 },
		"a child of itself":     func(m *Model) { m.Trees[0].Nodes[2].Right = 2 },
		"no such child":         func(m *Model) { m.Trees[0].Nodes[2].Right = 5 },
		"half a question":       func(m *Model) { m.Trees[0].Nodes[2].Left = 0 },
		"no such feature":       func(m *Model) { m.Trees[0].Nodes[0].Feature = 2 },
		"an infinite leaf":      func(m *Model) { m.Trees[1].Nodes[0].Value = math.Inf(1) },
		"a threshold not known": func(m *Model) { m.Trees[0].Nodes[0].Threshold = math.NaN() },
		"a base not finite":     func(m *Model) { m.Base[0] = math.Inf(-1) },
	} {
		m := stump()
		change(m)
		if err := m.Check(); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
