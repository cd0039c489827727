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

// Lost returns the points that a file loses by feature, one linear layer over
// Model.OneHot: what a committee's members open to shares, of which they make
// score and reasons (credit/scoreshare.Program.Decide).
func Lost(m *scorecard.Model) ml.Graph {
	in := len(m.Weights())
	w := make([]float64, len(m.Features)*in)
	at := 0
	for i, f := range m.Features {
		for _, l := range f.Lost {
			w[i*in+at] = float64(l)
			at++
		}
	}
	return ml.Graph{
		Name:   m.Name,
		Input:  []int{in},
		Nodes:  []ml.Node{{Op: ml.Linear{Out: len(m.Features), In: in, Weights: w, Bias: make([]float64, len(m.Features))}, Args: []int{0}}},
		Output: 1,
	}
}
