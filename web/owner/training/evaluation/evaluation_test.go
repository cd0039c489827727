package evaluation

import (
	"math"
	"testing"
)

// Counts by tenths make the figures of the rows they count.
func TestQualityOfCounts(t *testing.T) {
	var e Evaluation
	e.Negative[0], e.Negative[3], e.Negative[7] = 30, 15, 5
	e.Positive[2], e.Positive[6], e.Positive[9] = 4, 6, 40
	q, ok := e.Quality()
	// Of 50 x 50 pairs the positive is higher in: 4 above 30; 6 above 45; 40 above 50.
	want := Quality{Rows: 100, Accuracy: 0.91, Sensitivity: 0.92, Specificity: 0.9, AUC: (4*30 + 6*45 + 40*50) / 2500.0}
	for i, d := range []float64{q.Rows - want.Rows, q.Accuracy - want.Accuracy, q.Sensitivity - want.Sensitivity, q.Specificity - want.Specificity, q.AUC - want.AUC} {
		if !ok || math.Abs(d) > 1e-9 {
			t.Errorf("figure %d of %+v, want %+v", i, q, want)
		}
	}
	if _, ok := (Tenths{Positive: e.Positive}).Quality(); ok {
		t.Error("a quality without anybody who is well")
	}
}
