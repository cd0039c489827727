package deid

import (
	"bufio"
	"io"
	"strconv"
	"strings"

	"manx/health/dicom"
)

// dummy returns a value of vr that says nothing (action D), nil where vr has
// no such value.
func dummy(vr dicom.VR) []byte {
	switch vr {
	case dicom.DA:
		return []byte("19000101")
	case dicom.TM:
		return []byte("000000")
	case dicom.DT:
		return []byte("19000101000000")
	case dicom.AS:
		return []byte("000Y")
	case dicom.CS:
		return []byte("OTHER")
	case dicom.DS, dicom.IS:
		return []byte("0")
	case dicom.LO, dicom.SH, dicom.LT, dicom.ST, dicom.UT, dicom.UC, dicom.PN, dicom.AE:
		return []byte("REMOVED")
	case dicom.UR:
		return []byte("urn:removed")
	case dicom.OB, dicom.OW, dicom.US, dicom.SS:
		return []byte{0, 0}
	case dicom.UL, dicom.SL, dicom.FL, dicom.AT, dicom.OL, dicom.OF:
		return make([]byte, 4)
	case dicom.FD, dicom.SV, dicom.UV, dicom.OD, dicom.OV:
		return make([]byte, 8)
	}
	return nil
}

// defined keeps the parts of a CS value that are defined terms; others become
// OTHER, so that positions stay. It reports false where none is left.
func (t *tables) defined(tag dicom.Tag, values []string) (out []string, reduced, ok bool) {
	for _, v := range values {
		v = strings.TrimSpace(v)
		switch {
		case v == "":
		case t.terms[v] || tag == patientOrientation && direction(v):
			ok = true
		default:
			v, reduced = "OTHER", true
		}
		out = append(out, v)
	}
	return out, reduced, ok
}

const patientOrientation dicom.Tag = 0x00200020

// direction accepts the letters of a patient orientation, as "LA" or "FR".
func direction(v string) bool { return len(v) <= 3 && strings.Trim(v, "APLRHFD") == "" }

// integer accepts an IS value, which is a 32-bit number.
func integer(s string) bool {
	_, err := strconv.ParseInt(s, 10, 32)
	return err == nil
}

// decimal accepts a DS value whose whole part has at most nine digits: more
// is no measurement but a number somebody goes by.
func decimal(s string) bool {
	if len(s) > 24 || strings.Trim(s, "+-0123456789.eE") != "" { // 16 by PS3.5; writers go beyond
		return false
	}
	whole, _, _ := strings.Cut(strings.TrimLeft(s, "+-"), ".")
	if len(whole) > 9 && !strings.ContainsAny(whole, "eE") {
		return false
	}
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

// numeric reports whether a DS or IS value of any length is only numbers, one
// pass over it in constant memory.
func numeric(r io.Reader, vr dicom.VR) bool {
	in, valid := bufio.NewReader(r), decimal
	if vr == dicom.IS {
		valid = integer
	}
	var word [32]byte
	n := 0
	for {
		c, err := in.ReadByte()
		if err != nil || c == '\\' {
			s := strings.Trim(string(word[:n]), " \x00")
			if s != "" && !valid(s) {
				return false
			}
			if err != nil {
				return err == io.EOF
			}
			n = 0
			continue
		}
		if n == len(word) {
			return false
		}
		word[n] = c
		n++
	}
}

// age accepts an AS value and hides ages above 89 (45 CFR 164.514(b)(2)(i)(C)).
func age(s string) (string, bool) {
	if len(s) != 4 || !digits(s[:3]) || strings.IndexByte("DWMY", s[3]) < 0 {
		return "", false
	}
	n, _ := strconv.Atoi(s[:3])
	if s[3] == 'Y' && n > 89 || s[3] == 'M' && n >= 90*12 {
		return "090Y", true
	}
	return s, true
}

// standard reports whether uid is one that DICOM itself defines: a class, a
// transfer syntax, a well-known frame of reference, a coding scheme.
func standard(uid string) bool {
	rest, ok := strings.CutPrefix(uid, "1.2.840.10008.")
	return ok && len(rest) <= 22 && strings.Trim(rest, "0123456789.") == "" && longestPart(rest) <= 5
}

// wellKnown reports whether uid names a frame of reference or palette of PS3.6,
// annex A, which stand for themselves in every data set.
func wellKnown(uid string) bool {
	return standard(uid) && (strings.HasPrefix(uid, "1.2.840.10008.1.4.") || strings.HasPrefix(uid, "1.2.840.10008.1.5."))
}

func longestPart(s string) (n int) {
	for p := range strings.SplitSeq(s, ".") {
		n = max(n, len(p))
	}
	return n
}

// code reports whether a code is certainly one of its scheme: a DICOM code by
// its form, SNOMED CT and LOINC by their check digits, UCUM by the list.
func (t *tables) code(value, scheme string) bool {
	switch scheme {
	case "DCM":
		return len(value) == 6 && digits(value) && value[0] == '1'
	case "SCT":
		return len(value) >= 6 && len(value) <= 18 && digits(value) && verhoeff(value)
	case "SRT", "SNM3", "99SDM":
		return len(value) >= 6 && len(value) <= 7 && value[1] == '-' && strings.IndexByte("ACDFGJLMPRSTX", value[0]) >= 0 &&
			strings.Trim(value[2:], "0123456789ABCDEF") == ""
	case "LN":
		body, check, ok := strings.Cut(value, "-")
		return ok && len(body) >= 3 && len(body) <= 7 && digits(body) && len(check) == 1 && int(check[0]-'0') == mod10(body)
	case "UCUM":
		return t.units[value]
	}
	return false
}

// mod10 is the check digit of LOINC numbers (Luhn, from the right).
func mod10(s string) int {
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return (10 - sum%10) % 10
}

// verhoeff checks the last digit of an SNOMED CT identifier, by the dihedral
// group of ten elements.
func verhoeff(s string) bool {
	permute := "1576283094"
	c := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		for range i % 8 {
			d = int(permute[d] - '0')
		}
		c = dihedral(c, d)
	}
	return c == 0
}

// dihedral multiplies in D5: 0 to 4 rotate, 5 to 9 reflect.
func dihedral(a, b int) int {
	switch {
	case a < 5 && b < 5:
		return (a + b) % 5
	case a < 5:
		return 5 + (a+b)%5
	case b < 5:
		return 5 + (a-b+5)%5
	}
	return (a - b + 5) % 5
}
