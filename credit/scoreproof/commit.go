package scoreproof

import (
	"encoding/hex"
	"encoding/json"
	"errors"

	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// A Digest is a Poseidon2 hash: a canonical element of BLS12-381's scalar field,
// 32 bytes, big-endian. It is written as 64 hexadecimal digits.
type Digest [fr.Bytes]byte

// String returns d in hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler; it takes canonical
// elements only.
func (d *Digest) UnmarshalText(b []byte) error {
	var out Digest
	if len(b) != 2*len(out) {
		return errors.New("a digest is 64 hexadecimal digits")
	}
	if _, err := hex.Decode(out[:], b); err != nil {
		return errors.New("a digest is 64 hexadecimal digits")
	}
	if _, err := out.element(); err != nil {
		return err
	}
	*d = out
	return nil
}

func (d Digest) element() (fr.Element, error) {
	e, err := fr.BigEndian.Element((*[fr.Bytes]byte)(&d))
	if err != nil {
		return fr.Element{}, errors.New("digest is not an element of the field")
	}
	return e, nil
}

// An Opening is what, with the file, opens a commitment. The salt is secret: it
// is what hides a file of few possible values. The furnisher gives the opening
// to the subject and to nobody else.
type Opening struct {
	Subject  string // the subject's PartyID
	Sequence uint32 // counts the furnisher's files about the subject; the latest counts
	Date     uint32 // of the file, in days since 1970-01-01 UTC
	salt     privacy.Secret[Digest]
}

// Commit commits to a file about a subject under a fresh salt of 254 bits.
// What a furnisher signs on the ledger is the commitment with its sequence
// number and date.
func Commit(f *credit.File, subject string, sequence, date uint32) (Digest, Opening, error) {
	if subject == "" || len(subject) > maxName {
		return Digest{}, Opening{}, errors.New("commit: no subject, or one too long")
	}
	var salt fr.Element
	salt.MustSetRandom() // crypto/rand
	o := Opening{subject, sequence, date, privacy.Hide(Digest(salt.Bytes()))}
	return o.commitment(f), o, nil
}

func (o Opening) commitment(f *credit.File) Digest {
	var salt, order fr.Element
	salt.SetBytes(sliceOf(o.salt.Reveal(reveal.Token{})))
	order.SetUint64(uint64(o.Sequence)<<32 | uint64(o.Date))
	in := append([]fr.Element{salt, toField(domainSubject, []byte(o.Subject)), order},
		packElements(fieldWidths(), raised(f.Values(reveal.Token{})))...)
	h := hashElements(domainFile, in)
	return h.Bytes()
}

func sliceOf(d Digest) []byte { return d[:] }

// raised takes its offset from each field.
func raised(v credit.Values) []int64 {
	out := make([]int64, len(v))
	for i, f := range credit.Fields() {
		out[i] = v[i] - offset(f)
	}
	return out
}

// Opens reports whether o and f open c: what the subject checks before relying
// on a furnisher's commitment.
func (o Opening) Opens(f *credit.File, c Digest) error {
	if o.commitment(f) != c {
		return notice.New(notice.Integrity, "the credit file and its opening do not match the furnisher's commitment",
			"ask the furnisher for the file behind the latest commitment")
	}
	return nil
}

type openingJSON struct {
	Subject  string `json:"subject"`
	Sequence uint32 `json:"sequence"`
	Date     uint32 `json:"date"`
	Salt     Digest `json:"salt"`
}

// Bytes returns o as JSON, secret salt included, to be sealed with the file.
func (o Opening) Bytes(t reveal.Token) ([]byte, error) {
	return json.Marshal(openingJSON{o.Subject, o.Sequence, o.Date, o.salt.Reveal(t)})
}

// ParseOpening reads what Bytes returns.
func ParseOpening(b []byte) (Opening, error) {
	var j openingJSON
	if len(b) > 1024 {
		return Opening{}, notice.New(notice.Invalid, "the opening of a credit file is too long", "")
	}
	if err := json.Unmarshal(b, &j); err != nil || j.Subject == "" || len(j.Subject) > maxName || j.Salt == (Digest{}) {
		return Opening{}, notice.New(notice.Invalid, "the opening of a credit file is not well-formed",
			"ask the furnisher for it again")
	}
	return Opening{j.Subject, j.Sequence, j.Date, privacy.Hide(j.Salt)}, nil
}

// ModelHash is the identity of a scorecard: the hash of the numbers in its
// Canonical form. It does not depend on name, version or date.
func ModelHash(m *scorecard.Model) Digest { return hashModel(modelNumbers(m)) }

func hashModel(numbers []int64) Digest {
	h := hashElements(domainModel, packElements(modelWidths(), numbers))
	return h.Bytes()
}

// modelNumbers returns a scorecard's numbers in their public order.
func modelNumbers(m *scorecard.Model) []int64 {
	t := m.Table()
	out := []int64{int64(t.Base)}
	for f := range t.UpTo {
		out = append(out, t.UpTo[f][:]...)
	}
	for f := range t.Lost {
		for _, l := range t.Lost[f] {
			out = append(out, int64(l))
		}
	}
	return out
}
