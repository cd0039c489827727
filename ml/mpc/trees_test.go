package mpc

import (
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/ml/boost"
	"manx/ml/consumertrees"
	"manx/ml/tree"
	"manx/privacy/mpc"
	"manx/privacy/mpc/mpctest"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/test/realdata"
)

// rowsOf flattens what is shared of each row.
func rowsOf(t testing.TB, trees *Trees, rows [][]float64) (flat []uint64, each [][]uint64) {
	t.Helper()
	for _, x := range rows {
		k, err := trees.Keys(x)
		if err != nil {
			t.Fatal(err)
		}
		flat, each = append(flat, k...), append(each, k)
	}
	return flat, each
}

// creditBits are the widths of the credit schema's features.
func creditBits() (out []int) {
	for _, f := range credit.FeatureList() {
		out = append(out, f.Bits)
	}
	return out
}

// shipped returns consumer-risk-trees in points, compiled.
func shipped(t testing.TB) (*tree.Points, *Trees) {
	t.Helper()
	m, _, err := consumertrees.Model()
	if err != nil {
		t.Fatal(err)
	}
	p, err := consumertrees.Points(m)
	if err != nil {
		t.Fatal(err)
	}
	trees, err := CompilePoints(p, creditBits(), scorecard.MaxReasons)
	if err != nil {
		t.Fatal(err)
	}
	return p, trees
}

// samePoints compares what a receiver reads with the clear score, exactly.
func samePoints(t *testing.T, p *tree.Points, trees *Trees, x []float64, out []uint64) {
	t.Helper()
	score, reasons, err := trees.Points(out)
	want, lost, err2 := p.Score(x)
	if err != nil || err2 != nil || score != want || !slices.Equal(reasons, tree.Weightiest(lost, scorecard.MaxReasons)) {
		t.Fatalf("of %v: %d points, reasons %v (%v); in the clear %d, lost %v (%v)", x, score, reasons, err, want, lost, err2)
	}
}

func TestInvariant7_ScoresAndReasonsOnSharesEqualTheClear(t *testing.T) {
	p, trees := shipped(t)
	var rows [][]float64
	for seed := range uint64(130) {
		rows = append(rows, consumertrees.Input(credit.Sample(seed).Features().Reveal(reveal.Token{})))
	}
	flat, each := rowsOf(t, trees, rows)
	for i, out := range trees.program.Run(each) {
		samePoints(t, p, trees, rows[i], out)
	}
	for _, security := range securities(false) {
		for _, n := range []int{1, len(rows)} {
			got := mpctest.Run(t, security, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return trees.Run(s, in[0], n) }, flat[:n*trees.Inputs()])
			for i := range n {
				samePoints(t, p, trees, rows[i], got[i*trees.Outputs():(i+1)*trees.Outputs()])
			}
		}
	}
}

// Every account of the data, by the same circuit in the clear: scores and
// reasons are the clear ones, and so is the area under their curve.
func TestInvariant7_TheCircuitOfPointsIsTheModelOnAllRows(t *testing.T) {
	p, trees := shipped(t)
	all, err := scorecard.LoadTraining(realdata.Path(t, "credit"), consumertrees.Name)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]float64
	for _, row := range all {
		rows = append(rows, consumertrees.Input(row.Features))
	}
	_, each := rowsOf(t, trees, rows)
	for i, out := range trees.program.Run(each) {
		samePoints(t, p, trees, rows[i], out)
	}
}

// real reads a model of the development data.
func real(t testing.TB, read func(io.Reader) (*tree.Model, error), parts ...string) *tree.Model {
	t.Helper()
	raw, err := os.ReadFile(realdata.Path(t, append([]string{"models"}, parts...)...))
	if err != nil {
		t.Fatal(err)
	}
	m, err := read(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// table reads rows of n numbers; what is empty is missing, a head is left out.
func table(t testing.TB, n int, comma rune, parts ...string) (out [][]float64) {
	t.Helper()
	raw, err := os.ReadFile(realdata.Path(t, append([]string{"models"}, parts...)...))
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(bytes.NewReader(raw))
	r.Comma = comma
	lines, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range lines {
		x := make([]float64, n)
		for f := range x {
			if x[f], err = strconv.ParseFloat(line[f], 64); line[f] == "" {
				x[f], err = math.NaN(), nil
			}
			if err != nil {
				break
			}
		}
		if err == nil {
			out = append(out, x)
		} else if i > 0 {
			t.Fatal(err)
		}
	}
	return out
}

// sameMargins compares what a receiver reads with the clear margins.
func sameMargins(t *testing.T, m *tree.Model, trees *Trees, x []float64, out []uint64) {
	t.Helper()
	got, err := trees.Margins(out)
	want, err2 := m.Margins(x)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	for c := range want {
		if math.Abs(got[c]-want[c]) > Tolerance {
			t.Fatalf("of %v: margin %v, in the clear %v", x, got, want)
		}
	}
}

func TestInvariant7_TreesOnSharesEqualTheClear(t *testing.T) {
	const xg, lg = "xgboost-1.7.4-credit", "tree-models-leaves"
	for _, c := range []struct {
		name string
		m    func() *tree.Model
		rows func(features int) [][]float64
	}{
		{"XGBoost", func() *tree.Model { return real(t, tree.ReadXGBoost, xg, "taiwan_model.json") }, func(n int) [][]float64 { return table(t, n, ',', xg, "taiwan_expected.csv") }},
		{"XGBoost, missing values", func() *tree.Model { return real(t, tree.ReadXGBoost, xg, "gmsc_model_with_missing.json") }, func(n int) [][]float64 { return table(t, n, ',', xg, "gmsc_expected.csv") }},
		{"LightGBM", func() *tree.Model { return real(t, tree.ReadLightGBM, lg, "lg_breast_cancer.txt") }, func(n int) [][]float64 { return table(t, n, ' ', lg, "lg_breast_cancer_data.txt") }},
		{"LightGBM, dart", func() *tree.Model { return real(t, tree.ReadLightGBM, lg, "lg_dart_breast_cancer.model") }, func(n int) [][]float64 { return table(t, n, '\t', lg, "breast_cancer_test.tsv") }},
		{"LightGBM, classes", func() *tree.Model { return real(t, tree.ReadLightGBM, lg, "lg_rf_iris.model") }, func(int) [][]float64 {
			rng := rand.New(rand.NewPCG(1, 1))
			var rows [][]float64
			for range 50 {
				rows = append(rows, []float64{4 + 4*rng.Float64(), 2 + 3*rng.Float64(), 1 + 6*rng.Float64(), 3 * rng.Float64()})
			}
			return rows
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := c.m()
			rows := c.rows(m.Features)
			trees, err := CompileMargins(m)
			if err != nil {
				t.Fatal(err)
			}
			ands, rounds := trees.Gates()
			t.Logf("%d trees: %d ANDs a row, %d rounds, %d bits a feature", len(m.Trees), ands, rounds, trees.columns[0].bits)
			flat, each := rowsOf(t, trees, rows)
			for i, out := range trees.program.Run(each) {
				sameMargins(t, m, trees, rows[i], out)
			}
			for _, security := range securities(false) {
				for _, n := range []int{2, len(rows)} { // few rows take another program than many
					got := mpctest.Run(t, security, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return trees.Run(s, in[0], n) }, flat[:n*m.Features])
					for i, x := range rows[:n] {
						sameMargins(t, m, trees, x, got[i*trees.Outputs():(i+1)*trees.Outputs()])
					}
				}
			}
		})
	}
}

// Values at, just below and just above every threshold, at the ends of what a
// float is, both zeros, and missing ones: questions are answered exactly.
func TestQuestionsAreExactAtTheirThresholds(t *testing.T) {
	for _, thresholds := range [][]float64{
		{tree.Below(0), tree.Below(1.5), tree.Below(-3.25), tree.Below(math.MaxFloat32), tree.Below(-math.MaxFloat32), tree.Below(1e-45)},
		{0, 1.5, math.Pi, -math.Pi, math.MaxFloat64, -math.MaxFloat64, 5e-324, -5e-324},
	} {
		var m tree.Model
		m.Features, m.Base = 1, []float64{0}
		rows := [][]float64{{math.NaN()}, {math.Inf(1)}, {math.Inf(-1)}, {0}, {math.Copysign(0, -1)}}
		for i, v := range thresholds {
			m.Trees = append(m.Trees, tree.Tree{Nodes: []tree.Node{{Threshold: v, MissingLeft: i%2 == 0, Left: 1, Right: 2}, {Value: 0}, {Value: math.Ldexp(1, i)}}})
			rows = append(rows, []float64{v}, []float64{math.Nextafter(v, math.Inf(1))}, []float64{math.Nextafter(v, math.Inf(-1))},
				[]float64{float64(math.Nextafter32(float32(v), float32(math.Inf(1))))}, []float64{float64(float32(v))})
		}
		trees, err := CompileMargins(&m)
		if err != nil {
			t.Fatal(err)
		}
		_, each := rowsOf(t, trees, rows)
		for i, out := range trees.program.Run(each) {
			sameMargins(t, &m, trees, rows[i], out)
		}
	}
}

// grown trains trees on features that decide together, some values missing.
func grown(t testing.TB, trees, depth, features int) (*tree.Model, [][]float64) {
	t.Helper()
	m, x, err := grow(trees, depth, features)
	if err != nil {
		t.Fatal(err)
	}
	return m, x
}

func grow(trees, depth, features int) (*tree.Model, [][]float64, error) {
	rng := rand.New(rand.NewPCG(8, uint64(features)))
	var x [][]float64
	var y []bool
	for range 4000 {
		row, z := make([]float64, features), 0.0
		for f := range row {
			row[f] = rng.NormFloat64()
			z += row[f] * math.Sin(float64(f)+row[(f+1)%features])
			if rng.IntN(20) == 0 {
				row[f] = math.NaN()
			}
		}
		if math.IsNaN(z) {
			z = 0
		}
		x, y = append(x, row), append(y, rng.Float64() < 1/(1+math.Exp(-z)))
	}
	m, err := boost.Fit(context.Background(), x, y, boost.Options{Trees: trees, Depth: depth, Rate: 0.1, Lambda: 1, MinWeight: 0.1, Bins: 64}, nil)
	return m, x, err
}

func TestWhatCannotBeSharedIsRefused(t *testing.T) {
	p, trees := shipped(t)
	good := consumertrees.Input(credit.Sample(1).Features().Reveal(reveal.Token{}))
	for name, v := range map[string]float64{"negative": -1, "broken": 0.5, "missing": math.NaN(), "too large": 1 << 24} {
		x := slices.Clone(good)
		x[0] = v
		if _, err := trees.Keys(x); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := trees.Keys(good[:3]); err == nil {
		t.Error("a short row was shared")
	}
	if _, err := CompilePoints(p, creditBits()[:3], 4); err == nil {
		t.Error("widths of three features were taken")
	}
	wide := &tree.Model{Features: 1, Base: []float64{0}, Trees: []tree.Tree{{Nodes: []tree.Node{{Left: 1, Right: 2}, {Value: -1e30}, {Value: 1e30}}}}}
	if _, err := CompileMargins(wide); !notice.Is(err, notice.Unsupported) {
		t.Errorf("leaves of 1e30: %v", err)
	}
	for _, out := range [][]uint64{{1, 2, 3, 4, 200}, {1 << 20, 1, 2, 3, 4}, {^uint64(0), 0, 0, 0, 0}, {1, 2, 3}} {
		if _, _, err := trees.Points(out); err == nil {
			t.Errorf("%v was read as points", out)
		}
	}
	if _, err := trees.Margins([]uint64{1}); err == nil {
		t.Error("margins of a model in points were read")
	}
}

func TestTiesOfReasonsGoBySchemaOrder(t *testing.T) {
	leaf := func(f int, points float64) tree.Tree {
		return tree.Tree{Nodes: []tree.Node{{Feature: f, Threshold: 0.5, Left: 1, Right: 2}, {Value: points}, {Value: 0}}}
	}
	m := &tree.Model{Features: 6, Base: []float64{0}, Trees: []tree.Tree{leaf(5, 3), leaf(0, 3), leaf(2, 9), leaf(3, 3), leaf(4, 3)}}
	p, err := m.Points(50, 1)
	if err != nil {
		t.Fatal(err)
	}
	trees, err := CompilePoints(p, []int{1, 1, 1, 1, 1, 1}, 4)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]float64
	for v := range 64 {
		x := make([]float64, 6)
		for f := range x {
			x[f] = float64(v >> f & 1)
		}
		rows = append(rows, x)
	}
	_, each := rowsOf(t, trees, rows)
	for i, out := range trees.program.Run(each) {
		samePoints(t, p, trees, rows[i], out)
	}
}
