// Package lungcttest is what the models of ml/lungct's folders are tested by: they
// share its data, folds and measures.
package lungcttest

import (
	"os"
	"runtime"
	"testing"

	"manx/ml"
	"manx/ml/lungct"
)

// A Shipped is a model as its package gives it.
type Shipped struct {
	Recipe   func() lungct.Recipe
	Model    func() (ml.Graph, ml.Card, error)
	Measured func() (lungct.Results, error)
}

// Open returns the network, its card and what was measured of it.
func (s Shipped) Open(t *testing.T) (ml.Graph, ml.Card, lungct.Results) {
	t.Helper()
	g, card, err := s.Model()
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Measured()
	if err != nil {
		t.Fatal(err)
	}
	return g, card, r
}

// Confirm has the network give the recorded figures on the data in dir.
func (s Shipped) Confirm(t *testing.T, dir string) {
	t.Helper()
	g, _, r := s.Open(t)
	if err := r.Confirm(t.Context(), dir, g); err != nil {
		t.Error(err)
	}
}

// TrainAgain trains to the shipped weights on the data in dir, minutes of a core, where
// MANX_LONG is set. The order of sums is that of amd64.
func (s Shipped) TrainAgain(t *testing.T, dir string) {
	t.Helper()
	if os.Getenv("MANX_LONG") == "" || runtime.GOARCH != "amd64" {
		t.Skip("MANX_LONG is not set, or this is no amd64")
	}
	_, _, r := s.Open(t)
	trained, err := s.Recipe().Train(t.Context(), dir, lungct.Options{Seed: r.Seed}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if hash, err := ml.Hash(trained.Graph); err != nil || hash != r.Hash {
		t.Errorf("trained %s (%v), shipped %s", hash, err, r.Hash)
	}
}

// Disc is a picture of nobody: a bright disc on grey, its centre at a column, its
// radius in pixels squared.
func Disc(column, square int) []float64 {
	x := make([]float64, lungct.Side*lungct.Side)
	for i := range x {
		y, c := i/lungct.Side-32, i%lungct.Side-column
		if x[i] = 0.2; y*y+c*c < square {
			x[i] = 0.9
		}
	}
	return x
}
