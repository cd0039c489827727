package deid

import (
	"strings"

	"manx/health/dicom"
)

// An action is what happens to one element.
type action uint8

const (
	remove  action = iota
	empty          // Z
	replace        // D
	remap          // U: UIDs by Profile.UID, in items too
	move           // dates, by the patient's shift
	check          // stays as far as it is certainly not a name
	retain         // stays as text, by an option the owner named
)

// byTable returns what PS3.15 asks for, the options applied. It reports false
// where the table does not name the attribute.
func (pl *plan) byTable(e *dicom.Element, vr dicom.VR) (action, bool) {
	r, ok := pl.t.rows[e.Tag]
	if !ok {
		return 0, false
	}
	opt, date := pl.p.opt, vr == dicom.DA || vr == dicom.TM || vr == dicom.DT
	switch {
	case opt.ModifiedDates && r.has('t') && date:
		return move, true
	case opt.ModifiedDates && e.Tag == timezone:
		return retain, true
	case opt.PatientCharacteristics && r.has('P'):
		return check, true
	case opt.DeviceIdentity && r.has('V') && !date:
		return retain, true
	}
	a := resolve(r.action, typeOf(pl.class, pl.kind, e.Tag, e.Depth))
	if a == replace && vr == dicom.UI {
		a = remap
	}
	return a, true
}

const timezone dicom.Tag = 0x00080201

// resolve picks from a conditional action by the attribute's type: the first
// that keeps the object valid, and where the type is not known the last, which
// always does.
func resolve(conditional string, t attributeType) action {
	choices := strings.Split(conditional, "/")
	last := choices[len(choices)-1]
	pick := last
	switch t {
	case 2:
		for _, c := range choices {
			if c == "Z" {
				pick = c
			}
		}
	case 3:
		pick = choices[0]
	}
	switch pick {
	case "Z":
		return empty
	case "D":
		return replace
	case "U", "U*":
		return remap
	}
	return remove
}

// byDefault returns what happens to attributes the table does not name.
func (pl *plan) byDefault(t dicom.Tag, vr dicom.VR) action {
	switch vr {
	case dicom.SQ, dicom.CS, dicom.DS, dicom.IS, dicom.UI,
		dicom.US, dicom.SS, dicom.UL, dicom.SL, dicom.SV, dicom.UV, dicom.FL, dicom.FD, dicom.AT:
		return check
	case dicom.DA, dicom.TM, dicom.DT:
		if pl.p.opt.ModifiedDates {
			return move
		}
	case dicom.OB, dicom.OW, dicom.OF, dicom.OD, dicom.OL, dicom.OV:
		if bulk[t] {
			return check
		}
	case dicom.LO, dicom.SH:
		if t == dicom.Manufacturer || t == kernel || coded[t] || numbered[t] {
			return check
		}
	}
	return remove
}

const kernel dicom.Tag = 0x00181210

// coded lists text that the standard fills with defined terms, numbered text
// that writers fill with a count; what else they hold goes.
var (
	coded    = tags(dicom.RescaleType, 0x00283004, 0x00201040)
	numbered = tags(0x00209056, 0x00480106)
)

// bulk lists the binary attributes that stay: pixels, their offset tables and
// colour or grey look-up tables. An ICC profile carries text and goes.
var bulk = tags(dicom.PixelData, dicom.FloatPixelData, dicom.DoubleFloatPixelData, dicom.ExtendedOffsetTable,
	dicom.ExtendedOffsetLengths, 0x00281201, 0x00281202, 0x00281203, 0x00281221, 0x00281222, 0x00281223, 0x00283006)

// outside reports groups that go as a whole: commands, media directories,
// private ones, curves, overlays and what stands behind the pixels.
func outside(t dicom.Tag) bool {
	g := t.Group()
	return g < 8 || t.Private() || g>>8 == 0x50 || g>>8 == 0x60 || g >= 0xFF00
}
