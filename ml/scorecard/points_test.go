package scorecard_test

import (
	"slices"
	"testing"

	"manx/credit"
	credits "manx/credit/scorecard"
	"manx/ml/scorecard"
	"manx/ml/tree"
	"manx/privacy/reveal"
)

// Trees in points give the scorecard's score and reasons: consumers who do not
// exist, and values at and beside the ends of every bin.
func TestTheScorecardAsTrees(t *testing.T) {
	m, err := credits.ConsumerRisk()
	if err != nil {
		t.Fatal(err)
	}
	p := scorecard.Points(m)
	low, high := m.Range()
	if l, h := p.Range(); l != low || h != high {
		t.Errorf("the trees give %d to %d points, the scorecard %d to %d", l, h, low, high)
	}
	var files []credit.Features
	for seed := range uint64(200) {
		files = append(files, credit.Sample(seed).Features().Reveal(reveal.Token{}))
	}
	for _, f := range m.Features {
		at := slices.Index(credit.FeatureNames(), f.Name)
		for _, end := range f.UpTo {
			for d := int64(-1); d <= 1; d++ {
				x := files[0]
				x[at] = max(end+d, 0)
				files = append(files, x)
			}
		}
	}
	for _, f := range files {
		x := make([]float64, len(f))
		for i, v := range f {
			x[i] = float64(v)
		}
		points, lost, err := p.Score(x)
		if err != nil {
			t.Fatal(err)
		}
		want := m.Score(f)
		var codes []int
		for _, r := range want.Reasons {
			codes = append(codes, r.Code-1)
		}
		if points != want.Points || !slices.Equal(tree.Weightiest(lost, credits.MaxReasons), codes) {
			t.Fatalf("%d points, lost %v; the scorecard gives %d for %v", points, lost, want.Points, codes)
		}
	}
}
