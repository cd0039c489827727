package chart

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"manx/privacy"
	"manx/privacy/notice"
)

// Read reads a chart as people write it, at most 64 KiB: CSV with a line of names
// and one of values, or a JSON object of names and values. Names are those of
// Measures; "taken" is the day. An empty cell, ?, na or null is missing. A value
// may be a number, a number and a unit, or a code's word. What it does not know or
// what cannot be is notice.Invalid, which names the measurement and quotes no
// value. Nothing missing is filled in.
func Read(r io.Reader) (Chart, error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err != nil {
		return Chart{}, err
	}
	if len(raw) > MaxFile {
		return Chart{}, notice.New(notice.Invalid, "the file is over 64 KiB, which no chart is", "a chart is one row of measurements: `manx chart fields`")
	}
	raw = bytes.TrimPrefix(raw, []byte("\xEF\xBB\xBF"))
	cells := readCSV
	if bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{")) {
		cells = readJSON
	}
	names, values, err := cells(raw)
	if err != nil {
		return Chart{}, err
	}
	taken, out := "", map[string]float64{}
	for i, name := range names {
		if strings.EqualFold(strings.TrimSpace(name), "taken") {
			if taken, err = date(strings.TrimSpace(values[i])); err != nil {
				return Chart{}, err
			}
			continue
		}
		m, ok := Named(name)
		if !ok {
			return Chart{}, notice.New(notice.Invalid, fmt.Sprintf("column %d has a name that no chart knows", i+1), "`manx chart fields` lists the names; leave other columns out")
		}
		v, known, err := m.Parse(values[i])
		if err != nil {
			return Chart{}, err
		}
		if _, twice := out[m.Name]; twice && known {
			return Chart{}, notice.New(notice.Invalid, m.Title+" ("+m.Name+") is there twice", "give each measurement once")
		}
		if known {
			out[m.Name] = v
		}
	}
	if len(out) == 0 {
		return Chart{}, notice.New(notice.Invalid, "the file holds no measurement", "`manx chart fields` lists what a chart may hold")
	}
	return Chart{privacy.Hide(taken), privacy.Hide(out)}, nil
}

func readCSV(raw []byte) (names, values []string, err error) {
	d := csv.NewReader(bytes.NewReader(raw))
	d.TrimLeadingSpace = true
	lines, err := d.ReadAll()
	if err != nil {
		return nil, nil, notice.Because(err, notice.Invalid, "the file is not CSV", "one line of names, one of values, with commas between")
	}
	if len(lines) != 2 {
		return nil, nil, notice.New(notice.Invalid, fmt.Sprintf("the file has %d lines, where a chart has one of names and one of values", len(lines)), "add each person's or day's row on its own")
	}
	return lines[0], lines[1], nil
}

func readJSON(raw []byte) (names, values []string, err error) {
	bad := func(cause error) error {
		return notice.Because(cause, notice.Invalid, "the file is not one JSON object of names and values", `write {"age": 63, "chol": 233}; null is missing`)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if _, err := d.Token(); err != nil { // the brace
		return nil, nil, bad(err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, nil, bad(err)
		}
		value, err := d.Token()
		if err != nil {
			return nil, nil, bad(err)
		}
		text := ""
		switch v := value.(type) {
		case json.Delim:
			return nil, nil, bad(errors.New("a list or an object"))
		case nil:
		default:
			text = fmt.Sprint(v)
		}
		names, values = append(names, fmt.Sprint(name)), append(values, text)
	}
	if _, err := d.Token(); err != nil { // the other brace
		return nil, nil, bad(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, bad(errors.New("something follows it"))
	}
	return names, values, nil
}

// Parse reads a cell. known is false where the measurement is missing.
func (m Measure) Parse(cell string) (v float64, known bool, err error) {
	cell = strings.ToLower(strings.TrimSpace(cell))
	if slices.Contains([]string{"", "?", "-", "na", "n/a", "nan", "null", "unknown"}, cell) {
		return 0, false, nil
	}
	for _, c := range m.Codes {
		if strings.EqualFold(c.Word, cell) {
			return c.Value, true, nil
		}
	}
	if m.Codes != nil && (cell == "true" || cell == "false") && m.word("yes") {
		cell = map[string]string{"true": "1", "false": "0"}[cell]
	}
	end := strings.IndexFunc(cell, func(c rune) bool { return !strings.ContainsRune("+-0123456789.e", c) })
	unit := ""
	if end >= 0 {
		cell, unit = strings.TrimSpace(cell[:end]), strings.ReplaceAll(cell[end:], " ", "")
	}
	v, err = strconv.ParseFloat(cell, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0, false, notice.New(notice.Invalid, fmt.Sprintf("%s (%s) is not a value that is read", m.Title, m.Name), m.Expects()+"; or leave it empty")
	}
	if unit != "" && !strings.EqualFold(unit, m.Unit) {
		i := slices.IndexFunc(m.Others, func(u Unit) bool { return strings.EqualFold(u.Name, unit) })
		if i < 0 {
			return 0, false, notice.New(notice.Invalid, fmt.Sprintf("%s (%s) is in a unit that is not read", m.Title, m.Name), m.Expects()+"; or leave it empty")
		}
		v = math.Round(v*m.Others[i].Factor*10) / 10
	}
	if m.ZeroIsMissing && v == 0 {
		return 0, false, nil
	}
	return v, true, m.check(v)
}

// word reports whether a code has that word.
func (m Measure) word(s string) bool {
	return slices.ContainsFunc(m.Codes, func(c Code) bool { return strings.EqualFold(c.Word, s) })
}
