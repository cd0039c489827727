package credit

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// MaxFile is the largest credit file read, in bytes.
const MaxFile = 16 << 10

const fileHint = "docs/credit-file.md shows the header and a sample"

// Read reads a credit file: a header naming every field of the schema once, in
// any order, and exactly one row of decimal integers. Nothing else is accepted:
// no unknown column, no empty cell, no sign or space that a number does not
// need. A column that is a prohibited basis is refused as such. Errors are
// notices that name the row and the column by number, never what they hold.
func Read(r io.Reader) (*File, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read credit file: %w", err)
	}
	if len(b) > MaxFile {
		return nil, notice.New(notice.Invalid, fmt.Sprintf("the credit file is larger than %d bytes", MaxFile),
			"one file holds one consumer: a header and one row; "+fileHint)
	}
	c := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))))
	c.FieldsPerRecord = -1
	header, err := c.Read()
	if err != nil {
		return nil, badCSV(1, err)
	}
	at, err := columns(header)
	if err != nil {
		return nil, err
	}
	row, err := c.Read()
	if err != nil {
		return nil, badCSV(2, err)
	}
	if len(row) != len(header) {
		return nil, notice.New(notice.Invalid,
			fmt.Sprintf("row 2 of the credit file has %d columns, the header has %d", len(row), len(header)), fileHint)
	}
	var v Values
	fields := Fields()
	for i, cell := range row {
		f := fields[at[i]]
		where := fmt.Sprintf("row 2, column %d (%s)", i+1, f.Name)
		n, err := strconv.ParseInt(cell, 10, 64)
		if err != nil && errors.Is(err, strconv.ErrRange) {
			return nil, outOfRange(where, f)
		}
		if err != nil || strconv.FormatInt(n, 10) != cell {
			return nil, notice.New(notice.Invalid, where+" of the credit file is not a plain whole number",
				"write digits only, with a leading - where the balance is negative; "+fileHint)
		}
		if n < f.Min || n > f.Max {
			return nil, outOfRange(where, f)
		}
		v[at[i]] = n
	}
	if _, err := c.Read(); err == nil {
		return nil, notice.New(notice.Invalid, "the credit file has a row 3",
			"one file holds one consumer: a header and one row; "+fileHint)
	} else if !errors.Is(err, io.EOF) {
		return nil, badCSV(3, err)
	}
	return New(v)
}

// columns returns, for each column of the header, the field it names.
func columns(header []string) ([]int, error) {
	index := map[string]int{}
	for i, f := range Fields() {
		index[f.Name] = i
	}
	at := make([]int, len(header))
	seen := [FieldCount]bool{}
	for i, name := range header {
		if b := BasisOf(name); b != NotProhibited {
			return nil, prohibited(fmt.Sprintf("column %d of the credit file", i+1), b)
		}
		f, ok := index[name]
		if !ok {
			return nil, notice.New(notice.Invalid,
				fmt.Sprintf("column %d of the credit file is not in schema %s", i+1, Schema), "remove it; "+fileHint)
		}
		if seen[f] {
			return nil, notice.New(notice.Invalid,
				fmt.Sprintf("column %d of the credit file repeats %s", i+1, name), fileHint)
		}
		seen[f], at[i] = true, f
	}
	for i, f := range Fields() {
		if !seen[i] {
			return nil, notice.New(notice.Invalid, "the credit file lacks the column "+f.Name, fileHint)
		}
	}
	return at, nil
}

func badCSV(row int, cause error) error {
	text := fmt.Sprintf("row %d of the credit file is not well-formed CSV", row)
	if errors.Is(cause, io.EOF) {
		text = fmt.Sprintf("the credit file ends before row %d", row)
	}
	return notice.Because(cause, notice.Invalid, text, fileHint)
}

// Write writes f as Read reads it, columns in schema order. It shows the file:
// the caller must be allowed to import reveal.
func Write(w io.Writer, f *File, t reveal.Token) error {
	names := make([]string, 0, FieldCount)
	cells := make([]string, 0, FieldCount)
	v := f.Values(t)
	for i, field := range Fields() {
		names = append(names, field.Name)
		cells = append(cells, strconv.FormatInt(v[i], 10))
	}
	if _, err := fmt.Fprintf(w, "%s\n%s\n", strings.Join(names, ","), strings.Join(cells, ",")); err != nil {
		return fmt.Errorf("write credit file: %w", err)
	}
	return nil
}
