package heart

import (
	"fmt"
	"math"

	"manx/health/chart"
	"manx/ml"
)

// scales are what a measurement that is an amount is centred on and divided by:
// round numbers near the mean and the deviation of the training data.
func scales() map[string][2]float64 {
	return map[string][2]float64{"age": {54, 9}, "trestbps": {132, 18}, "chol": {245, 58}, "thalach": {138, 26}, "oldpeak": {0.9, 1.1}}
}

// FieldCount is the number of fields.
const FieldCount = 13

// Schema returns which measurements the model reads and how they become its
// input; the result is the caller's. Names, meanings and ranges are those of
// charts.
func Schema() ml.Chart {
	c := ml.Chart{Flags: true}
	for _, m := range chart.Measures()[:FieldCount] {
		f := ml.Field{Name: m.Name, Meaning: m.Meaning, Min: m.Min, Max: m.Max, ZeroIsMissing: m.ZeroIsMissing}
		for _, code := range m.Codes {
			f.Codes = append(f.Codes, code.Value)
		}
		if s, ok := scales()[m.Name]; ok {
			f.Centre, f.Spread = s[0], s[1]
		}
		c.Fields = append(c.Fields, f)
	}
	return c
}

// usual returns the schema with the mean of the training data's inputs. A field
// that hardly any patient there lacked is required: what the model makes of its
// absence was learnt from nobody.
func usual(means []float64) ml.Chart {
	c := Schema()
	for at, field := range c.Columns() {
		c.Fields[field].Usual = append(c.Fields[field].Usual, means[at])
	}
	for i, f := range c.Fields {
		c.Fields[i].Required = f.Usual[len(f.Usual)-1] < seldom
	}
	return c
}

// seldom is the share of patients below which a field's absence was not learnt.
const seldom = 0.01

// means returns the mean of each number of the inputs, to four decimals.
func means(all []row) []float64 {
	out := make([]float64, Inputs)
	for _, r := range all {
		for i, v := range r.x {
			out[i] += v
		}
	}
	for i := range out {
		out[i] = math.Round(out[i]/float64(len(all))*1e4) / 1e4
	}
	return out
}

// A Patient holds the fields in order; NaN is a field that was not measured.
type Patient [FieldCount]float64

// Inputs is the length of the model's input: 5 scaled values, 23 codes and 13
// flags of what is missing.
const Inputs = 5 + 23 + FieldCount

// Input returns the model's input for a patient, of length Inputs, as ml.Chart
// encodes it: a missing value counts as the centre, a missing code as none of
// them. It is made on the owner's device.
//
// A value outside its field's range, or that is none of its codes, is a notice
// that names the field.
func (p Patient) Input() ([]float64, error) {
	c, values := Schema(), map[string]float64{}
	for i, f := range c.Fields {
		values[f.Name] = p[i]
	}
	x, _, err := c.Encode(values)
	if err == nil && len(x) != Inputs {
		err = fmt.Errorf("heart: %d inputs", len(x))
	}
	return x, err
}
