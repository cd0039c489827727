package cox

import (
	"errors"
	"math"

	"manx/ml"
)

// A Fit is a fitted model: what a patient's curve follows from. It is sums over all
// sites' patients, and names none.
type Fit struct {
	Beta       []float64   `json:"beta"`
	Covariance [][]float64 `json:"covariance"` // of Beta: the inverse information
	Grid       Grid        `json:"grid"`
	Deaths     []float64   `json:"deaths"`   // in each cell
	Hazard     []float64   `json:"hazard"`   // cumulative, that each cell adds at covariates of 0
	Variance   []float64   `json:"variance"` // of Hazard, with Beta known
	Mean       [][]float64 `json:"mean"`     // covariates of who is at risk, weighted by the hazard
	Log        float64     `json:"log"`      // partial log-likelihood
}

// Fit returns the model from the state of a last round and the sum of the sites'
// sums at s.Best.
func (g Grid) Fit(s State, sum []float64) (Fit, error) {
	log, _, information, err := g.likelihood(s.Best, sum)
	if err != nil {
		return Fit{}, err
	}
	f := Fit{Beta: s.Best, Grid: g, Log: log}
	if f.Covariance, err = invert(information); err != nil {
		return Fit{}, err
	}
	size := len(s.Best)
	for k := range g.cells() {
		c := g.at(sum, k, size)
		hazard, variance, mean := 0.0, 0.0, make([]float64, size)
		for t := range c.terms() {
			w, m := c.term(t)
			hazard += w / m[0]
			variance += w / (m[0] * m[0])
			for i := range size {
				mean[i] += w / m[0] * m[1+i] / m[0]
			}
		}
		for i := range mean {
			if hazard > 0 {
				mean[i] /= hazard
			}
		}
		f.Deaths = append(f.Deaths, c.deaths)
		f.Hazard, f.Variance, f.Mean = append(f.Hazard, hazard), append(f.Variance, variance), append(f.Mean, mean)
	}
	return f, nil
}

// Errors returns the standard error of each coefficient.
func (f Fit) Errors() []float64 {
	out := make([]float64, len(f.Beta))
	for i := range out {
		out[i] = math.Sqrt(f.Covariance[i][i])
	}
	return out
}

// A Point is the share that survives a time, with its 95% interval.
type Point = ml.SurvivalPoint

// Survival returns the share of patients with these covariates that survive the
// time, which is cut to the grid: ml.Survival.At says of what its interval is.
func (f Fit) Survival(x []float64, time float64) (Point, error) {
	if len(x) != len(f.Beta) || math.IsNaN(time) || time < 0 {
		return Point{}, errors.New("cox: no such patient, or no such time")
	}
	return f.Curve().At(dot(f.Beta, x), x, time), nil
}

// Curve returns what is carried by the card of a model whose output is the log
// hazard. It has neither unit nor horizon. On a grid of days it steps at their ends.
func (f Fit) Curve() ml.Survival {
	return ml.Survival{Edges: f.Grid.Edges, Steps: f.Grid.Days, Hazard: f.Hazard, Variance: f.Variance, Mean: f.Mean, Covariance: f.Covariance}
}

// Median returns the first time by which half of such patients have died, with its
// interval: where the curve's bounds cross one half. What is not reached on the grid
// is +Inf.
func (f Fit) Median(x []float64) (median, low, high float64, err error) {
	last := f.Grid.Edges[len(f.Grid.Edges)-1]
	cross := func(of func(Point) float64) float64 {
		p, e := f.Survival(x, last)
		if e != nil {
			err = e
			return 0
		}
		if of(p) > 0.5 {
			return math.Inf(1)
		}
		a, b := 0.0, last
		for b-a > 1e-6*last {
			m := (a + b) / 2
			if p, _ := f.Survival(x, m); of(p) > 0.5 {
				a = m
			} else {
				b = m
			}
		}
		return b
	}
	median = cross(func(p Point) float64 { return p.Survival })
	low, high = cross(func(p Point) float64 { return p.Low }), cross(func(p Point) float64 { return p.High })
	return median, low, high, err
}

// Concordance is Harrell's C: of two patients of whom it is known who died first, the
// share of pairs in which the higher risk did, equal risks counting half. weight
// counts every patient so many times; nil means once.
func Concordance(risk []float64, p Patients, weight []float64) float64 {
	var right, pairs float64
	for i, t := range p.Time {
		if !p.Event[i] || weight != nil && weight[i] == 0 {
			continue
		}
		for j, u := range p.Time {
			if u < t || u == t && p.Event[j] || i == j {
				continue
			}
			w := 1.0
			if weight != nil {
				w = weight[i] * weight[j]
			}
			pairs += w
			switch {
			case risk[i] > risk[j]:
				right += w
			case risk[i] == risk[j]:
				right += w / 2
			}
		}
	}
	if pairs == 0 {
		return 0.5
	}
	return right / pairs
}

// KaplanMeier returns the share of the patients that survives a time, by Kaplan and
// Meier's estimate (1958).
func KaplanMeier(p Patients, time float64) float64 {
	share := 1.0
	for i, t := range p.Time {
		if !p.Event[i] || t > time {
			continue
		}
		// One death of those at t: with d ties the product telescopes to 1 - d/n.
		risk, before := 0, 0
		for j, u := range p.Time {
			if u >= t {
				risk++
			}
			if u == t && p.Event[j] && j < i {
				before++
			}
		}
		share *= 1 - 1/float64(risk-before)
	}
	return share
}
