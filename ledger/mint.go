package ledger

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strconv"
)

// A Payment was made outside the exchange, and is the reason for MAN to be issued
// to who paid, or burnt by the organisation that paid out. Oracles whom the
// schedule names sign it; each payment counts once.
type Payment struct {
	Network   NetworkID   `json:"network"`
	Out       bool        `json:"out,omitempty"` // paid out by the exchange; MAN is burnt
	Party     PartyID     `json:"party"`         // who gets the MAN, or the organisation that burns
	Amount    Amount      `json:"amount"`        // of MAN
	Reference Hash        `json:"reference"`     // PaymentReference of what the payment is known by outside
	At        Time        `json:"at"`            // when it was made
	Attests   []Attesting `json:"attests"`
}

// Attesting is one oracle's signature over Payment.SigningBytes.
type Attesting struct {
	Oracle string `json:"oracle"` // its name in the schedule
	Sig    []byte `json:"sig"`    // Ed25519
}

// MaxPaymentAge is how long ago a payment may have been made, in seconds.
const MaxPaymentAge = Time(30 * 24 * 3600)

// PaymentReference hides what a payment is known by outside, such as a bank's
// reference: the salt, 32 secret bytes, keeps it from being guessed.
func PaymentReference(salt [32]byte, text string) Hash {
	return sha256.Sum256(append(append([]byte("manx/payment-reference/v1\x00"), salt[:]...), text...))
}

// SigningBytes returns what oracles sign: a domain, then every field but the
// signatures, with its length.
func (p Payment) SigningBytes() []byte {
	b := []byte("manx/payment/v1\x00")
	out := byte(0)
	if p.Out {
		out = 1
	}
	for _, f := range [][]byte{[]byte(p.Network), {out}, []byte(p.Party), []byte(p.Amount.String()), p.Reference[:], binary.BigEndian.AppendUint64(nil, uint64(p.At))} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(f)))
		b = append(b, f...)
	}
	return b
}

// Digest names the payment's content.
func (p Payment) Digest() Hash { return sha256.Sum256(p.SigningBytes()) }

// Check reports what is wrong with a payment by itself.
func (p Payment) Check() error {
	switch {
	case p.Amount.IsZero():
		return errors.New("a payment is of more than nothing")
	case p.Reference.IsZero():
		return errors.New("a payment has a reference")
	case len(p.Attests) > maxOracles:
		return errors.New("a payment is attested by at most 16 oracles")
	}
	return CheckID(p.Party, "p")
}

// Attested returns the oracles of a schedule that signed p, each once.
func (s Schedule) Attested(p Payment) (names []string) {
	m := p.SigningBytes()
	for _, o := range s.Oracles {
		for _, a := range p.Attests {
			if a.Oracle == o.Name && ed25519.Verify(o.Key, m, a.Sig) {
				names = append(names, o.Name)
				break
			}
		}
	}
	return names
}

// PaymentKey is where it is kept that a payment has counted.
func PaymentKey(reference Hash) Key { return Key("common/payment/" + reference.String()) }

// A Granted names a period of a reward of the schedule.
type Granted struct {
	Reward string `json:"reward"`
	Period int    `json:"period"` // from 1
}

// Key is where it is kept that the period was issued.
func (g Granted) Key() Key { return Key("common/reward/" + g.Reward + "/" + strconv.Itoa(g.Period)) }

// MintID names a Mint: common-mint-….
type MintID string

// NewMintID names what the command `by` makes.
func NewMintID(by CommandID) MintID { return MintID(made(Common, "mint", by)) }

// A Mint is the record of one change of the supply, for auditors. It names no
// payee: on a ledger that keeps health and credit apart it is seen by both.
type Mint struct {
	ID      MintID    `json:"id"`
	Burnt   bool      `json:"burnt,omitempty"` // or issued
	Amount  Amount    `json:"amount"`
	Supply  Amount    `json:"supply"` // after it
	Reason  string    `json:"reason"`
	Payment *Hash     `json:"payment,omitempty"` // Payment.Digest
	Oracles []string  `json:"oracles,omitempty"` // that attested it
	Granted *Granted  `json:"granted,omitempty"`
	By      []PartyID `json:"by"` // the organisations that signed
	At      Time      `json:"at"`
}

// Signers returns the organisations that signed c, as author or cosigner.
func (g Genesis) Signers(c Command) (out []PartyID) {
	m := c.SigningBytes()
	for _, o := range g.Organisations {
		if o.ID == c.Author && ed25519.Verify(o.Key, m, c.Sig) {
			out = append(out, o.ID)
			continue
		}
		for _, s := range c.Cosigns {
			if s.Party == o.ID && ed25519.Verify(o.Key, m, s.Sig) {
				out = append(out, o.ID)
				break
			}
		}
	}
	return out
}
