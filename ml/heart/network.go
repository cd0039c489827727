// Package heart is the model heart: a logistic regression that gives 13
// measurements of a patient, some of which may be missing, a logit of "coronary
// heart disease". It holds the schema of the input, its training and measurement
// over four hospitals of the UCI Heart Disease data, the weights and the card. It
// encrypts nothing (ml/ckks does), and is research software, not a medical device.
package heart

import (
	"manx/ml"
	"manx/ml/train"
)

// Name is what the model is called on the ledger and on the command line.
const Name = "heart"

// layers is one linear map: of what was tried, networks with a hidden layer were
// no better over all patients, and worse on a hospital that they had not seen.
func layers() []train.Layer { return []train.Layer{train.Linear{Out: 1}} }

func shape() [3]int { return [3]int{Inputs, 1, 1} }

// Untrained returns the model with random weights, for tests of runtimes.
func Untrained(seed uint64) (ml.Graph, error) {
	n, err := train.New(shape(), layers(), train.Options{Seed: seed})
	if err != nil {
		return ml.Graph{}, err
	}
	return n.Graph(Name + "-untrained")
}
