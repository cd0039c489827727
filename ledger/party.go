package ledger

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
)

// A Role is what a party does. Roles other than Person, Scientist, Worker and
// Holder are admitted by the organisation that serves their vertical.
type Role string

// The roles.
const (
	Person    Role = "person"    // patient or borrower; has no name on the ledger
	Hospital  Role = "hospital"  // reads and attests studies
	Lender    Role = "lender"    // asks for scores
	Furnisher Role = "furnisher" // signs credit files as true
	Scientist Role = "scientist" // owns models
	Auditor   Role = "auditor"   // reads its side's events, and does nothing
	Worker    Role = "worker"    // evaluates models; Common
	Holder    Role = "holder"    // holds shares and computes on them, in an organisation's seat; Common
	Governor  Role = "organisation"
)

// A Party is who may own, ask, answer and be paid.
type Party struct {
	ID       PartyID           `json:"id"`
	Role     Role              `json:"role"`
	Name     string            `json:"name,omitempty"` // never of a person
	Key      ed25519.PublicKey `json:"key"`            // current signing key
	Recovery Hash              `json:"recovery"`       // RecoveryHash of the key that may replace Key
	Sealing  string            `json:"sealing"`        // recipient for what is sealed to the party
	Rotated  int               `json:"rotated"`        // how often Key was replaced
}

// RecoveryHash commits to a recovery key without showing it.
func RecoveryHash(key ed25519.PublicKey) Hash {
	return sha256.Sum256(append([]byte("manx/recovery/v1\x00"), key...))
}

const maxSealing = 4096

func checkKeys(key ed25519.PublicKey, sealing string) error {
	if len(key) != ed25519.PublicKeySize {
		return errors.New("a signing key is 32 bytes")
	}
	if sealing == "" || len(sealing) > maxSealing {
		return errors.New("a sealing recipient is missing or too long")
	}
	return nil
}

// RegisterParty makes the author known. It is signed by the key it names.
type RegisterParty struct {
	Vertical Vertical          `json:"vertical"`
	Role     Role              `json:"role"`
	Name     string            `json:"name,omitempty"`
	Key      ed25519.PublicKey `json:"key"`
	Recovery Hash              `json:"recovery"`
	Sealing  string            `json:"sealing"`
}

// Command implements Body.
func (RegisterParty) Command() string { return "party.register" }

// Check implements Body.
func (b RegisterParty) Check() error {
	switch b.Role {
	case Person:
		if b.Name != "" {
			return errors.New("a person has no name on the ledger")
		}
	case Hospital, Lender, Furnisher, Scientist, Auditor, Worker, Holder:
		if b.Name == "" || len(b.Name) > 80 {
			return errors.New("a name of 1 to 80 bytes is needed")
		}
	default:
		return errors.New("there is no such role")
	}
	if !b.Vertical.Valid() || (b.Vertical == Common) != (b.Role == Worker || b.Role == Holder) {
		return errors.New("the role does not belong to the vertical")
	}
	if b.Role == Hospital && b.Vertical != Health || (b.Role == Lender || b.Role == Furnisher) && b.Vertical != Credit {
		return errors.New("the role does not belong to the vertical")
	}
	return checkKeys(b.Key, b.Sealing)
}

// RotateKey replaces the author's signing key and recipient. It is signed by
// the current key.
type RotateKey struct {
	Key     ed25519.PublicKey `json:"key"`
	Sealing string            `json:"sealing"`
}

// Command implements Body.
func (RotateKey) Command() string { return "party.rotate" }

// Check implements Body.
func (b RotateKey) Check() error { return checkKeys(b.Key, b.Sealing) }

// RecoverParty replaces the author's signing key. It is signed by the recovery
// key it shows, which must hash to Party.Recovery, and names the next one.
type RecoverParty struct {
	Key      ed25519.PublicKey `json:"key"`
	Sealing  string            `json:"sealing"`
	Shown    ed25519.PublicKey `json:"shown"` // the recovery key that signs
	Recovery Hash              `json:"recovery"`
}

// Command implements Body.
func (RecoverParty) Command() string { return "party.recover" }

// Check implements Body.
func (b RecoverParty) Check() error {
	if len(b.Shown) != ed25519.PublicKeySize {
		return errors.New("a recovery key is 32 bytes")
	}
	return checkKeys(b.Key, b.Sealing)
}
