package sites

import (
	"os"
	"testing"

	"manx/ml"
	"manx/ml/bundle/bundletest"
	"manx/ml/lungct/lungcttest"
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
	bundletest.Run(t, files(), shape, func() ml.Card { return describe(r) })
	if r.Beside == nil || r.Sites == nil || len(r.Beside.MemberAUC) != r.Members {
		t.Fatalf("beside %+v, cost %+v", r.Beside, r.Sites)
	}
	// The goal: what sites train together is not worse than one place by more than this.
	if r.AUC.Value < r.Beside.AUC.Value-0.02 {
		t.Errorf("AUC %v at the sites, %v in one place", r.AUC.Value, r.Beside.AUC.Value)
	}
}

func TestShippedModelGivesTheRecordedFigures(t *testing.T) {
	shippedModel.Confirm(t, realdata.Path(t, "imaging", "iq-oth-nccd"))
}

// On ciphertext it gives what it gives in the clear, for two pictures of nobody. That
// takes minutes and gigabytes, so only where MANX_LONG is set.
func TestInvariant7_EncryptedEqualsTheClear(t *testing.T) {
	if os.Getenv("MANX_LONG") == "" {
		t.Skip("MANX_LONG is not set")
	}
	g, card, err := Model()
	if err != nil {
		t.Fatal(err)
	}
	var inputs [][]float64
	for k := range 2 {
		inputs = append(inputs, lungcttest.Disc(20+16*k, 36+200*k))
	}
	encrypted.Equal(t, g, card.Precision.Bound, inputs)
}

// TestTrainingGivesTheShippedWeights takes minutes of a core, where MANX_LONG is set.
func TestTrainingGivesTheShippedWeights(t *testing.T) {
	shippedModel.TrainAgain(t, realdata.Path(t, "imaging", "iq-oth-nccd"))
}
