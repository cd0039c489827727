package ckks

import (
	"math"
	"time"

	he "manx/privacy/ckks"
)

// A Quote is what running a plan costs, told before anybody pays.
type Quote struct {
	CPU       time.Duration // of a worker's core, for one input
	Wall      time.Duration // on the cores asked for
	InputUp   int64         // bytes of ciphertext for one input
	ResultOut int64         // bytes of ciphertext of the result
	Keys      int64         // bytes of evaluation keys, sent once for many inputs
	Plan      int64         // bytes of the plan
	Precision float64       // see Plan.Precision
}

// Quote estimates the cost of one input on a machine of some cores whose unit
// he.Calibrate measured. It counts transforms, products and permutations; on the
// machines tried, time was within about 1.5 of it where no other load ran.
func (p *Plan) Quote(unit time.Duration, cores int) Quote {
	q := Quote{
		InputUp:   int64(len(p.gather)) * he.CiphertextSize(p.set, p.stages[0].Level, true),
		ResultOut: he.CiphertextSize(p.set, 0, false),
		Keys:      p.Needs().Size(p.set),
		Precision: p.precision,
	}
	q.Plan, _ = p.WriteTo(nowhere{})
	c := cost{p.set.SpecialPrimes()}
	m := newMarks(p.set.Slots())
	var total work
	for k, t := range p.stages {
		steps := make([]step, 0, len(t.Terms))
		for input := range p.gather {
			for _, x := range t.Terms {
				if x.Input == input {
					steps = append(steps, step{x.Input, x.Baby, x.Fine, x.Coarse})
				}
			}
		}
		w := c.of(p.set, steps, len(t.Folds), t.Level, m)
		total.parallel += w.parallel
		total.serial += w.serial
		if k > 0 {
			total.serial += c.square(t.Level + 1)
		}
	}
	q.CPU = time.Duration((total.parallel + total.serial) * float64(unit))
	q.Wall = time.Duration((total.parallel/float64(max(cores, 1)) + total.serial) * float64(unit))
	return q
}

type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

// widest is the magnitude assumed of values before an activation.
const widest = 4

// precision follows the noise's standard deviation through a route: an input's
// errors through each row's norm, the rounding of each rescaling, the noise of
// each rotation, and twice the value for each squaring.
func precision(set he.Set, r route) float64 {
	noise := set.FreshNoise() / set.InputScale()
	magnitude := 1.0
	scale := set.WorkScale()
	for k, s := range r.stages {
		level := 2*(len(r.stages)-k) - 1
		ds, _, folds := s.diagonals(r.layouts[k], r.layouts[k+1])
		var norm float64
		for i := range s.height() {
			var sum float64
			for _, e := range s.row(i) {
				sum += e.weight * e.weight
			}
			norm = math.Max(norm, sum)
		}
		runs := map[int]bool{}
		for _, d := range ds {
			p := r.splits[k].step(d, set.Slots())
			runs[p.fine+p.coarse] = true
		}
		copies := math.Exp2(float64(folds))
		rounding, turning := set.RoundingNoise()/scale, set.RotationNoise(level-1)/scale
		// A weight is rounded to the plaintext's grid, on a value of magnitude.
		weight := set.RoundingNoise() / set.WorkScale() / float64(set.Prime(level)) * scale * magnitude
		noise = math.Sqrt(noise*noise*norm + copies*float64(len(runs))*(rounding*rounding+turning*turning) +
			copies*turning*turning + float64(len(ds))*copies*weight*weight)
		if k+1 < len(r.stages) {
			noise = math.Hypot(2*s.reach*noise, math.Hypot(set.RoundingNoise(), set.RotationNoise(level-1)/float64(set.Prime(level-1)))/scale)
			magnitude = s.reach * s.reach
		}
	}
	return 6 * noise
}
