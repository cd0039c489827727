package validation

import (
	"cmp"
	"math"
	"slices"
)

// Sensitivity returns the share of positives that score at least threshold.
// weight counts every row so many times; nil means once. Without a positive it
// returns 0.5.
func Sensitivity(score []float64, positive []bool, weight []float64, threshold float64) float64 {
	return share(score, positive, true, weight, func(s float64) bool { return s >= threshold })
}

// Specificity returns the share of negatives that score below threshold, as
// Sensitivity does for positives.
func Specificity(score []float64, positive []bool, weight []float64, threshold float64) float64 {
	return share(score, positive, false, weight, func(s float64) bool { return s < threshold })
}

func share(score []float64, positive []bool, class bool, weight []float64, hit func(float64) bool) float64 {
	var of, hits float64
	for i, s := range score {
		if positive[i] != class {
			continue
		}
		w := 1.0
		if weight != nil {
			w = weight[i]
		}
		of += w
		if hit(s) {
			hits += w
		}
	}
	if of == 0 {
		return 0.5
	}
	return hits / of
}

// Threshold returns the probability, in steps of 0.05, at which sensitivity and
// specificity sum to most (Youden); of equals, the one nearest to 0.5.
func Threshold(p []float64, positive []bool) float64 {
	best, threshold := -1.0, 0.5
	for t := 5; t <= 95; t += 5 {
		at := float64(t) / 100
		j := Sensitivity(p, positive, nil, at) + Specificity(p, positive, nil, at)
		if j > best || j == best && math.Abs(at-0.5) < math.Abs(threshold-0.5) {
			best, threshold = j, at
		}
	}
	return threshold
}

// Unclear returns the share of probabilities within margin of the threshold, four
// decimals.
func Unclear(p []float64, threshold, margin float64) float64 {
	n := 0
	for _, v := range p {
		if math.Abs(v-threshold) <= margin {
			n++
		}
	}
	return Round(float64(n) / float64(len(p)))
}

// Calibration returns the largest difference of the mean probability and the
// share of positives over tenths of the rows in order of probability. With fewer
// than ten rows it is over single rows.
func Calibration(p []float64, positive []bool) (worst float64) {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(p[a], p[b]), cmp.Compare(a, b)) })
	for tenth := range slices.Chunk(order, max((len(p)+9)/10, 1)) {
		var sum float64
		for _, i := range tenth {
			sum += p[i] - float64(class(positive[i]))
		}
		worst = max(worst, math.Abs(sum)/float64(len(tenth)))
	}
	return worst
}
