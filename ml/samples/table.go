package samples

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"manx/ml"
	"manx/privacy/notice"
)

// columns reads a CSV file's line of names.
func columns(raw []byte) (*csv.Reader, []string, error) {
	c := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))))
	c.ReuseRecord = false
	head, err := c.Read()
	return c, head, err
}

// label returns the column of labels, -1 for none.
func (r reader) label(head []string) int {
	if r.o.Label != "" {
		return slices.Index(head, r.o.Label)
	}
	return slices.Index(head, "label")
}

func (r reader) tables(names []string) (Set, error) {
	var rows [][]float64
	var labels []string
	want := ml.Size(r.shape)
	for i, name := range names {
		where := fmt.Sprintf("CSV file %d", i+1)
		raw, err := r.open(name, where)
		if err != nil {
			return Set{}, err
		}
		c, head, err := columns(raw)
		if err != nil {
			return Set{}, bad(err, where, "it has no line of names")
		}
		label := r.label(head)
		if r.o.Label != "" && label < 0 {
			return Set{}, bad(nil, where, "it has no column of the label's name")
		}
		var from []int
		if len(r.o.Features) > 0 {
			for f, feature := range r.o.Features {
				at := slices.Index(head, feature)
				if at < 0 {
					return Set{}, bad(nil, where, fmt.Sprintf("it has no column of the name of feature %d", f+1))
				}
				from = append(from, at)
			}
		} else {
			for at := range head {
				if at != label {
					from = append(from, at)
				}
			}
		}
		if len(from) != want {
			return Set{}, bad(nil, where, fmt.Sprintf("it has %d columns of inputs, and the model takes %d", len(from), want))
		}
		for line := 2; ; line++ {
			rec, err := c.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			at := fmt.Sprintf("%s, row %d", where, line)
			if err != nil {
				return Set{}, bad(err, at, "it is no row of this file")
			}
			if len(rows) >= maxTotal/want {
				return Set{}, notice.New(notice.Exhausted, "the folder of inputs has too many rows", "name a smaller one")
			}
			row := make([]float64, want)
			for i, f := range from {
				if row[i], err = strconv.ParseFloat(strings.TrimSpace(rec[f]), 64); err != nil || math.IsNaN(row[i]) || math.IsInf(row[i], 0) {
					return Set{}, bad(err, at, fmt.Sprintf("column %d is not a number", f+1))
				}
			}
			rows = append(rows, row)
			if label >= 0 {
				labels = append(labels, rec[label])
			}
		}
	}
	s := Set{Found: len(rows)}
	if len(labels) > 0 && len(labels) != len(rows) {
		return Set{}, notice.New(notice.Invalid, "some of the CSV files have labels and some have none", "give all of them a column of labels, or none")
	}
	n := r.most(len(rows))
	var kept []string
	for i := range n {
		at := i * len(rows) / n
		s.Inputs = append(s.Inputs, rows[at])
		if labels != nil {
			kept = append(kept, labels[at])
		}
	}
	return s.labelled(kept)
}

// labelled adds labels, where there are any.
func (s Set) labelled(labels []string) (Set, error) {
	if len(labels) == 0 {
		return s, nil
	}
	var err error
	if s.Labels, err = numbered(labels); err != nil {
		return Set{}, notice.Because(err, notice.Invalid, "the labels are no classes", "give classes from 0, or the name of another column with --label")
	}
	return s, nil
}
