package scorecard

import (
	"cmp"
	"math"
	"slices"
)

// A cell counts the rows whose value is above the cell before and at most top.
type cell struct {
	top       int64
	good, bad float64
}

func (c cell) rows() float64 { return c.good + c.bad }
func (c cell) rate() float64 { return c.bad / c.rows() }

func join(a, b cell) cell { return cell{b.top, a.good + b.good, a.bad + b.bad} }

// monotone cuts one feature into at most limit cells whose rate of bad rows
// only falls (better > 0) or only rises (better < 0): fine classes of equal
// size, pooled until monotone (pool adjacent violators, Ayer et al. 1955), then
// merged until each holds minShare of the rows, then until few enough, each
// time the pair whose merging loses least information value.
func monotone(value []int64, bad []bool, better, limit, fine int, minShare float64) []cell {
	order := make([]int, len(value))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(value[a], value[b]) })

	var cells []cell
	var c cell
	for i, row := range order {
		if bad[row] {
			c.bad++
		} else {
			c.good++
		}
		c.top = value[row]
		last := i+1 == len(order)
		if last || (c.rows() >= float64(len(order))/float64(fine) && value[order[i+1]] != c.top) {
			cells = append(cells, c)
			c = cell{}
		}
	}
	var out []cell
	for _, c := range cells {
		out = append(out, c)
		for n := len(out); n > 1 && float64(better)*(out[n-1].rate()-out[n-2].rate()) >= 0; n = len(out) {
			out = append(out[:n-2], join(out[n-2], out[n-1]))
		}
	}
	var all cell
	for _, c := range out {
		all = join(all, c)
	}
	for len(out) > 1 {
		small := slices.IndexFunc(out, func(c cell) bool { return c.rows() < minShare*all.rows() })
		if small < 0 && len(out) <= limit {
			break
		}
		at, least := 0, math.Inf(1)
		for i := range len(out) - 1 {
			if small >= 0 && i != small && i+1 != small {
				continue
			}
			lost := information(out[i], all) + information(out[i+1], all) - information(join(out[i], out[i+1]), all)
			if lost < least {
				at, least = i, lost
			}
		}
		out[at] = join(out[at], out[at+1])
		out = slices.Delete(out, at+1, at+2)
	}
	return out
}

// woe is the weight of evidence ln(good share / bad share) of a cell, each
// count raised by a half so that an empty one stays finite.
func woe(c, all cell) float64 {
	return math.Log((c.good + 0.5) / (all.good + 0.5) * (all.bad + 0.5) / (c.bad + 0.5))
}

// information is the information value a cell adds.
func information(c, all cell) float64 {
	return (c.good/all.good - c.bad/all.bad) * woe(c, all)
}
