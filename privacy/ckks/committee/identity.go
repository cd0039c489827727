package committee

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"

	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
)

// An Identity is what a member signs with and is sealed to. It never prints.
type Identity struct {
	get func() (ed25519.PrivateKey, seal.Identity)
}

// NewIdentity returns a fresh identity.
func NewIdentity() (Identity, error) {
	_, signing, err := ed25519.GenerateKey(nil)
	if err != nil {
		return Identity{}, fmt.Errorf("make a member's identity: %w", err)
	}
	sealing, err := seal.NewIdentity()
	if err != nil {
		return Identity{}, err
	}
	return identity(signing, sealing), nil
}

func identity(signing ed25519.PrivateKey, sealing seal.Identity) Identity {
	return Identity{func() (ed25519.PrivateKey, seal.Identity) { return signing, sealing }}
}

// IsZero reports whether there is none.
func (i Identity) IsZero() bool { return i.get == nil }

// Seat returns the identity's place in a charter, under an organisation's name.
func (i Identity) Seat(name string) Seat {
	signing, sealing := i.get()
	return Seat{name, signing.Public().(ed25519.PublicKey), sealing.Recipient()}
}

// Keep returns the identity's bytes, for a caller that seals them.
func (i Identity) Keep() privacy.Secret[[]byte] {
	signing, sealing := i.get()
	b := append([]byte{'m', 'x', 'i', 1}, signing.Seed()...)
	s := sealing.Reveal(reveal.Token{})
	return privacy.Hide(append(binary.LittleEndian.AppendUint16(b, uint16(len(s))), s...))
}

// ReadIdentity reads what Keep gave.
func ReadIdentity(kept privacy.Secret[[]byte]) (Identity, error) {
	b := kept.Reveal(reveal.Token{})
	bad := notice.New(notice.Invalid, "not a member's identity", "restore it from the member's backup")
	if len(b) < 38 || string(b[:4]) != "mxi\x01" || int(binary.LittleEndian.Uint16(b[36:])) != len(b)-38 {
		return Identity{}, bad
	}
	sealing, err := seal.ParseIdentity(string(b[38:]))
	if err != nil {
		return Identity{}, bad
	}
	return identity(ed25519.NewKeyFromSeed(b[4:36]), sealing), nil
}

// Format implements fmt.Formatter.
func (Identity) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "[identity]") }

// at returns the identity's number in a charter.
func (i Identity) at(c *Charter) (int, error) {
	if i.get != nil {
		signing, sealing := i.get()
		for k, s := range c.seats {
			if signing.Public().(ed25519.PublicKey).Equal(s.Signing) && sealing.Recipient().String() == s.Sealing.String() {
				return k + 1, nil
			}
		}
	}
	return 0, notice.New(notice.Denied, "this identity has no seat in the committee", "use the identity that the charter names")
}
