package scorecard

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"
)

// logit fits P(good) = 1/(1+exp(-(b[0] + b[1] x[0] + …))) by Newton's method
// (iteratively reweighted least squares). rows holds the x of each row.
func logit(rows [][]float64, good []bool) ([]float64, error) {
	if len(rows) == 0 {
		return nil, errors.New("no rows to fit")
	}
	n := len(rows[0]) + 1
	b := make([]float64, n)
	x := make([]float64, n)
	for range 50 {
		hess := make([]float64, n*n)
		grad := make([]float64, n)
		for i, row := range rows {
			x[0] = 1
			copy(x[1:], row)
			z := 0.0
			for j, v := range x {
				z += b[j] * v
			}
			p := 1 / (1 + math.Exp(-z))
			y := 0.0
			if good[i] {
				y = 1
			}
			w := p * (1 - p)
			for j, v := range x {
				grad[j] += (y - p) * v
				for k := range j + 1 {
					hess[j*n+k] += w * v * x[k]
				}
			}
		}
		for j := range n {
			hess[j*n+j] += 1e-6 // keeps a constant column solvable
			for k := range j {
				hess[k*n+j] = hess[j*n+k]
			}
		}
		var chol mat.Cholesky
		if !chol.Factorize(mat.NewSymDense(n, hess)) {
			return nil, errors.New("logistic regression: singular system")
		}
		var step mat.VecDense
		if err := chol.SolveVecTo(&step, mat.NewVecDense(n, grad)); err != nil {
			return nil, errors.New("logistic regression: ill-conditioned system")
		}
		biggest := 0.0
		for j := range b {
			b[j] += step.AtVec(j)
			biggest = max(biggest, math.Abs(step.AtVec(j)))
		}
		if biggest < 1e-9 {
			return b, nil
		}
	}
	return nil, errors.New("logistic regression did not converge")
}
