package validation

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"manx/ml"
)

// AUC returns the area under the ROC curve: the chance that a positive scores
// above a negative, ties counting half (Mann and Whitney). weight counts every
// example so many times; nil means once. Without both classes it returns 0.5.
func AUC(score []float64, positive []bool, weight []float64) float64 {
	return Ranked(score, positive)(weight)
}

// Ranked returns AUC as a function of the weights alone: it sorts once, for
// Bootstrap.
func Ranked(score []float64, positive []bool) func(weight []float64) float64 {
	order := make([]int, len(score))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(score[a], score[b]) })
	return func(weight []float64) float64 {
		var pos, neg, wins float64
		for i := 0; i < len(order); {
			j := i
			var p, n float64
			for ; j < len(order) && score[order[j]] == score[order[i]]; j++ {
				w := 1.0
				if weight != nil {
					w = weight[order[j]]
				}
				if positive[order[j]] {
					p += w
				} else {
					n += w
				}
			}
			wins += p * (neg + n/2)
			pos, neg, i = pos+p, neg+n, j
		}
		if pos == 0 || neg == 0 {
			return 0.5
		}
		return wins / (pos * neg)
	}
}

// MeanOfFolds returns the mean of k folds' AUC as a function of how often each
// row counts, for Bootstrap. fold says which fold a row is in.
func MeanOfFolds(fold []int, k int, score []float64, positive []bool) func([]float64) float64 {
	at := make([][]int, k)
	for i, f := range fold {
		at[f] = append(at[f], i)
	}
	auc := make([]func([]float64) float64, k)
	for f, rows := range at {
		auc[f] = Ranked(Pick(score, rows), Pick(positive, rows))
	}
	return func(draws []float64) (s float64) {
		for f, of := range auc {
			s += of(Pick(draws, at[f])) / float64(k)
		}
		return s
	}
}

// Rounds is how often Bootstrap draws.
const Rounds = 2000

// An Interval is an estimate with its 95% interval by bootstrap, four decimals.
type Interval struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Metric returns the interval as a card states it.
func (v Interval) Metric(name, method string) ml.Metric {
	return ml.Metric{Name: name, Value: v.Value, Low: &v.Low, High: &v.High, Method: method}
}

// Bootstrap returns stat over all groups once, with the 2.5th and 97.5th
// percentile of stat over Rounds samples of as many groups, drawn with
// repetition: stat receives how often each group, by index, was drawn. Where
// rows are independent, each is a group. The same groups give the same interval.
func Bootstrap(groups int, stat func(draws []float64) float64) Interval {
	rng := rand.New(rand.NewPCG(1, 0x626f6f74))
	values := make([]float64, Rounds)
	draws := make([]float64, groups)
	for r := range values {
		clear(draws)
		for range groups {
			draws[rng.IntN(groups)]++
		}
		values[r] = stat(draws)
	}
	slices.Sort(values)
	return Interval{Round(stat(slices.Repeat([]float64{1}, groups))), Round(values[Rounds*25/1000]), Round(values[Rounds*975/1000])}
}
