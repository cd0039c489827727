package patient

import (
	"math"
	"strings"
	"testing"

	"manx/ml"
	"manx/privacy"
	"manx/privacy/notice"
)

// A decrypted log hazard becomes a curve of rounded shares and a sentence of the
// horizon, in both languages; one that is no number is the worker's lie.
func TestALogHazardBecomesACurve(t *testing.T) {
	chart := ml.Chart{Fields: []ml.Field{{Name: "age", Meaning: "age", Max: 110, Centre: 60, Spread: 10}}}
	x := prepared{known: 1, inputs: []privacy.Secret[[]float64]{privacy.Hide([]float64{1})}, card: ml.Card{Chart: &chart,
		Words: &ml.Words{Record: ml.Text{English: "these measurements", Chinese: "这组检查数据"}, Sign: ml.Text{English: "death", Chinese: "死亡"}, Limit: ml.Text{English: "Nobody else.", Chinese: "无。"}},
		Survival: &ml.Survival{Unit: "days", Horizon: 365, Edges: []float64{0, 365, 1100}, Hazard: []float64{0.5, 1}, Variance: []float64{0.01, 0.05}, Mean: [][]float64{{0}, {0}}, Covariance: [][]float64{{0.01}}}}}
	if err := Reads(x.card); err != nil {
		t.Fatal(err)
	}
	c, f, err := x.survival(math.Log(1.5))
	if err != nil {
		t.Fatal(err)
	}
	at := math.Exp(-0.75) // 0.472
	if f.Level.String() != "estimate" || math.Abs(f.Score-at) > 0.006 || !strings.Contains(f.English, "47 are expected to have more than 365 days before death") || !strings.Contains(f.Chinese, "预计47位在365天之后才发生死亡") {
		t.Errorf("%+v", f)
	}
	last := c.Points[len(c.Points)-1]
	if c.Unit != "days" || c.Event.English != "death" || c.Points[0].Survival != 1 || last.Time != 1100 || last.Survival != math.Round(1000*math.Exp(-2.25))/1000 || !(last.Low < last.Survival && last.Survival < last.High) {
		t.Errorf("%+v", c)
	}
	if _, _, err := x.survival(math.NaN()); !notice.Is(err, notice.Integrity) {
		t.Errorf("no number: %v", err)
	}
}
