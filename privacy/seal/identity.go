package seal

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"filippo.io/age"

	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// The lengths of the Bech32 forms of the hybrid key pair, with room to spare.
// Longer input is refused before it is decoded.
const (
	maxRecipient = 4096
	maxIdentity  = 256
)

// A Recipient is a public key that keys and messages are sealed to: ML-KEM-768
// with X25519 (HPKE, age v1.3 "mlkem768x25519"). The zero Recipient is none.
type Recipient struct{ r *age.HybridRecipient }

// ParseRecipient reads the "age1pq1…" form that String writes.
func ParseRecipient(s string) (Recipient, error) {
	if len(s) > maxRecipient {
		return Recipient{}, errRecipient(errors.New("too long"))
	}
	r, err := age.ParseHybridRecipient(s)
	if err != nil {
		return Recipient{}, errRecipient(err)
	}
	if r.String() != s {
		return Recipient{}, errRecipient(errors.New("not in canonical form"))
	}
	return Recipient{r}, nil
}

func errRecipient(cause error) error {
	return notice.Because(cause, notice.Invalid, "not a public sealing key: it must begin with age1pq1",
		"ask the other party for the output of `manx keys show`")
}

// String returns the Bech32 form, "" for the zero Recipient.
func (r Recipient) String() string {
	if r.r == nil {
		return ""
	}
	return r.r.String()
}

// IsZero reports whether r is nobody.
func (r Recipient) IsZero() bool { return r.r == nil }

// MarshalText implements encoding.TextMarshaler.
func (r Recipient) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; "" is the zero Recipient.
func (r *Recipient) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*r = Recipient{}
		return nil
	}
	*r, err = ParseRecipient(string(b))
	return err
}

// An Identity is the private half of a Recipient. It never prints.
type Identity struct{ get func() *age.HybridIdentity }

// NewIdentity returns a fresh identity.
func NewIdentity() (Identity, error) {
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return Identity{}, fmt.Errorf("make a sealing identity: %w", err)
	}
	return Identity{func() *age.HybridIdentity { return id }}, nil
}

// ParseIdentity reads the "AGE-SECRET-KEY-PQ-1…" form that Reveal gives. Its
// errors never quote the input.
func ParseIdentity(s string) (Identity, error) {
	bad := notice.New(notice.Invalid, "not a private sealing key", "restore the keyring: `manx keys recover`")
	if len(s) > maxIdentity || !strings.HasPrefix(s, "AGE-SECRET-KEY-PQ-1") {
		return Identity{}, bad
	}
	id, err := age.ParseHybridIdentity(s)
	if err != nil || id.String() != s {
		return Identity{}, bad
	}
	return Identity{func() *age.HybridIdentity { return id }}, nil
}

// Reveal returns the Bech32 form, for a keyring that seals it.
func (i Identity) Reveal(reveal.Token) string {
	if i.get == nil {
		return ""
	}
	return i.get().String()
}

// Recipient returns the public half.
func (i Identity) Recipient() Recipient {
	if i.get == nil {
		return Recipient{}
	}
	return Recipient{i.get().Recipient()}
}

// IsZero reports whether i is no identity.
func (i Identity) IsZero() bool { return i.get == nil }

// Format implements fmt.Formatter: it prints "[identity]".
func (Identity) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "[identity]") }

// LogValue implements slog.LogValuer.
func (Identity) LogValue() slog.Value { return slog.StringValue("[identity]") }

// MarshalText implements encoding.TextMarshaler.
func (Identity) MarshalText() ([]byte, error) { return []byte("[identity]"), nil }
