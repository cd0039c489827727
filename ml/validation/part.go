package validation

import (
	"cmp"
	"fmt"
	"slices"

	"manx/ml"
)

// A Part is how a model does on some of the rows: those of a hospital, of a sex, of a
// diagnosis.
type Part struct {
	Name     string   `json:"name"`
	Rows     int      `json:"rows"`
	Positive int      `json:"positive"`
	Accuracy Interval `json:"accuracy"` // at a probability of one half
	// AUC is absent with fewer than Fewest rows of a class: there is next to nothing to rank.
	AUC *Interval `json:"auc,omitempty"`
	// Calibration: the mean probability, and the share of positives.
	Expected float64  `json:"expected"`
	Observed Interval `json:"observed"`
}

// Fewest is how many rows of a class a Part's AUC needs.
const Fewest = 5

// PartOf measures the rows at these places. Intervals are by bootstrap over groups;
// with no groups, over rows.
func PartOf(name string, at []int, logits []float64, positive []bool, group []string) Part {
	z, y := Pick(logits, at), Pick(positive, at)
	p := Part{Name: name, Rows: len(at), Positive: Count(y)}
	of, n := make([]int, len(at)), len(at)
	for i := range of {
		of[i] = i
	}
	if group != nil {
		of, n = Groups(Pick(group, at))
	}
	over := func(stat func(rows []float64) float64) Interval {
		return Bootstrap(n, func(draws []float64) float64 { return stat(PerRow(of, draws)) })
	}
	p.Accuracy = over(func(w []float64) float64 { return Weighted(w, func(i int) bool { return (z[i] > 0) == y[i] }) })
	p.Observed = over(func(w []float64) float64 { return Weighted(w, func(i int) bool { return y[i] }) })
	if min(p.Positive, p.Rows-p.Positive) >= Fewest {
		ranked := Ranked(z, y)
		auc := over(ranked)
		p.AUC = &auc
	}
	for _, v := range Probabilities(z) {
		p.Expected += v / float64(len(z))
	}
	p.Expected = Round(p.Expected)
	return p
}

// Weighted returns the share of the weights whose rows hold.
func Weighted(w []float64, holds func(i int) bool) float64 {
	some, all := 0.0, 0.0
	for i, v := range w {
		all += v
		if holds(i) {
			some += v
		}
	}
	return some / all
}

// Metrics returns what a card says of the part: "accuracy, women" and so on. sign is
// what positives have; of the method, over is what the rows are, and interval how the
// intervals were made.
func (p Part) Metrics(sign, over, interval string) []ml.Metric {
	of := fmt.Sprintf("%d %s, %d with %s", p.Rows, over, p.Positive, sign)
	all := []ml.Metric{p.Accuracy.Metric("accuracy, "+p.Name, of+", at one half"+interval)}
	if p.AUC != nil {
		all = append(all, p.AUC.Metric("AUC, "+p.Name, of+interval))
	}
	return append(all, p.Observed.Metric("share with "+sign+", "+p.Name, fmt.Sprintf("%s; expected by the model %.4f", of, p.Expected)+interval))
}

// A Third is of some rows, by probability: what was expected and what came.
type Third struct {
	Expected float64 `json:"expected"`
	Observed float64 `json:"observed"`
}

// Thirds parts the rows in three by their logit, the lowest first.
func Thirds(logits []float64, positive []bool) []Third {
	order := make([]int, len(logits))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(logits[a], logits[b]) })
	out := make([]Third, 3)
	for k := range out {
		at := order[k*len(order)/3 : (k+1)*len(order)/3]
		for _, v := range Probabilities(Pick(logits, at)) {
			out[k].Expected += v / float64(len(at))
		}
		out[k] = Third{Round(out[k].Expected), Round(float64(Count(Pick(positive, at))) / float64(len(at)))}
	}
	return out
}
