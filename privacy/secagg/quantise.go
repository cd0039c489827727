package secagg

import (
	"fmt"
	"math"

	"manx/privacy/notice"
)

// A Contribution is what a site adds. It is secret.
type Contribution struct {
	Values []float64 // Length values, none beyond Clip
	Weight uint32    // Minimum to Most; values count as often
	Noise  []int64   // in steps, none beyond Noise; nil is none
}

// A Sum is what the coordinator learns.
type Sum struct {
	Sites  []int     // places of those whose updates are in it
	Weight uint64    // the sum of their weights
	Totals []float64 // by value, the sum of weight times value
}

// Mean returns the weighted mean of the updates. Rounding moved it by at most
// sites·Most·Step/(2·Weight).
func (s Sum) Mean() []float64 {
	out := make([]float64, len(s.Totals))
	for i, v := range s.Totals {
		out[i] = v / float64(s.Weight)
	}
	return out
}

// limit is how many steps a site adds to a value at the most, either way: so few
// that the sum over the roster stays within 31 bits and a sign. Nothing that sites
// add by these rules can overflow.
func (r Round) limit() int64 { return (1<<31 - 1) / int64(len(r.Sites)) }

// Step is the unit of quantisation, in units of weight times value over Most: a
// value v of weight w is sent as v·w/Most, to the nearest multiple, half to even.
// Noise is counted in it.
func (r Round) Step() float64 { return (r.Clip + r.Noise) / float64(r.limit()-2) }

// quantise writes the weight and the values in steps, modulo 2^32.
func (r Round) quantise(out []uint32, c Contribution) error {
	switch {
	case len(c.Values) != r.Length || c.Noise != nil && len(c.Noise) != r.Length:
		return notice.New(notice.Invalid, fmt.Sprintf("the update has %d values, the round %d", len(c.Values), r.Length), "train the model that the proposal names")
	case c.Weight < r.Minimum:
		return notice.New(notice.Denied, "this hospital has fewer records than the round's minimum cohort", "leave this round out, or agree on a smaller minimum in a new proposal")
	case c.Weight > r.Most:
		return notice.New(notice.Invalid, "this hospital has more records than the round allows for", "agree on a larger bound in a new proposal")
	}
	out[0] = c.Weight
	q, by := out[1:], float64(c.Weight)/float64(r.Most)/r.Step()
	if at := rounded(q, c.Values, by, r.Clip, haveVectors()); at < r.Length {
		return notice.New(notice.Invalid, fmt.Sprintf("value %d of the update is no number, or beyond the round's clip", at+1), "clip updates before they are sent; look at the training if they are no numbers")
	}
	most := int64(r.Noise / r.Step())
	for i, v := range c.Noise {
		if v > most || v < -most {
			return notice.New(notice.Invalid, "noise beyond the round's bound", "draw it within the bound, in steps of the round")
		}
		q[i] += uint32(v)
	}
	return nil
}

// rounded writes values times by, to the nearest integer, half to even, modulo 2^32.
// It returns how many there are before the first that is beyond most, or no number.
func rounded(q []uint32, values []float64, by, most float64, vectors bool) int {
	const lanes = 8
	done := 0
	if whole := len(values) / lanes; vectors && whole > 0 && roundEights(&q[0], &values[0], whole, by, most) {
		done = whole * lanes
	}
	// Adding 1.5·2^52 leaves the rounded integer in the low bits.
	const round = 3 << 51
	for i, v := range values[done:] {
		if !(math.Abs(v) <= most) {
			return done + i
		}
		q[done+i] = uint32(math.Float64bits(v*by + round))
	}
	return len(values)
}

// sum reads the added vectors of sites. A weight that their weights cannot make
// means that one of them did not keep to the rules.
func (r Round) sum(sites []int, v []uint32) (Sum, error) {
	s := Sum{Sites: sites, Weight: uint64(v[0]), Totals: make([]float64, r.Length)}
	n := uint64(len(sites))
	if s.Weight < n*uint64(r.Minimum) || s.Weight > n*uint64(r.Most) {
		return Sum{}, notice.New(notice.Integrity, "the sum of weights is none that hospitals of this round can have", "do not use it; begin a new round")
	}
	by := r.Step() * float64(r.Most)
	for i, q := range v[1:] {
		s.Totals[i] = float64(int32(q)) * by
	}
	return s, nil
}
