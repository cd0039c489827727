package scorecard

import (
	"cmp"
	"slices"
)

// AUC is the probability that a good row scores above a bad one, ties counted
// half (Mann-Whitney), and KS the largest distance between the two cumulative
// distributions. Both are NaN where one class is empty.
func AUC(score []int, bad []bool) (auc, ks float64) {
	order := make([]int, len(score))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(score[a], score[b]) })
	var goods, bads, area float64
	for _, b := range bad {
		if b {
			bads++
		} else {
			goods++
		}
	}
	var g, b float64 // rows at or below the score so far
	for i := 0; i < len(order); {
		j := i
		var tg, tb float64
		for ; j < len(order) && score[order[j]] == score[order[i]]; j++ {
			if bad[order[j]] {
				tb++
			} else {
				tg++
			}
		}
		area += tg * (b + tb/2)
		g, b = g+tg, b+tb
		ks = max(ks, b/bads-g/goods)
		i = j
	}
	return area / (goods * bads), ks
}
