package contribution

import (
	"context"

	"manx/ml/federated"
)

// A Round is the game of one round in the clear: the value of a set of sites is the
// score of the version that their vectors alone would have made. Who plays it sees
// vectors, so it is for benchmarks and for sites that agree to that; on shares the
// subset's sum and its score are computed by parties, and the score is opened.
type Round struct {
	Algorithm federated.Algorithm
	State     federated.State // before the round
	Vectors   [][]float64     // of the sites
	Score     func(params []float64) (float64, error)
}

// Sites implements Game.
func (r Round) Sites() int { return len(r.Vectors) }

// Value implements Game.
func (r Round) Value(_ context.Context, s Set) (float64, error) {
	if s == 0 {
		return r.Score(r.State.Params)
	}
	var some [][]float64
	for _, i := range s.Sites() {
		some = append(some, r.Vectors[i])
	}
	sum, err := federated.Sum(some)
	if err != nil {
		return 0, err
	}
	next, err := r.Algorithm.Next(r.State, sum, len(r.Vectors))
	if err != nil {
		return 0, err
	}
	return r.Score(next.Params)
}

// Add adds a round's values to those of the rounds before it.
func Add(total, round []float64) []float64 {
	if total == nil {
		total = make([]float64, len(round))
	}
	for i, v := range round {
		total[i] += v
	}
	return total
}
