package secagg

import (
	"fmt"
	"math"

	"manx/privacy/internal/kernel"
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

// steps is how a contribution is written in steps.
type steps struct {
	c        Contribution
	by, clip float64 // steps to a unit; the bound of a value
	most     int64   // of noise
	vectors  bool
}

// steps makes sure that a contribution is one to this round, but for its values.
func (r Round) steps(c Contribution) (steps, error) {
	var err error
	switch {
	case len(c.Values) != r.Length || c.Noise != nil && len(c.Noise) != r.Length:
		err = notice.New(notice.Invalid, fmt.Sprintf("the update has %d values, the round %d", len(c.Values), r.Length), "train the model that the proposal names")
	case c.Weight < r.Minimum:
		err = notice.New(notice.Denied, "this hospital has fewer records than the round's minimum cohort", "leave this round out, or agree on a smaller minimum in a new proposal")
	case c.Weight > r.Most:
		err = notice.New(notice.Invalid, "this hospital has more records than the round allows for", "agree on a larger bound in a new proposal")
	}
	return steps{c, float64(c.Weight) / float64(r.Most) / r.Step(), r.Clip, int64(r.Noise / r.Step()), kernel.Vectors()}, err
}

// write writes the words of the vector from `from` on, modulo 2^32: the weight, and
// the values behind it.
func (s steps) write(out []uint32, from int) error {
	if from == 0 {
		out[0] = s.c.Weight
		out, from = out[1:], 1
	}
	from--
	if at := s.values(out, s.c.Values[from:][:len(out)]); at < len(out) {
		return notice.New(notice.Invalid, fmt.Sprintf("value %d of the update is no number, or beyond the round's clip", from+at+1), "clip updates before they are sent; look at the training if they are no numbers")
	}
	if s.c.Noise == nil {
		return nil
	}
	for i, v := range s.c.Noise[from:][:len(out)] {
		if v > s.most || v < -s.most {
			return notice.New(notice.Invalid, "noise beyond the round's bound", "draw it within the bound, in steps of the round")
		}
		out[i] += uint32(v)
	}
	return nil
}

// values writes values times by, to the nearest integer, half to even, modulo 2^32.
// It returns how many there are before the first that is beyond the clip, or no number.
func (s steps) values(out []uint32, values []float64) int {
	const lanes = 8
	done := 0
	if whole := len(values) / lanes; s.vectors && whole > 0 && roundEights(&out[0], &values[0], whole, s.by, s.clip) {
		done = whole * lanes
	}
	// Adding 1.5·2^52 leaves the rounded integer in the low bits.
	const round = 3 << 51
	for i, v := range values[done:] {
		if !(math.Abs(v) <= s.clip) {
			return done + i
		}
		out[done+i] = uint32(math.Float64bits(v*s.by + round))
	}
	return len(values)
}

// sum takes masks off the added vectors of sites, and reads them into s, which has the
// sites and room. A weight that their weights cannot make means that one of them did
// not keep to the rules.
func (r Round) sum(s Sum, v []uint32, masks []mask) (Sum, error) {
	by := r.Step() * float64(r.Most)
	spans(len(v), func(from, to int) {
		part := v[from:to]
		addMasks(part, from, masks)
		if from == 0 {
			part, from = part[1:], 1
		}
		for i, q := range part {
			s.Totals[from-1+i] = float64(int32(q)) * by
		}
	})
	s.Weight = uint64(v[0])
	n := uint64(len(s.Sites))
	if s.Weight < n*uint64(r.Minimum) || s.Weight > n*uint64(r.Most) {
		return Sum{}, notice.New(notice.Integrity, "the sum of weights is none that hospitals of this round can have", "do not use it; begin a new round")
	}
	return s, nil
}
