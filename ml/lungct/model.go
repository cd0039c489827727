package lungct

import (
	"bytes"
	_ "embed" // the model's files
	"encoding/json"

	"manx/ml"
	"manx/ml/bundle"
)

//go:embed model.onnx
var modelRaw []byte

//go:embed weights.bin
var weightsRaw []byte

//go:embed results.json
var resultsRaw []byte

//go:embed card.json
var cardRaw []byte

func files() bundle.Files {
	return bundle.Files{Model: modelRaw, Weights: weightsRaw, Results: resultsRaw, Card: cardRaw}
}

// Model returns the network as it ships, with its integer weights as exact
// float64 numbers, and its card. The clear run of this graph on a [1, 64, 64]
// tensor of grey in [0, 1] is the oracle: one logit. Every call returns a copy
// of its own. It fails only if the files in the binary do not belong together.
func Model() (ml.Graph, ml.Card, error) {
	shape, err := Untrained(0)
	if err != nil {
		return ml.Graph{}, ml.Card{}, err
	}
	return files().Open(shape)
}

// ONNX returns the same network as an ONNX file.
func ONNX() []byte { return bytes.Clone(modelRaw) }

// Measured returns the results that the card quotes.
func Measured() (Results, error) {
	var r Results
	err := json.Unmarshal(resultsRaw, &r)
	return r, err
}
