package local

import (
	"bytes"
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"manx/ledger"
	"manx/ml/federated"
)

// mostTable bounds a table that is relabelled, in bytes; who reads it has a bound of
// its own.
const mostTable = 256 << 20

// A Label is what somebody says of a record: a code of the label and, of survival, how
// long the patient was followed until then, in the unit of the table's time.
type Label struct {
	Code string
	Time *float64
}

// A relabelled is a table in which the label of some records is another's word. What is
// no CSV is the error of who reads on.
type relabelled struct {
	io.Closer
	in     *csv.Reader
	label  string
	time   string // its column's name; "" where there is none
	labels map[ledger.RecordID]Label

	head             bool // has been read
	record, at, when int  // columns of the record, the label and the time; -1 is none
	next             bytes.Buffer
	failed           error
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
		r.head, r.record, r.at, r.when = true, -1, -1, -1
		for i, h := range cells {
			switch federated.Name(h) {
			case RecordColumn:
				r.record = i
			case r.label:
				r.at = i
			case r.time:
				r.when = i
			}
		}
	} else if r.record >= 0 && r.at >= 0 {
		if l, ok := r.labels[ledger.RecordID(strings.TrimSpace(cells[r.record]))]; ok {
			cells[r.at] = l.Code
			if l.Time != nil && r.when >= 0 {
				cells[r.when] = strconv.FormatFloat(*l.Time, 'g', -1, 64)
			}
		}
	}
	out := csv.NewWriter(&r.next)
	if err := out.Write(cells); err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}
