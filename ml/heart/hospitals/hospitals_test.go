package hospitals

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"manx/ml"
	"manx/ml/bundle/bundletest"
	"manx/ml/federated"
	"manx/privacy/dp/rdp"
	"manx/test/realdata"
)

func TestFilesAreOneModel(t *testing.T) {
	r, err := Measured()
	if err != nil {
		t.Fatal(err)
	}
	shape, err := Untrained()
	if err != nil {
		t.Fatal(err)
	}
	bundletest.Run(t, files(), shape, func() ml.Card { return describe(r) })
	if r.Epsilon > 4 || r.Accuracy.Value < 0.74 {
		t.Errorf("accuracy %v at epsilon %v", r.Accuracy, r.Epsilon)
	}
}

// What ships does on the test rows what its results say.
func TestShippedModelIsAsMeasured(t *testing.T) {
	all := data(t)
	g, _, err := Model()
	if err != nil {
		t.Fatal(err)
	}
	want, err := Measured()
	if err != nil {
		t.Fatal(err)
	}
	var got Results
	if err := got.measure(g, all); err != nil {
		t.Fatal(err)
	}
	if got.Accuracy != want.Accuracy || got.AUC != want.AUC || !reflect.DeepEqual(got.Groups, want.Groups) || !slices.Equal(got.Calibration, want.Calibration) {
		t.Errorf("measured %+v, the results say %+v", got, want)
	}
}

// RandomState(42).permutation(10), as numpy's documentation and many others print it.
func TestPermutationIsNumpys(t *testing.T) {
	if got := newGenerator(42).permutation(10); !slices.Equal(got, []int{8, 1, 5, 0, 7, 2, 9, 4, 3, 6}) {
		t.Errorf("%v", got)
	}
}

func data(t testing.TB) []Hospital {
	t.Helper()
	all, err := Load(realdata.Path(t, "health", "heart-disease"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The test rows are those that flamby/datasets/fed_heart_disease/dataset.py draws with
// scikit-learn 1.2.1, numpy 1.24.2 and pandas 1.5.3 of Debian 12, by the hash of their
// places in each hospital's file, from 0, with commas between.
func TestSplitIsFLambys(t *testing.T) {
	want := map[string]struct {
		train, test int
		places      string
	}{
		"cleveland": {199, 104, "08c0b33f49ba9ad42ab4c2298b9916797c2a2a134cd5d7a79977a9858ca390cb"}, "hungarian": {172, 89, "df005a3b4df17c60ed9c30fde255f93eb4fa6432d37f130f2ac8aad4c30440f9"},
		"switzerland": {30, 16, "241616541ca3d84ed5f016ac7d6a4506c9e4a32a152d6b8060e87f8ce83360e5"}, "va": {85, 45, "6c2986dcc73a47e8313b0a8e3a191bd11e74e1eac84521437fc03848db3c41c1"},
	}
	before := map[string]int{"cleveland": 0, "hungarian": 303, "switzerland": 303 + 294, "va": 303 + 294 + 123}
	for _, h := range data(t) {
		w := want[h.Name]
		if len(h.Train.X) != w.train || len(h.Test.X) != w.test {
			t.Errorf("%s: %d rows to train on, %d to test", h.Name, len(h.Train.X), len(h.Test.X))
		}
		places := ""
		for i, line := range h.Test.Line {
			if i > 0 {
				places += ","
			}
			places += fmt.Sprint(line - 1 - before[h.Name])
		}
		if sum := sha256.Sum256([]byte(places)); hex.EncodeToString(sum[:]) != w.places {
			t.Errorf("%s: other test rows, hash %x", h.Name, sum)
		}
	}
}

// A federated regression of few rounds is above chance on FLamby's test rows; what is
// reached is measured by BenchmarkTrainHeart.
func TestHospitalsLearnTogether(t *testing.T) {
	train, test := Parts(data(t))
	_, pooled, _, err := Candidates(federated.FedAdam)[0].Test(t.Context(), train, test, 1)
	if err != nil || pooled < 0.76 {
		t.Errorf("accuracy %v (%v)", pooled, err)
	}
	recipes, err := Noisy(Epsilon, len(Pooled(train).X))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recipes {
		if p := r.Private.Step; r.Name == shippedRecipe(t) {
			_, pooled, _, err = r.Test(t.Context(), train, test, 1)
			if err != nil || pooled < 0.72 {
				t.Errorf("accuracy %v at epsilon 4 (%v)", pooled, err)
			}
			// A ledger that allows 4 lets it pass, and would not with a thousandth less noise.
			for less := range int64(2) {
				price, err := rdp.Of(p.Sigma-less, p.Rate)
				if err != nil || price.Times(int64(r.Rounds)).Epsilon() <= 4*rdp.Million == (less == 1) {
					t.Errorf("noise of %d has the price %v (%v)", p.Sigma-less, price.Times(int64(r.Rounds)).Epsilon(), err)
				}
			}
			return
		}
	}
	t.Error("what ships is none of the recipes")
}

func shippedRecipe(t *testing.T) string {
	t.Helper()
	r, err := Measured()
	if err != nil {
		t.Fatal(err)
	}
	return r.Recipe
}
