package mpc

import (
	"math"
	"math/rand/v2"
	"testing"

	"manx/ml/consumertrees"
	"manx/ml/tree"
	"manx/privacy/mpc"
	"manx/privacy/mpc/mpctest"
	"manx/privacy/notice"
)

// hiddenEqual runs a shared model on rows and compares with the clear margins.
func hiddenEqual(t *testing.T, m *tree.Model, missing bool, rows [][]float64, security mpc.Security) {
	t.Helper()
	h, model, err := Hide(m, missing)
	if err != nil {
		t.Fatal(err)
	}
	trees, err := h.Compile()
	if err != nil {
		t.Fatal(err)
	}
	var flat []uint64
	for _, x := range rows {
		k, err := h.Keys(x)
		if err != nil {
			t.Fatal(err)
		}
		flat = append(flat, k...)
	}
	got := mpctest.Run(t, security, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) {
		return trees.Run(s, model[s.Party()], in[0], len(rows))
	}, flat)
	for i, x := range rows {
		y, err := h.Margins(got[i*h.Classes : (i+1)*h.Classes])
		want, err2 := m.Margins(x)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		for c := range want {
			if math.Abs(y[c]-want[c]) > Tolerance {
				t.Fatalf("row %d: %v, in the clear %v", i, y, want)
			}
		}
	}
}

func TestInvariant7_HiddenModelsOnSharesEqualTheClear(t *testing.T) {
	m, x := grown(t, 5, 3, 4) // some values are missing
	var whole [][]float64
	for _, row := range x {
		if n := row[0] + row[1] + row[2] + row[3]; !math.IsNaN(n) {
			whole = append(whole, row)
		}
	}
	for _, security := range securities(false) {
		hiddenEqual(t, m, true, x[:150], security)
		hiddenEqual(t, m, false, whole[:3], security)
	}
	// Classes, trees of unlike depth and number, a tree that is a leaf, both zeros.
	leaf := func(v float64) []tree.Node { return []tree.Node{{Value: v}} }
	classes := &tree.Model{Features: 2, Base: []float64{0.5, -3, 2}, Link: tree.Softmax, Trees: []tree.Tree{
		{Class: 1, Nodes: leaf(-7)}, {Class: 1, Nodes: []tree.Node{{Threshold: tree.Below(0), MissingLeft: true, Left: 1, Right: 2}, {Value: 1}, {Feature: 1, Threshold: tree.Below(-2.5), Left: 3, Right: 4}, {Value: 2}, {Value: 3}}},
		{Class: 2, Nodes: leaf(0.25)},
	}}
	hiddenEqual(t, classes, true, [][]float64{{0, 0}, {math.Copysign(0, -1), 1}, {-1, 5}, {3, -2.5}, {3, -2.6}, {math.NaN(), -9}, {4, math.NaN()}, {math.Inf(1), math.Inf(-1)}}, mpc.SemiHonest)
}

func TestInvariant7_HiddenCreditModelsEqualTheClear(t *testing.T) {
	m, _, err := consumertrees.Model()
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 9))
	var rows [][]float64
	for range 20 {
		x := make([]float64, m.Features)
		for f := range x {
			x[f] = math.Floor(math.Exp(rng.Float64() * 12))
		}
		rows = append(rows, x)
	}
	hiddenEqual(t, m, false, rows, mpc.SemiHonest)
	const xg = "xgboost-1.7.4-credit"
	gmsc := real(t, tree.ReadXGBoost, xg, "gmsc_model_with_missing.json")
	hiddenEqual(t, gmsc, true, table(t, gmsc.Features, ',', xg, "gmsc_expected.csv"), mpc.SemiHonest)
}

func TestWhatCannotBeHiddenIsRefused(t *testing.T) {
	real64 := &tree.Model{Features: 1, Base: []float64{0}, Trees: []tree.Tree{{Nodes: []tree.Node{{Threshold: math.Pi, Left: 1, Right: 2}, {}, {}}}}}
	if _, _, err := Hide(real64, false); !notice.Is(err, notice.Unsupported) {
		t.Errorf("a threshold of float64: %v", err)
	}
	deep := &tree.Model{Features: 1, Base: []float64{0}, Trees: []tree.Tree{{}}}
	for i := range MaxPrivateDepth + 1 {
		deep.Trees[0].Nodes = append(deep.Trees[0].Nodes, tree.Node{Threshold: tree.Below(1), Left: 2*i + 1, Right: 2*i + 2}, tree.Node{})
	}
	deep.Trees[0].Nodes = append(deep.Trees[0].Nodes, tree.Node{})
	if _, _, err := Hide(deep, false); !notice.Is(err, notice.Unsupported) {
		t.Errorf("a chain of questions of depth %d: %v", MaxPrivateDepth+1, err)
	}
	h := Shape{Features: 2, Depth: 2, Classes: 1, Class: []int{0}}
	if _, err := h.Keys([]float64{1, math.NaN()}); !notice.Is(err, notice.Invalid) {
		t.Errorf("a missing value: %v", err)
	}
	if _, err := h.Keys([]float64{1}); err == nil {
		t.Error("a short row was shared")
	}
	for _, h := range []Shape{{}, {Features: 1, Depth: 9, Classes: 1, Class: []int{0}}, {Features: 1, Depth: 1, Classes: 1, Class: []int{1}}} {
		if _, err := h.Compile(); err == nil {
			t.Errorf("%+v was taken", h)
		}
	}
}
