// Package lungct is the model lung-ct: networks small enough for CKKS at ring
// degree 2^14, averaged, that give a chest CT slice a logit of "malignant". It
// holds the networks, their training and cross-validation on IQ-OTH/NCCD, the
// weights and the card; ml/lungct/relu is the same with ReLU. It reads no DICOM
// (health/dicom does), encrypts nothing (ml/ckks does), and is research software,
// not a medical device.
package lungct

import (
	"manx/ml"
	"manx/ml/train"
)

// Name is what the model is called on the ledger and on the command line.
const Name = "lung-ct"

// Side is the height and width of the model's input, in pixels.
const Side = 64

// Polynomial is the recipe of lung-ct. Each member spends 7 multiplicative levels:
// four linear maps (the pooling joins the dense layer after it) and three squares.
// Docs and the card quote it.
func Polynomial() Recipe {
	return Recipe{
		Name:    Name,
		Members: 5,
		Layers: []train.Layer{
			train.Conv{Out: 8, Kernel: 5, Stride: 2, Pad: 2}, train.BatchNorm{}, train.Poly{},
			train.Conv{Out: 16, Kernel: 5, Stride: 2, Pad: 2}, train.BatchNorm{}, train.Poly{},
			train.AveragePool{Kernel: 2},
			train.Linear{Out: 32}, train.BatchNorm{}, train.Poly{},
			train.Linear{Out: 1},
		},
		Options: train.Options{Epochs: 25, Batch: 32, Rate: 2e-3, Warmup: 0.08, Decay: 1e-3, Limit: 4, Cost: 0.02,
			Shift: 4, Flip: true, Jitter: 0.2},
		Describe: describe,
	}
}

// Untrained returns the networks of lung-ct with random weights.
func Untrained(seed uint64) (ml.Graph, error) { return Polynomial().Untrained(seed) }
