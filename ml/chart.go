package ml

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"

	"manx/privacy/notice"
)

// A Chart is which measurements of a patient's chart a model reads, and how they
// become its input; the model's card carries it.
type Chart struct {
	Fields []Field `json:"fields"`
	// Flags is whether a number for each field follows all the others: 1 where the
	// field is missing, 0 otherwise.
	Flags bool `json:"flags,omitempty"`
}

// A Field is one measurement that a model reads. One with Codes becomes a number
// for each of them, 1 where it holds and 0 otherwise; one without becomes
// (value - Centre) / Spread. Where it is missing all its numbers are 0.
type Field struct {
	Name          string    `json:"name"` // as charts name it
	Meaning       string    `json:"meaning"`
	Min           float64   `json:"min"` // inclusive; what lies outside is refused
	Max           float64   `json:"max"`
	Codes         []float64 `json:"codes,omitempty"`
	Centre        float64   `json:"centre,omitempty"`
	Spread        float64   `json:"spread,omitempty"` // above 0 where there are no codes
	ZeroIsMissing bool      `json:"zero_is_missing,omitempty"`
	Required      bool      `json:"required,omitempty"` // a chart without it is refused
	// Usual is the mean over the training data of each number that the field
	// becomes, its flag last: what moved a finding is told against that.
	Usual []float64 `json:"usual,omitempty"`
}

const maxFields, maxCodes = 128, 32

var fieldName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// numbers is how many numbers the field becomes, without its flag.
func (f Field) numbers() int { return max(1, len(f.Codes)) }

// missing reports whether a value stands for none.
func (f Field) missing(v float64, known bool) bool {
	return !known || math.IsNaN(v) || f.ZeroIsMissing && v == 0
}

func (f Field) check(flags bool) error {
	finite := func(all ...float64) bool {
		return !slices.ContainsFunc(all, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
	}
	want := f.numbers()
	if flags {
		want++
	}
	switch {
	case !fieldName.MatchString(f.Name):
		return errors.New("a field's name is not lower-case letters, digits and underscores")
	case !finite(f.Min, f.Max, f.Centre, f.Spread) || !finite(f.Codes...) || !finite(f.Usual...) || !(f.Min <= f.Max):
		return fmt.Errorf("the field %s has no range", f.Name)
	case len(f.Codes) > maxCodes || slices.ContainsFunc(f.Codes, func(c float64) bool { return c < f.Min || c > f.Max }):
		return fmt.Errorf("the field %s has too many codes, or one outside its range", f.Name)
	case f.Codes == nil && !(f.Spread > 0):
		return fmt.Errorf("the field %s has neither codes nor a spread", f.Name)
	case f.Usual != nil && len(f.Usual) != want:
		return fmt.Errorf("the field %s becomes %d numbers, and %d are usual", f.Name, want, len(f.Usual))
	}
	return nil
}

// Check returns nil, or what is wrong.
func (c Chart) Check() error {
	if len(c.Fields) < 1 || len(c.Fields) > maxFields {
		return fmt.Errorf("it reads %d measurements", len(c.Fields))
	}
	seen := map[string]bool{}
	for _, f := range c.Fields {
		if err := f.check(c.Flags); err != nil {
			return err
		}
		if seen[f.Name] || (f.Usual == nil) != (c.Fields[0].Usual == nil) {
			return fmt.Errorf("the field %s is there twice, or is usual where others are not", f.Name)
		}
		seen[f.Name] = true
	}
	return nil
}

// Columns returns, for each number of the model's input, the index of the field
// that it comes from.
func (c Chart) Columns() (of []int) {
	for i, f := range c.Fields {
		for range f.numbers() {
			of = append(of, i)
		}
	}
	if c.Flags {
		for i := range c.Fields {
			of = append(of, i)
		}
	}
	return of
}

// Encode returns the model's input for values by name, and how many of the fields
// they hold. A value outside its field's range or that is none of its codes, and a
// required one that is missing, is notice.Invalid that names the field. It is done
// on the owner's device.
func (c Chart) Encode(values map[string]float64) (x []float64, known int, err error) {
	var flags []float64
	for _, f := range c.Fields {
		v, ok := values[f.Name]
		gone := f.missing(v, ok)
		if !gone && (!(v >= f.Min && v <= f.Max) || f.Codes != nil && !slices.Contains(f.Codes, v)) {
			return nil, 0, notice.New(notice.Invalid, fmt.Sprintf("the field %s does not hold what the model reads", f.Name),
				fmt.Sprintf("%s: give a number from %g to %g, or leave it empty", f.Meaning, f.Min, f.Max))
		}
		if gone && f.Required {
			return nil, 0, notice.New(notice.Unsupported, fmt.Sprintf("the model needs the field %s, which is missing", f.Name), f.Meaning+": add it to the chart, `manx chart add`")
		}
		for _, code := range f.Codes {
			hit := 0.0
			if !gone && v == code {
				hit = 1
			}
			x = append(x, hit)
		}
		if f.Codes == nil {
			z := 0.0
			if !gone {
				z = (v - f.Centre) / f.Spread
			}
			x = append(x, z)
		}
		if gone {
			flags = append(flags, 1)
			continue
		}
		flags = append(flags, 0)
		known++
	}
	if c.Flags {
		x = append(x, flags...)
	}
	return x, known, nil
}

// Reference returns the input that findings are told against: the mean of the
// training data where the fields say it, else what a chart without a measurement
// becomes.
func (c Chart) Reference() []float64 {
	var x, flags []float64
	for _, f := range c.Fields {
		n := f.numbers()
		if f.Usual == nil {
			x, flags = append(x, make([]float64, n)...), append(flags, 1)
			continue
		}
		x = append(x, f.Usual[:n]...)
		if c.Flags {
			flags = append(flags, f.Usual[n])
		}
	}
	if c.Flags {
		x = append(x, flags...)
	}
	return x
}
