package federated

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"manx/ml"
	"manx/ml/train"
	"manx/privacy/notice"
)

// A Schema is what the table of every site must be: a proposal's columns with their
// units, ranges and codes, and how its label is coded. What is centred and scaled is
// so by public numbers of the schema, not by any site's data.
type Schema struct {
	Columns []Column `json:"columns"`
	Flags   bool     `json:"flags,omitempty"` // of missing values, see ml.Chart
	Label   Label    `json:"label"`
}

// A Column is a field with its unit, "" where it has none. A row that lacks a
// required one takes no part.
type Column struct {
	ml.Field
	Unit string `json:"unit,omitempty"`
}

// A Label is the column that is learned and how its values are written. In a table
// of survival Positive is an event, and Time is the column of the time to it or to
// the last sight of the patient.
type Label struct {
	Name     string   `json:"name"`
	Negative []string `json:"negative"` // numbers are compared as numbers
	Positive []string `json:"positive"`
	Time     *Column  `json:"time,omitempty"`
}

// A Table is a site's rows as a model reads them.
type Table struct {
	X        [][]float64 // [rows][numbers], as ml.Chart encodes them
	Positive []bool
	Time     []float64 // of survival; nil without
	Line     []int     // of each row in the file, from 1, the heading not counted
	Left     int       // rows left out: they lack what is required
}

const (
	maxTable = 64 << 20 // bytes
	maxRows  = 1 << 20
)

// Check returns nil, or a notice that names what cannot be.
func (s Schema) Check() error {
	bad := func(what string) error {
		return notice.New(notice.Invalid, "the proposal's schema cannot be: "+what, "correct the proposal; docs/training.md lists the fields")
	}
	if err := s.chart().Check(); err != nil {
		return bad(err.Error())
	}
	return s.Label.Check()
}

// Check returns nil, or a notice that names what cannot be.
func (l Label) Check() error {
	bad := func(what string) error {
		return notice.New(notice.Invalid, "the proposal's label cannot be: "+what, "correct the proposal; docs/training.md lists the fields")
	}
	if l.Name == "" || len(l.Negative) == 0 || len(l.Positive) == 0 {
		return bad("it has no name, or no value for one of the two classes")
	}
	for _, p := range l.Positive {
		if code(l.Negative, p) {
			return bad("it has one value for both classes")
		}
	}
	if t := l.Time; t != nil && (t.Name == "" || t.Name == l.Name || !(t.Min >= 0 && t.Min < t.Max) || math.IsInf(t.Max, 0)) {
		return bad("its time has no name of its own, or no range from 0 or later")
	}
	return nil
}

// Read returns which class a cell of the label's column says; there is neither where
// it is missing. Another coding is a complaint and its cure, without the value.
func (l Label) Read(cell string) (positive, known bool, complaint, cure string) {
	cell = strings.TrimSpace(cell)
	positive = code(l.Positive, cell)
	switch {
	case cell == "" || cell == "?" || cell == "NA":
		return false, false, "", ""
	case !positive && !code(l.Negative, cell):
		return false, false, "the label is coded otherwise than the schema says",
			fmt.Sprintf("the schema writes %s for yes and %s for no; code the column so", strings.Join(l.Positive, " or "), strings.Join(l.Negative, " or "))
	}
	return positive, true, "", ""
}

func (s Schema) chart() ml.Chart {
	c := ml.Chart{Flags: s.Flags}
	for _, f := range s.Columns {
		c.Fields = append(c.Fields, f.Field)
	}
	return c
}

// Size is how many numbers a row becomes.
func (s Schema) Size() int { return len(s.chart().Columns()) }

// code reports whether a cell is one of the values.
func code(values []string, cell string) bool {
	v, err := strconv.ParseFloat(cell, 64)
	return slices.ContainsFunc(values, func(s string) bool {
		w, e := strconv.ParseFloat(s, 64)
		return s == cell || err == nil && e == nil && v == w
	})
}

// Read reads a site's table, CSV with a heading, by the schema. A heading may give a
// column's unit in brackets: "chol [mg/dl]". Other columns are skipped, and rows for
// which keep returns false; keep is given a row's cells by column, nil keeps all.
// Empty cells, "?" and "NA" are missing.
//
// What is not as the schema says is a notice that names the row and the column, what
// was expected, and the cure, and never a value: another heading, another unit,
// values out of range, another coding of the label, no rows.
func (s Schema) Read(r io.Reader, keep func(cell func(column string) string) bool) (Table, error) {
	if err := s.Check(); err != nil {
		return Table{}, err
	}
	in := csv.NewReader(io.LimitReader(r, maxTable))
	in.ReuseRecord = true
	head, err := in.Read()
	if err != nil {
		return Table{}, misfit("it has no heading", "the first line names the columns")
	}
	column, err := s.headings(head)
	if err != nil {
		return Table{}, err
	}
	var t Table
	outside, seen := make([]int, len(s.Columns)), make([]int, len(s.Columns))
	var first error // complaint about a value
	for line := 1; ; line++ {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Table{}, misfit(fmt.Sprintf("row %d is not CSV with as many cells as the heading", line), "write the table again")
		}
		if line > maxRows {
			return Table{}, misfit(fmt.Sprintf("it has more than %d rows", maxRows), "take part with fewer records")
		}
		cell := func(name string) string {
			if i, ok := column[name]; ok {
				return record[i]
			}
			return ""
		}
		if keep != nil && !keep(cell) {
			continue
		}
		whole, err := s.row(&t, cell, line, outside, seen)
		if first == nil {
			first = err
		}
		if err == nil && !whole {
			t.Left++
		}
	}
	for i, n := range outside {
		if n > 0 && 2*n > seen[i] {
			return Table{}, misfit(fmt.Sprintf("most values of the column %s are outside its range: is it in another unit than %s?", s.Columns[i].Name, s.Columns[i].unit()),
				fmt.Sprintf("the range is %g to %g; convert the column, or name its unit in the heading", s.Columns[i].Min, s.Columns[i].Max))
		}
	}
	if first != nil {
		return Table{}, first
	}
	if len(t.X) == 0 {
		return Table{}, misfit("no row of it can take part", "wait until records with a grant that covers this training are there, or leave it")
	}
	return t, nil
}

func (c Column) unit() string {
	if c.Unit == "" {
		return "the schema's"
	}
	return c.Unit
}

func misfit(what, cure string) error {
	return notice.New(notice.Invalid, "this site's table cannot take part: "+what, cure)
}

// Name returns the name of the column that a heading names, without its unit.
func Name(h string) string {
	name, _, _ := heading(h)
	return name
}

// heading takes "chol [mg/dl]" apart.
func heading(h string) (name, unit string, has bool) {
	name, unit, has = strings.Cut(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")), "[")
	return strings.TrimSpace(name), strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(unit), "]")), has
}

// headings returns where each column is, by name without its unit.
func (s Schema) headings(head []string) (map[string]int, error) {
	column, unit := map[string]int{}, map[string]string{}
	for i, h := range head {
		name, u, has := heading(h)
		if _, twice := column[name]; twice && s.wants(name) {
			return nil, misfit("it has the column "+name+" twice", "keep one of them")
		}
		column[name] = i
		if has {
			unit[name] = u
		}
	}
	need := slices.Clone(s.Columns)
	if s.Label.Time != nil {
		need = append(need, *s.Label.Time)
	}
	for _, c := range append(need, Column{Field: ml.Field{Name: s.Label.Name}}) {
		if _, ok := column[c.Name]; !ok {
			return nil, misfit("it has no column "+c.Name, "the proposal's schema lists the columns: `manx train status`")
		}
		if u, ok := unit[c.Name]; ok && u != c.Unit {
			return nil, misfit(fmt.Sprintf("the column %s is in another unit than %s", c.Name, c.unit()), "convert the column and name the schema's unit in its heading")
		}
	}
	return column, nil
}

func (s Schema) wants(name string) bool {
	return name == s.Label.Name || s.Label.Time != nil && s.Label.Time.Name == name ||
		slices.ContainsFunc(s.Columns, func(c Column) bool { return c.Name == name })
}

// row appends a row to t; it is not whole where something required is missing.
// outside and seen count the values of each column.
func (s Schema) row(t *Table, cell func(string) string, line int, outside, seen []int) (whole bool, err error) {
	values := map[string]float64{}
	whole = true
	complain := func(column, what, cure string) {
		if err == nil {
			err = misfit(fmt.Sprintf("row %d, column %s: %s", line, column, what), cure)
		}
	}
	number := func(c Column) (v float64, ok bool) {
		text := strings.TrimSpace(cell(c.Name))
		if text == "" || text == "?" || text == "NA" {
			return 0, false
		}
		v, e := strconv.ParseFloat(text, 64)
		if e != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			complain(c.Name, "it is no number", "write a number, or leave the cell empty where the value is missing")
			return 0, false
		}
		return v, true
	}
	for i, c := range s.Columns {
		v, ok := number(c)
		if ok && c.ZeroIsMissing && v == 0 {
			ok = false
		}
		if !ok {
			whole = whole && !c.Required
			continue
		}
		seen[i]++
		if !(v >= c.Min && v <= c.Max) {
			outside[i]++
			complain(c.Name, "it is outside the range", fmt.Sprintf("the range is %g to %g, in %s; correct the value, or leave the cell empty", c.Min, c.Max, c.unit()))
		} else if c.Codes != nil && !slices.Contains(c.Codes, v) {
			complain(c.Name, "it is none of the schema's codes", fmt.Sprintf("the codes are %v", c.Codes))
		}
		values[c.Name] = v
	}
	time := 0.0
	if c := s.Label.Time; c != nil {
		var ok bool
		if time, ok = number(*c); ok && !(time >= c.Min && time <= c.Max) {
			complain(c.Name, "it is outside the range", fmt.Sprintf("the range is %g to %g, in %s", c.Min, c.Max, c.unit()))
		}
		whole = whole && ok
	}
	positive, known, what, cure := s.Label.Read(cell(s.Label.Name))
	if what != "" {
		complain(s.Label.Name, what, cure)
	}
	whole = whole && known
	if err != nil || !whole {
		return false, err
	}
	x, _, err := s.chart().Encode(values)
	if err != nil {
		return false, misfit(fmt.Sprintf("row %d: %s", line, notice.From(err).Text), notice.From(err).Hint)
	}
	t.X, t.Positive, t.Line = append(t.X, x), append(t.Positive, positive), append(t.Line, line)
	if s.Label.Time != nil {
		t.Time = append(t.Time, time)
	}
	return true, nil
}

// Pick returns the rows at the given indices.
func (t Table) Pick(at []int) Table {
	var out Table
	for _, i := range at {
		out.X, out.Positive, out.Line = append(out.X, t.X[i]), append(out.Positive, t.Positive[i]), append(out.Line, t.Line[i])
		if t.Time != nil {
			out.Time = append(out.Time, t.Time[i])
		}
	}
	return out
}

// Examples returns the rows for a network.
func (t Table) Examples() (e train.Examples) {
	for i, x := range t.X {
		row := make([]float32, len(x))
		for j, v := range x {
			row[j] = float32(v)
		}
		e.Add(row, t.Positive[i])
	}
	return e
}
