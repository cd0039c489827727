package heart

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"manx/ml"
	"manx/ml/bundle/bundletest"
	"manx/privacy/notice"
	"manx/test/encrypted"
	"manx/test/realdata"
)

// somebody is a patient who does not exist; k changes some fields and loses some.
func somebody(k int) Patient {
	p := Patient{50 + float64(k), float64(k % 2), float64(1 + k%4), 120 + 5*float64(k), 200 + 10*float64(k), 0, float64(k % 3), 150 - 5*float64(k), float64(k % 2), float64(k) / 4, float64(1 + k%3), float64(k % 4), 3}
	for i := range k {
		p[(5*i+3)%FieldCount] = math.NaN()
	}
	return p
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
	g, _ := bundletest.Run(t, files(), shape, func() ml.Card { return describe(r) })
	if r.AUC.Value < 0.893 || len(r.Hospitals) != 4 {
		t.Errorf("AUC %v out of fold, %d hospitals", r.AUC, len(r.Hospitals))
	}
	var inputs [][]float64
	for k := range 5 {
		x, err := somebody(k).Input()
		if err != nil || len(x) != Inputs {
			t.Fatal(len(x), err)
		}
		inputs = append(inputs, x)
	}
	bundletest.Golden(t, g, inputs)
}

func data(t *testing.T) []row {
	t.Helper()
	all, err := load(realdata.Path(t, "health", "heart-disease"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The files that ship are what the data gives: every weight, every figure.
func TestTheModelIsWhatTheDataGives(t *testing.T) {
	want, err := Measured()
	if err != nil {
		t.Fatal(err)
	}
	_, got, err := measured(t.Context(), data(t), Options{Seed: want.Seed}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the data gives %+v, recorded is %+v", got, want)
	}
}

func TestInvariant7_EncryptedPatientsEqualTheClear(t *testing.T) {
	g, card, err := Model()
	if err != nil {
		t.Fatal(err)
	}
	var inputs [][]float64
	for k := range 5 {
		x, err := somebody(k).Input()
		if err != nil {
			t.Fatal(err)
		}
		inputs = append(inputs, x)
	}
	encrypted.Equal(t, g, card.Precision.Bound, inputs)
	encrypted.OnShares(t, g, card.Ranges, 2e-4, inputs)
	all := data(t)
	inputs = nil
	for _, i := range encrypted.Sample(t, len(all), 20) {
		inputs = append(inputs, all[i].x)
	}
	encrypted.Equal(t, g, card.Precision.Bound, inputs)
	encrypted.OnShares(t, g, card.Ranges, 2e-4, inputs)
}

func TestInputOfAPatient(t *testing.T) {
	p := somebody(0)
	p[3], p[4], p[11] = 0, 245+58, math.NaN() // no pressure, one spread of cholesterol, no vessels
	x, err := p.Input()
	if err != nil {
		t.Fatal(err)
	}
	// age, sex 2, cp 4, trestbps, chol, fbs 2, restecg 3, thalach, exang 2, oldpeak, slope 3, ca 4, thal 3
	if x[7] != 0 || x[8] != 1 || !slices.Equal(x[21:25], make([]float64, 4)) {
		t.Errorf("values %v", x)
	}
	if want := []float64{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0}; !slices.Equal(x[Inputs-FieldCount:], want) {
		t.Errorf("flags %v, not %v", x[Inputs-FieldCount:], want)
	}
	var none Patient
	for i := range none {
		none[i] = math.NaN()
	}
	if x, err := none.Input(); err != nil || slices.Max(x[:Inputs-FieldCount]) != 0 || slices.Min(x[Inputs-FieldCount:]) != 1 {
		t.Errorf("nothing measured: %v (%v)", x, err)
	}
	for _, bad := range []struct {
		field int
		value float64
	}{{0, 17}, {0, math.Inf(1)}, {1, 0.5}, {4, -1}, {12, 5}} {
		p := somebody(0)
		p[bad.field] = bad.value
		if _, err := p.Input(); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s of %v: %v", Schema().Fields[bad.field].Name, bad.value, err)
		}
	}
}

func TestDataThatIsNotTheSchemasIsRefused(t *testing.T) {
	const head = "hospital,age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal,num,target\n"
	const right = "va,63,1,1,145,233,1,2,150,0,2.3,3,,?,0,1\n"
	rows, err := read(strings.NewReader(head + right))
	if err != nil || len(rows) != 1 || !rows[0].disease || rows[0].hospital != "va" {
		t.Fatal(rows, err)
	}
	for name, raw := range map[string]string{
		"empty": "", "no rows": head, "no column": strings.Replace(head, "chol", "other", 1) + right, "short row": head + "va,63\n",
		"words": head + strings.Replace(right, "145", "high", 1), "target": head + strings.Replace(right, ",0,1\n", ",0,4\n", 1),
		"out of range": head + strings.Replace(right, "145", "1450", 1),
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName), []byte(raw), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Publish(t.Context(), dir, t.TempDir(), Options{}, nil); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("hospital,age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal,num,target\nva,63,1,1,145,233,1,2,150,0,2.3,3,,?,0,1\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		rows, err := read(bytes.NewReader(raw))
		if err != nil {
			return
		}
		for _, r := range rows {
			if len(r.x) != Inputs {
				t.Fatalf("%d inputs", len(r.x))
			}
			for _, v := range r.x {
				if !(math.Abs(v) < 100) {
					t.Fatal("a value that no range allows")
				}
			}
		}
	})
}
