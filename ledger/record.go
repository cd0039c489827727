package ledger

import (
	"errors"
	"fmt"

	"manx/storage"
)

// A Kind says what a record is. Its first part is the record's vertical.
type Kind string

// The kinds. A kind is not a label the owner chooses: the contract binds it to
// the owner's vertical, to lineage or to a furnisher's signature.
const (
	Study        Kind = "health/study"              // identified; leaves its owner for care alone
	Deidentified Kind = "health/study-deidentified" // derived from a Study by PS3.15
	Chart        Kind = "health/chart"              // measurements of one person; leaves its owner for care alone
	Annotation   Kind = "health/annotation"         // what its author says of another's record; leaves it for the hospital where it was made
	File         Kind = "credit/file"               // backed by a furnisher's Commitment
)

// Vertical returns the side a kind stands on, or "" where there is no such kind.
func (k Kind) Vertical() Vertical {
	switch k {
	case Study, Deidentified, Chart, Annotation:
		return Health
	case File:
		return Credit
	}
	return ""
}

// A Digest is a salted SHA-256 commitment to a record's manifest.
type Digest = Hash

// A Record is one sealed thing somebody owns. The ledger sees no content.
type Record struct {
	ID         RecordID   `json:"id"`
	Owner      PartyID    `json:"owner"`
	Kind       Kind       `json:"kind"`
	Versions   []Version  `json:"versions"`             // oldest first
	Derived    RecordID   `json:"derived,omitempty"`    // lineage
	About      RecordID   `json:"about,omitempty"`      // of an annotation: lineage, the record that it speaks of
	At         PartyID    `json:"at,omitempty"`         // of an annotation: the hospital
	Supersedes RecordID   `json:"supersedes,omitempty"` // of an annotation: whose word it corrects
	Commitment Commitment `json:"commitment,omitzero"`
	Erased     bool       `json:"erased,omitempty"`
}

// A Version is one state of a record.
type Version struct {
	Manifest storage.Ref `json:"manifest"`
	Digest   Digest      `json:"digest"`
	At       Time        `json:"at"`
}

// Latest returns the newest version and its number, counted from 1.
func (r Record) Latest() (Version, int) {
	n := len(r.Versions)
	if n == 0 {
		return Version{}, 0
	}
	return r.Versions[n-1], n
}

// MaxVersions bounds a record's history.
const MaxVersions = 256

// RegisterRecord makes a record of the author's.
type RegisterRecord struct {
	Kind     Kind        `json:"kind"`
	Manifest storage.Ref `json:"manifest"`
	Digest   Digest      `json:"digest"`
	Derived  RecordID    `json:"derived,omitempty"` // for Deidentified: the Study
	// Furnisher names whose latest commitment a credit file opens.
	Furnisher PartyID `json:"furnisher,omitempty"`
	// Of an annotation: what it speaks of, the hospital that may see that, and another's
	// that it corrects.
	About      RecordID `json:"about,omitempty"`
	At         PartyID  `json:"at,omitempty"`
	Supersedes RecordID `json:"supersedes,omitempty"`
}

// Command implements Body.
func (RegisterRecord) Command() string { return "record.register" }

// Check implements Body.
func (b RegisterRecord) Check() error {
	switch {
	case b.Kind.Vertical() == "":
		return errors.New("there is no such kind of record")
	case b.Manifest.IsZero() || b.Digest == Digest{}:
		return errors.New("a record needs a manifest and a digest")
	case (b.Kind == Deidentified) != (b.Derived != ""):
		return errors.New("a de-identified study, and nothing else, names the study it derives from")
	case (b.Kind == File) != (b.Furnisher != ""):
		return errors.New("a credit file, and nothing else, names its furnisher")
	}
	return b.checkAnnotation()
}

// AmendRecord adds a version. Version is the new one's number: one more than
// the latest, or the command is refused.
type AmendRecord struct {
	Record   RecordID    `json:"record"`
	Version  int         `json:"version"`
	Manifest storage.Ref `json:"manifest"`
	Digest   Digest      `json:"digest"`
}

// Command implements Body.
func (AmendRecord) Command() string { return "record.amend" }

// Check implements Body.
func (b AmendRecord) Check() error {
	if b.Manifest.IsZero() || b.Digest == (Digest{}) || b.Version < 2 || b.Version > MaxVersions {
		return fmt.Errorf("a new version needs a manifest, a digest and a number from 2 to %d", MaxVersions)
	}
	return CheckID(b.Record, "rec")
}

// EraseRecord ends a record and every grant on it. Stores delete wraps and
// shards when they see it.
type EraseRecord struct {
	Record RecordID `json:"record"`
}

// Command implements Body.
func (EraseRecord) Command() string { return "record.erase" }

// Check implements Body.
func (b EraseRecord) Check() error { return CheckID(b.Record, "rec") }

// A Commitment is a furnisher's word on a subject's credit file: a hiding,
// SNARK-friendly hash of its fields. Of one furnisher and subject only the
// highest Sequence counts.
type Commitment struct {
	Furnisher PartyID  `json:"furnisher"`
	Subject   PartyID  `json:"subject"`
	Value     Hash     `json:"value"` // canonical big-endian field element of BLS12-381's scalar field
	Sequence  uint64   `json:"sequence"`
	Date      int      `json:"date"`               // yyyymmdd the file speaks of
	Disputed  []string `json:"disputed,omitempty"` // fields the subject disputes, by schema name
	Sharing   Sharing  `json:"sharing,omitzero"`   // of its features, where the network has three organisations

	Encryptions []Encryption `json:"encryptions,omitempty"` // under a committee's key, where the network has one
}

// CommitmentKey is where the latest commitment is kept.
func CommitmentKey(furnisher, subject PartyID) Key {
	return Key("credit/commitment/" + string(furnisher) + "/" + string(subject))
}

// CommitFile states the author's (a furnisher's) word on a subject's file. It
// answers any open dispute.
type CommitFile struct {
	Subject  PartyID `json:"subject"`
	Value    Hash    `json:"value"`
	Sequence uint64  `json:"sequence"` // one more than the latest, from 1
	Date     int     `json:"date"`
	Sharing  Sharing `json:"sharing,omitzero"`

	Encryptions []Encryption `json:"encryptions,omitempty"`
}

// Command implements Body.
func (CommitFile) Command() string { return "credit.commit" }

// Check implements Body.
func (b CommitFile) Check() error {
	if y, m, d := b.Date/10000, b.Date/100%100, b.Date%100; y < 1990 || y > 2999 || m < 1 || m > 12 || d < 1 || d > 31 {
		return errors.New("a date is written yyyymmdd")
	}
	if b.Sequence == 0 || b.Value == (Hash{}) {
		return errors.New("a commitment needs a value and a sequence number from 1")
	}
	if !b.Sharing.IsZero() {
		if err := b.Sharing.check(); err != nil {
			return err
		}
	}
	if err := checkEncryptions(b.Encryptions); err != nil {
		return err
	}
	return CheckID(b.Subject, "p")
}

// DisputeField says that a field of the author's file is wrong. The field is
// named by the schema; its value is not.
type DisputeField struct {
	Furnisher PartyID `json:"furnisher"`
	Field     string  `json:"field"`
}

// Command implements Body.
func (DisputeField) Command() string { return "credit.dispute" }

// Check implements Body.
func (b DisputeField) Check() error {
	if b.Field == "" || len(b.Field) > 64 {
		return errors.New("name the disputed field as the schema does")
	}
	return CheckID(b.Furnisher, "p")
}
