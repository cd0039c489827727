package logistic

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"manx/ml"
	"manx/ml/clear"
	"manx/privacy/notice"
	"manx/test/realdata"
)

const small = `{"features": ["a", "b"], "mean": [1, 2], "scale": [2, 4], "coef": [3, -5], "intercept": 0.25, "note": "skipped"}`

func TestGraphIsTheRegression(t *testing.T) {
	m, err := Read(strings.NewReader(small))
	if err != nil {
		t.Fatal(err)
	}
	y, err := clear.Run(m.Graph(), []float64{2, 4})
	want := 1 / (1 + math.Exp(-(3*0.5 - 5*0.5 + 0.25)))
	if err != nil || math.Abs(y[0]-want) > 1e-15 {
		t.Errorf("%v (%v), not %v", y, err, want)
	}
	body, final, ok := m.Graph().SplitFinal()
	if !ok || len(body.Nodes) != 2 || len(final.Nodes) != 1 || final.Nodes[0].Op != (ml.Activation{Kind: ml.Sigmoid}) {
		t.Error("the sigmoid is not the key holder's")
	}
	m.Mean, m.Scale = nil, nil
	y, err = clear.Run(m.Graph(), []float64{0.5, 0.5})
	if err != nil || math.Abs(y[0]-want) > 1e-15 {
		t.Errorf("without a standardisation: %v (%v), not %v", y, err, want)
	}
}

// TestTaiwanRegression compares with the probabilities that scikit-learn gave.
func TestTaiwanRegression(t *testing.T) {
	raw, err := os.ReadFile(realdata.Path(t, "models", "xgboost-1.7.4-credit", "taiwan_logistic.json"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Read(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	var expected struct {
		Probability []float64 `json:"expected_probability_rows_20000_to_20019"`
	}
	if err := json.Unmarshal(raw, &expected); err != nil || len(expected.Probability) != 20 {
		t.Fatalf("%d probabilities (%v)", len(expected.Probability), err)
	}
	f, err := os.Open(realdata.Path(t, "credit", "taiwan_default.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	for i, want := range expected.Probability {
		var x []float64
		for _, name := range m.Features {
			v, err := strconv.ParseFloat(rows[1+20000+i][column[name]], 64)
			if err != nil {
				t.Fatal(err)
			}
			x = append(x, v)
		}
		y, err := clear.Run(m.Graph(), x)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(y[0]-want) > 1e-12 {
			t.Errorf("row %d: %v, not %v", i, y[0], want)
		}
	}
}

func TestWhatIsNoRegressionIsRefused(t *testing.T) {
	for name, change := range map[string][2]string{
		"not JSON":                 {`{`, ``},
		"trailing bytes":           {`"skipped"}`, `"skipped"} 1`},
		"no intercept":             {`"intercept"`, `"other"`},
		"a coefficient missing":    {`[3, -5]`, `[3]`},
		"a scale of zero":          {`[2, 4]`, `[2, 0]`},
		"a scale too small":        {`[2, 4]`, `[2, 5e-324]`},
		"a mean missing":           {`[1, 2]`, `[1]`},
		"no features":              {`["a", "b"]`, `[]`},
		"a number that is no such": {`0.25`, `1e999`},
		"a word for a number":      {`0.25`, `"x"`},
	} {
		raw := strings.Replace(small, change[0], change[1], 1)
		if _, err := Read(strings.NewReader(raw)); raw == small || !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read(strings.NewReader(strings.Repeat(" ", MaxFile) + small)); !notice.Is(err, notice.Invalid) {
		t.Errorf("too large: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(small)
	f.Fuzz(func(t *testing.T, raw string) {
		m, err := Read(strings.NewReader(raw))
		if err != nil {
			if _, ok := errors.AsType[*notice.Error](err); !ok {
				t.Fatalf("not a notice: %v", err)
			}
			return
		}
		if _, err := ml.Hash(m.Graph()); err != nil {
			t.Fatal(err)
		}
	})
}
