package cox

import (
	"fmt"
	"math"

	"manx/privacy/mpc"
)

// Shared fits on a grid of single days with no sum over a day open to anybody: each
// site deals its sums to three parties, who compute the gradient and the information
// on shares (Breslow's ties) and open these alone, as few numbers as Strata's.
// The fixed-point arithmetic of privacy/mpc moves coefficients by about a
// ten-thousandth of a standard error.
type Shared struct {
	Days int // the longest time, whole days; at most 20,000
}

// grid counts by single days without what Efron's ties need.
func (m Shared) grid() Grid {
	g := Daily(m.Days)
	g.Days = false
	return g
}

// Sums returns what a site deals to the parties (mpc.Deal) at the coefficients beta.
// Times are whole days.
func (m Shared) Sums(beta []float64, p Patients) ([]uint64, error) {
	if err := Daily(m.Days).fits(p, len(beta)); err != nil {
		return nil, err
	}
	g := m.grid()
	sums, err := g.Sums(beta, p)
	if err != nil {
		return nil, err
	}
	out := make([]uint64, len(sums))
	for i, v := range sums {
		if i%g.stride(len(beta)) == 0 {
			out[i] = uint64(v) // deaths, an integer
		} else if out[i], err = mpc.Fixed(v); err != nil {
			return nil, failed("a sum over this site's patients is too large: a risk has no bound")
		}
	}
	return out, nil
}

// Parts is what each of the three parties computes from the sites' shares: the
// gradient and the lower half of the information, to be opened.
func (m Shared) Parts(s *mpc.Session, size int, sites []mpc.Share) (mpc.Share, error) {
	g := m.grid()
	c := s.Chain()
	if len(sites) == 0 || size < 1 || size > maxCovariates {
		return mpc.Share{}, failed("no site took part")
	}
	all := sites[0]
	for _, x := range sites {
		if x.Len() != g.Length(size) {
			return mpc.Share{}, failed(fmt.Sprintf("a site's shares have %d numbers, not %d", x.Len(), g.Length(size)))
		}
	}
	for _, x := range sites[1:] {
		all = c.Add(all, x)
	}
	cells, stride, second := g.cells(), g.stride(size), size*(size+1)/2
	// column returns one number of every cell, each of the numbers in turn.
	column := func(from, n int) []int {
		var at []int
		for i := range n {
			for k := range cells {
				at = append(at, k*stride+from+i)
			}
		}
		return at
	}
	times := func(x mpc.Share, n int) mpc.Share {
		var at []int
		for range n {
			for k := range cells {
				at = append(at, k)
			}
		}
		return c.Gather(x, at)
	}
	risk := c.Gather(all, column(1+size, 1))
	// Where nobody is at risk nobody dies: divide by one there.
	none := c.Equal(risk, c.Public(make([]uint64, cells)))
	risk = c.Add(risk, c.Scale(none, 1<<mpc.Fraction))
	moments := c.Gather(all, column(2+size, size+second))
	if err := c.Err(); err != nil {
		return mpc.Share{}, err
	}
	// Means over who is at risk: of the covariates, then of their products.
	mean, err := s.Divide(moments, times(risk, size+second))
	if err != nil {
		return mpc.Share{}, err
	}
	var left, right []int
	for i := range size {
		for j := range i + 1 {
			for k := range cells {
				left, right = append(left, i*cells+k), append(right, j*cells+k)
			}
		}
	}
	product, err := s.MulFixed(c.Gather(mean, left), c.Gather(mean, right))
	if err != nil {
		return mpc.Share{}, err
	}
	spread := c.Sub(c.Slice(mean, size*cells, (size+second)*cells), product)
	deaths := c.Gather(all, column(0, 1))
	expected := c.Sum(c.Mul(c.Slice(mean, 0, size*cells), times(deaths, size)), cells)
	dead := c.Sum(c.Gather(all, column(1, size)), cells)
	information := c.Sum(c.Mul(spread, times(deaths, second)), cells)
	out := c.Concat(c.Sub(dead, expected), information)
	return out, c.Err()
}

// fine is the largest move of a coefficient, in standard errors, that counts as none:
// what fixed-point arithmetic resolves.
const fine = 1e-3

// Next returns the state after a round whose Parts opened to these values. There is
// no likelihood to compare, so a step is never halved.
func (m Shared) Next(s State, opened []uint64) (State, error) {
	size := len(s.At)
	sum := make([]float64, 1, len(opened)+1)
	for _, v := range opened {
		sum = append(sum, mpc.Real(v))
	}
	_, gradient, information, err := Strata(m).parts(size, sum)
	if err != nil {
		return State{}, err
	}
	s.Best = nil
	out, err := s.next(0, gradient, information)
	if err != nil {
		return State{}, err
	}
	out.Done = true
	for i := range out.At {
		if math.Abs(out.At[i]-s.At[i])*math.Sqrt(information[i][i]) > fine {
			out.Done = false
		}
	}
	return out, nil
}

// Fit returns the model from the last round and its opened values, with hazards of a
// grid's sums at s.Best, as Strata.Fit does.
func (m Shared) Fit(s State, opened []uint64, g Grid, cells []float64) (Fit, error) {
	sum := make([]float64, 1, len(opened)+1)
	for _, v := range opened {
		sum = append(sum, mpc.Real(v))
	}
	f, err := Strata(m).Fit(s, sum, g, cells)
	f.Log = 0 // nobody knows it
	return f, err
}
