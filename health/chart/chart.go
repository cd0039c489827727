// Package chart is a row of clinical measurements of one person: which there are,
// in which units and ranges, how they are read from CSV and JSON, and how they are
// kept in a record. A missing measurement is missing, never a guess.
//
// It seals and sends nothing, knows no model, and is no medical device: a value
// within its range may still be a wrong one.
package chart

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// Schema names the vocabulary and the form of what a record holds.
const Schema = "manx-chart-1"

// A Chart is what was measured. It does not print.
type Chart struct {
	Taken  privacy.Secret[string]             // YYYY-MM-DD, or ""
	Values privacy.Secret[map[string]float64] // by name, in the vocabulary's units; at least one
}

// Count is how many measurements there are.
func (c Chart) Count() int { return len(c.Values.Reveal(reveal.Token{})) }

// kept is a chart as a record keeps it.
type kept struct {
	Schema string             `json:"schema"`
	Taken  string             `json:"taken,omitempty"`
	Values map[string]float64 `json:"values"`
}

// MaxFile bounds a chart's file, in bytes.
const MaxFile = 64 << 10

// Encode returns the chart as a record keeps it: the same chart gives the same bytes.
func (c Chart) Encode() ([]byte, error) {
	return json.Marshal(kept{Schema, c.Taken.Reveal(reveal.Token{}), c.Values.Reveal(reveal.Token{})})
}

// Decode reads what Encode wrote. Anything else is notice.Integrity.
func Decode(r io.Reader) (Chart, error) {
	damaged := func(cause error) error {
		return notice.Because(cause, notice.Integrity, "the record does not hold a chart as this version keeps it", "add the chart again: `manx chart add`")
	}
	raw, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err != nil {
		return Chart{}, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	var k kept
	if err := d.Decode(&k); err != nil {
		return Chart{}, damaged(err)
	}
	if _, err := d.Token(); len(raw) > MaxFile || !errors.Is(err, io.EOF) {
		return Chart{}, damaged(errors.New("something follows it"))
	}
	if k.Schema != Schema || len(k.Values) == 0 {
		return Chart{}, damaged(fmt.Errorf("%d values", len(k.Values)))
	}
	for name, v := range k.Values {
		m, ok := Named(name)
		if !ok {
			return Chart{}, damaged(errors.New("an unknown measurement"))
		}
		if err := m.check(v); err != nil {
			return Chart{}, damaged(err)
		}
	}
	taken, err := date(k.Taken)
	if err != nil || taken != k.Taken {
		return Chart{}, damaged(err)
	}
	return Chart{privacy.Hide(k.Taken), privacy.Hide(k.Values)}, nil
}

// date checks a day, which may be left out.
func date(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	for _, form := range []string{time.DateOnly, "20060102"} {
		if d, err := time.Parse(form, s); err == nil && d.Year() >= 1900 {
			return d.Format(time.DateOnly), nil
		}
	}
	return "", notice.New(notice.Invalid, "the day of the chart is not a date", "write it as 2026-11-03")
}

// check returns nil where a value is one that the measurement can have.
func (m Measure) check(v float64) error {
	if v >= m.Min && v <= m.Max && (m.Codes == nil || slices.ContainsFunc(m.Codes, func(c Code) bool { return c.Value == v })) {
		return nil
	}
	return notice.New(notice.Invalid, fmt.Sprintf("%s (%s) is not what it can be", m.Title, m.Name), m.Expects()+"; or leave it empty")
}
