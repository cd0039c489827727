// Package relu is the model lung-ct-relu: lung-ct with true ReLU in the place of
// learned quadratics. No polynomial of low degree is near ReLU, so it runs under
// three-party computation alone (the mpc runtime of ml), never under CKKS. It
// holds recipe, weights and card; data, folds and measures are ml/lungct's. It is
// research software, not a medical device.
package relu

import (
	"embed"
	"encoding/json"
	"fmt"

	"manx/ml"
	"manx/ml/bundle"
	"manx/ml/lungct"
	"manx/ml/train"
)

// Name is what the model is called on the ledger and on the command line.
const Name = "lung-ct-relu"

// Recipe is lung-ct's with another activation.
func Recipe() lungct.Recipe {
	r := lungct.Polynomial().Each(func(l train.Layer) train.Layer {
		if _, ok := l.(train.Poly); ok {
			return train.ReLU{}
		}
		return l
	})
	r.Name, r.Describe, r.Members = Name, describe, 3
	return r
}

//go:embed model.onnx weights.bin results.json card.json
var shipped embed.FS

func files() bundle.Files { return bundle.Of(shipped) }

// Model returns the network as it ships, with its integer weights as exact
// float64 numbers, and its card. The clear run of this graph on a [1, 64, 64]
// tensor of grey in [0, 1] is the oracle: one logit. Every call returns a copy
// of its own. It fails only if the files in the binary do not belong together.
func Model() (ml.Graph, ml.Card, error) {
	shape, err := Recipe().Untrained(1)
	if err != nil {
		return ml.Graph{}, ml.Card{}, err
	}
	return files().Open(shape)
}

// ONNX returns the same network as an ONNX file.
func ONNX() []byte { return files().Model }

// Measured returns the results that the card quotes.
func Measured() (lungct.Results, error) {
	var r lungct.Results
	err := json.Unmarshal(files().Results, &r)
	return r, err
}

// describe returns the card.
func describe(r lungct.Results) ml.Card {
	c := lungct.Card(Name, r)
	c.Version = "1.0.0"
	c.Summary = fmt.Sprintf("The average of %d small convolutional networks with ReLU that gives a chest CT slice a probability of showing a malignant lung lesion, and a study a finding. It runs on pictures shared among three parties.", r.Members)
	c.Precision = &ml.Precision{Scheme: "three-party replicated secret sharing", Parameters: "ring of 2^64, fixed point; measured among semi-honest parties", Bound: 1e-3}
	c.IntendedUse[0] = "Research and demonstration of inference under three-party computation on axial chest CT of adults."
	c.NotFor = append(c.NotFor, "Running under CKKS: no polynomial of the degrees that fit there is near ReLU; lung-ct is the model for that.")
	c.Notes = append(lungct.Notes(),
		"Layers, training, folds and seeds are lung-ct's but for the activation and the number of networks, so that the two can be compared; intervals overlap by far. With maxima in the place of the averages over 2 x 2, one network had 0.873 where it has 0.887 (one seed).",
		"Semi-honest or with abort, two of the three parties together see the picture.",
	)
	c.Versions = []ml.Change{{Version: "1.0.0", What: "First release."}}
	return c
}
