// Package hospitals trains heart at the four hospitals of the UCI Heart Disease data
// as if each kept its rows: on the split and by the metric of FLamby's
// Fed-Heart-Disease (Ogier du Terrail et al. 2022, arXiv 2210.04620), so that the
// figures stand beside the published ones. The model that ships is ml/heart's.
package hospitals

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"manx/health/chart"
	"manx/ml"
	"manx/ml/federated"
	"manx/privacy/notice"
)

// Name is what the model that the hospitals make is called.
const Name = "heart-hospitals"

// Names are the hospitals in FLamby's order.
func Names() []string { return []string{"cleveland", "hungarian", "switzerland", "va"} }

// File is the joined file of the four hospitals, as ml/heart reads it.
const File = "heart_disease_4hospitals.csv"

// Schema is what the four hospitals' tables are: the ten measurements that FLamby
// keeps. A cholesterol or a pressure of 0 was not measured. Amounts are centred and scaled by round numbers that
// textbooks give for adults, not by these data: a total cholesterol of 200 mg/dl, a
// systolic pressure of 120 mmHg.
func Schema() federated.Schema {
	scale := map[string][2]float64{"age": {50, 10}, "trestbps": {120, 20}, "chol": {200, 50}, "thalach": {150, 25}, "oldpeak": {0, 1}}
	s := federated.Schema{Flags: true}
	for _, m := range chart.Measures() {
		if !slices.Contains(kept(), m.Name) {
			continue
		}
		f := ml.Field{Name: m.Name, Meaning: m.Meaning, Min: m.Min, Max: m.Max, ZeroIsMissing: m.ZeroIsMissing, Required: !m.ZeroIsMissing}
		for _, c := range m.Codes {
			f.Codes = append(f.Codes, c.Value)
		}
		if sc, ok := scale[m.Name]; ok {
			f.Centre, f.Spread = sc[0], sc[1]
		}
		s.Columns = append(s.Columns, federated.Column{Field: f, Unit: m.Unit})
	}
	s.Label = federated.Label{Name: "num", Negative: []string{"0"}, Positive: []string{"1", "2", "3", "4"}}
	return s
}

// kept are the columns of FLamby's rows.
func kept() []string {
	return []string{"age", "sex", "cp", "trestbps", "chol", "fbs", "restecg", "thalach", "exang", "oldpeak"}
}

// A Hospital is one site's rows, parted as FLamby parts them.
type Hospital struct {
	Name        string
	Train, Test federated.Table
}

// trainShare and seed are FLamby's.
const trainShare, splitSeed = 0.66, 43

// Load reads the hospitals from the folder dir and parts their rows as
// flamby/datasets/fed_heart_disease/dataset.py does, row for row: TestSplitIsFLambys
// compares with what that program's libraries drew.
func Load(dir string) ([]Hospital, error) {
	raw, err := os.ReadFile(filepath.Join(dir, File))
	if err != nil {
		return nil, notice.Because(err, notice.Invalid, "the folder does not hold the UCI Heart Disease data as this training reads it",
			"give the folder that holds "+File+": `manx model train "+Name+" --data-set DIR`")
	}
	var all []Hospital
	for _, name := range Names() {
		t, err := Schema().Read(bytes.NewReader(raw), func(cell func(string) string) bool {
			return cell("hospital") == name && !slices.ContainsFunc(kept(), func(c string) bool { return cell(c) == "" })
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		var in, out []int
		for i, test := range split(t.Positive, trainShare, splitSeed) {
			if test {
				out = append(out, i)
			} else {
				in = append(in, i)
			}
		}
		all = append(all, Hospital{name, t.Pick(in), t.Pick(out)})
	}
	return all, nil
}
