// Package bundle is the files that a built-in model ships as: the network as
// ONNX and as integer weights, the results of its measurement, and its card. It
// keeps them one model, and trains and measures nothing.
package bundle

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"manx/ml"
	"manx/ml/onnx"
	"manx/privacy/notice"
)

// The names of the files, as Write writes them and models embed them.
const (
	ModelFile   = "model.onnx"
	TreesFile   = "model.json" // of boosted trees, which have no integer weights
	WeightsFile = "weights.bin"
	ResultsFile = "results.json"
	CardFile    = "card.json"
)

// Files are the bytes of a bundle. Nobody changes them.
type Files struct{ Model, Weights, Results, Card []byte }

// Of returns the files of a model that embeds them, as Write left them in its
// folder. One that is absent is empty, which Open refuses.
func Of(shipped embed.FS) Files {
	read := func(name string) []byte {
		raw, _ := shipped.ReadFile(name)
		return raw
	}
	return Files{Model: read(ModelFile), Weights: read(WeightsFile), Results: read(ResultsFile), Card: read(CardFile)}
}

// Open returns the network whose shape is given, with the integer weights as
// exact float64 numbers, and the card. It fails only if the files do not belong
// together. Every call returns a copy of its own.
func (f Files) Open(shape ml.Graph) (ml.Graph, ml.Card, error) {
	card, err := ml.ReadCard(bytes.NewReader(f.Card))
	if err != nil {
		return ml.Graph{}, ml.Card{}, err
	}
	shape.Name = card.Name
	g, err := decodeWeights(f.Weights, shape)
	if err != nil {
		return ml.Graph{}, ml.Card{}, err
	}
	hash, err := ml.Hash(g)
	if err != nil {
		return ml.Graph{}, ml.Card{}, err
	}
	if hash != card.Hash {
		return ml.Graph{}, ml.Card{}, notice.New(notice.Integrity, "the weights of "+card.Name+" are not those its card names", "install this program again")
	}
	return g, card, nil
}

// ONNX returns the network as read from its ONNX file.
func (f Files) ONNX() (ml.Graph, error) { return onnx.Read(bytes.NewReader(f.Model)) }

// Write writes the files of a network into the folder dir, which it makes. The
// weights of g must be Quantised.
func Write(dir string, g ml.Graph, results any, card ml.Card) error {
	var model bytes.Buffer
	if err := onnx.Write(&model, g); err != nil {
		return err
	}
	files := map[string][]byte{ModelFile: model.Bytes(), WeightsFile: encodeWeights(g)}
	var err error
	if files[ResultsFile], err = Encode(results); err != nil {
		return err
	}
	if files[CardFile], err = Encode(card); err != nil {
		return err
	}
	return Save(dir, files)
}

// Save writes files by name into the folder dir, which it makes.
func Save(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // published, not secret
		return fmt.Errorf("bundle: %w", err)
	}
	for name, raw := range files {
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o644); err != nil { //nolint:gosec // published, not secret
			return fmt.Errorf("bundle: %w", err)
		}
	}
	return nil
}

// Encode returns v as JSON for people, as the results and the card are written.
func Encode(v any) ([]byte, error) {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	return append(raw, '\n'), nil
}
