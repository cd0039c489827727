package federated

import (
	"slices"
)

// TrimmedMean returns, in the place of the sum, as many times the mean of each
// coordinate without its most extreme sites, trim on each side (Yin et al. 2018, arXiv
// 1803.01498); with trim of (n-1)/2 it is the median. Every site counts alike: a weight
// that a site may choose would be another way to pull. It needs the sites' vectors,
// or comparisons on their shares; a sum under masks is not enough for it. It is not
// for SCAFFOLD, whose control variates are means over all.
func TrimmedMean(vectors [][]float64, trim int) ([]float64, error) {
	if trim < 0 || len(vectors) <= 2*trim {
		return nil, failed("too few sites took part for the robust rule")
	}
	length := len(vectors[0])
	for _, v := range vectors {
		if len(v) != length {
			return nil, failed("the sites' vectors differ in length")
		}
		if !(v[length-1] > 0) {
			return nil, failed("a site has no weight")
		}
	}
	out := make([]float64, length)
	column := make([]float64, len(vectors))
	for i := range length - 1 {
		for j, v := range vectors {
			column[j] = v[i] / v[length-1]
		}
		slices.Sort(column)
		for _, x := range column[trim : len(column)-trim] {
			out[i] += x
		}
	}
	out[length-1] = float64(len(vectors) - 2*trim)
	return out, nil
}
