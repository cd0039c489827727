package train

import (
	"math"
	"slices"
	"testing"

	"manx/ml"
	"manx/ml/clear"
)

func TestMeanIsTheMeanOfItsMembers(t *testing.T) {
	var members []ml.Graph
	for seed := range uint64(3) {
		n, err := New([3]int{2, 8, 8}, story, Options{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		g, err := n.Graph("member")
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, g)
	}
	g, err := Mean("mean", members)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float64, 128)
	for i := range x {
		x[i] = math.Sin(float64(i))
	}
	want := 0.0
	for _, m := range members {
		y, err := clear.Run(m, x)
		if err != nil {
			t.Fatal(err)
		}
		want += y[0] / 3
	}
	y, err := clear.Run(g, x)
	if err != nil || math.Abs(y[0]-want) > 1e-12*(1+math.Abs(want)) {
		t.Errorf("%v, not %v (%v)", y, want, err)
	}
	one, err := Mean("one", members[:1])
	if err != nil || one.Name != "one" || len(one.Nodes) != len(members[0].Nodes) {
		t.Errorf("a mean of one: %v", err)
	}
}

func TestMeanRefuses(t *testing.T) {
	line := ml.Graph{Input: []int{2}, Output: 1, Nodes: []ml.Node{{Op: ml.Linear{Out: 1, In: 2, Weights: []float64{1, 2}, Bias: []float64{0}}, Args: []int{0}}}}
	square := line
	square.Nodes = append(slices.Clone(line.Nodes), ml.Node{Op: ml.Poly{Coeffs: [][]float64{{0, 0, 1}}}, Args: []int{1}})
	square.Output = 2
	other := line
	other.Input = []int{3}
	for name, members := range map[string][]ml.Graph{"none": nil, "another end": {line, square}, "another input": {line, other}} {
		if _, err := Mean("", members); err == nil {
			t.Errorf("%s: a mean was made", name)
		}
	}
}
