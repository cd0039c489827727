package ckks

import (
	"fmt"
	"math"
	"strings"
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
// he.Calibrate measured. It counts transforms, products and permutations; see
// cost for how near that is.
func (p *Plan) Quote(unit time.Duration, cores int) Quote {
	q := Quote{
		InputUp:   int64(len(p.gather)) * he.CiphertextSize(p.set, p.stages[0].Level, true),
		ResultOut: he.CiphertextSize(p.set, p.set.Floor(), false),
		Keys:      p.Needs().Size(p.set),
		Precision: p.Precision(),
	}
	q.Plan, _ = p.WriteTo(nowhere{})
	for _, s := range p.sumSteps() {
		cpu := s.cpu(unit)
		q.CPU += cpu
		// A step is spread over limbs: as many cores are busy.
		limbs := s.level + 1 + p.set.SpecialPrimes()
		rounds := (limbs + max(cores, 1) - 1) / max(cores, 1)
		q.Wall += cpu * time.Duration(rounds) / time.Duration(limbs)
	}
	return q
}

// A planStep is a linear step or a squaring, in the order of evaluation.
type planStep struct {
	work
	activation   bool
	level, terms int
	needs        he.Needs // the keys that it uses
}

func (s planStep) cpu(unit time.Duration) time.Duration {
	return time.Duration(s.time*float64(unit)) + time.Duration(1+s.rotations)*begin
}

func (p *Plan) steps() (out []planStep) {
	c := cost{p.set.SpecialPrimes()}
	m := newMarks(p.set.Slots())
	for k, t := range p.stages {
		if k > 0 {
			s := planStep{activation: true, level: p.stages[k-1].Level - 1, needs: he.NeedsOf(nil, []int{p.relinearised(k - 1)})}
			if curve := p.curves[k-1]; curve != nil {
				s.time = c.polynomial(curve)
			} else {
				s.time = c.square(s.level)
			}
			out = append(out, s)
		}
		steps := make([]step, 0, len(t.Terms))
		for input := range p.gather {
			for _, x := range t.Terms {
				if x.Input == input {
					steps = append(steps, step{x.Input, x.Baby, x.Fine, x.Coarse})
				}
			}
		}
		w := c.of(p.set, steps, len(t.Folds), t.Level, m, nil)
		if k == 0 { // inputs are transformed first
			w.time += float64(2 * len(p.gather) * (t.Level + 1))
		}
		out = append(out, planStep{work: w, level: t.Level, terms: len(steps), needs: he.NeedsOf(p.stages[k:k+1], nil)})
	}
	return out
}

// A Layer is a linear step of a plan, or the squaring or polynomial of an activation.
type Layer struct {
	Name      string        `json:"name"`                // what it was in the graph
	Level     int           `json:"level"`               // of its input: rescalings left
	Terms     int           `json:"terms,omitempty"`     // diagonals, each a product by weights; 0 for an activation
	Rotations int           `json:"rotations,omitempty"` // evaluated
	CPU       time.Duration `json:"cpu_ns"`              // estimated
	Keys      int64         `json:"key_bytes"`           // of keys that no layer before it uses
	Precision float64       `json:"precision"`           // error expected of its values, 0 for an activation
}

// Layers says of each step what it is and costs on a machine of that unit, one
// network of a sum after another.
func (c *Compiled) Layers(unit time.Duration) (out []Layer) {
	all := map[int]int{} // the level of each key that is sent
	for _, n := range c.Needs() {
		all[n.Rotation] = n.Level
	}
	out = c.layers(unit, all)
	for _, b := range c.others {
		out = append(out, b.layers(unit, all)...)
	}
	return out
}

// layers is Layers of the first network; all are the keys no layer before it uses.
func (c *Compiled) layers(unit time.Duration, all map[int]int) (out []Layer) {
	for i, s := range c.steps() {
		l := Layer{Level: s.level, Terms: s.terms, Rotations: s.rotations, CPU: s.cpu(unit)}
		switch degree := c.degrees[i/2]; {
		case s.activation && degree > 2:
			l.Name = fmt.Sprintf("polynomial of degree %d", degree)
		case s.activation:
			l.Name = "square"
		default:
			l.Name, l.Precision = strings.Join(c.ops[i/2], ", "), c.precision[i/2]
			if l.Name == "" {
				l.Name = "identity"
			}
		}
		for _, n := range s.needs {
			if level, ok := all[n.Rotation]; ok {
				l.Keys += he.Needs{{Rotation: n.Rotation, Level: level}}.Size(c.set) - he.Needs{}.Size(c.set)
				delete(all, n.Rotation)
			}
		}
		out = append(out, l)
	}
	return out
}

type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

// widest is the magnitude assumed of values before an activation.
const widest = 4

// sigmas is how many standard deviations a stated error is.
const sigmas = 6

// precision returns the error expected after each linear step.
func precision(set he.Set, r route) (out []float64) {
	for _, deviation := range following(set, r, true) {
		out = append(out, sigmas*deviation)
	}
	return out
}

// following follows the standard deviation of the errors through a route: an
// input's through each row's norm, the rounding of each rescaling, the noise of
// each rotation, and twice the value for each squaring, or a polynomial's slope.
// Where weights is set, the
// rounding of weights counts: it depends on no key, so it is no noise to hide. It
// returns the deviation after each linear step.
func following(set he.Set, r route, weights bool) (out []float64) {
	noise := set.FreshNoise() / set.InputScale()
	magnitude := r.input
	scale, at := set.WorkScale(), levels(set, r.stages)
	for k, s := range r.stages {
		level := at[k]
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
		weight := 0.0
		if weights {
			weight = math.Sqrt(float64(2*set.Slots())/12) / set.WorkScale() / float64(set.Prime(level)) * scale * magnitude
		}
		noise = math.Sqrt(noise*noise*norm + copies*float64(len(runs))*(rounding*rounding+turning*turning) +
			copies*turning*turning + float64(len(ds))*copies*weight*weight)
		out = append(out, noise)
		if k+1 == len(r.stages) {
			break
		}
		product := math.Hypot(set.RoundingNoise(), set.RotationNoise(level-1)/float64(set.Prime(level-1))) / scale
		if s.curve != nil {
			value, slope, growth := s.curve.bounds()
			noise, magnitude = math.Hypot(slope*noise, growth*product), value
		} else {
			noise = math.Hypot(2*s.reach*noise, product)
			magnitude = s.reach * s.reach
		}
	}
	return out
}
