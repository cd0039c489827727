package dicom

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// decode splits and trims the values of e, whose bytes are b.
func (f *File) decode(e *Element, b []byte) []string {
	text := string(b)
	if e.VR.charset() {
		text = DecodeText(b, f.Charset(e))
	}
	cut := func(s string) string {
		s = strings.TrimRight(s, " \x00")
		if e.VR.single() {
			return s
		}
		return strings.TrimLeft(s, " ")
	}
	if e.VR.single() || !e.VR.Text() {
		if s := cut(text); s != "" {
			return []string{s}
		}
		return nil
	}
	if len(b) == 0 {
		return nil
	}
	out := strings.Split(text, `\`)
	for i := range out {
		out[i] = cut(out[i])
	}
	return out
}

// DecodeText returns b as UTF-8 by the values of SpecificCharacterSet
// (PS3.3, C.12.1.1.2), ISO 2022 escapes included. Bytes that the set does not
// define become U+FFFD.
func DecodeText(b []byte, set []string) string {
	first := ""
	if len(set) > 0 {
		first = set[0]
	}
	switch first {
	case "ISO_IR 192":
		return strings.ToValidUTF8(string(b), "\uFFFD")
	case "GB18030", "GBK":
		return through(simplifiedchinese.GB18030, b)
	}
	if len(set) < 2 && bytes.IndexByte(b, 0x1B) < 0 {
		return through(singleByte(first), b)
	}
	return iso2022(b, singleByte(first))
}

func through(e encoding.Encoding, b []byte) string {
	if ascii(b) {
		return string(b)
	}
	if e == nil {
		if utf8.Valid(b) {
			return string(b) // undeclared UTF-8 is commoner than undeclared anything else
		}
		e = charmap.ISO8859_1
	}
	out, err := e.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return string(out)
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 || c == 0x1B {
			return false
		}
	}
	return true
}

// singleByte maps a defined term, with or without code extensions.
func singleByte(term string) encoding.Encoding {
	switch strings.TrimPrefix(strings.Replace(term, "ISO 2022 IR ", "ISO_IR ", 1), "ISO_IR ") {
	case "100":
		return charmap.ISO8859_1
	case "101":
		return charmap.ISO8859_2
	case "109":
		return charmap.ISO8859_3
	case "110":
		return charmap.ISO8859_4
	case "144":
		return charmap.ISO8859_5
	case "127":
		return charmap.ISO8859_6
	case "126":
		return charmap.ISO8859_7
	case "138":
		return charmap.ISO8859_8
	case "148":
		return charmap.ISO8859_9
	case "203":
		return charmap.ISO8859_15
	case "166":
		return charmap.Windows874
	case "13":
		return japanese.ShiftJIS // half-width katakana are its bytes A1 to DF
	}
	return nil
}

// escapes are the ISO 2022 sequences that DICOM allows (PS3.3, table
// C.12-3 and C.12-4).
func escapes(b []byte) (n int, e encoding.Encoding, kind byte) {
	for _, x := range []struct {
		seq  string
		e    encoding.Encoding
		kind byte
	}{
		{"(B", nil, 'a'}, {"(J", nil, 'a'}, {")I", japanese.ShiftJIS, 's'},
		{"-A", charmap.ISO8859_1, 's'}, {"-B", charmap.ISO8859_2, 's'}, {"-C", charmap.ISO8859_3, 's'},
		{"-D", charmap.ISO8859_4, 's'}, {"-L", charmap.ISO8859_5, 's'}, {"-G", charmap.ISO8859_6, 's'},
		{"-F", charmap.ISO8859_7, 's'}, {"-H", charmap.ISO8859_8, 's'}, {"-M", charmap.ISO8859_9, 's'},
		{"-b", charmap.ISO8859_15, 's'}, {"-T", charmap.Windows874, 's'},
		{"$B", japanese.ISO2022JP, 'j'}, {"$(D", japanese.EUCJP, 'd'},
		{"$)C", korean.EUCKR, 's'}, {"$)A", simplifiedchinese.GBK, 's'},
	} {
		if bytes.HasPrefix(b, []byte(x.seq)) {
			return len(x.seq), x.e, x.kind
		}
	}
	return 0, nil, 0
}

// iso2022 decodes text with escapes. Delimiters (\ ^ = CR LF TAB) set the
// first character set again (PS3.5, 6.1.2.5.3).
func iso2022(b []byte, first encoding.Encoding) string {
	var out strings.Builder
	cur, kind := first, byte('s')
	for len(b) > 0 {
		if b[0] == 0x1B {
			if n, e, k := escapes(b[1:]); n > 0 {
				b = b[1+n:]
				if k != 'a' {
					cur, kind = e, k
				} else if kind != 's' {
					cur, kind = first, 's'
				}
				continue
			}
			out.WriteRune(utf8.RuneError)
			b = b[1:]
			continue
		}
		end := 1
		for end < len(b) && b[end] != 0x1B && !delimiter(b[end-1], kind) && !delimiter(b[end], kind) {
			end++
		}
		run := b[:end]
		b = b[end:]
		switch kind {
		case 'j':
			run = append([]byte("\x1b$B"), run...)
		case 'd':
			run = threeByte(run)
		}
		out.WriteString(through(cur, run))
		if delimiter(run[len(run)-1], kind) {
			cur, kind = first, 's'
		}
	}
	return out.String()
}

func delimiter(c, kind byte) bool {
	if kind != 's' { // in two-byte sets these bytes are halves of characters
		return c == '\r' || c == '\n' || c == '\t'
	}
	return c == '\\' || c == '^' || c == '=' || c == '\r' || c == '\n' || c == '\t'
}

// threeByte turns JIS X 0212 pairs into their EUC-JP form.
func threeByte(b []byte) []byte {
	out := make([]byte, 0, len(b)/2*3)
	for i := 0; i+1 < len(b); i += 2 {
		out = append(out, 0x8F, b[i]|0x80, b[i+1]|0x80)
	}
	return out
}
