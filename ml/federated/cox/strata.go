package cox

import "fmt"

// Strata fits with a baseline hazard of each site's own, as multi-centre trials are
// analysed (R: strata(site)): the log-likelihood is the sum of the sites' own, and so
// are its gradient and information. These few numbers, summed, are all that leaves
// the sites; the fit is the pooled stratified one, to rounding, with Efron's ties.
type Strata struct {
	Days int // the longest time, whole days; at most 20,000
}

// Length is how many numbers Sums returns for so many covariates: log-likelihood,
// gradient, and the lower half of the information.
func (m Strata) Length(size int) int { return 1 + size + size*(size+1)/2 }

// Sums returns what a site brings at the coefficients beta.
func (m Strata) Sums(beta []float64, p Patients) ([]float64, error) {
	g := Daily(m.Days)
	sums, err := g.Sums(beta, p)
	if err != nil {
		return nil, err
	}
	log, gradient, information, err := g.likelihood(beta, sums)
	if err != nil {
		return nil, err
	}
	out := append([]float64{log}, gradient...)
	for i, row := range information {
		out = append(out, row[:i+1]...)
	}
	return out, nil
}

// Next returns the state after a round, as Grid.Next does.
func (m Strata) Next(s State, sum []float64) (State, error) {
	log, gradient, information, err := m.parts(len(s.At), sum)
	if err != nil {
		return State{}, err
	}
	return s.next(log, gradient, information)
}

func (m Strata) parts(size int, sum []float64) (log float64, gradient []float64, information [][]float64, err error) {
	if len(sum) != m.Length(size) {
		return 0, nil, nil, failed(fmt.Sprintf("the sum has %d numbers, not %d", len(sum), m.Length(size)))
	}
	information = square(size)
	at := 1 + size
	for i := range size {
		for j := range i + 1 {
			information[i][j], information[j][i] = sum[at], sum[at]
			at++
		}
	}
	return sum[0], sum[1 : 1+size], information, nil
}

// Fit returns the model whose coefficients and covariance are of the last round of
// strata, and whose hazards are the sums of the sites over the cells of a grid at
// s.Best: of all sites together, since a new patient's may be none of them.
func (m Strata) Fit(s State, sum []float64, g Grid, cells []float64) (Fit, error) {
	_, _, information, err := m.parts(len(s.Best), sum)
	if err != nil {
		return Fit{}, err
	}
	f, err := g.Fit(s, cells)
	if err != nil {
		return Fit{}, err
	}
	f.Log = s.Log
	f.Covariance, err = invert(information)
	return f, err
}
