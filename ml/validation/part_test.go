package validation

import (
	"math"
	"testing"
)

// Parts and thirds against counting by hand.
func TestPartAndThirds(t *testing.T) {
	z := []float64{-2, -1, 1, 2, -3, 3, -0.5, 0.5, 1.5, -1.5, 2.5, -2.5}
	y := []bool{false, false, true, true, false, true, true, false, true, false, true, false}
	at := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	p := PartOf("all", at, z, y, nil)
	if p.Rows != 12 || p.Positive != 6 || p.Accuracy.Value != Round(10.0/12) || p.Observed.Value != 0.5 || p.AUC == nil || p.AUC.Value != Round(AUC(z, y, nil)) {
		t.Errorf("%+v", p)
	}
	if math.Abs(p.Expected-0.5) > 1e-4 { // the logits are symmetric
		t.Errorf("expected %v", p.Expected)
	}
	if few := PartOf("few", at[:9], z, y, nil); few.AUC != nil || few.Rows != 9 || few.Positive != 5 {
		t.Errorf("four negatives were ranked: %+v", few)
	}
	// Rows of one group are drawn together: of one group there is no other draw.
	one := make([]string, 12) // all of the name ""
	if g := PartOf("one group", at, z, y, one); g.Accuracy.Low != g.Accuracy.High || p.Accuracy.Low == p.Accuracy.High {
		t.Errorf("%+v, by rows %+v", g.Accuracy, p.Accuracy)
	}
	thirds := Thirds(z, y)
	var low float64
	for _, v := range []float64{-3, -2.5, -2, -1.5} {
		low += Probability(v) / 4
	}
	if len(thirds) != 3 || thirds[0] != (Third{Round(low), 0}) || thirds[1].Observed != 0.5 || thirds[2].Observed != 1 {
		t.Errorf("%+v", thirds)
	}
}
