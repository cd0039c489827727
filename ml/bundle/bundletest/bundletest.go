// Package bundletest is the suite that every built-in model's files pass. It
// measures no accuracy: that is each model's own test, on its data.
package bundletest

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"manx/ml"
	"manx/ml/bundle"
	"manx/ml/clear"
)

// Run checks that weights, ONNX file and card are one model, and that the card
// is what describe makes of the results. With MANX_UPDATE_GOLDEN set it writes
// card.json again. It returns the model.
//
// What was measured on encrypted runs stands in the card alone, so describe
// gives the rest.
func Run(t *testing.T, f bundle.Files, shape ml.Graph, describe func() ml.Card) (ml.Graph, ml.Card) {
	t.Helper()
	g, card, err := f.Open(shape)
	if err != nil {
		t.Fatal(err)
	}
	fromONNX, err := f.ONNX()
	if err != nil {
		t.Fatal(err)
	}
	for name, g := range map[string]ml.Graph{"integers": g, "ONNX": fromONNX, "integers again": bundle.Quantise(g)} {
		if hash, err := ml.Hash(g); err != nil || hash != card.Hash {
			t.Errorf("%s: hash %s (%v), the card says %s", name, hash, err, card.Hash)
		}
	}
	fresh := describe()
	if p, q := fresh.Precision, card.Precision; p != nil && q != nil {
		p.Seen, p.Inputs, p.Digests = q.Seen, q.Inputs, q.Digests
	}
	fresh.Comparison = card.Comparison
	got, err1 := bundle.Encode(card)
	want, err2 := bundle.Encode(fresh)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("MANX_UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(bundle.CardFile, want, 0o600); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(got, want) {
		t.Errorf("card.json is not what the results give:\n%s\n%s", got, want)
	}
	return g, card
}

// Golden checks that the clear run of g gives on each input, bit for bit, what
// testdata/golden.json holds; with MANX_UPDATE_GOLDEN set it writes that file.
func Golden(t *testing.T, g ml.Graph, inputs [][]float64) {
	t.Helper()
	var got, want []float64
	for _, x := range inputs {
		y, err := clear.Run(g, x)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, y...)
	}
	golden := filepath.Join("testdata", "golden.json")
	if os.Getenv("MANX_UPDATE_GOLDEN") != "" {
		raw, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, append(raw, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &want); err != nil || !slices.Equal(got, want) {
		t.Errorf("outputs %v, golden %v (%v)", got, want, err)
	}
}
