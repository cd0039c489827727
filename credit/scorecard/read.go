package scorecard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"manx/privacy/notice"
)

// MaxModel is the largest scorecard file read, in bytes.
const MaxModel = 64 << 10

// Read reads a scorecard from JSON: every key known, nothing after it, and all
// that Check asks. Errors are notices.
func Read(r io.Reader) (*Model, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxModel+1))
	if err != nil {
		return nil, fmt.Errorf("read scorecard: %w", err)
	}
	return Parse(b)
}

// Parse is Read over bytes.
func Parse(b []byte) (*Model, error) {
	const hint = "a scorecard is a JSON file of format " + Format + "; `manx model show consumer-risk --json` prints one"
	if len(b) > MaxModel {
		return nil, notice.New(notice.Invalid, fmt.Sprintf("the scorecard is larger than %d bytes", MaxModel), hint)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	m := new(Model)
	if err := d.Decode(m); err != nil {
		return nil, notice.Because(err, notice.Invalid, "the scorecard is not well-formed JSON of its format", hint)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, notice.New(notice.Invalid, "the scorecard has bytes after its end", hint)
	}
	if err := m.Check(); err != nil {
		if n, ok := errors.AsType[*notice.Error](err); ok {
			return nil, n
		}
		return nil, notice.Because(err, notice.Invalid, "the scorecard is not sound: "+err.Error(), hint)
	}
	return m, nil
}

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}
