// Package deid makes de-identified copies of DICOM files by the Basic
// Application Level Confidentiality Profile of DICOM PS3.15 (annex E, edition
// 2025a), whose table it holds as data, with three of its options.
//
// It is stricter than the profile: what the table does not name stays only
// where its value cannot carry a name: numbers, defined terms, checked codes,
// UIDs (mapped) and pixels. All other text, every private element, overlay and
// curve goes.
//
// Pixels pass through byte for byte: it cleans no burned-in text, it holds such
// files back; and it does not remove a face that can be rebuilt from a head
// scan, it warns. Reports, documents, presentation states, waveforms and
// objects it does not know are held back, not cleaned.
package deid

import (
	"fmt"
	"io"

	"manx/health/dicom"
	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// Version names the profile and its edition.
const Version = "DICOM PS3.15 2025a Basic Profile"

// KeySize is the least number of bytes of a key.
const KeySize = 32

// Options are the options of PS3.15 beside the Basic profile. The zero value
// keeps least.
type Options struct {
	// ModifiedDates keeps dates and times, all dates of a patient moved by the
	// same number of days (1 to 3650, known only to the key), so that intervals
	// stay true. Times of day stay.
	ModifiedDates bool

	// PatientCharacteristics keeps sex, age (90 for all above 89), size, weight
	// and the coded ones beside them; never free text.
	PatientCharacteristics bool

	// DeviceIdentity keeps serial numbers and names of devices, as free text:
	// the one option under which text nobody has checked stays.
	DeviceIdentity bool
}

// A Profile de-identifies the files of one derivative: the same key gives the
// same UIDs, pseudonym and dates, another key unlinkable ones. It is safe for
// concurrent use.
type Profile struct {
	opt Options
	key privacy.Secret[[]byte]
}

// New returns a profile. The key is random, at least KeySize bytes, and stays
// with the owner: who has it can tell which UID became which.
func New(o Options, key privacy.Secret[[]byte]) (*Profile, error) {
	if n := len(key.Reveal(reveal.Token{})); n < KeySize {
		return nil, fmt.Errorf("de-identification key: %d bytes, want %d", n, KeySize)
	}
	return &Profile{opt: o, key: key}, nil
}

// A Change says what happened to one element, without its value.
type Change struct {
	Tag     string `json:"tag"`     // path, as "(0008,1140)[0].(0008,1155)"
	Keyword string `json:"keyword"` // "" where the standard has none
	Action  string `json:"action"`  // removed, emptied, replaced, remapped, shifted, reduced
	Was     string `json:"was"`     // name, date, text, uid, code, number, binary, items, private
}

// A Difference is a Change with values, for the owner's own screen.
type Difference struct {
	Change
	Before privacy.Secret[string]
	After  privacy.Secret[string]
}

// maxChanges bounds a Report; the rest is counted.
const maxChanges = 5000

// A Report says what was changed in one file.
type Report struct {
	SOPInstanceUID    string   `json:"sopInstanceUID"` // the new ones
	SeriesInstanceUID string   `json:"seriesInstanceUID"`
	StudyInstanceUID  string   `json:"studyInstanceUID"`
	Patient           string   `json:"patient"` // the pseudonym
	Changes           []Change `json:"changes"`
	More              int      `json:"more"`              // changes beyond the first 5000
	Uncured           string   `json:"uncured,omitempty"` // what this does not cure
}

// File writes the de-identified copy of f to w. A file that Quarantine holds
// is refused and nothing is written. Name the output by Report.SOPInstanceUID,
// never by the input's name.
func (p *Profile) File(w io.Writer, f *dicom.File) (Report, error) { return p.write(w, f, false) }

// Reviewed is File after a person has looked at the pixels and found no text:
// it takes what is held for the risk of it, not what says that it has some.
func (p *Profile) Reviewed(w io.Writer, f *dicom.File) (Report, error) { return p.write(w, f, true) }

// Preview returns what File would change, with the values before and after,
// whether f is held or not.
func (p *Profile) Preview(f *dicom.File) ([]Difference, error) {
	pl := p.plan(f)
	pl.values = true
	if _, err := pl.dataset(false); err != nil {
		return nil, err
	}
	return pl.differences, nil
}

func (p *Profile) write(w io.Writer, f *dicom.File, reviewed bool) (Report, error) {
	if h := holdReason(f); h.reason != "" && (!reviewed || !h.reviewable) {
		hint := "leave it out of the derivative"
		if h.reviewable {
			hint = "look at the image; where it shows no text, release it as reviewed"
		}
		return Report{}, notice.New(notice.Denied, "held back: "+h.reason, hint)
	}
	pl := p.plan(f)
	nodes, err := pl.dataset(reviewed)
	if err != nil {
		return Report{}, err
	}
	r := Report{
		SOPInstanceUID: p.UID(f.String(dicom.SOPInstanceUID)), Patient: pl.name,
		Changes: pl.changes, More: pl.more, Uncured: Uncured(f),
	}
	for _, u := range []struct {
		to  *string
		tag dicom.Tag
	}{{&r.StudyInstanceUID, dicom.StudyInstanceUID}, {&r.SeriesInstanceUID, dicom.SeriesInstanceUID}} {
		if old := f.String(u.tag); old != "" {
			*u.to = p.UID(old)
		}
	}
	syntax := f.WritableSyntax()
	enc := dicom.NewEncoder(w, syntax)
	enc.Start(syntax, f.String(dicom.SOPClassUID), r.SOPInstanceUID)
	pl.emit(enc, nodes)
	if err := enc.Close(); err != nil {
		return Report{}, fmt.Errorf("write de-identified file: %w", err)
	}
	return r, nil
}
