// Package annotation is what a doctor says of somebody's record: a value of a label,
// as a training names its labels and their codes, and a remark. It says who wrote it,
// of which version of which record and at which hospital, and is signed by its author
// over all of that: whoever keeps or carries it cannot put it into another's mouth, or
// on another record.
//
// It seals and sends nothing, keeps no keys, and does not know who may see what: the
// ledger's contract does.
package annotation

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"manx/ledger"
	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// Schema names the form of what a record holds.
const Schema = "manx-annotation-1"

// Bounds, in bytes.
const (
	MaxName   = 64   // of a label or a code
	MaxRemark = 4096 // of a remark
	MaxFile   = 16 << 10

	MaxTime = 1e6 // of a time, in whatever unit
)

// An Annotation is what its author says. What it says of a person does not print.
type Annotation struct {
	Place
	Finding privacy.Secret[Finding]
}

// A Place is what an annotation speaks of, and who says it where: all that the ledger
// says of it too.
type Place struct {
	Network ledger.NetworkID `json:"network"` // the genesis' id
	About   ledger.RecordID  `json:"about"`
	Of      int              `json:"of"` // which version of that
	At      ledger.PartyID   `json:"at"`
	By      ledger.PartyID   `json:"by"`

	Supersedes ledger.RecordID `json:"supersedes,omitempty"`
}

// A Finding is what is said of a person.
type Finding struct {
	Label string `json:"label"` // as a training names it
	Code  string `json:"code"`  // one of its codes

	// Time is how long the patient had been followed when that was so, in the unit of the
	// training's time: of survival, whose code tells whether the event had come. Others
	// have none.
	Time   *float64 `json:"time,omitempty"`
	Remark string   `json:"remark,omitempty"`
}

// Check refuses a finding that cannot be one.
func (f Finding) Check() error {
	for _, s := range []struct {
		text, what string
		most       int
		needed     bool
	}{{f.Label, "label", MaxName, true}, {f.Code, "code", MaxName, true}, {f.Remark, "remark", MaxRemark, false}} {
		odd := func(r rune) bool { return !unicode.IsPrint(r) && !(r == '\n' && !s.needed) }
		if s.needed && strings.TrimSpace(s.text) != s.text || s.needed && s.text == "" || len(s.text) > s.most || !utf8.ValidString(s.text) || strings.ContainsFunc(s.text, odd) {
			return notice.New(notice.Invalid, "the "+s.what+" of the annotation is missing, too long, or no plain text", fmt.Sprintf("a label and a code have 1 to %d bytes and no blanks around, a remark %d at most", MaxName, MaxRemark))
		}
	}
	if f.Time != nil && !(*f.Time >= 0 && *f.Time <= MaxTime) {
		return notice.New(notice.Invalid, "the annotation's time is none", fmt.Sprintf("it is how long the patient was followed, from 0 to %g", float64(MaxTime)))
	}
	return nil
}

// Same reports whether two findings say the same.
func (f Finding) Same(g Finding) bool {
	timed := (f.Time == nil) == (g.Time == nil) && (f.Time == nil || *f.Time == *g.Time)
	f.Time, g.Time = nil, nil
	return timed && f == g
}

// Followed refuses a finding for survival that has no time, or one outside these.
func (f Finding) Followed(low, high float64, unit string) error {
	if f.Time == nil {
		return notice.New(notice.Invalid, "the annotation does not say how long the patient was followed", "give it a time in "+unit+": `manx annotate add --time`")
	}
	if !(*f.Time >= low && *f.Time <= high) {
		return notice.New(notice.Invalid, "the annotation's time is outside the training's range", fmt.Sprintf("the range is %g to %g, in %s", low, high, unit))
	}
	return nil
}

// Known refuses a finding of another label, or whose code is none of the label's.
func (f Finding) Known(label string, codes []string) error {
	if f.Label != label {
		return notice.New(notice.Invalid, "the annotation is of another label than the training has", "read which it has: `manx train status`")
	}
	if !slices.Contains(codes, f.Code) {
		return notice.New(notice.Invalid, "the annotation has a code that the training's label has not", "read which there are: `manx train status`")
	}
	return nil
}

// kept is an annotation as a record keeps it.
type kept struct {
	Schema string `json:"schema"`
	Place
	Finding
	Signature []byte `json:"signature"`
}

// signing is what its author signs.
func signing(p Place, f Finding) ([]byte, error) {
	b, err := json.Marshal(kept{Schema: Schema, Place: p, Finding: f})
	if err != nil {
		return nil, fmt.Errorf("encode annotation: %w", err)
	}
	return append([]byte("manx/annotation/v1\x00"), b...), nil
}

// Encode returns an annotation as a record keeps it, signed by its author's account
// key. The same annotation gives the same bytes.
func (a Annotation) Encode(sign func([]byte) []byte) ([]byte, error) {
	f := a.Finding.Reveal(reveal.Token{})
	if err := f.Check(); err != nil {
		return nil, err
	}
	m, err := signing(a.Place, f)
	if err != nil {
		return nil, err
	}
	return json.Marshal(kept{Schema, a.Place, f, sign(m)})
}

// Decode reads what Encode wrote, and returns it with the test whether a key is the
// one that signed it. Anything else is notice.Integrity.
func Decode(r io.Reader) (a Annotation, signed func(ed25519.PublicKey) bool, err error) {
	damaged := func(cause error) (Annotation, func(ed25519.PublicKey) bool, error) {
		return Annotation{}, nil, notice.Because(cause, notice.Integrity, "the record does not hold an annotation as this version keeps it", "let its author write it again: `manx annotate add --to ANNOTATION`")
	}
	raw, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err != nil {
		return Annotation{}, nil, err
	}
	if len(raw) > MaxFile {
		return damaged(errors.New("too long"))
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	var k kept
	if err := d.Decode(&k); err != nil {
		return damaged(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return damaged(errors.New("something follows it"))
	}
	if k.Schema != Schema || k.Of < 1 || len(k.Signature) != ed25519.SignatureSize {
		return damaged(errors.New("another schema"))
	}
	if err := k.Check(); err != nil {
		return damaged(err)
	}
	m, err := signing(k.Place, k.Finding)
	if err != nil {
		return damaged(err)
	}
	return Annotation{k.Place, privacy.Hide(k.Finding)}, func(key ed25519.PublicKey) bool {
		return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, m, k.Signature)
	}, nil
}
