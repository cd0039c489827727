package committee_test

import (
	"testing"

	"manx/ml"
	"manx/ml/ckks"
	he "manx/privacy/ckks"
	"manx/privacy/ckks/committee"
	"manx/privacy/notice"
)

// What the noise of masked results is, under a committee of ten, against what
// smudging is planned for; and a model whose noise would be more is refused.
func TestNoiseIsWithinThePlan(t *testing.T) {
	tb := found(t, he.Shared, 6, 10)
	p, err := ckks.CompileShared(card(2), [32]byte{1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	keys := tb.keys(first(6), p.Needs())
	secret := committee.Whole(tb.members, []int{1, 3, 5, 7, 9, 10})
	most := 0
	for range 4 {
		a, b := tb.evaluate(p.Plan, keys, applicant(1)), tb.evaluate(p.Plan, keys, applicant(1))
		for _, slot := range p.Results() {
			most = max(most, committee.Opened(secret, tb.public(), a, b, slot).BitLen())
		}
	}
	t.Logf("noise of at most %d bits, planned %d", most, p.Set().NoiseBits())
	if most > p.Set().NoiseBits() || most < 10 {
		t.Errorf("noise of %d bits", most)
	}
	for _, factor := range []float64{1, 1 << 10} {
		g := card(1)
		l := g.Nodes[0].Op.(ml.Linear)
		for i := range l.Weights {
			l.Weights[i] *= factor
		}
		_, err := ckks.CompileShared(g, [32]byte{1}, nil)
		if (factor == 1) != (err == nil) || err != nil && !notice.Is(err, notice.Unsupported) {
			t.Errorf("weights %g times as large: %v", factor, err)
		}
		t.Log(err)
	}
}
