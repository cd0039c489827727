package chart

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"

	"manx/privacy/notice"
	"manx/privacy/reveal"
)

func read(t *testing.T, text string) map[string]float64 {
	t.Helper()
	c, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return c.Values.Reveal(reveal.Token{})
}

// However it is written, it is the same chart.
func TestOneChartWrittenInManyWays(t *testing.T) {
	want := map[string]float64{"age": 63, "sex": 1, "cp": 4, "trestbps": 145, "chol": 232, "exang": 0, "thal": 7, "ca": 0}
	for _, text := range []string{
		"age,sex,cp,trestbps,chol,exang,thal,ca,slope\n63,1,4,145,232,0,7,0,?\n",
		"\xEF\xBB\xBFage, sex, chest_pain, resting_bp, cholesterol, exercise_angina, thallium, vessels\r\n63, Male, none, 145 mmHg, 6.0 mmol/l, no, reversible defect, 0\r\n",
		`{"age":63,"sex":"male","cp":4,"trestbps":145,"chol":"232 mg/dl","exang":false,"thal":"7","ca":0,"slope":null,"fbs":"na"}`,
	} {
		if got := read(t, text); !maps.Equal(got, want) {
			t.Errorf("%s\nis %v", text, got)
		}
	}
}

func TestWhatCannotBeIsRefusedByName(t *testing.T) {
	for text, place := range map[string]string{
		"":                                     "lines",
		"age\n":                                "lines",
		"age\n63\n64\n":                        "lines",
		"age,age\n63,64\n":                     "twice",
		"age,resting_bp,trestbps\n,1,\n":       "blood pressure",
		"age,marital_status\n63,1\n":           "column 2",
		"age\n?\n":                             "no measurement",
		"trestbps\n0\n":                        "no measurement",
		"age\nold\n":                           "age",
		"age\n6\n":                             "age",
		"age\n1e999\n":                         "age",
		"chol\n5.9\n":                          "cholesterol",
		"chol\n233 g\n":                        "unit",
		"cp\n5\n":                              "chest pain",
		"cp\n1.5\n":                            "chest pain",
		"age,taken\n63,yesterday\n":            "day",
		"age,sex\n63\n":                        "CSV",
		`{"age":63`:                            "JSON",
		`{"age":[63]}`:                         "JSON",
		`{"age":63} {}`:                        "JSON",
		"age\n" + strings.Repeat("6", MaxFile): "64 KiB",
	} {
		_, err := Read(strings.NewReader(text))
		n := notice.From(err)
		if n.Kind != notice.Invalid || !strings.Contains(n.Text, place) || n.Hint == "" {
			t.Errorf("%.40q: %v", text, err)
		}
		if strings.Contains(n.Text+n.Hint, "5.9") {
			t.Errorf("%.40q: the notice quotes the value", text)
		}
	}
	_, err := Read(strings.NewReader("chol\n5.9\n"))
	if !strings.Contains(notice.From(err).Hint, "mmol/l") {
		t.Errorf("the unit that it is likely in is not named: %v", err)
	}
}

func TestRecordKeepsAChart(t *testing.T) {
	c, err := Read(strings.NewReader("age,chol,taken\n63,233,20261103\n"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"schema":"manx-chart-1","taken":"2026-11-03","values":{"age":63,"chol":233}}`; string(raw) != want {
		t.Errorf("%s", raw)
	}
	again, err := Decode(bytes.NewReader(raw))
	if err != nil || again.Count() != 2 || again.Taken.Reveal(reveal.Token{}) != "2026-11-03" {
		t.Errorf("%v, %v", again, err)
	}
	for what, text := range map[string]string{
		"another schema": strings.Replace(string(raw), "chart-1", "chart-2", 1), "a range": strings.Replace(string(raw), "63", "630", 1),
		"another name": strings.Replace(string(raw), "chol", "race", 1), "a rest": string(raw) + " 1", "nothing": `{"schema":"manx-chart-1","values":{}}`,
		"a field": strings.Replace(string(raw), `"taken"`, `"name"`, 1), "a day": strings.Replace(string(raw), "2026-11-03", "20261103", 1),
	} {
		if _, err := Decode(strings.NewReader(text)); !notice.Is(err, notice.Integrity) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(form, c); strings.Contains(s, "63") || strings.Contains(s, "2026") {
			t.Errorf("a chart prints as %s", s)
		}
	}
}

// Everything that is listed can be written as it is listed.
func TestVocabulary(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range Measures() {
		for _, name := range append([]string{m.Name, m.Title}, m.Also...) {
			if got, ok := Named(name); !ok || got.Name != m.Name {
				t.Errorf("%s is not found", name)
			}
			if seen[name] && name != m.Name {
				t.Errorf("%s is two measurements", name)
			}
			seen[name] = true
		}
		for _, c := range m.Codes {
			if v, known, err := m.Parse(m.Text(c.Value)); v != c.Value || !known || err != nil {
				t.Errorf("%s %s: %v, %v", m.Name, c.Word, v, err)
			}
		}
		if m.Codes == nil {
			if v, known, err := m.Parse(m.Text(m.Max)); v != m.Max || !known || err != nil {
				t.Errorf("%s: %v, %v, %v", m.Name, v, known, err)
			}
		}
		for _, u := range m.Others {
			if v, _, err := m.Parse(fmt.Sprintf("%g%s", 100/u.Factor, u.Name)); err == nil && (v < 99 || v > 101) {
				t.Errorf("%s in %s: %v, %v", m.Name, u.Name, v, err)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("age,sex,cp,chol\n63,male,4,6.0 mmol/l\n"))
	f.Add([]byte(`{"age":63,"taken":"20261103","exang":true}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := Read(bytes.NewReader(raw))
		if err != nil {
			if notice.From(err).Kind == notice.Internal {
				t.Fatalf("an error that is no notice: %v", err)
			}
			return
		}
		b, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(bytes.NewReader(b))
		if err != nil || !maps.Equal(again.Values.Reveal(reveal.Token{}), c.Values.Reveal(reveal.Token{})) {
			t.Fatalf("%s: %v", b, err)
		}
	})
}
