package lungct

import (
	"context"
	"errors"
	"math"
	"os"
	"runtime"
	"slices"
	"testing"

	"manx/ml"
	"manx/ml/bundle/bundletest"
	"manx/ml/train"
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
	shape, err := Untrained(1)
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
	dir := realdata.Path(t, "imaging", "iq-oth-nccd")
	if err := r.Confirm(t.Context(), dir, g); err != nil {
		t.Error(err)
	}
	// It does not confirm whatever it is told.
	for name, spoil := range map[string]func(*Results){
		"another AUC":       func(r *Results) { r.AUC.Value += 0.01 },
		"another threshold": func(r *Results) { r.Rule.Threshold -= 0.1 },
		"a group in two folds": func(r *Results) {
			r.FoldOfRow = slices.Clone(r.FoldOfRow)
			r.FoldOfRow[0] = (r.FoldOfRow[0] + 1) % Folds
		},
	} {
		bad := r
		spoil(&bad)
		if err := bad.confirmRecord(mustLoad(t, dir)); err == nil {
			t.Errorf("%s was confirmed", name)
		}
	}
}

func mustLoad(t *testing.T, dir string) []slice {
	t.Helper()
	all, err := load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestTrainingGivesTheShippedWeights trains again, minutes of a core, where
// MANX_LONG is set. The order of sums is that of amd64.
func TestTrainingGivesTheShippedWeights(t *testing.T) {
	if os.Getenv("MANX_LONG") == "" || runtime.GOARCH != "amd64" {
		t.Skip("MANX_LONG is not set, or this is no amd64")
	}
	r, err := Measured()
	if err != nil {
		t.Fatal(err)
	}
	trained, err := Polynomial().Train(t.Context(), realdata.Path(t, "imaging", "iq-oth-nccd"), Options{Seed: r.Seed}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if hash, err := ml.Hash(trained.Graph); err != nil || hash != r.Hash {
		t.Errorf("trained %s (%v), shipped %s", hash, err, r.Hash)
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
	pair := Polynomial()
	pair.Members = 2
	var hashes []string
	for range 2 {
		last := math.Inf(1)
		nets, err := pair.fit(t.Context(), all[:64], Options{Seed: 7, Epochs: 1}, func(_ string, e train.Epoch) { last = e.Loss }, "")
		if err != nil || math.IsInf(last, 0) {
			t.Fatal(last, err)
		}
		for _, g := range nets {
			h, err := ml.Hash(g)
			if err != nil {
				t.Fatal(err)
			}
			hashes = append(hashes, h)
		}
	}
	if hashes[0] != hashes[2] || hashes[1] != hashes[3] || hashes[0] == hashes[1] {
		t.Error("a seed must give the same networks again, each member another")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pair.fit(ctx, all[:64], Options{}, nil, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestFolderWithoutTheDataIsRefused(t *testing.T) {
	if _, err := Polynomial().Train(t.Context(), t.TempDir(), Options{}, nil); !notice.Is(err, notice.Invalid) {
		t.Errorf("got %v", err)
	}
}
