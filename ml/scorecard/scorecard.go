// Package scorecard gives points scorecards the form of a model graph, so that
// they run encrypted like every other model. It fits and explains nothing:
// that is credit/scorecard.
package scorecard

import (
	"manx/credit/scorecard"
	"manx/ml"
)

// Graph returns the score as one linear layer over Model.OneHot: integer
// points, so that the encrypted result rounds to the exact score.
func Graph(m *scorecard.Model) ml.Graph {
	points := m.Weights()
	w := make([]float64, len(points))
	for i, p := range points {
		w[i] = float64(p)
	}
	return ml.Graph{
		Name:   m.Name,
		Input:  []int{len(w)},
		Nodes:  []ml.Node{{Op: ml.Linear{Out: 1, In: len(w), Weights: w, Bias: []float64{0}}, Args: []int{0}}},
		Output: 1,
	}
}
