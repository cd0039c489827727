package lungct

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"manx/ml"
	"manx/ml/bundle/bundletest"
	"manx/ml/train"
	"manx/ml/validation"
	"manx/privacy/notice"
	"manx/test/encrypted"
	"manx/test/realdata"
)

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

func TestFilesAreOneModel(t *testing.T) {
	r, err := Measured()
	if err != nil {
		t.Fatal(err)
	}
	shape, err := Untrained(0)
	if err != nil {
		t.Fatal(err)
	}
	g, _ := bundletest.Run(t, files(), shape, func() ml.Card { return describe(r) })
	if r.AUC.Value < 0.85 || !(r.AUC.Low < r.AUC.Value && r.AUC.Value < r.AUC.High) {
		t.Errorf("out-of-fold AUC %v", r.AUC)
	}
	var inputs [][]float64
	for k := range 5 {
		inputs = append(inputs, synthetic(k))
	}
	bundletest.Golden(t, g, inputs)
}

func TestShippedModelGivesTheRecordedFigures(t *testing.T) {
	g, _, err := Model()
	if err != nil {
		t.Fatal(err)
	}
	r, err := Measured()
	if err != nil {
		t.Fatal(err)
	}
	all, err := load(realdata.Path(t, "imaging", "iq-oth-nccd"))
	if err != nil {
		t.Fatal(err)
	}
	every := make([]int, len(all))
	for i := range every {
		every[i] = i
	}
	z, err := validation.Logits(t.Context(), g, every, func(i int) []float64 { return all[i].input() })
	if err != nil {
		t.Fatal(err)
	}
	if got := validation.Round(validation.AUC(z, positives(all), nil)); got != r.ShippedAUC {
		t.Errorf("AUC on the training rows %v, recorded %v", got, r.ShippedAUC)
	}
	if low, high := validation.Round(slices.Min(z)), validation.Round(slices.Max(z)); low != r.LogitLow || high != r.LogitHigh {
		t.Errorf("logits in [%v, %v], recorded [%v, %v]", low, high, r.LogitLow, r.LogitHigh)
	}
	// The recorded out-of-fold logits give the recorded metrics, on whole groups.
	if got := validation.Round(validation.AUC(r.OutOfFold, positives(all), nil)); got != r.AUC.Value {
		t.Errorf("out-of-fold AUC %v, recorded %v", got, r.AUC.Value)
	}
	if got := validation.Folds(groupsOf(all), positives(all), Folds); !slices.Equal(got, r.FoldOfRow) {
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

func TestInvariant7_OnSharesEqualsTheClear(t *testing.T) {
	g, card, err := Model()
	if err != nil {
		t.Fatal(err)
	}
	encrypted.OnShares(t, g, card.Ranges, 1e-3, [][]float64{synthetic(0), synthetic(3)})
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

func TestFolderWithoutTheDataIsRefused(t *testing.T) {
	if _, err := Train(t.Context(), t.TempDir(), Options{}, nil); !notice.Is(err, notice.Invalid) {
		t.Errorf("got %v", err)
	}
}
