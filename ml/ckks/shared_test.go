package ckks

import (
	"bytes"
	"testing"

	"manx/ml"
	he "manx/privacy/ckks"
	"manx/privacy/notice"
)

// Plans for a committee's key: the smallest set that holds the model, its results
// above the headroom; the plan travels like any other.
func TestCompileForACommittee(t *testing.T) {
	linear := func(out, in int) ml.Linear {
		l := ml.Linear{Out: out, In: in, Weights: make([]float64, out*in), Bias: make([]float64, out)}
		for i := range l.Weights {
			l.Weights[i] = float64(i%7) - 3
		}
		l.Bias[0] = 300
		return l
	}
	square := ml.Poly{Coeffs: [][]float64{{.1, .2, .3}}}
	graph := func(activations int) ml.Graph {
		g := ml.Graph{Name: "shared", Input: []int{20}, Nodes: []ml.Node{{Op: linear(20, 20), Args: []int{0}}}}
		for range activations {
			n := len(g.Nodes)
			g.Nodes = append(g.Nodes, ml.Node{Op: square, Args: []int{n}}, ml.Node{Op: linear(20, 20), Args: []int{n + 1}})
		}
		g.Output = len(g.Nodes)
		return g
	}
	for activations, want := range map[int]he.Set{0: he.Shared, 1: he.SharedDeep, 2: he.SharedDeep} {
		g := graph(activations)
		p, err := CompileShared(g, [32]byte{2}, nil)
		if err != nil {
			t.Fatalf("%d activations: %v", activations, err)
		}
		if p.Set() != want || p.stages[0].Level != want.Floor()+1+activations*(1+want.Drop()) || p.scale < want.WorkScale()*.99 {
			t.Errorf("%d activations: set %s, level %d, scale %g", activations, p.Set(), p.stages[0].Level, p.scale)
		}
		if got := p.Results(); len(got) != 20 {
			t.Errorf("%d results", len(got))
		}
		if q := p.Quote(1000, 2); q.ResultOut != he.CiphertextSize(want, want.Floor(), false) || q.Precision <= 0 {
			t.Errorf("quote %+v", q)
		}
		var b bytes.Buffer
		if _, err := p.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		again, err := ReadPlan(b.Bytes())
		if err != nil || again.Hash() != p.Hash() {
			t.Errorf("a plan for a committee does not travel: %v", err)
		}
	}
	for what, g := range map[string]ml.Graph{"three activations": graph(3), "more results than slots": {
		Name: "wide", Input: []int{1}, Output: 1, Nodes: []ml.Node{{Op: linear(20000, 1), Args: []int{0}}},
	}} {
		if _, err := CompileShared(g, [32]byte{2}, nil); !notice.Is(err, notice.Unsupported) {
			t.Errorf("%s: %v", what, err)
		} else {
			t.Log(err)
		}
	}
}
