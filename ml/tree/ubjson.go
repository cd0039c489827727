package tree

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"strconv"
)

// Bounds on UBJSON; its text may be longer than its bytes.
const (
	maxDepth = 32
	maxText  = 8 * MaxFile
)

var errUBJSON = errors.New("tree: the bytes are not UBJSON")

// isUBJSON tells the two forms of XGBoost's files apart: after the brace comes
// the type of a key's length, where JSON has a quotation mark or space.
func isUBJSON(raw []byte) bool {
	return len(raw) > 1 && raw[0] == '{' && (width(raw[1]) > 0 || raw[1] == '#')
}

// width returns the bytes of a number of a UBJSON type, 0 for what is none.
func width(kind byte) int {
	switch kind {
	case 'i', 'U':
		return 1
	case 'I':
		return 2
	case 'l', 'd':
		return 4
	case 'L', 'D':
		return 8
	}
	return 0
}

// transcode returns the JSON text of a UBJSON document (ubjson.org, draft 12):
// every type but characters and high-precision numbers, containers of one type
// of numbers only. Numbers keep their value.
func transcode(raw []byte) ([]byte, error) {
	t := &transcoder{in: raw}
	kind, err := t.next()
	if err != nil {
		return nil, err
	}
	if err := t.value(kind, 0); err != nil {
		return nil, err
	}
	if len(t.in) > 0 {
		return nil, errUBJSON
	}
	return t.out, nil
}

type transcoder struct{ in, out []byte }

// take returns the next n bytes.
func (t *transcoder) take(n int) ([]byte, error) {
	if n < 0 || n > len(t.in) || len(t.out) > maxText {
		return nil, errUBJSON
	}
	b := t.in[:n]
	t.in = t.in[n:]
	return b, nil
}

// next returns the next type, skipping what stands for nothing.
func (t *transcoder) next() (byte, error) {
	for {
		b, err := t.take(1)
		if err != nil {
			return 0, err
		}
		if b[0] != 'N' {
			return b[0], nil
		}
	}
}

func (t *transcoder) value(kind byte, depth int) error {
	if depth > maxDepth {
		return errUBJSON
	}
	switch kind {
	case '{', '[':
		return t.container(kind, depth)
	case 'S':
		return t.text()
	case 'Z':
		t.out = append(t.out, "null"...)
	case 'T':
		t.out = append(t.out, "true"...)
	case 'F':
		t.out = append(t.out, "false"...)
	default:
		return t.number(kind)
	}
	return nil
}

// number copies a number as text that reads back as the same.
func (t *transcoder) number(kind byte) error {
	n := width(kind)
	b, err := t.take(n)
	if err != nil || n == 0 {
		return errUBJSON
	}
	switch kind {
	case 'd', 'D':
		v, bits := 0.0, 64
		if kind == 'd' {
			v, bits = float64(math.Float32frombits(binary.BigEndian.Uint32(b))), 32
		} else {
			v = math.Float64frombits(binary.BigEndian.Uint64(b))
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return errUBJSON // JSON has no such number
		}
		t.out = strconv.AppendFloat(t.out, v, 'g', -1, bits)
	default:
		t.out = strconv.AppendInt(t.out, integer(kind, b), 10)
	}
	return nil
}

func integer(kind byte, b []byte) int64 {
	switch kind {
	case 'i':
		return int64(int8(b[0]))
	case 'U':
		return int64(b[0])
	case 'I':
		return int64(int16(binary.BigEndian.Uint16(b)))
	case 'l':
		return int64(int32(binary.BigEndian.Uint32(b)))
	}
	return int64(binary.BigEndian.Uint64(b))
}

// length reads an integer of the type kind that says how much follows.
func (t *transcoder) length(kind byte) (int, error) {
	if kind == 'd' || kind == 'D' || width(kind) == 0 {
		return 0, errUBJSON
	}
	b, err := t.take(width(kind))
	if err != nil {
		return 0, err
	}
	n := integer(kind, b)
	if n < 0 || n > int64(len(t.in)) {
		return 0, errUBJSON
	}
	return int(n), nil
}

// text copies a string whose length comes first.
func (t *transcoder) text() error {
	kind, err := t.next()
	if err != nil {
		return err
	}
	return t.key(kind)
}

func (t *transcoder) key(kind byte) error {
	n, err := t.length(kind)
	if err != nil {
		return err
	}
	b, err := t.take(n)
	if err != nil {
		return err
	}
	quoted, err := json.Marshal(string(b))
	if err != nil {
		return err
	}
	t.out = append(t.out, quoted...)
	return nil
}

// container copies an array or an object, up to its end or of a count given first.
func (t *transcoder) container(open byte, depth int) error {
	end := open + 2 // ']' follows '[' at this distance, '}' follows '{'
	t.out = append(t.out, open)
	kind, err := t.next()
	if err != nil {
		return err
	}
	typed, count := byte(0), -1
	if kind == '$' {
		if typed, err = t.next(); err != nil || width(typed) == 0 {
			return errUBJSON
		}
		if kind, err = t.next(); err != nil || kind != '#' {
			return errUBJSON
		}
	}
	if kind == '#' {
		if kind, err = t.next(); err != nil {
			return err
		}
		if count, err = t.length(kind); err != nil {
			return err
		}
		kind = 0 // of what comes next, not read yet
	}
	for i := 0; i != count; i++ {
		if kind == 0 && (typed == 0 || open == '{') {
			if kind, err = t.next(); err != nil {
				return err
			}
		}
		if count < 0 && kind == end {
			break
		}
		if i > 0 {
			t.out = append(t.out, ',')
		}
		if open == '{' {
			if err := t.key(kind); err != nil {
				return err
			}
			t.out = append(t.out, ':')
			if kind = typed; typed == 0 {
				if kind, err = t.next(); err != nil {
					return err
				}
			}
		} else if typed != 0 {
			kind = typed
		}
		if err := t.value(kind, depth+1); err != nil {
			return err
		}
		kind = 0
	}
	t.out = append(t.out, end)
	return nil
}
