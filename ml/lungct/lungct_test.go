package lungct

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"manx/ml"
	"manx/ml/clear"
	"manx/ml/train"
	"manx/privacy/notice"
	"manx/test/realdata"
)

func model(t *testing.T) (ml.Graph, ml.Card, Results) {
	t.Helper()
	g, card, err := Model()
	if err != nil {
		t.Fatal(err)
	}
	r, err := Measured()
	if err != nil {
		t.Fatal(err)
	}
	return g, card, r
}

func TestIntegerWeightsAreTheONNXModel(t *testing.T) {
	g, card, _ := model(t)
	fromONNX, err := published()
	if err != nil {
		t.Fatal(err)
	}
	for name, g := range map[string]ml.Graph{"integers": g, "ONNX": fromONNX, "integers again": quantise(g)} {
		if hash, err := ml.Hash(g); err != nil || hash != card.Hash {
			t.Errorf("%s: hash %s (%v), the card says %s", name, hash, err, card.Hash)
		}
	}
}

func TestCardQuotesTheResults(t *testing.T) {
	_, card, r := model(t)
	fresh := describe(r)
	fresh.Precision, fresh.Comparison = card.Precision, card.Comparison // measured on the encrypted run
	if os.Getenv("MANX_UPDATE_GOLDEN") != "" {
		raw, err := encode(fresh)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(cardFile, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Skip("card.json is written again")
	}
	got, err1 := json.Marshal(card)
	want, err2 := json.Marshal(fresh)
	if err1 != nil || err2 != nil || string(got) != string(want) {
		t.Errorf("card.json is not what the results give:\n%s\n%s", got, want)
	}
	if r.AUC.Value < 0.85 || !(r.AUC.Low < r.AUC.Value && r.AUC.Value < r.AUC.High) {
		t.Errorf("out-of-fold AUC %v", r.AUC)
	}
}

// synthetic is a picture that belongs to nobody: a disc with two dark ellipses.
func synthetic(k int) []float64 {
	x := make([]float64, Side*Side)
	inside := func(y, x, cy, cx, ry, rx float64) bool { return float64(sq((y-cy)/ry))+float64(sq((x-cx)/rx)) < 1 }
	for i := range x {
		r, c := float64(i/Side), float64(i%Side)
		switch {
		case inside(r, c, 32, 20, 16, 8+float64(k)), inside(r, c, 32, 44, 16, 8+float64(k)):
			x[i] = 50.0 / 255
			if inside(r, c, 28, 44, float64(k), float64(k)) {
				x[i] = 215.0 / 255
			}
		case inside(r, c, 32, 32, 24, 28):
			x[i] = 215.0 / 255
		default:
			x[i] = 40.0 / 255
		}
	}
	return x
}

func sq(x float64) float64 { return x * x }

func TestClearOutputsAreTheGoldenOnes(t *testing.T) {
	g, _, _ := model(t)
	var got, want []float64
	for k := range 5 {
		y, err := clear.Run(g, synthetic(k))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, y[0])
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

func TestShippedModelGivesTheRecordedFigures(t *testing.T) {
	g, _, r := model(t)
	all, err := load(realdata.Path(t, "imaging", "iq-oth-nccd"))
	if err != nil {
		t.Fatal(err)
	}
	z, err := logits(t.Context(), g, all)
	if err != nil {
		t.Fatal(err)
	}
	if got := round(auc(z, positives(all), nil)); got != r.ShippedAUC {
		t.Errorf("AUC on the training rows %v, recorded %v", got, r.ShippedAUC)
	}
	if low, high := round(slices.Min(z)), round(slices.Max(z)); low != r.LogitLow || high != r.LogitHigh {
		t.Errorf("logits in [%v, %v], recorded [%v, %v]", low, high, r.LogitLow, r.LogitHigh)
	}
	// The recorded out-of-fold logits give the recorded metrics, on whole groups.
	if got := round(auc(r.OutOfFold, positives(all), nil)); got != r.AUC.Value {
		t.Errorf("out-of-fold AUC %v, recorded %v", got, r.AUC.Value)
	}
	if got := folds(all, Folds); !slices.Equal(got, r.FoldOfRow) {
		t.Error("the folds are not those recorded")
	}
	fold := map[string]int{}
	for i, s := range all {
		if f, ok := fold[s.group]; ok && f != r.FoldOfRow[i] {
			t.Fatalf("group %s is in two folds", s.group)
		}
		fold[s.group] = r.FoldOfRow[i]
	}
}

func TestTrainingIsReproducible(t *testing.T) {
	all, err := load(realdata.Path(t, "imaging", "iq-oth-nccd"))
	if err != nil {
		t.Fatal(err)
	}
	var hashes []string
	for range 2 {
		last := math.Inf(1)
		g, err := fit(t.Context(), all[:64], recipe(Options{Seed: 7, Epochs: 1}), func(e train.Epoch) { last = e.Loss })
		if err != nil || math.IsInf(last, 0) {
			t.Fatal(last, err)
		}
		h, err := ml.Hash(g)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, h)
	}
	if hashes[0] != hashes[1] {
		t.Error("one seed, two networks")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := fit(ctx, all[:64], recipe(Options{}), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWeightsThatDoNotFitAreRefused(t *testing.T) {
	shape, err := Untrained(1)
	if err != nil {
		t.Fatal(err)
	}
	good := encodeWeights(quantise(shape))
	if g, err := decodeWeights(good, shape); err != nil || g.Check() != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{
		"empty": nil, "cut": good[:len(good)-1], "longer": append(slices.Clone(good), 0), "another magic": append([]byte("x"), good...),
		"another shift": append(append(slices.Clone(good[:len(magic)]), 99), good[len(magic)+1:]...),
	} {
		if _, err := decodeWeights(raw, shape); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAUCAgainstCounting(t *testing.T) {
	score, positive := []float64{1, 2, 2, 3, 0}, []bool{false, true, false, true, false}
	var wins, pairs float64
	for i := range score {
		for j := range score {
			if positive[i] && !positive[j] {
				pairs++
				if score[i] > score[j] {
					wins++
				} else if score[i] == score[j] {
					wins += 0.5
				}
			}
		}
	}
	if got := auc(score, positive, nil); got != wins/pairs {
		t.Errorf("%v, not %v", got, wins/pairs)
	}
}

func TestFolderWithoutTheDataIsRefused(t *testing.T) {
	if _, err := Train(t.Context(), t.TempDir(), Options{}, nil); !notice.Is(err, notice.Invalid) {
		t.Errorf("got %v", err)
	}
}

func FuzzWeights(f *testing.F) {
	shape, err := Untrained(1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if g, err := decodeWeights(raw, shape); err == nil && g.Check() != nil {
			t.Fatal("weights that no runtime accepts")
		}
	})
}
