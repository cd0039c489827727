package heart

import (
	"fmt"
	"math"
	"slices"

	"manx/privacy/notice"
)

// A Field is one of the 13 measurements that the model reads, as the UCI Heart
// Disease data set names and codes them.
type Field struct {
	Name    string  `json:"name"`
	Meaning string  `json:"meaning"`
	Min     float64 `json:"min"` // inclusive; what lies outside is refused
	Max     float64 `json:"max"`
	// Codes are the values of a field that counts nothing; it becomes one input
	// for each, 1 where it holds and 0 otherwise.
	Codes []float64 `json:"codes,omitempty"`
	// A field without codes becomes (value - Centre) / Spread. Both are round
	// numbers near the mean and the deviation of the training data.
	Centre float64 `json:"centre,omitempty"`
	Spread float64 `json:"spread,omitempty"`
	// ZeroIsMissing where a measurement of 0 cannot be, and stands for none.
	ZeroIsMissing bool `json:"zero_is_missing,omitempty"`
}

// FieldCount is the number of fields.
const FieldCount = 13

// Fields returns the fields in order; the result is the caller's.
func Fields() []Field {
	return []Field{
		{Name: "age", Meaning: "years", Min: 18, Max: 110, Centre: 54, Spread: 9},
		{Name: "sex", Meaning: "0 female, 1 male", Min: 0, Max: 1, Codes: []float64{0, 1}},
		{Name: "cp", Meaning: "chest pain: 1 typical angina, 2 atypical angina, 3 other pain, 4 none", Min: 1, Max: 4, Codes: []float64{1, 2, 3, 4}},
		{Name: "trestbps", Meaning: "blood pressure at rest on admission, systolic, mmHg", Min: 0, Max: 300, Centre: 132, Spread: 18, ZeroIsMissing: true},
		{Name: "chol", Meaning: "serum cholesterol, mg/dl", Min: 0, Max: 1000, Centre: 245, Spread: 58, ZeroIsMissing: true},
		{Name: "fbs", Meaning: "fasting blood sugar above 120 mg/dl: 0 no, 1 yes", Min: 0, Max: 1, Codes: []float64{0, 1}},
		{Name: "restecg", Meaning: "ECG at rest: 0 normal, 1 ST-T abnormal, 2 left ventricular hypertrophy", Min: 0, Max: 2, Codes: []float64{0, 1, 2}},
		{Name: "thalach", Meaning: "highest heart rate reached, beats a minute", Min: 30, Max: 250, Centre: 138, Spread: 26},
		{Name: "exang", Meaning: "angina brought on by exercise: 0 no, 1 yes", Min: 0, Max: 1, Codes: []float64{0, 1}},
		{Name: "oldpeak", Meaning: "ST depression by exercise against rest, mm", Min: -10, Max: 10, Centre: 0.9, Spread: 1.1},
		{Name: "slope", Meaning: "slope of the ST segment at peak exercise: 1 up, 2 flat, 3 down", Min: 1, Max: 3, Codes: []float64{1, 2, 3}},
		{Name: "ca", Meaning: "major vessels coloured by fluoroscopy, 0 to 3", Min: 0, Max: 3, Codes: []float64{0, 1, 2, 3}},
		{Name: "thal", Meaning: "thallium scan: 3 normal, 6 fixed defect, 7 reversible defect", Min: 3, Max: 7, Codes: []float64{3, 6, 7}},
	}
}

// A Patient holds the fields in order; NaN is a field that was not measured.
type Patient [FieldCount]float64

// Inputs is the length of the model's input: 5 scaled values, 23 codes and 13
// flags of what is missing.
const Inputs = 5 + 23 + FieldCount

// Input returns the model's input for a patient, of length Inputs: for each field
// its scaled value or its codes, then for each field a 1 where it is missing and
// a 0 otherwise. A missing value counts as the centre, a missing code as none of
// them. It is made on the owner's device.
//
// A value outside its field's range, or that is none of its codes, is a notice
// that names the field.
func (p Patient) Input() ([]float64, error) {
	out := make([]float64, 0, Inputs)
	var missing []float64
	for i, f := range Fields() {
		v := p[i]
		gone := math.IsNaN(v) || f.ZeroIsMissing && v == 0
		if !gone && (!(v >= f.Min && v <= f.Max) || f.Codes != nil && !slices.Contains(f.Codes, v)) {
			return nil, notice.New(notice.Invalid, fmt.Sprintf("the field %s does not hold what the model reads", f.Name),
				fmt.Sprintf("%s: give a number from %g to %g, or leave it empty", f.Meaning, f.Min, f.Max))
		}
		for _, c := range f.Codes {
			hit := 0.0
			if !gone && v == c {
				hit = 1
			}
			out = append(out, hit)
		}
		if f.Codes == nil {
			z := 0.0
			if !gone {
				z = (v - f.Centre) / f.Spread
			}
			out = append(out, z)
		}
		if gone {
			missing = append(missing, 1)
		} else {
			missing = append(missing, 0)
		}
	}
	return append(out, missing...), nil
}
