package relu

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"manx/ml"
	"manx/ml/bundle/bundletest"
	"manx/ml/ckks"
	"manx/ml/lungct"
	"manx/privacy/notice"
	"manx/test/encrypted"
	"manx/test/realdata"
)

func measured(t *testing.T) lungct.Results {
	t.Helper()
	r, err := Measured()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFilesAreOneModel(t *testing.T) {
	r := measured(t)
	shape, err := Recipe().Untrained(1)
	if err != nil {
		t.Fatal(err)
	}
	g, _ := bundletest.Run(t, files(), shape, func() ml.Card { return describe(r) })
	if r.AUC.Value < 0.8 || !(r.AUC.Low < r.AUC.Value && r.AUC.Value < r.AUC.High) {
		t.Errorf("out-of-fold AUC %v", r.AUC)
	}
	var inputs [][]float64
	for k := range 4 { // a bright disc on grey: a picture of nobody
		x := make([]float64, lungct.Side*lungct.Side)
		for i := range x {
			y, c := i/lungct.Side-32, i%lungct.Side-20-6*k
			if x[i] = 0.2; y*y+c*c < 36 {
				x[i] = 0.9
			}
		}
		inputs = append(inputs, x)
	}
	bundletest.Golden(t, g, inputs)
}

func TestShippedModelGivesTheRecordedFigures(t *testing.T) {
	g, _, err := Model()
	if err != nil {
		t.Fatal(err)
	}
	if err := measured(t).Confirm(t.Context(), realdata.Path(t, "imaging", "iq-oth-nccd"), g); err != nil {
		t.Error(err)
	}
}

// TestTrainingGivesTheShippedWeights trains again, minutes of a core, where
// MANX_LONG is set. The order of sums is that of amd64.
func TestTrainingGivesTheShippedWeights(t *testing.T) {
	if os.Getenv("MANX_LONG") == "" || runtime.GOARCH != "amd64" {
		t.Skip("MANX_LONG is not set, or this is no amd64")
	}
	r := measured(t)
	trained, err := Recipe().Train(t.Context(), realdata.Path(t, "imaging", "iq-oth-nccd"), lungct.Options{Seed: r.Seed}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if hash, err := ml.Hash(trained.Graph); err != nil || hash != r.Hash {
		t.Errorf("trained %s (%v), shipped %s", hash, err, r.Hash)
	}
}

// It is lung-ct but for the activation, and CKKS refuses it by that.
func TestItRunsUnderMPCAlone(t *testing.T) {
	g, _, err := Model()
	if err != nil {
		t.Fatal(err)
	}
	_, err = ckks.Compile(g, [32]byte{})
	if !notice.Is(err, notice.Unsupported) || !strings.Contains(err.Error(), "Relu") {
		t.Errorf("got %v", err)
	}
}

// TestInvariant7_LungCTReLUOnShares runs the model as it ships on three real
// slices among three parties, or on MANX_LONG of them, evenly spread ("all": every one).
func TestInvariant7_LungCTReLUOnShares(t *testing.T) {
	all, err := lungct.Inputs(realdata.Path(t, "imaging", "iq-oth-nccd"))
	if err != nil {
		t.Fatal(err)
	}
	count := 3
	switch v := os.Getenv("MANX_LONG"); v {
	case "":
	case "all":
		count = len(all)
	default:
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			t.Fatal("MANX_LONG is neither a number nor all")
		}
		count = min(n, len(all))
	}
	var inputs [][]float64
	for i := range count {
		inputs = append(inputs, all[i*len(all)/count])
	}
	g, card, err := Model()
	if err != nil {
		t.Fatal(err)
	}
	for some := range slices.Chunk(inputs, 16) {
		encrypted.OnShares(t, g, card.Ranges, card.Precision.Bound, some)
	}
}
