package chart

import (
	"fmt"
	"slices"
	"strings"
)

// A Measure is one measurement that a chart may hold. The first thirteen are named and
// coded as the UCI Heart Disease data set does (doi:10.24432/C52P4X).
type Measure struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"` // for people
	Chinese string   `json:"title_zh"`
	Meaning string   `json:"meaning"`
	Also    []string `json:"also,omitempty"` // other names that are read
	Unit    string   `json:"unit,omitempty"` // of values; "" where there is none
	Others  []Unit   `json:"others,omitempty"`
	Min     float64  `json:"min"` // inclusive
	Max     float64  `json:"max"`
	Codes   []Code   `json:"codes,omitempty"` // the values of what is no amount
	// ZeroIsMissing where a measurement of 0 cannot be, and stands for none.
	ZeroIsMissing bool `json:"zero_is_missing,omitempty"`
}

// A Unit is another unit that is read: times Factor it is the measurement's own.
type Unit struct {
	Name   string  `json:"name"`
	Factor float64 `json:"factor"`
}

// A Code is a value that stands for a word.
type Code struct {
	Value float64 `json:"value"`
	Word  string  `json:"word"`
}

func noYes() []Code { return []Code{{0, "no"}, {1, "yes"}} }

// Measures returns all that a chart may hold, in the order they are shown; the
// result is the caller's.
func Measures() []Measure {
	return []Measure{
		{Name: "age", Title: "age", Chinese: "年龄", Meaning: "years", Unit: "years", Min: 18, Max: 110},
		{Name: "sex", Title: "sex", Chinese: "性别", Meaning: "0 female, 1 male", Min: 0, Max: 1, Codes: []Code{{0, "female"}, {1, "male"}}},
		{Name: "cp", Title: "chest pain", Chinese: "胸痛", Meaning: "chest pain: 1 typical angina, 2 atypical angina, 3 other pain, 4 none", Also: []string{"chest_pain"},
			Min: 1, Max: 4, Codes: []Code{{1, "typical angina"}, {2, "atypical angina"}, {3, "other pain"}, {4, "none"}}},
		{Name: "trestbps", Title: "blood pressure at rest", Chinese: "静息血压", Meaning: "blood pressure at rest on admission, systolic, mmHg", Also: []string{"resting_bp", "systolic"},
			Unit: "mmHg", Others: []Unit{{"kPa", 7.50062}}, Min: 50, Max: 300, ZeroIsMissing: true},
		{Name: "chol", Title: "cholesterol", Chinese: "胆固醇", Meaning: "serum cholesterol, mg/dl",
			Unit: "mg/dl", Others: []Unit{{"mmol/l", 38.67}}, Min: 50, Max: 1000, ZeroIsMissing: true},
		{Name: "fbs", Title: "fasting sugar above 120 mg/dl", Chinese: "空腹血糖高于120 mg/dl", Meaning: "fasting blood sugar above 120 mg/dl: 0 no, 1 yes", Also: []string{"fasting_sugar_high"},
			Min: 0, Max: 1, Codes: noYes()},
		{Name: "restecg", Title: "ECG at rest", Chinese: "静息心电图", Meaning: "ECG at rest: 0 normal, 1 ST-T abnormal, 2 left ventricular hypertrophy", Also: []string{"resting_ecg"},
			Min: 0, Max: 2, Codes: []Code{{0, "normal"}, {1, "ST-T abnormal"}, {2, "left ventricular hypertrophy"}}},
		{Name: "thalach", Title: "highest heart rate", Chinese: "最高心率", Meaning: "highest heart rate reached, beats a minute", Also: []string{"max_heart_rate"},
			Unit: "bpm", Min: 30, Max: 250},
		{Name: "exang", Title: "angina by exercise", Chinese: "运动诱发心绞痛", Meaning: "angina brought on by exercise: 0 no, 1 yes", Also: []string{"exercise_angina"}, Min: 0, Max: 1, Codes: noYes()},
		{Name: "oldpeak", Title: "ST depression", Chinese: "ST段压低", Meaning: "ST depression by exercise against rest, mm", Also: []string{"st_depression"},
			Unit: "mm", Others: []Unit{{"mV", 10}}, Min: -10, Max: 10},
		{Name: "slope", Title: "ST slope", Chinese: "ST段斜率", Meaning: "slope of the ST segment at peak exercise: 1 up, 2 flat, 3 down", Also: []string{"st_slope"},
			Min: 1, Max: 3, Codes: []Code{{1, "up"}, {2, "flat"}, {3, "down"}}},
		{Name: "ca", Title: "vessels by fluoroscopy", Chinese: "透视显影血管数", Meaning: "major vessels coloured by fluoroscopy, 0 to 3", Also: []string{"vessels"},
			Min: 0, Max: 3, Codes: []Code{{0, "0"}, {1, "1"}, {2, "2"}, {3, "3"}}},
		{Name: "thal", Title: "thallium scan", Chinese: "铊扫描", Meaning: "thallium scan: 3 normal, 6 fixed defect, 7 reversible defect", Also: []string{"thallium"},
			Min: 3, Max: 7, Codes: []Code{{3, "normal"}, {6, "fixed defect"}, {7, "reversible defect"}}},
		{Name: "ph_ecog", Title: "performance status", Chinese: "体力状态", Meaning: "ECOG performance status by the physician: 0 fully active, 1 restricted, 2 up more than half the day, 3 in bed more than half of it, 4 bedbound", Also: []string{"ecog", "performance"},
			Min: 0, Max: 4, Codes: []Code{{0, "fully active"}, {1, "restricted"}, {2, "up more than half the day"}, {3, "in bed more than half the day"}, {4, "bedbound"}}},
	}
}

// Named returns the measurement of a name, or one that it is known by.
func Named(name string) (Measure, bool) {
	name = strings.ToLower(strings.TrimSpace(name))
	for _, m := range Measures() {
		if m.Name == name || strings.ToLower(m.Title) == name || slices.Contains(m.Also, name) {
			return m, true
		}
	}
	return Measure{}, false
}

// Expects says what the measurement can be.
func (m Measure) Expects() string {
	if m.Codes != nil {
		var words []string
		for _, c := range m.Codes {
			w := fmt.Sprintf("%g", c.Value)
			if c.Word != w {
				w += " or " + c.Word
			}
			words = append(words, w)
		}
		return "write " + strings.Join(words, "; ")
	}
	s := fmt.Sprintf("give a number from %g to %g in %s", m.Min, m.Max, m.Unit)
	for _, u := range m.Others {
		s += fmt.Sprintf("; a number in %s is read where %s follows it", u.Name, u.Name)
	}
	return s
}

// Text writes a value for people.
func (m Measure) Text(v float64) string {
	for _, c := range m.Codes {
		if c.Value == v {
			return c.Word
		}
	}
	return strings.TrimSpace(fmt.Sprintf("%.4g %s", v, m.Unit))
}
