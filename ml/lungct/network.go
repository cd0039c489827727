// Package lungct is the model lung-ct: a network small enough for CKKS at ring
// degree 2^14 that gives a chest CT slice a logit of "malignant". It holds the
// network, its training and cross-validation on IQ-OTH/NCCD, the weights and
// the card. It reads no DICOM (health/dicom does), encrypts nothing (ml/ckks
// does), and is research software, not a medical device.
package lungct

import (
	"manx/ml"
	"manx/ml/train"
)

// Name is what the model is called on the ledger and on the command line.
const Name = "lung-ct"

// Side is the height and width of the model's input, in pixels.
const Side = 64

// layers spends 7 multiplicative levels: four linear maps (the pooling joins
// the dense layer after it) and three squares.
func layers() []train.Layer {
	return []train.Layer{
		train.Conv{Out: 8, Kernel: 5, Stride: 2, Pad: 2}, train.BatchNorm{}, train.Poly{},
		train.Conv{Out: 16, Kernel: 5, Stride: 2, Pad: 2}, train.BatchNorm{}, train.Poly{},
		train.AveragePool{Kernel: 2},
		train.Linear{Out: 32}, train.BatchNorm{}, train.Poly{},
		train.Linear{Out: 1},
	}
}

// Untrained returns the network with random weights, for tests and benchmarks
// of runtimes; it finds nothing.
func Untrained(seed uint64) (ml.Graph, error) {
	n, err := train.New([3]int{1, Side, Side}, layers(), train.Options{Seed: seed})
	if err != nil {
		return ml.Graph{}, err
	}
	return n.Graph(Name + "-untrained")
}
