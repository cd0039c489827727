package ledger

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// A Vertical is one side of the wall (invariant 5). It is the first word of
// every id, so that state of the two sides can be kept apart by key.
type Vertical string

// The verticals. Common is for parties that serve both and read neither:
// organisations and workers.
const (
	Health Vertical = "health"
	Credit Vertical = "credit"
	Common Vertical = "common"
)

// Valid reports whether v is one of the verticals.
func (v Vertical) Valid() bool { return v == Health || v == Credit || v == Common }

// Ids are "<vertical>-<word>-<digits>"; those of things made by a command hold
// the command's id, so a client knows them before it submits.
type (
	PartyID  string // health-p-…: who, as the ledger knows it
	RecordID string // health-rec-…
	GrantID  string // health-grant-…
	ModelID  string // health-model-…
	JobID    string // health-job-…
	CoinID   string // common-coin-…
)

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewPartyID returns the id of the party whose first signing key is key. It
// stays the same when the key rotates, and nobody can claim another's.
func NewPartyID(v Vertical, key ed25519.PublicKey) PartyID {
	h := sha256.New()
	fmt.Fprintf(h, "manx/party/v1\x00%s\x00", v)
	h.Write(key)
	return PartyID(string(v) + "-p-" + idEncoding.EncodeToString(h.Sum(nil)[:20]))
}

func made(v Vertical, word string, by CommandID) string {
	return string(v) + "-" + word + "-" + hex.EncodeToString(by[:])
}

// NewRecordID and its siblings name what the command `by` makes.
func NewRecordID(v Vertical, by CommandID) RecordID { return RecordID(made(v, "rec", by)) }
func NewGrantID(v Vertical, by CommandID) GrantID   { return GrantID(made(v, "grant", by)) }
func NewModelID(v Vertical, by CommandID) ModelID   { return ModelID(made(v, "model", by)) }
func NewJobID(v Vertical, by CommandID) JobID       { return JobID(made(v, "job", by)) }

// NewCoinID names the n-th coin that the command `by` makes.
func NewCoinID(by CommandID, n int) CoinID {
	return CoinID(fmt.Sprintf("%s.%d", made(Common, "coin", by), n))
}

// VerticalOf returns the side an id stands on, or "" for what is no id.
func VerticalOf[ID ~string](id ID) Vertical {
	first, rest, _ := strings.Cut(string(id), "-")
	if v := Vertical(first); v.Valid() && strings.Contains(rest, "-") {
		return v
	}
	return ""
}

// KeyOf returns where the thing named id is kept: "health/rec/…".
func KeyOf[ID ~string](id ID) Key { return Key(strings.Replace(string(id), "-", "/", 2)) }

// IDOf returns the id of the thing that is kept under a key, and its word, or ""
// for other keys: "health-rec-…" and "rec".
func IDOf(k Key) (id, word string) {
	parts := strings.Split(string(k), "/")
	if len(parts) != 3 {
		return "", ""
	}
	id = strings.Join(parts, "-")
	if CheckID(id, parts[1]) != nil {
		return "", ""
	}
	return id, parts[1]
}

// CheckID reports an error unless id has the form of ids with this word.
func CheckID[ID ~string](id ID, word string) error {
	v, rest, _ := strings.Cut(string(id), "-")
	w, digits, _ := strings.Cut(rest, "-")
	if !Vertical(v).Valid() || w != word || len(digits) < 32 || len(digits) > 40 {
		return fmt.Errorf("not the id of a %s", word)
	}
	for _, c := range digits {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '.') {
			return fmt.Errorf("not the id of a %s", word)
		}
	}
	return nil
}

// A Hash is 32 bytes, written as 64 hexadecimal digits.
type Hash [32]byte

// IsZero reports whether h is no hash.
func (h Hash) IsZero() bool { return h == Hash{} }

// String returns the digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText implements encoding.TextMarshaler; the zero Hash is "".
func (h Hash) MarshalText() ([]byte, error) {
	if h.IsZero() {
		return []byte{}, nil
	}
	return hex.AppendEncode(nil, h[:]), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*h = Hash{}
		return nil
	}
	if len(b) != 2*len(h) {
		return errors.New("a hash is 64 hexadecimal digits")
	}
	_, err := hex.Decode(h[:], b)
	return err
}
