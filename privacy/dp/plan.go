package dp

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// Thousandth is one of Plan.Sigma, Million one of Rate's parts.
const (
	Thousandth = 1000
	Million    = 1_000_000
)

// MaxBound is the largest Bound, and MaxSites the most sites of a Plan.
const (
	MaxBound = 1 << 20
	MaxSites = 1 << 10
)

// A Plan is what every site of a noisy sum must agree on. Sums are over integers:
// each record's part is scaled and cut to whole units, of norm at most Bound, and
// each site adds its share of the noise to its own sum before that goes anywhere.
type Plan struct {
	Bound int64 // largest L2 norm of one record's part, in units
	Sigma int64 // deviation of the noise in the sum, in thousandths of Bound
	Sites int   // n, that are to take part
	Away  int   // d < n: what so many lose, or tell others, leaves noise enough
}

// Check reports what is wrong with a plan.
func (p Plan) Check() error {
	switch {
	case p.Bound < 1 || p.Bound > MaxBound:
		return fmt.Errorf("a record's part has a norm of 1 to %d units", MaxBound)
	case p.Sigma < 1 || p.Sigma > 1000*Thousandth:
		return errors.New("noise is a thousandth to a thousand times the bound")
	case p.Sites < 1 || p.Sites > MaxSites || p.Away < 0 || p.Away >= p.Sites:
		return fmt.Errorf("noise comes from 1 to %d sites, and some must stay", MaxSites)
	case p.Variance() < leastVariance:
		return errors.New("the bound has too few units for so little noise from so many sites: choose a finer grid")
	case p.Variance() > mostVariance:
		return errors.New("the bound has too many units for so much noise: choose a coarser grid")
	}
	return nil
}

// The bounds of a share's variance, in squared units. From 64 on, the sum of n
// shares differs from a discrete Gaussian by a factor within 10 n exp(-64 pi^2),
// under 2^-890, at each of its values (Kairouz, Liu and Steinke 2021, whose tau it is):
// what dp/rdp rounds up covers it. Up to 2^40 the sampler's integers have 128 bits.
const (
	leastVariance = 64
	mostVariance  = 1 << 40
)

// Variance returns that of one site's share, in squared units: sigma^2/(n-d),
// rounded up, so that any n-d shares have sigma^2 or more together.
func (p Plan) Variance() uint64 {
	if p.Bound < 1 || p.Bound > MaxBound || p.Sigma < 1 || p.Sigma > 1000*Thousandth || p.Away >= p.Sites || p.Away < 0 {
		return 0
	}
	s := uint64(p.Bound) * uint64(p.Sigma) // at most 2^40: squared, over 64 bits
	hi, lo := bits.Mul64(s, s)
	by := uint64(p.Sites-p.Away) * Million
	lo, carry := bits.Add64(lo, by-1, 0)
	hi += carry
	if hi >= by {
		return math.MaxUint64
	}
	q, _ := bits.Div64(hi, lo, by)
	return q
}

// Mechanism returns what the accountant needs to know of a sum by this plan over
// records that are each drawn with probability perMillion/Million.
func (p Plan) Mechanism(perMillion int64) Mechanism {
	return Mechanism{Sigma: float64(p.Sigma) / Thousandth, Rate: float64(perMillion) / Million}
}

// Bound returns the finest grid, a power of two, on which a sum of so many records
// with noise of sigma thousandths fits in 32 bits with a sign: every record at its
// bound and 16 deviations of noise beside them. It returns 0 where there is none.
func Bound(records int, sigma int64) int64 {
	if records < 0 || sigma < 1 || sigma > 1000*Thousandth {
		return 0
	}
	for b := int64(MaxBound); b > 0; b /= 2 {
		if float64(b)*(float64(records)+16*float64(sigma)/Thousandth+1) < 1<<31 {
			return b
		}
	}
	return 0
}

// ErrPart marks a record whose part of a sum is no vector of real numbers of the
// size agreed.
var ErrPart = errors.New("a record's part of the sum is not a vector of real numbers of the size agreed")

// Add clips a record's part to the norm clip, scales it so that this norm is Bound
// units, cuts every value to a whole unit towards zero, and adds them to sum. That
// the integers' norm is at most Bound is checked in integers.
func (p Plan) Add(sum []int64, part []float64, clip float64) error {
	if len(sum) != len(part) || !(clip > 0) || math.IsInf(clip, 1) {
		return ErrPart
	}
	norm, err := Norm(part)
	if err != nil {
		return err
	}
	for by := float64(p.Bound) / max(clip, norm); ; by *= 1 - 1e-12 {
		var square uint64
		for _, v := range part {
			u := uint64(math.Abs(math.Trunc(v * by)))
			square += u * u
		}
		if square > uint64(p.Bound)*uint64(p.Bound) {
			continue // a rounding of the norm: shrink by one more bit
		}
		for i, v := range part {
			sum[i] += int64(math.Trunc(v * by))
		}
		return nil
	}
}

// Norm returns the L2 norm of a vector, or ErrPart where it is not finite.
func Norm(x []float64) (float64, error) {
	var square float64
	for _, v := range x {
		square += v * v
	}
	if math.IsNaN(square) || math.IsInf(square, 1) {
		return 0, ErrPart
	}
	return math.Sqrt(square), nil
}

// Value returns what integers of a sum mean, where a record's part was clipped to
// the norm clip.
func (p Plan) Value(sum []int64, clip float64) []float64 {
	out := make([]float64, len(sum))
	for i, v := range sum {
		out[i] = float64(v) * clip / float64(p.Bound)
	}
	return out
}

// A Step is one step of DP-SGD (Abadi et al. 2016, arXiv 1607.00133) at one site.
type Step struct {
	Plan
	Rate int64   // with which each record is drawn, in parts of a Million
	Clip float64 // norm of one record's gradient
}

// Sum draws records, adds their gradients, clipped and cut, and then this site's
// share of the noise. What it returns may leave the site, as far as the plan's n-d
// shares go: under masks it tells no more than the sum does. gradient writes one
// record's into a cleared vector of the given size.
func (s Step) Sum(size, records int, gradient func(record int, into []float64) error) ([]int64, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	sum, one := make([]int64, size), make([]float64, size)
	draws := newSource()
	for r := range records {
		if !draws.below(word(s.Rate), word(Million)) {
			continue
		}
		clear(one)
		if err := gradient(r, one); err != nil {
			return nil, err
		}
		if err := s.Add(sum, one, s.Clip); err != nil {
			return nil, fmt.Errorf("record %d: %w", r+1, err)
		}
	}
	return sum, s.Noise(sum)
}

// Check reports what is wrong with a step.
func (s Step) Check() error {
	if s.Rate < 1 || s.Rate > Million || !(s.Clip > 0) || math.IsInf(s.Clip, 1) {
		return errors.New("records are drawn at a rate of 1 to 1000000 millionths, and clipped to a norm above 0")
	}
	return s.Plan.Check()
}
