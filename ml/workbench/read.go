// Package workbench takes a model's file to a plan for encrypted runs: it reads
// the format, replaces activations on calibration inputs, compiles, and checks the
// encrypted model against the clear one. It trains and publishes nothing.
package workbench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"manx/credit/scorecard"
	"manx/ml"
	"manx/ml/logistic"
	"manx/ml/onnx"
	points "manx/ml/scorecard"
	"manx/ml/tree"
	"manx/privacy/notice"
)

// A Model is a graph as its file gave it.
type Model struct {
	ml.Graph
	Format   string   // ONNX, logistic or scorecard
	Features []string // names of the input's values, where the file has them
}

// Read reads a model from a file: ONNX, a logistic regression's JSON, or a
// scorecard's. Boosted trees are read as far as needed to say that they are
// notice.Unsupported: comparing is for MPC.
func Read(name string) (Model, error) {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return Model{}, notice.Because(err, notice.NotFound, "the model's file cannot be opened", "check its name")
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, onnx.MaxFile+1))
	if err != nil {
		return Model{}, notice.Because(err, notice.Invalid, "the model's file cannot be read", "name a file")
	}
	return parse(raw)
}

func parse(raw []byte) (Model, error) {
	text := bytes.TrimLeft(raw, " \t\r\n")
	switch {
	case bytes.HasPrefix(text, []byte("tree\n")), bytes.HasPrefix(text, []byte("tree\r\n")):
		m, err := tree.ReadLightGBM(bytes.NewReader(raw))
		return trees("LightGBM", m, err)
	case bytes.HasPrefix(text, []byte("[")) && bytes.Contains(text, []byte(`"nodeid"`)): // dump_model
		return trees("XGBoost", nil, nil)
	case bytes.HasPrefix(text, []byte("{")):
		return object(raw)
	}
	g, err := onnx.Read(bytes.NewReader(raw))
	return Model{Graph: g, Format: "ONNX"}, err
}

// object tells JSON files apart by their keys; UBJSON begins with a brace too.
func object(raw []byte) (Model, error) {
	var keys map[string]json.RawMessage
	err := json.Unmarshal(raw, &keys)
	has := func(k string) bool { _, ok := keys[k]; return ok }
	switch {
	case err != nil || has("learner"):
		m, err := tree.ReadXGBoost(bytes.NewReader(raw))
		return trees("XGBoost", m, err)
	case has("tree_info"):
		return trees("LightGBM", nil, nil)
	case has("schema") && has("base"):
		m, err := scorecard.Parse(raw)
		if err != nil {
			if n, ok := errors.AsType[*notice.Error](err); ok {
				return Model{}, n
			}
			return Model{}, notice.Because(err, notice.Invalid, "the scorecard cannot be read: "+err.Error(), "check it against docs/credit-file.md")
		}
		return Model{Graph: points.Graph(m), Format: "scorecard"}, nil
	}
	m, err := logistic.Read(bytes.NewReader(raw))
	if err != nil {
		return Model{}, err
	}
	return Model{Graph: m.Graph(), Format: "logistic", Features: m.Features}, nil
}

func trees(kind string, m *tree.Model, err error) (Model, error) {
	if err != nil {
		return Model{}, err
	}
	what := "the file holds boosted trees of " + kind
	if m != nil {
		what = fmt.Sprintf("the file holds %d boosted trees of %s", len(m.Trees), kind)
	}
	return Model{}, notice.New(notice.Unsupported, what+", which compare their inputs at every step: no polynomial does that",
		"trees are for MPC, which manx does not run yet; a logistic regression or a network with squares runs encrypted")
}
