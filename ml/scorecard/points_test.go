package scorecard_test

import (
	"slices"
	"testing"

	"manx/credit"
	credits "manx/credit/scorecard"
	"manx/ml/mpc"
	"manx/ml/scorecard"
	"manx/ml/tree"
	engine "manx/privacy/mpc"
	"manx/privacy/mpc/mpctest"
	"manx/privacy/reveal"
)

// same compares points and reasons with the scorecard's.
func same(t *testing.T, m *credits.Model, f credit.Features, points int, reasons []int) {
	t.Helper()
	want := m.Score(f)
	var codes []int
	for _, r := range want.Reasons {
		codes = append(codes, r.Code-1)
	}
	if points != want.Points || !slices.Equal(reasons, codes) {
		t.Fatalf("%d points for %v, the scorecard gives %d for %v", points, reasons, want.Points, codes)
	}
}

func TestInvariant7_TheScorecardOnSharesIsTheClearOne(t *testing.T) {
	m, err := credits.ConsumerRisk()
	if err != nil {
		t.Fatal(err)
	}
	p := scorecard.Points(m)
	var bits []int
	for _, f := range credit.FeatureList() {
		bits = append(bits, f.Bits)
	}
	trees, err := mpc.CompilePoints(p, bits, credits.MaxReasons)
	if err != nil {
		t.Fatal(err)
	}
	var files []credit.Features
	var flat []uint64
	for seed := range uint64(100) {
		f := credit.Sample(seed).Features().Reveal(reveal.Token{})
		x := make([]float64, len(f))
		for i, v := range f {
			x[i] = float64(v)
		}
		points, lost, err := p.Score(x)
		if err != nil {
			t.Fatal(err)
		}
		same(t, m, f, points, tree.Weightiest(lost, credits.MaxReasons))
		keys, err := trees.Keys(x)
		if err != nil {
			t.Fatal(err)
		}
		files, flat = append(files, f), append(flat, keys...)
	}
	for _, security := range []engine.Security{engine.SemiHonest, engine.WithAbort} {
		got := mpctest.Run(t, security, func(s *engine.Session, in []engine.Share) (engine.Share, error) {
			return trees.Run(s, in[0], len(files))
		}, flat)
		for i, f := range files {
			points, reasons, err := trees.Points(got[i*trees.Outputs() : (i+1)*trees.Outputs()])
			if err != nil {
				t.Fatal(err)
			}
			same(t, m, f, points, reasons)
		}
	}
}
