package heart

import (
	"embed"
	"encoding/json"

	"manx/ml"
	"manx/ml/bundle"
)

//go:embed model.onnx weights.bin results.json card.json
var shipped embed.FS

func files() bundle.Files { return bundle.Of(shipped) }

// Model returns the network as it ships, with its integer weights as exact
// float64 numbers, and its card. The clear run of this graph on what
// Patient.Input returns is the oracle: one logit. It fails only if the files
// in the binary do not belong together.
func Model() (ml.Graph, ml.Card, error) {
	shape, err := Untrained(0)
	if err != nil {
		return ml.Graph{}, ml.Card{}, err
	}
	return files().Open(shape)
}

// ONNX returns the same model as an ONNX file.
func ONNX() []byte { return files().Model }

// Measured returns the results that the card quotes.
func Measured() (Results, error) {
	var r Results
	err := json.Unmarshal(files().Results, &r)
	return r, err
}
