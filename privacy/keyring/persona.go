package keyring

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
)

// A Persona is who somebody is on one side of the exchange. It never prints.
type Persona struct {
	open     func() *state
	vertical string
}

// Vertical returns "health", "credit" or "common".
func (p *Persona) Vertical() string { return p.vertical }

// view runs f on the persona's secrets. On a closed keyring f sees nil.
func view[T any](p *Persona, f func(*persona) T) T {
	s := p.open()
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.content.Personas[p.vertical]
	if x == nil {
		panic("keyring: used after Close")
	}
	return f(x)
}

func (p *Persona) change(f func(c *content, x *persona) error) error {
	return p.open().change(func(c *content) error { return f(c, c.Personas[p.vertical]) })
}

// Sign returns the Ed25519 signature of message under the current key.
func (p *Persona) Sign(message []byte) []byte {
	return view(p, func(x *persona) []byte { return ed25519.Sign(ed25519.NewKeyFromSeed(x.Signing), message) })
}

// Public returns the current public signing key.
func (p *Persona) Public() ed25519.PublicKey {
	return view(p, func(x *persona) ed25519.PublicKey { return publicOf(x.Signing) })
}

// First returns the first public signing key, from which the party's id
// follows. It stays when keys rotate.
func (p *Persona) First() ed25519.PublicKey {
	return view(p, func(x *persona) ed25519.PublicKey { return bytes.Clone(x.First) })
}

// Rotated returns how often the signing key was replaced.
func (p *Persona) Rotated() int { return view(p, func(x *persona) int { return x.Rotated }) }

// Recipient returns the public sealing key that others seal to.
func (p *Persona) Recipient() (seal.Recipient, error) {
	i, err := p.Identity()
	if err != nil {
		return seal.Recipient{}, err
	}
	return i.Recipient(), nil
}

// Identity returns the current sealing identity.
func (p *Persona) Identity() (seal.Identity, error) {
	return parseIdentity(view(p, func(x *persona) string { return x.Identities[len(x.Identities)-1] }))
}

// Identities returns every identity that may open something: the current one,
// a staged one that the ledger may know already, then the older ones, newest
// first.
func (p *Persona) Identities() ([]seal.Identity, error) {
	texts := view(p, func(x *persona) []string {
		old := slices.Clone(x.Identities)
		slices.Reverse(old)
		if x.Staged != nil {
			old = slices.Insert(old, 1, x.Staged.Identity)
		}
		return old
	})
	ids := make([]seal.Identity, len(texts))
	for i, text := range texts {
		var err error
		if ids[i], err = parseIdentity(text); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// Unwrap opens a wrap with whichever identity it was made for.
func (p *Persona) Unwrap(wrap []byte) (seal.Key, error) { return withAny(p, wrap, seal.Unwrap) }

// OpenMessage opens a message with whichever identity it was sealed for.
func (p *Persona) OpenMessage(sealed []byte) ([]byte, error) {
	return withAny(p, sealed, seal.OpenMessage)
}

// OpenPart opens a part of a key with whichever identity it was sealed for.
func (p *Persona) OpenPart(sealed []byte) (seal.Part, error) {
	return withAny(p, sealed, seal.OpenPart)
}

func withAny[T any](p *Persona, sealed []byte, open func([]byte, seal.Identity) (T, error)) (v T, err error) {
	ids, err := p.Identities()
	if err != nil {
		return v, err
	}
	for _, id := range ids {
		if v, err = open(sealed, id); !notice.Is(err, notice.Denied) {
			return v, err
		}
	}
	return v, err
}

// CKKSSeed returns the seed of the persona's CKKS key.
func (p *Persona) CKKSSeed() privacy.Secret[[32]byte] {
	return view(p, func(x *persona) privacy.Secret[[32]byte] { return privacy.Hide([32]byte(x.CKKS)) })
}

// DeidentificationKey returns the HMAC key under which identifiers are
// replaced, the same over all of the persona's studies.
func (p *Persona) DeidentificationKey() privacy.Secret[[32]byte] {
	return view(p, func(x *persona) privacy.Secret[[32]byte] { return privacy.Hide([32]byte(x.Deid)) })
}

// Salt returns a 32-byte secret for a named use, such as a pseudonym toward
// one party. Salts of different names are independent.
func (p *Persona) Salt(name string) (privacy.Secret[[32]byte], error) {
	root := view(p, func(x *persona) []byte { return x.Salt })
	b, err := hkdf.Key(sha256.New, root, nil, "manx/salt/v1/"+name, 32)
	if err != nil {
		return privacy.Secret[[32]byte]{}, fmt.Errorf("derive salt: %w", err)
	}
	return privacy.Hide([32]byte(b)), nil
}

// SetRecordKey keeps the study key of a record of the owner's.
func (p *Persona) SetRecordKey(record string, key seal.Key) error {
	return p.change(func(_ *content, x *persona) error {
		x.Records[record] = key.Reveal(reveal.Token{})
		return nil
	})
}

// RecordKey returns the kept key of a record, or a NotFound notice.
func (p *Persona) RecordKey(record string) (seal.Key, error) {
	b := view(p, func(x *persona) []byte { return x.Records[record] })
	if b == nil {
		return seal.Key{}, notice.New(notice.NotFound, "this keyring has no key for that record", "`manx study list` shows the records it opens")
	}
	return seal.KeyOf(b)
}

// Records returns the records whose keys are kept, in order.
func (p *Persona) Records() []string {
	return view(p, func(x *persona) []string { return slices.Sorted(maps.Keys(x.Records)) })
}

// DropRecordKey forgets a record's key.
func (p *Persona) DropRecordKey(record string) error {
	return p.change(func(_ *content, x *persona) error { delete(x.Records, record); return nil })
}

// Keep keeps a small secret under a name, such as the opening of a commitment.
func (p *Persona) Keep(name string, secret []byte) error {
	return p.change(func(_ *content, x *persona) error { x.Kept[name] = bytes.Clone(secret); return nil })
}

// Kept returns the secret kept under a name; false where there is none.
func (p *Persona) Kept(name string) (privacy.Secret[[]byte], bool) {
	b := view(p, func(x *persona) []byte { return x.Kept[name] })
	return privacy.Hide(b), b != nil
}

// Forget forgets the secret kept under a name.
func (p *Persona) Forget(name string) error {
	return p.change(func(_ *content, x *persona) error { delete(x.Kept, name); return nil })
}

func newIdentity() (string, error) {
	id, err := seal.NewIdentity()
	if err != nil {
		return "", err
	}
	return id.Reveal(reveal.Token{}), nil
}

func parseIdentity(text string) (seal.Identity, error) {
	id, err := seal.ParseIdentity(text)
	if err != nil {
		return seal.Identity{}, errDamaged(err)
	}
	return id, nil
}

// Format implements fmt.Formatter: it prints "[persona]".
func (*Persona) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "[persona]") }

// LogValue implements slog.LogValuer.
func (*Persona) LogValue() slog.Value { return slog.StringValue("[persona]") }

// MarshalText implements encoding.TextMarshaler.
func (*Persona) MarshalText() ([]byte, error) { return []byte("[persona]"), nil }
