package lungsurvival

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"manx/ml"
	"manx/ml/bundle"
	"manx/ml/federated/cox"
	"manx/privacy/notice"
	"manx/test/realdata"
)

func TestFilesAreOneModel(t *testing.T) {
	f, card, err := Model()
	if err != nil {
		t.Fatal(err)
	}
	r, err := Measured()
	if err != nil {
		t.Fatal(err)
	}
	if err := card.Check(); err != nil {
		t.Error(err)
	}
	want, err := bundle.Encode(describe(f, r, card.Hash))
	if err != nil {
		t.Fatal(err)
	}
	got, err := bundle.Encode(card)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the card is not what describe makes of the results (%v)", err)
	}
	if r.Difference > 0.01 || r.Sites != 18 {
		t.Errorf("coefficients of %d institutions differ by %v from the pooled ones", r.Sites, r.Difference)
	}
}

// What R's survival prints for coxph(Surv(time, status) ~ age + sex + ph.ecog, lung),
// of 227 patients: the institution is missing for one, who takes no part in ours.
func TestDaysGiveWhatRPrints(t *testing.T) {
	raw, err := os.ReadFile(realdata.Path(t, "health", File))
	if err != nil {
		t.Fatal(err)
	}
	table, err := Schema().Read(bytes.NewReader(bytes.Replace(raw, []byte("ph.ecog"), []byte("ph_ecog"), 1)), nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := exact([]Site{{1, cox.Patients{X: table.X, Time: table.Time, Event: table.Positive}}})
	if err != nil || len(table.X) != 227 {
		t.Fatal(len(table.X), err)
	}
	for i, want := range [][2]float64{{0.11067, 0.09267}, {-0.552612, 0.167739}, {0.463728, 0.113577}} { // age in decades
		if got := [2]float64{f.Beta[i], f.Errors()[i]}; math.Abs(got[0]-want[0]) > 1e-5 || math.Abs(got[1]-want[1]) > 1e-5 {
			t.Errorf("coefficient %d: %v, R prints %v", i, got, want)
		}
	}
}

// The institutions fit what the pooled rows give, within a hundredth, and what ships.
func TestFederatedFitIsThePooledOneAndShips(t *testing.T) {
	sites, left, err := Load(filepath.Dir(realdata.Path(t, "health", File)))
	if err != nil {
		t.Fatal(err)
	}
	f, _, err := Train(t.Context(), sites)
	if err != nil {
		t.Fatal(err)
	}
	pooled, err := exact([]Site{{1, Pooled(sites)}})
	if err != nil {
		t.Fatal(err)
	}
	ship, _, err := Model()
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range f.Beta {
		if math.Abs(b/pooled.Beta[i]-1) > 0.01 {
			t.Errorf("coefficient %d: %v over institutions, %v pooled", i, b, pooled.Beta[i])
		}
		if math.Abs(b-ship.Beta[i]) > 1e-3 {
			t.Errorf("coefficient %d: %v fitted, %v ships", i, b, ship.Beta[i])
		}
	}
	r, err := Measured()
	if err != nil || r.Patients != len(Pooled(sites).X) || r.Left != left || !reflect.DeepEqual(ship.Grid, Cells()) {
		t.Errorf("the results are of %d patients and %d left out (%v)", r.Patients, r.Left, err)
	}
}

func TestACurveFallsWithinItsInterval(t *testing.T) {
	f, _, err := Model()
	if err != nil {
		t.Fatal(err)
	}
	well, err := Curve(f, map[string]float64{"age": 60, "sex": 2, "ph_ecog": 0})
	if err != nil {
		t.Fatal(err)
	}
	ill, err := Curve(f, map[string]float64{"age": 75, "sex": 1, "ph_ecog": 2})
	if err != nil {
		t.Fatal(err)
	}
	if well[0].Survival != 1 || len(well) != 37 {
		t.Errorf("it begins at %v and has %d points", well[0].Survival, len(well))
	}
	for i := 1; i < len(well); i++ {
		w, s := well[i], ill[i]
		if !(w.Low < w.Survival && w.Survival < w.High && w.Survival < well[i-1].Survival && s.Survival < w.Survival) {
			t.Errorf("at %g days: %+v, the more ill %+v", w.Time, w, s)
		}
	}
	median, low, high, err := f.Median([]float64{1.5, 0, 2})
	if err != nil || !(low < median && median < high) || median > 200 {
		t.Errorf("half of the more ill have died by %v (%v to %v, %v)", median, low, high, err)
	}
	for _, values := range []map[string]float64{{"age": 60, "sex": 2}, {"age": 600, "sex": 2, "ph_ecog": 1}} {
		if _, err := Curve(f, values); !notice.Is(err, notice.Invalid) && !notice.Is(err, notice.Unsupported) {
			t.Errorf("%v: %v", values, err)
		}
	}
}

func TestGraphIsTheLogHazard(t *testing.T) {
	f, card, err := Model()
	if err != nil {
		t.Fatal(err)
	}
	if hash, err := ml.Hash(Graph(f)); err != nil || hash != card.Hash {
		t.Errorf("hash %s, the card names %s (%v)", hash, card.Hash, err)
	}
	if _, err := Measured(); err != nil {
		t.Error(err)
	}
}

// The figures of groups, institutions and calibration are what the data give.
func TestGroupsAreAsMeasured(t *testing.T) {
	sites, _, err := Load(filepath.Dir(realdata.Path(t, "health", File)))
	if err != nil {
		t.Fatal(err)
	}
	want, err := Measured()
	if err != nil {
		t.Fatal(err)
	}
	var got Results
	if err := got.leaveOut(sites); err != nil {
		t.Fatal(err)
	}
	if got.Concordance != want.Concordance || !reflect.DeepEqual(got.Groups, want.Groups) || !reflect.DeepEqual(got.Calibration, want.Calibration) {
		t.Errorf("measured %+v, the results say %+v", got, want)
	}
	patients := map[string]int{}
	for _, g := range got.Groups {
		patients[g.Name] = g.Patients
	}
	if n := len(Pooled(sites).X); patients["men"]+patients["women"] != n || patients["under 65"]+patients["65 and over"] != n {
		t.Errorf("of %d patients: %v", n, patients)
	}
}
