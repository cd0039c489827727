package deid

import (
	"io"
	"strings"

	"manx/health/dicom"
)

// value plans an element that stays in some form.
func (pl *plan) value(e *dicom.Element, n node, at string, act action) (node, bool, error) {
	if e.Length == 0 && !e.Encapsulated() {
		return n, true, nil
	}
	if !n.vr.Text() {
		return pl.numbers(e, n, at)
	}
	if n.vr == dicom.DS || n.vr == dicom.IS {
		if act != check && act != retain || pl.tooLong(n.vr, e.Length) || !numeric(pl.f.Raw(e, e.Offset, e.Offset+e.Length), n.vr) {
			n, ok := pl.drop(e, n, at)
			return n, ok, nil
		}
		n.src = e
		return n, true, nil
	}
	if e.Length > dicom.MaxValue {
		n, ok := pl.drop(e, n, at)
		return n, ok, nil
	}
	values, err := pl.f.Text(e)
	if err != nil {
		return n, false, err
	}
	if e.VR == dicom.UN && len(values) == 1 {
		values = strings.Split(strings.ToValidUTF8(values[0], "\uFFFD"), `\`)
	}
	out, how := pl.text(e, n.vr, values, act)
	if how == "removed" || pl.tooLong(n.vr, int64(len(strings.Join(out, `\`)))) {
		n, ok := pl.drop(e, n, at)
		return n, ok, nil
	}
	n.data = []byte(strings.Join(out, `\`))
	if how != "" {
		pl.note(e, at, how, string(n.data))
	}
	return n, true, nil
}

// numbers plans binary values: they pass where the byte order is the file's.
func (pl *plan) numbers(e *dicom.Element, n node, at string) (node, bool, error) {
	swapped := n.vr != dicom.OB && e.Encoding.Order() != pl.f.Encoding.Order()
	if swapped || pl.tooLong(n.vr, e.Length) || !bulk[e.Tag] && !pl.onlyNumbers(e, n.vr) {
		n, ok := pl.drop(e, n, at)
		return n, ok, nil
	}
	n.src = e
	return n, true, nil
}

// onlyNumbers reports whether binary values look like numbers: six letters or
// digits in a row do not, eight in floating point.
func (pl *plan) onlyNumbers(e *dicom.Element, vr dicom.VR) bool {
	b, err := pl.f.Value(e)
	if err != nil {
		return false
	}
	most := 6
	if vr == dicom.FL || vr == dicom.FD {
		most = 8
	}
	run := 0
	for _, c := range b {
		if c == ' ' || c == '^' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			run++
		} else {
			run = 0
		}
		if run >= most {
			return false
		}
	}
	return true
}

// tooLong reports a value that the output's header has no room for.
func (pl *plan) tooLong(vr dicom.VR, length int64) bool {
	return pl.f.Encoding != dicom.ImplicitLittle && !long(vr) && length > 0xFFFE
}

// text decides about the values of one text element; how is "" where they stay
// as they are.
func (pl *plan) text(e *dicom.Element, vr dicom.VR, values []string, act action) (out []string, how string) {
	for i, v := range values {
		values[i] = strings.TrimSpace(v)
	}
	each := func(how string, change func(string) (string, bool)) ([]string, string) {
		out := make([]string, len(values))
		for i, v := range values {
			if v == "" {
				continue
			}
			w, ok := change(v)
			if !ok {
				return nil, "removed"
			}
			out[i] = w
		}
		return out, how
	}
	switch {
	case act == remap && vr == dicom.UI:
		return each("remapped", func(s string) (string, bool) {
			if wellKnown(s) {
				return s, true
			}
			return pl.p.UID(s), true
		})
	case act == move && vr == dicom.DA:
		return each("shifted", func(s string) (string, bool) { return moveDate(s, pl.days) })
	case act == move && vr == dicom.DT:
		return each("shifted", func(s string) (string, bool) { return moveDateTime(s, pl.days) })
	case act == move && vr == dicom.TM:
		return each("", moveTime)
	case act == retain && e.Tag == timezone:
		return each("", func(s string) (string, bool) {
			return s, len(s) == 5 && strings.IndexByte("+-", s[0]) >= 0 && digits(s[1:])
		})
	case act == retain:
		return each("", func(s string) (string, bool) { return printable(s), true })
	case act != check:
		return nil, "removed"
	}
	switch vr {
	case dicom.CS:
		out, reduced, ok := pl.t.defined(e.Tag, values)
		switch {
		case !ok:
			return nil, "removed"
		case reduced:
			return out, "reduced"
		}
		return out, ""
	case dicom.UI:
		changed := ""
		out, _ := each("", func(s string) (string, bool) {
			if standard(s) {
				return s, true
			}
			changed = "remapped"
			return pl.p.UID(s), true
		})
		return out, changed
	case dicom.AS:
		return each("", age)
	}
	switch {
	case coded[e.Tag]:
		return each("", func(s string) (string, bool) { return s, pl.t.terms[s] })
	case numbered[e.Tag]:
		return each("", func(s string) (string, bool) { return s, len(s) <= 3 && digits(s) })
	case e.Tag == dicom.Manufacturer:
		return each("", func(s string) (string, bool) { return s, pl.t.makers[strings.ToUpper(s)] })
	case e.Tag == kernel:
		return each("", func(s string) (string, bool) { return s, pl.t.kernels[s] || kernelName(s) })
	}
	return nil, "removed"
}

// kernelName accepts the short names of reconstruction kernels: B30f, Br40d,
// FC13, H31s.
func kernelName(s string) bool {
	head := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyz")
	letters := strings.TrimRight(head, "0123456789")
	return len(s)-len(head) <= 1 && len(letters) >= 1 && len(letters) <= 2 && len(head)-len(letters) >= 2 && len(s) <= 6 &&
		letters[0] >= 'A' && letters[0] <= 'Z'
}

// printable takes control characters and the separator out of kept text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F || r == '\\' {
			return -1
		}
		return r
	}, s)
}

// long reports the VRs whose explicit header has a 32-bit length.
func long(vr dicom.VR) bool {
	switch vr {
	case dicom.OB, dicom.OD, dicom.OF, dicom.OL, dicom.OV, dicom.OW, dicom.SQ, dicom.SV,
		dicom.UC, dicom.UN, dicom.UR, dicom.UT, dicom.UV:
		return true
	}
	return false
}

// emit writes nodes; bytes of the source stream through.
func (pl *plan) emit(enc *dicom.Encoder, nodes []node) {
	for i := range nodes {
		n := &nodes[i]
		switch {
		case n.sequence:
			enc.BeginSequence(n.tag)
			for _, item := range n.items {
				enc.BeginItem()
				pl.emit(enc, item)
				enc.EndItem()
			}
			enc.EndSequence()
		case n.src == nil:
			enc.Bytes(n.tag, n.vr, n.data)
		case n.src.Encapsulated(), n.src.VR == n.vr && n.src.Length%2 == 0:
			enc.Copy(pl.f, n.src)
		default:
			size := n.src.Length
			r := io.Reader(pl.f.Raw(n.src, n.src.Offset, n.src.Offset+size))
			if size%2 == 1 {
				size, r = size+1, io.MultiReader(r, strings.NewReader(padding(n.vr)))
			}
			enc.Stream(n.tag, n.vr, size, r)
		}
	}
}

// padding is the byte that makes a value's length even (PS3.5, section 6.2).
func padding(vr dicom.VR) string {
	if vr.Text() && vr != dicom.UI {
		return " "
	}
	return "\x00"
}
