// Package pneumonia is the model pneumonia-xray: a network small enough for CKKS
// at ring degree 2^13 that gives a child's chest radiograph, reduced to 28 x 28,
// a logit of "pneumonia". It holds the network, its training and measurement on
// PneumoniaMNIST, the weights and the card. It reads no DICOM, encrypts nothing
// (ml/ckks does), and is research software, not a medical device.
package pneumonia

import (
	"manx/ml"
	"manx/ml/train"
)

// Name is what the model is called on the ledger and on the command line.
const Name = "pneumonia-xray"

// Side is the height and width of the model's input, in pixels.
const Side = 28

// layers spends 3 multiplicative levels: two linear maps and a square. In these
// pictures the chest always lies alike, so a dense layer does as well as
// convolutions, and better than those that fit as many levels.
func layers() []train.Layer {
	return []train.Layer{train.Linear{Out: 64}, train.BatchNorm{}, train.Poly{}, train.Linear{Out: 1}}
}

// Untrained returns the network with random weights, for tests of runtimes.
func Untrained(seed uint64) (ml.Graph, error) {
	n, err := train.New([3]int{1, Side, Side}, layers(), train.Options{Seed: seed})
	if err != nil {
		return ml.Graph{}, err
	}
	return n.Graph(Name + "-untrained")
}
