package lungct

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// auc returns the area under the ROC curve: the chance that a positive scores
// above a negative, ties counting half (Mann and Whitney). weight counts every
// example so many times; nil means once. Without both classes it returns 0.5.
func auc(score []float64, positive []bool, weight []float64) float64 {
	order := make([]int, len(score))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(score[a], score[b]) })
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

// bootstrap returns the 2.5th and 97.5th percentile of stat over resampled
// groups: stat receives how often each group, by index, was drawn.
func bootstrap(groups, rounds int, seed uint64, stat func(draws []float64) float64) (low, high float64) {
	rng := rand.New(rand.NewPCG(seed, 0x626f6f74))
	values := make([]float64, rounds)
	draws := make([]float64, groups)
	for r := range values {
		clear(draws)
		for range groups {
			draws[rng.IntN(groups)]++
		}
		values[r] = stat(draws)
	}
	slices.Sort(values)
	return values[int(0.025*float64(rounds))], values[min(int(0.975*float64(rounds)), rounds-1)]
}
