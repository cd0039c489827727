package validation

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// Folds gives every row one of k folds so that a group never spans two: the
// largest groups first, each to the fold that has the fewest of its class.
func Folds(group []string, positive []bool, k int) []int {
	type count struct {
		name string
		of   [2]int // negative, positive
	}
	at := map[string]int{}
	var groups []count
	for i, name := range group {
		j, ok := at[name]
		if !ok {
			j = len(groups)
			at[name] = j
			groups = append(groups, count{name: name})
		}
		groups[j].of[class(positive[i])]++
	}
	slices.SortStableFunc(groups, func(a, b count) int {
		return cmp.Or(cmp.Compare(b.of[0]+b.of[1], a.of[0]+a.of[1]), cmp.Compare(a.name, b.name))
	})
	load := make([][2]int, k)
	fold := map[string]int{}
	for _, g := range groups {
		c := class(g.of[1] > g.of[0])
		best := 0
		for f := range k {
			if load[f][c] < load[best][c] || load[f][c] == load[best][c] && load[f][1-c] < load[best][1-c] {
				best = f
			}
		}
		fold[g.name] = best
		load[best][0] += g.of[0]
		load[best][1] += g.of[1]
	}
	out := make([]int, len(group))
	for i, name := range group {
		out[i] = fold[name]
	}
	return out
}

// Stratified gives every row one of k folds at random, each class spread evenly.
func Stratified(positive []bool, k int, seed uint64) []int {
	out := make([]int, len(positive))
	var seen [2]int
	for _, i := range rand.New(rand.NewPCG(seed, 1)).Perm(len(positive)) {
		c := class(positive[i])
		out[i] = seen[c] % k
		seen[c]++
	}
	return out
}

func class(positive bool) int {
	if positive {
		return 1
	}
	return 0
}

// Groups numbers the groups of rows in order of appearance.
func Groups(names []string) (of []int, n int) {
	seen := map[string]int{}
	for _, name := range names {
		if _, ok := seen[name]; !ok {
			seen[name] = len(seen)
		}
		of = append(of, seen[name])
	}
	return of, len(seen)
}

// PerRow returns how often each row counts when its group was drawn so often.
func PerRow(groupOf []int, draws []float64) []float64 {
	out := make([]float64, len(groupOf))
	for i, g := range groupOf {
		out[i] = draws[g]
	}
	return out
}

// Pick returns the values of all at the given indices.
func Pick[T any](all []T, at []int) []T {
	out := make([]T, len(at))
	for j, i := range at {
		out[j] = all[i]
	}
	return out
}

// Count returns how many rows are positive.
func Count(positive []bool) (n int) {
	for _, p := range positive {
		n += class(p)
	}
	return n
}
