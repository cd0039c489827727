// Package evidence is what an auditor takes along from a ledger and checks without it:
// an event with the signed command that it followed from, and a file with a party's
// signature. The keys are proved back to the first one, which a party's id is the hash
// of, or are an organisation's in the genesis. What it does not prove: that the rules
// were applied to the command as the event says. A receipt does (package receipt), by a
// majority of the organisations.
package evidence

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"manx/ledger"
	"manx/privacy/notice"
)

// Format marks a Bundle, FileFormat a Signature.
const (
	Format     = "manx-event/1"
	FileFormat = "manx-signed-file/1"
)

// MaxBundle bounds a bundle or a signature, in bytes.
const MaxBundle = 16 << 20

// A Bundle is an event and what was signed.
type Bundle struct {
	Format  string           `json:"format"`
	Genesis ledger.Genesis   `json:"genesis"`
	Event   ledger.Event     `json:"event"`
	Command ledger.Command   `json:"command"`         // its cause
	Chain   []ledger.Command `json:"chain,omitempty"` // that gave the author its keys; none of an organisation
}

// A Signature is a party's over a file: over its SHA-256, name and time.
type Signature struct {
	Format  string           `json:"format"`
	Genesis ledger.Genesis   `json:"genesis"`
	By      ledger.PartyID   `json:"by"`
	Name    string           `json:"name"` // of the file
	At      ledger.Time      `json:"at"`
	SHA256  ledger.Hash      `json:"sha256"`
	Sig     []byte           `json:"sig"`
	Chain   []ledger.Command `json:"chain,omitempty"`
}

// Read reads a bundle or a signature from outside: one of the two is not nil.
func Read(r io.Reader) (*Bundle, *Signature, error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxBundle+1))
	if err == nil && len(raw) > MaxBundle {
		err = errors.New("too long")
	}
	var kind struct {
		Format string `json:"format"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &kind)
	}
	switch {
	case err != nil:
	case kind.Format == Format:
		b := new(Bundle)
		if err = ledger.Decode(raw, b); err == nil {
			return b, nil, nil
		}
	case kind.Format == FileFormat:
		s := new(Signature)
		if err = ledger.Decode(raw, s); err == nil {
			return nil, s, nil
		}
	default:
		err = errors.New("another format")
	}
	return nil, nil, notice.Because(err, notice.Invalid, "that is neither evidence of an event nor the signature of a file", "a receipt is verified by `manx receipt verify`")
}

func refuse(cause error, text string) error {
	return notice.Because(cause, notice.Integrity, text, "do not rely on this file; ask for it again from a node that you trust")
}

// Verify returns nil where the command that the event names as its cause was signed by
// its author, on the pinned network.
func (b *Bundle) Verify(pinned ledger.NetworkID) error {
	if err := network(b.Genesis, pinned); err != nil {
		return err
	}
	if b.Command.ID != b.Event.Cause || b.Command.Network != pinned {
		return refuse(nil, "the command in the file is not the one that the event followed from")
	}
	if _, err := signer(b.Genesis, b.Command.Author, b.Chain, b.Command.SignedBy); err != nil {
		return err
	}
	return nil
}

// Verify returns who signed, where the signature is of the file's bytes.
func (s *Signature) Verify(pinned ledger.NetworkID, file []byte) (ledger.Party, error) {
	if err := network(s.Genesis, pinned); err != nil {
		return ledger.Party{}, err
	}
	if sha256.Sum256(file) != s.SHA256 {
		return ledger.Party{}, refuse(nil, "the file is not the one that was signed")
	}
	return signer(s.Genesis, s.By, s.Chain, func(key ed25519.PublicKey) bool {
		return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, s.message(), s.Sig)
	})
}

// SignFile signs a file's bytes.
func SignFile(g ledger.Genesis, by ledger.Signer, chain []ledger.Command, name string, at ledger.Time, file []byte) Signature {
	s := Signature{Format: FileFormat, Genesis: g, By: by.Party(), Name: name, At: at, SHA256: sha256.Sum256(file), Chain: chain}
	s.Sig = by.Sign(s.message())
	return s
}

// message is what is signed; its first bytes are those of no command.
func (s *Signature) message() []byte {
	return fmt.Appendf(nil, "manx/signed-file/v1\x00%s\x00%s\x00%d\x00%s\x00%x", s.Genesis.ID(), s.By, s.At, s.Name, s.SHA256[:])
}

func network(g ledger.Genesis, pinned ledger.NetworkID) error {
	if err := g.Check(); err != nil || g.ID() != pinned {
		return refuse(err, "the file is of another network than the one that you have pinned")
	}
	return nil
}

// signer returns the party one of whose proved keys signed.
func signer(g ledger.Genesis, id ledger.PartyID, chain []ledger.Command, signed func(key ed25519.PublicKey) bool) (ledger.Party, error) {
	if o, ok := g.Organisation(id); ok {
		if signed(o.Key) {
			return ledger.Party{ID: o.ID, Role: ledger.Governor, Name: o.Name, Key: o.Key}, nil
		}
		return ledger.Party{}, refuse(nil, "it is not signed by the organisation that it names")
	}
	for n := range chain {
		p, err := ledger.VerifyChain(g, id, chain[:n+1])
		if err != nil {
			return p, refuse(err, "the keys of who signed are not proved")
		}
		if signed(p.Key) {
			return p, nil
		}
	}
	return ledger.Party{}, refuse(nil, "it is not signed by the party that it names")
}
