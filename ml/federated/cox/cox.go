// Package cox fits Cox's proportional hazards (Cox 1972) over patients of several
// sites by Newton's method, from sums over sites alone: each site counts, for every
// cell of a time grid that all share, its deaths and its sums over who is at risk,
// and the sums of all sites give log-likelihood, gradient and information. It also
// gives a patient's survival curve with an interval.
//
// On a grid of single days the fit is the pooled one, to rounding, with Efron's ties
// (Efron 1977). But who left on a day can be told from the sums of two days, so that
// grid is for sums that nobody opens, and for tests. On a grid of wide cells a
// patient counts in the cell that he leaves by the share of it that he was seen, and
// the sums of two cells differ by all who left between: what Check wants at least
// some of. The likelihood is then that of a hazard which is constant in each cell
// (Friedman 1982), with the hazards profiled out, whose coefficients come within a
// hundredth of the pooled ones where cells are not much wider than a month or two.
package cox

import (
	"fmt"
	"math"
	"slices"

	"manx/privacy/notice"
)

// Patients are the rows of a site.
type Patients struct {
	X     [][]float64 // [n][covariates]
	Time  []float64   // to the event or to the last sight, above 0
	Event []bool
}

// A Grid parts time in cells. Cell k is from Edges[k] to Edges[k+1]; the first edge
// is 0, and nobody is seen beyond the last.
type Grid struct {
	Edges []float64 `json:"edges"`
	// Days is whether times are whole numbers and every cell is one of them: cell k is
	// the day Edges[k+1], ties are Efron's.
	Days bool `json:"days,omitempty"`
}

// Daily returns the grid of single days up to the last, at most 20,000.
func Daily(last int) Grid {
	g := Grid{Days: true}
	for d := range last + 1 {
		g.Edges = append(g.Edges, float64(d))
	}
	return g
}

const maxCells, maxCovariates = 20000, 64

// cells is how many cells there are.
func (g Grid) cells() int { return len(g.Edges) - 1 }

// Valid returns nil, or a notice that names what cannot be.
func (g Grid) Valid() error {
	bad := func(what string) error {
		return notice.New(notice.Invalid, "the proposal's time grid cannot be: "+what, "give rising edges from 0 to past the longest time")
	}
	if g.cells() < 1 || g.cells() > maxCells || g.Edges[0] != 0 {
		return bad(fmt.Sprintf("it has 1 to %d cells, and begins at 0", maxCells))
	}
	for k := range g.cells() {
		if !(g.Edges[k+1] > g.Edges[k]) || math.IsInf(g.Edges[k+1], 0) || g.Days && g.Edges[k+1] != g.Edges[k]+1 {
			return bad(fmt.Sprintf("edge %d does not follow the one before", k+1))
		}
	}
	return nil
}

// cell returns which cell a time lies in; an edge belongs to the cell before it, as a
// death on the last day of a month does.
func (g Grid) cell(t float64) int {
	k, _ := slices.BinarySearch(g.Edges, t)
	return k - 1
}

// fits returns nil where the patients can be counted on the grid.
func (g Grid) fits(p Patients, size int) error {
	bad := func(i int, what, cure string) error {
		return notice.New(notice.Invalid, fmt.Sprintf("row %d of this site's patients cannot take part: %s", i+1, what), cure)
	}
	if len(p.X) == 0 {
		return notice.New(notice.Invalid, "this site has no patients for this training", "wait until records with a grant that covers it are there, or leave the training")
	}
	for i, x := range p.X {
		if len(x) != size {
			return bad(i, fmt.Sprintf("it has %d covariates, not %d", len(x), size), "read the table by the proposal's schema")
		}
		for _, v := range x {
			if math.IsNaN(v) || math.Abs(v) > 1e6 {
				return bad(i, "a covariate is no number, or beyond a million", "leave out rows with missing values; centre and scale covariates")
			}
		}
		if t := p.Time[i]; !(t > 0) || t > g.Edges[len(g.Edges)-1] || g.Days && t != math.Trunc(t) {
			return bad(i, "its time is not above 0 and within the grid", "times are in the schema's unit from the begin of observation")
		}
	}
	return nil
}

// stride is how many sums a cell has: deaths, covariates of the dead, and of order
// 0, 1 and 2 over who is at risk; on a grid of days also over who died.
func (g Grid) stride(size int) int {
	moments := 1 + size + size*(size+1)/2
	n := 1 + size + moments
	if g.Days {
		n += moments
	}
	return n
}

// Length is how many numbers Sums returns for so many covariates.
func (g Grid) Length(size int) int { return g.cells() * g.stride(size) }

// Sums returns what a site brings at the coefficients beta: the sums of each cell in
// turn. They are added over sites. What cannot be counted is a notice that names the
// row, and no value.
func (g Grid) Sums(beta []float64, p Patients) ([]float64, error) {
	if err := g.Valid(); err != nil {
		return nil, err
	}
	size := len(beta)
	if size < 1 || size > maxCovariates || len(p.Time) != len(p.X) || len(p.Event) != len(p.X) {
		return nil, notice.New(notice.Invalid, fmt.Sprintf("a survival model has 1 to %d covariates, and each patient a time", maxCovariates), "correct the proposal")
	}
	if err := g.fits(p, size); err != nil {
		return nil, err
	}
	stride := g.stride(size)
	out := make([]float64, g.Length(size))
	for i, x := range p.X {
		risk := math.Exp(dot(beta, x))
		last := g.cell(p.Time[i])
		for k := range last + 1 {
			share := 1.0
			if k == last && !g.Days {
				share = (p.Time[i] - g.Edges[k]) / (g.Edges[k+1] - g.Edges[k])
			}
			moments(out[k*stride+1+size:], x, share*risk)
		}
		if !p.Event[i] {
			continue
		}
		cell := out[last*stride : (last+1)*stride]
		cell[0]++
		for j, v := range x {
			cell[1+j] += v
		}
		if g.Days {
			moments(cell[1+size+1+size+size*(size+1)/2:], x, risk)
		}
	}
	return out, nil
}

// dot returns the inner product of two vectors of one length.
func dot(a, b []float64) (sum float64) {
	b = b[:len(a)]
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

// moments adds weight times 1, x and the lower half of x x'.
func moments(to []float64, x []float64, weight float64) {
	to[0] += weight
	at := 1
	for _, v := range x {
		to[at] += weight * v
		at++
	}
	for i, v := range x {
		for _, w := range x[:i+1] {
			to[at] += weight * v * w
			at++
		}
	}
}

// Leaving returns how many of a site's patients leave in each cell, by death or
// otherwise: what Check judges the sum of.
func (g Grid) Leaving(p Patients) ([]float64, error) {
	if err := g.Valid(); err != nil {
		return nil, err
	}
	out := make([]float64, g.cells())
	for i, t := range p.Time {
		k := g.cell(t)
		if !(t > 0) || k >= len(out) {
			return nil, notice.New(notice.Invalid, fmt.Sprintf("row %d of this site's patients cannot take part: its time is not above 0 and within the grid", i+1), "times are in the schema's unit from the begin of observation")
		}
		out[k]++
	}
	return out, nil
}

// Check refuses a grid on which fewer than minimum patients of all sites leave in a
// cell, whose sums would tell of them; an empty last cell is one too.
func (g Grid) Check(leaving []float64, minimum int) error {
	for k, n := range leaving {
		if n < float64(minimum) {
			return notice.New(notice.Invalid, fmt.Sprintf("fewer than %d patients leave in cell %d of the time grid, from %g to %g", minimum, k+1, g.Edges[k], g.Edges[k+1]),
				"propose training again with wider cells there")
		}
	}
	return nil
}
