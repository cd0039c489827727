package sites

import (
	"os"
	"runtime"
	"testing"

	"manx/ml"
	"manx/ml/bundle/bundletest"
	"manx/ml/lungct"
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
	g, _, err := Model()
	if err != nil {
		t.Fatal(err)
	}
	if err := measured(t).Confirm(t.Context(), realdata.Path(t, "imaging", "iq-oth-nccd"), g); err != nil {
		t.Error(err)
	}
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
	for k := range 2 { // a bright disc on grey
		x := make([]float64, lungct.Side*lungct.Side)
		for i := range x {
			y, c := i/lungct.Side-32, i%lungct.Side-20-16*k
			if x[i] = 0.2; y*y+c*c < 36+200*k {
				x[i] = 0.9
			}
		}
		inputs = append(inputs, x)
	}
	encrypted.Equal(t, g, card.Precision.Bound, inputs)
}

// TestTrainingGivesTheShippedWeights trains at the sites again, a minute of a core,
// where MANX_LONG is set. The order of sums is that of amd64.
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
