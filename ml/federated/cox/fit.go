package cox

import (
	"fmt"
	"math"
	"slices"

	"manx/privacy/notice"
)

// A State is the coordinator's between rounds.
type State struct {
	Round int       `json:"round"`
	At    []float64 `json:"at"`   // where sites are to count next
	Best  []float64 `json:"best"` // the best coefficients so far; nil before the first round
	Log   float64   `json:"log"`  // log-likelihood there
	Done  bool      `json:"done"` // nothing more is gained
}

// Begin returns the state before the first round: coefficients of nought, or those
// of a last version.
func Begin(beta []float64) State { return State{At: slices.Clone(beta)} }

// settled is the largest move of a coefficient, in parts of one or of its size, that
// counts as none; maxRounds bounds the rounds.
const settled, maxRounds = 1e-9, 60

// Next returns the state after a round whose sites' sums at s.At add up to sum: a
// step of Newton's method, or half of the last one where the likelihood fell. It is
// a pure function. Covariates that are a sum of others, or that part the dead from
// the living, are a notice.
func (g Grid) Next(s State, sum []float64) (State, error) {
	log, gradient, information, err := g.likelihood(s.At, sum)
	if err != nil {
		return State{}, err
	}
	return s.next(log, gradient, information)
}

func (s State) next(log float64, gradient []float64, information [][]float64) (State, error) {
	out := State{Round: s.Round + 1, Best: s.Best, Log: s.Log, At: make([]float64, len(s.At))}
	if out.Round > maxRounds {
		return State{}, failed("the coefficients do not settle")
	}
	if s.Best != nil && log < s.Log-1e-9*math.Abs(s.Log) {
		for i := range out.At {
			out.At[i] = (s.At[i] + s.Best[i]) / 2
		}
		return out, nil
	}
	out.Best, out.Log = slices.Clone(s.At), log
	inverse, err := invert(information)
	if err != nil {
		return State{}, err
	}
	out.Done = true
	for i, row := range inverse {
		step := 0.0
		for j, v := range row {
			step += v * gradient[j]
		}
		out.At[i] = s.At[i] + step
		if math.Abs(step) > settled*(1+math.Abs(s.At[i])) {
			out.Done = false
		}
		if !(math.Abs(out.At[i]) < 50) {
			return State{}, failed("a coefficient has no bound: a covariate parts the dead from the living")
		}
	}
	return out, nil
}

func failed(what string) error {
	return notice.New(notice.Invalid, "the survival model cannot be fitted: "+what, "leave the covariate out, or scale it, and propose training again")
}

// likelihood returns the partial log-likelihood at beta, where the sites counted, with
// its gradient and information.
func (g Grid) likelihood(beta, sum []float64) (log float64, gradient []float64, information [][]float64, err error) {
	size := len(beta)
	if len(sum) != g.Length(size) {
		return 0, nil, nil, failed(fmt.Sprintf("the sum has %d numbers, not %d", len(sum), g.Length(size)))
	}
	gradient, information = make([]float64, size), square(size)
	for k := range g.cells() {
		c := g.at(sum, k, size)
		for i, v := range c.dead {
			gradient[i] += v
			log += beta[i] * v
		}
		// With ties, each of the d deaths has its own share of those who died at risk.
		for t := range c.terms() {
			weight, m := c.term(t)
			if !(m[0] > 0) {
				return 0, nil, nil, failed(fmt.Sprintf("deaths in cell %d, and nobody at risk", k+1))
			}
			log -= weight * math.Log(m[0])
			at := 1 + size
			for i := range size {
				gradient[i] -= weight * m[1+i] / m[0]
				for j := range i + 1 {
					information[i][j] += weight * (m[at]/m[0] - m[1+i]*m[1+j]/(m[0]*m[0]))
					information[j][i] = information[i][j]
					at++
				}
			}
		}
	}
	return log, gradient, information, nil
}

// A cell is the sums of one cell of the grid.
type cell struct {
	deaths       float64
	dead         []float64 // covariates of who died
	risk, dying  []float64 // moments
	interpolated bool
}

func (g Grid) at(sum []float64, k, size int) cell {
	s := sum[k*g.stride(size) : (k+1)*g.stride(size)]
	moments := 1 + size + size*(size+1)/2
	c := cell{deaths: math.Round(s[0]), dead: s[1 : 1+size], risk: s[1+size : 1+size+moments]}
	if g.Days {
		c.dying, c.interpolated = s[1+size+moments:], true
	}
	return c
}

// terms is how many terms the log-likelihood has for a cell: one for each death
// where ties are Efron's.
func (c cell) terms() int {
	switch {
	case c.deaths <= 0:
		return 0
	case c.interpolated:
		return int(c.deaths)
	}
	return 1
}

// term returns a term's weight and the moments of who is at risk in it.
func (c cell) term(t int) (weight float64, m []float64) {
	if !c.interpolated {
		return c.deaths, c.risk
	}
	if t == 0 {
		return 1, c.risk
	}
	m = slices.Clone(c.risk)
	for i, v := range c.dying {
		m[i] -= float64(t) / c.deaths * v
	}
	return 1, m
}

func square(n int) [][]float64 {
	out := make([][]float64, n)
	for i := range out {
		out[i] = make([]float64, n)
	}
	return out
}

// invert returns the inverse of a symmetric positive definite matrix, by Cholesky.
func invert(a [][]float64) ([][]float64, error) {
	n := len(a)
	low := square(n)
	for i := range n {
		for j := range i + 1 {
			s := a[i][j]
			for k := range j {
				s -= low[i][k] * low[j][k]
			}
			if i != j {
				low[i][j] = s / low[j][j]
				continue
			}
			if !(s > 1e-10*math.Abs(a[i][i])) {
				return nil, failed(fmt.Sprintf("covariate %d is constant, or follows from the others", i+1))
			}
			low[i][i] = math.Sqrt(s)
		}
	}
	out := square(n)
	for c := range n {
		y := make([]float64, n)
		for i := range n {
			if i == c {
				y[i] = 1
			}
			for k := range i {
				y[i] -= low[i][k] * y[k]
			}
			y[i] /= low[i][i]
		}
		for i := n - 1; i >= 0; i-- {
			for k := i + 1; k < n; k++ {
				y[i] -= low[k][i] * y[k]
			}
			y[i] /= low[i][i]
		}
		for i := range n {
			out[i][c] = y[i]
		}
	}
	return out, nil
}
