package ledger

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
)

// A NetworkID names one ledger: the digest of its genesis. A command signed
// for one network means nothing on another.
type NetworkID string

// A Genesis is what everybody must agree on beforehand: who the organisations
// are. Clients pin it; receipts verify against it.
type Genesis struct {
	Name          string         `json:"name"`
	Organisations []Organisation `json:"organisations"` // at most 16; a majority of them governs
	Seed          []byte         `json:"seed"`          // 32 random bytes, so that no two networks share an id
}

// An Organisation is one of the parties that endorse.
type Organisation struct {
	ID      PartyID           `json:"id"` // NewPartyID(Common, Key)
	Name    string            `json:"name"`
	Serves  Vertical          `json:"serves"` // whose furnishers, hospitals and lenders it admits
	Key     ed25519.PublicKey `json:"key"`
	Sealing string            `json:"sealing"` // its recipient for sealed messages
}

// ID returns the digest of g.
func (g Genesis) ID() NetworkID {
	b, err := json.Marshal(g)
	if err != nil {
		panic(err) // only strings and byte slices
	}
	h := sha256.Sum256(append([]byte("manx/genesis/v1\x00"), b...))
	return NetworkID(hex.EncodeToString(h[:16]))
}

// Check reports an error unless every organisation is well formed and named
// once.
func (g Genesis) Check() error {
	if n := len(g.Organisations); n < 1 || n > 16 {
		return errors.New("a network has 1 to 16 organisations")
	}
	seen := map[PartyID]bool{}
	for _, o := range g.Organisations {
		if len(o.Key) != ed25519.PublicKeySize || o.ID != NewPartyID(Common, o.Key) || seen[o.ID] || !o.Serves.Valid() {
			return errors.New("an organisation's id does not belong to its key, or stands twice")
		}
		seen[o.ID] = true
	}
	return nil
}

// Exchange returns the organisation that serves both sides, or the first. The genesis
// has one at least.
func (g Genesis) Exchange() Organisation {
	for _, o := range g.Organisations {
		if o.Serves == Common {
			return o
		}
	}
	return g.Organisations[0]
}

// Organisation returns the one with an id.
func (g Genesis) Organisation(id PartyID) (Organisation, bool) {
	for _, o := range g.Organisations {
		if o.ID == id {
			return o, true
		}
	}
	return Organisation{}, false
}

// Majority returns how many organisations are more than half.
func (g Genesis) Majority() int { return len(g.Organisations)/2 + 1 }

// Endorsements counts the distinct organisations that signed c, as author or
// cosigner.
func (g Genesis) Endorsements(c Command) int { return len(g.Signers(c)) }
