package local

import (
	"bytes"
	"encoding/csv"
	"io"
	"strings"

	"manx/ledger"
)

// mostTable bounds a table that is relabelled, in bytes; who reads it has a bound of
// its own.
const mostTable = 256 << 20

// A relabelled is a table in which the label of some records is another's word. What is
// no CSV is the error of who reads on.
type relabelled struct {
	io.Closer
	in     *csv.Reader
	label  string
	labels map[ledger.RecordID]string

	head       bool // has been read
	record, at int  // columns of the record and of the label; -1 is none
	next       bytes.Buffer
	failed     error
}

// Read implements io.Reader.
func (r *relabelled) Read(b []byte) (int, error) {
	for r.next.Len() == 0 {
		if r.failed != nil {
			return 0, r.failed
		}
		r.failed = r.row()
	}
	return r.next.Read(b)
}

// row takes in one more row.
func (r *relabelled) row() error {
	cells, err := r.in.Read()
	if err != nil {
		return err
	}
	if !r.head {
		r.head, r.record, r.at = true, -1, -1
		for i, h := range cells {
			switch strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")) {
			case RecordColumn:
				r.record = i
			case r.label:
				r.at = i
			}
		}
	} else if r.record >= 0 && r.at >= 0 {
		if code, ok := r.labels[ledger.RecordID(strings.TrimSpace(cells[r.record]))]; ok {
			cells[r.at] = code
		}
	}
	out := csv.NewWriter(&r.next)
	if err := out.Write(cells); err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}
