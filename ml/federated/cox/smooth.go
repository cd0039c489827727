package cox

import (
	"fmt"
	"math"
	"slices"

	"manx/privacy/notice"
)

// Smooth fits by the partial likelihood with sums over who is at risk that are cubics of
// time in each cell of a grid: their projections on Legendre polynomials are sums over
// patients, and add over sites. With the sums of all sites, every site takes its own
// events at their very times, so that no time of an event, and no death by cell, goes
// into the coefficients but in one total. They come within a hundredth of the pooled
// fit's where Grid, whose sums are constant in a cell, comes within a tenth. What is
// opened tells of who leaves in a cell, as Grid's sums do: Grid.Check wants enough of
// them.
type Smooth struct{ Grid }

// degree is of the polynomials.
const degree = 3

// legendre returns the polynomials at u, in [0, 1], and their integrals from 0 to u.
func legendre(u float64) (at, until [degree + 1]float64) {
	x := 2*u - 1
	at = [degree + 1]float64{1, x, (3*x*x - 1) / 2, (5*x*x*x - 3*x) / 2}
	fourth := (35*x*x*x*x - 30*x*x + 3) / 8
	// The integral of P_n from -1 is (P_{n+1} - P_{n-1}) / (2n+1); dx is 2 du.
	return at, [degree + 1]float64{u, (at[2] - 1) / 3 / 2, (at[3] - at[1]) / 5 / 2, (fourth - at[2]) / 7 / 2}
}

// moving is how many sums over who is at risk there are: of order 0, 1 and 2.
func moving(size int) int { return 1 + size + size*(size+1)/2 }

// Length is how many numbers Risks returns for so many covariates.
func (m Smooth) Length(size int) int { return m.cells() * moving(size) * (degree + 1) }

// Scores is how many numbers Score returns.
func (m Smooth) Scores(size int) int { return size + size*(size+1)/2 + m.cells() }

// Risks returns what a site brings at the coefficients beta: for each cell and each of
// its sums over who is at risk, the coefficients of its polynomials.
func (m Smooth) Risks(beta []float64, p Patients) ([]float64, error) {
	size := len(beta)
	if err := m.can(size, p); err != nil {
		return nil, err
	}
	n := moving(size)
	out := make([]float64, m.Length(size))
	for i, x := range p.X {
		of := make([]float64, n)
		moments(of, x, math.Exp(dot(beta, x)))
		for k := range m.cell(p.Time[i]) + 1 {
			_, until := legendre(min((p.Time[i]-m.Edges[k])/(m.Edges[k+1]-m.Edges[k]), 1))
			for j, v := range of {
				for d, w := range until {
					out[(k*n+j)*(degree+1)+d] += v * w * float64(2*d+1)
				}
			}
		}
	}
	return out, nil
}

func (m Smooth) can(size int, p Patients) error {
	if err := m.Valid(); err != nil {
		return err
	}
	if size < 1 || size > maxCovariates || len(p.Time) != len(p.X) || len(p.Event) != len(p.X) {
		return notice.New(notice.Invalid, fmt.Sprintf("a survival model has 1 to %d covariates, and each patient a time", maxCovariates), "correct the proposal")
	}
	return m.fits(p, size)
}

// at returns the sums over who is at risk at a place in a cell.
func (m Smooth) at(risks []float64, k, size int, u float64) []float64 {
	n := moving(size)
	at, _ := legendre(u)
	out := make([]float64, n)
	for j := range out {
		for d, w := range at {
			out[j] += risks[(k*n+j)*(degree+1)+d] * w
		}
	}
	return out
}

// Score returns what a site brings at beta, with the sums over all sites that Risks gave
// there: gradient and lower half of the information, of its own events, and how many of
// these each cell has.
func (m Smooth) Score(beta, risks []float64, p Patients) ([]float64, error) {
	size := len(beta)
	if err := m.can(size, p); err != nil {
		return nil, err
	}
	if len(risks) != m.Length(size) {
		return nil, failed(fmt.Sprintf("the sum has %d numbers, not %d", len(risks), m.Length(size)))
	}
	// Who leaves at a whole number is at risk all through the unit before it: the middle
	// of that is where the cubics stand for who is at risk then.
	before := 0.5
	if slices.ContainsFunc(p.Time, func(t float64) bool { return t != math.Trunc(t) }) {
		before = 0
	}
	out := make([]float64, m.Scores(size))
	for i, x := range p.X {
		if !p.Event[i] {
			continue
		}
		k := m.cell(p.Time[i])
		s := m.at(risks, k, size, max(p.Time[i]-before-m.Edges[k], 0)/(m.Edges[k+1]-m.Edges[k]))
		// At risk is the patient at least: where a cubic says less, the cell's mean stands in.
		if s[0] < math.Exp(dot(beta, x)) {
			s = m.mean(risks, k, size)
		}
		if !(s[0] > 0) {
			return nil, failed(fmt.Sprintf("an event in cell %d, and nobody at risk", k+1))
		}
		at := size // in out; the same sum is one further in s
		for a := range size {
			out[a] += x[a] - s[1+a]/s[0]
			for b := range a + 1 {
				out[at] += s[1+at]/s[0] - s[1+a]*s[1+b]/(s[0]*s[0])
				at++
			}
		}
		out[len(out)-m.cells()+k]++
	}
	return out, nil
}

// mean returns the means over a cell of the sums over who is at risk.
func (m Smooth) mean(risks []float64, k, size int) []float64 {
	out := make([]float64, moving(size))
	for j := range out {
		out[j] = risks[(k*len(out)+j)*(degree+1)]
	}
	return out
}

// Next returns the coefficients after a step of Newton's method from beta, where the
// sites' scores have this sum, and the standard errors there.
func (m Smooth) Next(beta, score []float64) (next, errors []float64, err error) {
	size := len(beta)
	information, err := m.information(size, score)
	if err != nil {
		return nil, nil, err
	}
	s, err := State{At: beta}.next(0, score[:size], information)
	if err != nil {
		return nil, nil, err
	}
	inverse, err := invert(information)
	if err != nil {
		return nil, nil, err
	}
	for i := range size {
		errors = append(errors, math.Sqrt(inverse[i][i]))
	}
	return s.At, errors, nil
}

func (m Smooth) information(size int, score []float64) ([][]float64, error) {
	if len(score) != m.Scores(size) {
		return nil, failed(fmt.Sprintf("the sum has %d numbers, not %d", len(score), m.Scores(size)))
	}
	out, at := square(size), size
	for a := range size {
		for b := range a + 1 {
			out[a][b], out[b][a] = score[at], score[at]
			at++
		}
	}
	return out, nil
}

// Fit returns the model at beta from the sums of Risks and of Score there, with a hazard
// that is constant in each cell.
func (m Smooth) Fit(beta, risks, score []float64) (Fit, error) {
	size := len(beta)
	information, err := m.information(size, score)
	if err != nil {
		return Fit{}, err
	}
	f := Fit{Beta: slices.Clone(beta), Grid: m.Grid}
	if f.Covariance, err = invert(information); err != nil {
		return Fit{}, err
	}
	for k, deaths := range score[len(score)-m.cells():] {
		s, deaths := m.mean(risks, k, size), math.Round(deaths)
		mean, hazard, variance := make([]float64, size), 0.0, 0.0
		if deaths > 0 && s[0] > 0 {
			hazard, variance = deaths/s[0], deaths/(s[0]*s[0])
			for i := range mean {
				mean[i] = s[1+i] / s[0]
			}
		}
		f.Deaths, f.Hazard = append(f.Deaths, deaths), append(f.Hazard, hazard)
		f.Variance, f.Mean = append(f.Variance, variance), append(f.Mean, mean)
	}
	return f, nil
}
