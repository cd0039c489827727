// Package logistic reads logistic regressions as scikit-learn's users save them,
// in JSON, and gives them the form of a model graph. It fits nothing.
package logistic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"manx/ml"
	"manx/privacy/notice"
)

// Bounds on a file.
const (
	MaxFile     = 4 << 20 // bytes
	MaxFeatures = 1 << 14
)

// A Model gives 1 / (1 + exp(-(coef·z + intercept))) with z[i] = (x[i] - mean[i]) / scale[i].
// Mean and Scale, those of scikit-learn's StandardScaler, are both absent where
// features are taken as they are.
type Model struct {
	Features  []string  `json:"features"` // names, in the order of the input
	Mean      []float64 `json:"mean"`
	Scale     []float64 `json:"scale"` // above 0
	Coef      []float64 `json:"coef"`
	Intercept *float64  `json:"intercept"`
}

// Read reads a model from at most MaxFile bytes; keys that it does not know are
// skipped. What is no such model is a notice of kind Invalid.
func Read(r io.Reader) (*Model, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("logistic: reading: %w", err)
	}
	if len(b) > MaxFile {
		return nil, bad(errors.New("size"), fmt.Sprintf("it is larger than %d bytes", MaxFile))
	}
	d := json.NewDecoder(bytes.NewReader(b))
	m := new(Model)
	if err := d.Decode(m); err != nil {
		return nil, bad(err, "it is not well-formed JSON, or a value has another type")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, bad(errors.New("trailing bytes"), "it has bytes after its end")
	}
	return m, m.Check()
}

// Check returns nil where m has a coefficient for each feature and only numbers
// that can be computed with.
func (m *Model) Check() error {
	n := len(m.Features)
	switch {
	case n < 1 || n > MaxFeatures:
		return bad(errors.New("features"), fmt.Sprintf("it has %d features, not 1 to %d", n, MaxFeatures))
	case len(m.Coef) != n || m.Intercept == nil:
		return bad(errors.New("coefficients"), "it needs one coefficient for each feature, and an intercept")
	case len(m.Mean) != len(m.Scale) || len(m.Mean) != 0 && len(m.Mean) != n:
		return bad(errors.New("standardisation"), "it needs a mean and a scale for each feature, or none")
	}
	for i, s := range m.Scale {
		if !(s > 0) || math.IsInf(m.Mean[i]/s, 0) || math.IsInf(1/s, 0) {
			return bad(errors.New("scale"), "a scale is not above zero, or too small")
		}
	}
	return m.Graph().Check()
}

// Graph returns the model over raw features: standardisation, where there is
// one, the sum, and the sigmoid, each an operation of its own, so that the last
// can be left to the key holder (ml.Graph.SplitFinal).
func (m *Model) Graph() ml.Graph {
	n := len(m.Features)
	g := ml.Graph{Name: "logistic regression", Input: []int{n}}
	add := func(op ml.Op) {
		g.Nodes = append(g.Nodes, ml.Node{Op: op, Args: []int{len(g.Nodes)}})
		g.Output = len(g.Nodes)
	}
	if len(m.Scale) > 0 {
		p := ml.Poly{Coeffs: make([][]float64, n)}
		for i, s := range m.Scale {
			p.Coeffs[i] = []float64{-m.Mean[i] / s, 1 / s}
		}
		add(p)
	}
	add(ml.Linear{Out: 1, In: n, Weights: m.Coef, Bias: []float64{*m.Intercept}})
	add(ml.Activation{Kind: ml.Sigmoid})
	return g
}

func bad(cause error, what string) error {
	return notice.Because(cause, notice.Invalid, "the logistic regression cannot be read: "+what,
		"it is a JSON object with features, coef, intercept, and mean and scale of the standardisation if there is one")
}
