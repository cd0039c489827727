package consumerrisk

import (
	"encoding/json"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/ml"
	"manx/ml/bundle/bundletest"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/test/encrypted"
	"manx/test/realdata"
)

// inputs are those of consumers who do not exist.
func inputs(n uint64) (out [][]float64) {
	for seed := range n {
		out = append(out, Input(credit.Sample(seed).Features().Reveal(reveal.Token{})))
	}
	return out
}

func TestFilesAreOneModel(t *testing.T) {
	r, err := Measured()
	if err != nil {
		t.Fatal(err)
	}
	shape, err := Untrained(0)
	if err != nil {
		t.Fatal(err)
	}
	g, card := bundletest.Run(t, files(), shape, func() ml.Card { return describe(r) })
	if r.AUC.Value < 0.772 || r.Gain.Low <= 0 {
		t.Errorf("AUC %v, %v more than the scorecard", r.AUC, r.Gain)
	}
	// A lender must have a proof, and nobody has one of this model.
	if !strings.Contains(card.Summary, "no zero-knowledge proof") || !strings.Contains(card.NotFor[0], "decision of a lender") {
		t.Error("the card does not say that lenders cannot use it")
	}
	bundletest.Golden(t, g, inputs(5))
}

// The card of the scorecard and this one's figure for its recipe are of one
// measurement: the same folds, rows and options.
func TestTheScorecardIsMeasuredAlike(t *testing.T) {
	r, err := Measured()
	if err != nil {
		t.Fatal(err)
	}
	var card struct{ Metrics []ml.Metric }
	if err := json.Unmarshal(scorecard.ConsumerRiskCard(), &card); err != nil || len(card.Metrics) == 0 || card.Metrics[0].Value != r.ScorecardAUC.Value {
		t.Errorf("%v, the scorecard's card gives %v (%v)", r.ScorecardAUC.Value, card.Metrics, err)
	}
}

func data(t *testing.T) []scorecard.Row {
	t.Helper()
	all, err := scorecard.LoadTraining(realdata.Path(t, "credit"), Name)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The weights that ship are what the data gives; with MANX_LONG so is every
// figure of the cross-validation.
func TestTheModelIsWhatTheDataGives(t *testing.T) {
	want, err := Measured()
	if err != nil {
		t.Fatal(err)
	}
	all, o := data(t), Options{Seed: want.Seed}
	got := want
	if os.Getenv("MANX_LONG") != "" {
		got.FoldAUC = nil
		if err := got.crossValidate(t.Context(), all, o, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := got.ship(t.Context(), all, o, nil); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the data gives %+v, recorded is %+v", got, want)
	}
}

func TestInvariant7_EncryptedFilesEqualTheClear(t *testing.T) {
	g, card, err := Model()
	if err != nil {
		t.Fatal(err)
	}
	encrypted.Equal(t, g, card.Precision.Bound, inputs(5))
	encrypted.OnShares(t, g, card.Ranges, 2e-4, inputs(5))
	all := data(t)
	var in [][]float64
	for _, i := range encrypted.Sample(t, len(all), 10) {
		in = append(in, Input(all[i].Features))
	}
	encrypted.Equal(t, g, card.Precision.Bound, in)
	encrypted.OnShares(t, g, card.Ranges, 2e-4, in)
}

// Invariant 5: every input comes from one of the schema's features, none of which
// is a prohibited basis, and every feature has a place.
func TestInvariant5_InputsAreTheSchemasFeatures(t *testing.T) {
	used := make([]bool, credit.FeatureCount)
	for _, s := range scales() {
		used[s.feature] = true
	}
	for _, c := range counts() {
		used[c.feature] = true
	}
	if slices.Contains(used, false) {
		t.Errorf("features that are not read: %v", used)
	}
	if err := credit.CheckFeatures(credit.FeatureNames()); err != nil {
		t.Error(err)
	}
}

func TestInputOfFeatures(t *testing.T) {
	var f credit.Features
	f[credit.FeatureLimit] = 1<<17 - 1
	f[credit.FeatureUtilisation] = credit.MaxPercent // far over the limit counts as 150%
	f[credit.FeatureWorstDelay] = 15                 // more than 3 months counts as 3
	x := Input(f)
	if len(x) != Inputs || x[0] != 0 || x[5] != (150.0-40)/40 {
		t.Errorf("%d inputs: %v", len(x), x)
	}
	if !slices.Equal(x[7:15], []float64{1, 0, 0, 0, 0, 0, 0, 1}) {
		t.Errorf("delays: %v", x[7:15])
	}
	for _, v := range x {
		if math.IsNaN(v) || math.Abs(v) > 20 {
			t.Errorf("inputs %v", x)
		}
	}
}

func TestFolderWithoutTheDataIsRefused(t *testing.T) {
	if _, err := Publish(t.Context(), t.TempDir(), t.TempDir(), Options{}, nil); !notice.Is(err, notice.Invalid) {
		t.Errorf("got %v", err)
	}
}
