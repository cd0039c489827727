package approximate

import (
	"cmp"
	"math/bits"
	"slices"

	"manx/ml"
)

// A Choice of degrees, one for each activation that is replaced.
type Choice struct {
	Degrees []int   `json:"degrees"`
	Levels  int     `json:"levels"` // that the graph then takes under encryption
	Mean    float64 `json:"mean"`   // difference of an output from the original's
	Worst   float64 `json:"worst"`
}

// Degrees that are tried. The next ones take as many levels as 7.
var tried = [...]int{2, 3, 5, 7}

const (
	// gain is what a dearer choice has to leave of the difference, for each level it
	// takes more, and for a higher degree of the same levels.
	gain = .8
	// little is the difference under which nothing dearer is tried: what encrypted
	// results are off by anyway.
	little = 1e-3
	// most is how many combinations are tried.
	most = 64
)

// Choices measures what degrees cost g's outputs over inputs: each combination
// that takes at most so many levels, as long as there are few, or squares alone.
// The best is first: a dearer one is better only where it takes a fifth off the
// difference for each level that it takes more. The others follow, cheapest first.
// Without activations to replace it returns none.
func Choices(g ml.Graph, inputs [][]float64, levels int) ([]Choice, error) {
	end := len(g.Nodes)
	if body, _, ok := g.SplitFinal(); ok {
		end = len(body.Nodes)
	}
	count, fixed := 0, 1
	leading := true // polynomials before anything else are the key holder's
	for _, n := range g.Nodes[:end] {
		switch op := n.Op.(type) {
		case ml.Activation:
			count++
		case ml.Poly:
			if d := degree(op); d > 1 && !leading {
				fixed += 1 + depth(d)
			}
			continue
		}
		leading = false
	}
	if count == 0 || len(inputs) == 0 {
		return nil, nil
	}
	var all []Choice
	var grow func(c Choice)
	grow = func(c Choice) {
		if len(c.Degrees) == count {
			all = append(all, c)
			return
		}
		for _, d := range tried {
			next := Choice{Degrees: append(slices.Clone(c.Degrees), d), Levels: c.Levels + 1 + depth(d)}
			if next.Levels+2*(count-len(next.Degrees)) <= levels && len(all) < most {
				grow(next)
			}
		}
	}
	grow(Choice{Levels: fixed})
	if len(all) == 0 {
		squares := Choice{Degrees: slices.Repeat([]int{2}, count), Levels: fixed + 2*count}
		all = append(all, squares)
	}
	sum := func(c Choice) (s int) {
		for _, d := range c.Degrees {
			s += d
		}
		return s
	}
	slices.SortStableFunc(all, func(a, b Choice) int { return cmp.Or(a.Levels-b.Levels, sum(a)-sum(b)) })
	for i := range all {
		h, _, err := Replace(g, inputs, all[i].Degrees...)
		if err != nil {
			return nil, err
		}
		cost, err := Measure(g, h, inputs, nil)
		if err != nil {
			return nil, err
		}
		all[i].Mean, all[i].Worst = cost.Mean, cost.Worst
	}
	best := 0
	for i, c := range all {
		left := all[best].Mean
		for range max(c.Levels-all[best].Levels, 1) {
			left *= gain
		}
		if i > 0 && all[best].Mean > little && c.Mean < left {
			best = i
		}
	}
	chosen := all[best]
	return append([]Choice{chosen}, slices.Delete(all, best, best+1)...), nil
}

// depth is the levels of a degree: a square takes one, whatever is beside it.
func depth(degree int) int {
	if degree == 2 {
		return 1
	}
	return bits.Len(uint(degree))
}

func degree(p ml.Poly) (d int) {
	for _, row := range p.Coeffs {
		for k, v := range row {
			if v != 0 {
				d = max(d, k)
			}
		}
	}
	return d
}
