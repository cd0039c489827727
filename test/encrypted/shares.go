package encrypted

import (
	"math"
	"testing"

	"manx/ml"
	"manx/ml/clear"
	"manx/ml/mpc"
	engine "manx/privacy/mpc"
	"manx/privacy/mpc/mpctest"
)

// OnShares compiles g with the ranges of its card, runs it on shares of all
// inputs among three semi-honest parties, and fails the test where a result is
// further than bound from the clear run.
func OnShares(t *testing.T, g ml.Graph, ranges []ml.Range, bound float64, inputs [][]float64) {
	t.Helper()
	n, err := mpc.CompileNetwork(g, ranges)
	if err != nil {
		t.Fatal(err)
	}
	var flat []uint64
	for _, x := range inputs {
		in, err := n.Input(x)
		if err != nil {
			t.Fatal(err)
		}
		flat = append(flat, in...)
	}
	got := mpctest.Run(t, engine.SemiHonest, func(s *engine.Session, in []engine.Share) (engine.Share, error) { return n.Run(s, in[0], len(inputs)) }, flat)
	worst := 0.0
	for i, x := range inputs {
		y, err1 := n.Final(got[i*n.Outputs() : (i+1)*n.Outputs()])
		want, err2 := clear.Run(g, x)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		for k := range want {
			worst = max(worst, math.Abs(y[k]-want[k]))
		}
	}
	if !(worst <= bound) {
		t.Errorf("on shares and in the clear differ by %g, more than %g", worst, bound)
	}
	t.Logf("%d inputs on shares, off by %.3g at most", len(inputs), worst)
}
