package engine

import (
	"bytes"
	"slices"
	"testing"

	"manx/ml"
	"manx/ml/ckks"
	"manx/ml/pool"
)

func plan(t *testing.T, in int) []byte {
	t.Helper()
	weights := make([]float64, in*8)
	for i := range weights {
		weights[i] = 1 / float64(1+i)
	}
	g := ml.Graph{Name: "sum", Input: []int{in}, Output: 1, Nodes: []ml.Node{{Op: ml.Linear{Out: 8, In: in, Weights: weights, Bias: make([]float64, 8)}, Args: []int{0}}}}
	p, err := ckks.Compile(g, [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAPlanSaysWhatItNeeds(t *testing.T) {
	small, err := CostOf(plan(t, 8))
	if err != nil {
		t.Fatal(err)
	}
	large, err := CostOf(plan(t, 512))
	if err != nil {
		t.Fatal(err)
	}
	if !(small.Work > 0 && large.Work > small.Work && small.KeyBytes > 0) {
		t.Errorf("small %+v, large %+v", small, large)
	}
	for _, c := range []pool.Class{pool.CPU, pool.CPUIFMA, "gpu-8", "gpu-24"} {
		if !slices.Contains(small.Classes, c) {
			t.Errorf("%v lacks %s", small.Classes, c)
		}
	}
	if _, err := CostOf([]byte("no plan")); err == nil {
		t.Error("bytes that are no plan have a cost")
	}
}

func TestBenchMeasures(t *testing.T) {
	class, rate, err := Bench(t.Context())
	if err != nil || rate < 1e6 || class != pool.CPU && class != pool.CPUIFMA {
		t.Errorf("%s %v %v", class, rate, err)
	}
}
