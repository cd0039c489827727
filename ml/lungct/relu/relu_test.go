package relu

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"manx/ml"
	"manx/ml/bundle/bundletest"
	"manx/ml/ckks"
	"manx/ml/lungct"
	"manx/ml/lungct/lungcttest"
	"manx/privacy/notice"
	"manx/test/encrypted"
	"manx/test/realdata"
)

var shippedModel = lungcttest.Shipped{Recipe: Recipe, Model: Model, Measured: Measured}

func TestFilesAreOneModel(t *testing.T) {
	_, _, r := shippedModel.Open(t)
	shape, err := Recipe().Untrained(1)
	if err != nil {
		t.Fatal(err)
	}
	g, _ := bundletest.Run(t, files(), shape, func() ml.Card { return describe(r) })
	if r.AUC.Value < 0.8 || !(r.AUC.Low < r.AUC.Value && r.AUC.Value < r.AUC.High) {
		t.Errorf("out-of-fold AUC %v", r.AUC)
	}
	var inputs [][]float64
	for k := range 4 {
		inputs = append(inputs, lungcttest.Disc(20+6*k, 36))
	}
	bundletest.Golden(t, g, inputs)
}

func TestShippedModelGivesTheRecordedFigures(t *testing.T) {
	shippedModel.Confirm(t, realdata.Path(t, "imaging", "iq-oth-nccd"))
}

// TestTrainingGivesTheShippedWeights takes minutes of a core, where MANX_LONG is set.
func TestTrainingGivesTheShippedWeights(t *testing.T) {
	shippedModel.TrainAgain(t, realdata.Path(t, "imaging", "iq-oth-nccd"))
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
