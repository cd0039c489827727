// Package result is the form of a job's result: the encrypted results of all
// its inputs, in the inputs' order. The ledger records the SHA-256 of these
// bytes, so they are the same on every machine. It knows no encryption.
package result

import (
	"bytes"
	"encoding/binary"
	"errors"

	"manx/ledger"
	"manx/privacy/notice"
)

// The format, version 1: magic, the number of results, then of each its length
// and its bytes. Numbers are 4 bytes, big-endian.
const magic = "manx-result/1\n"

// MaxResult bounds a whole result, in bytes.
const MaxResult = 256 << 20

// Join returns the bytes of the results of 1 to ledger.MaxInputs inputs.
func Join(results [][]byte) ([]byte, error) {
	if len(results) == 0 || len(results) > ledger.MaxInputs {
		return nil, errors.New("a job has 1 to 64 results")
	}
	b := binary.BigEndian.AppendUint32([]byte(magic), uint32(len(results)))
	for _, r := range results {
		if len(r) > MaxResult-len(b)-4 {
			return nil, notice.New(notice.Exhausted, "the job's results are too long", "ask for fewer inputs at a time")
		}
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(r))), r...)
	}
	return b, nil
}

// Split returns what Join was given; the parts share b's memory. Bytes that
// Join does not make are an Integrity notice.
func Split(b []byte) ([][]byte, error) {
	rest, ours := bytes.CutPrefix(b, []byte(magic))
	if !ours || len(b) > MaxResult {
		return nil, bad("no result of version 1")
	}
	n, rest, ok := number(rest)
	if !ok || n == 0 || n > ledger.MaxInputs {
		return nil, bad("impossible number of results")
	}
	out := make([][]byte, n)
	for i := range out {
		size, after, ok := number(rest)
		if !ok || uint64(size) > uint64(len(after)) {
			return nil, bad("cut short")
		}
		out[i], rest = after[:size:size], after[size:]
	}
	if len(rest) > 0 {
		return nil, bad("longer than it says")
	}
	return out, nil
}

func number(b []byte) (n uint32, rest []byte, ok bool) {
	if len(b) < 4 {
		return 0, nil, false
	}
	return binary.BigEndian.Uint32(b), b[4:], true
}

func bad(why string) error {
	return notice.Because(errors.New(why), notice.Integrity, "the job's result is damaged", "do not pay for it: run `manx job show` and dispute it")
}
