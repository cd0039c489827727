package ml_test

import (
	"math"
	"slices"
	"testing"

	"manx/ml"
	"manx/privacy/notice"
)

func fields() ml.Chart {
	return ml.Chart{Flags: true, Fields: []ml.Field{
		{Name: "age", Meaning: "years", Min: 18, Max: 110, Centre: 50, Spread: 10, Usual: []float64{.5, 0}},
		{Name: "pain", Meaning: "1 or 4", Min: 1, Max: 4, Codes: []float64{1, 4}, Usual: []float64{.25, .5, .25}},
		{Name: "chol", Meaning: "mg/dl", Min: 50, Max: 400, Spread: 100, ZeroIsMissing: true, Usual: []float64{2, .1}},
	}}
}

func TestChartBecomesAnInput(t *testing.T) {
	c := fields()
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		values map[string]float64
		want   []float64
		known  int
	}{
		{map[string]float64{"age": 60, "pain": 4, "chol": 200}, []float64{1, 0, 1, 2, 0, 0, 0}, 3},
		{map[string]float64{"age": math.NaN(), "chol": 0, "other": 9}, []float64{0, 0, 0, 0, 1, 1, 1}, 0},
	} {
		got, known, err := c.Encode(x.values)
		if err != nil || known != x.known || !slices.Equal(got, x.want) {
			t.Errorf("%v: %v, %d known, %v", x.values, got, known, err)
		}
		if len(c.Columns()) != len(got) || len(c.Reference()) != len(got) {
			t.Errorf("%d inputs of %d columns", len(got), len(c.Columns()))
		}
	}
	if want := []int{0, 1, 1, 2, 0, 1, 2}; !slices.Equal(c.Columns(), want) {
		t.Errorf("columns %v", c.Columns())
	}
	if want := []float64{.5, .25, .5, 2, 0, .25, .1}; !slices.Equal(c.Reference(), want) {
		t.Errorf("reference %v", c.Reference())
	}
	for name, v := range map[string]float64{"age": 17, "pain": 2, "chol": math.Inf(1)} {
		if _, _, err := c.Encode(map[string]float64{name: v}); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s of %v: %v", name, v, err)
		}
	}
	c.Fields[0].Required = true
	if _, _, err := c.Encode(map[string]float64{"pain": 1}); !notice.Is(err, notice.Unsupported) {
		t.Errorf("a required field that is missing: %v", err)
	}
	for i := range c.Fields {
		c.Fields[i].Usual = nil
	}
	if want := []float64{0, 0, 0, 0, 1, 1, 1}; !slices.Equal(c.Reference(), want) {
		t.Errorf("reference without means %v", c.Reference())
	}
}

func TestChartsThatCannotBeAreRefused(t *testing.T) {
	for what, spoil := range map[string]func(c *ml.Chart){
		"no fields":       func(c *ml.Chart) { c.Fields = nil },
		"twice":           func(c *ml.Chart) { c.Fields[1].Name = "age" },
		"a name":          func(c *ml.Chart) { c.Fields[0].Name = "Age (years)" },
		"no range":        func(c *ml.Chart) { c.Fields[0].Min = 200 },
		"not a number":    func(c *ml.Chart) { c.Fields[0].Centre = math.NaN() },
		"no spread":       func(c *ml.Chart) { c.Fields[0].Spread = 0 },
		"a code outside":  func(c *ml.Chart) { c.Fields[1].Codes[0] = 9 },
		"means too few":   func(c *ml.Chart) { c.Fields[1].Usual = []float64{1} },
		"means of some":   func(c *ml.Chart) { c.Fields[2].Usual = nil },
		"too many fields": func(c *ml.Chart) { c.Fields = make([]ml.Field, 200) },
	} {
		c := fields()
		if spoil(&c); c.Check() == nil {
			t.Errorf("%s is accepted", what)
		}
	}
}
