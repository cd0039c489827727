package ledger

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"manx/storage"
)

// Sharers is how many organisations hold the shares of one input. Of the three
// components of an input, the organisation at place i holds i and i+1 mod 3: one
// alone learns nothing, any two together learn it all.
const Sharers = 3

// A Sharing says how a furnisher dealt the features of a credit file: to whom,
// and a hiding digest of each component, so that nobody can compute on others.
// The places never change while a sharing is used, for an organisation that took
// another place would come to hold all three components.
type Sharing struct {
	Organisations [Sharers]PartyID `json:"organisations"`
	Digests       [Sharers]Hash    `json:"digests"`
}

// IsZero reports whether nothing was shared.
func (s Sharing) IsZero() bool { return s == Sharing{} }

func (s Sharing) check() error {
	for i, o := range s.Organisations {
		if CheckID(o, "p") != nil || slices.Contains(s.Organisations[:i], o) || s.Digests[i].IsZero() {
			return errors.New("a sharing names three organisations and the digest of each component")
		}
	}
	return nil
}

// A Seat is where an organisation computes on shares: the process that holds
// them, and how the other two reach it.
type Seat struct {
	Organisation PartyID
	TakeSeat
}

// TakeSeat puts a process in the author's (an organisation's) seat. It replaces
// the one before it.
type TakeSeat struct {
	Holder  PartyID           `json:"holder"`  // a party with the role Holder
	Address string            `json:"address"` // host:port, or hub/host:port where it is met at a hub (privacy/mpc/hub)
	Key     ed25519.PublicKey `json:"key"`     // of its TLS certificate

	// What it signs and is sealed to as a committee's member; none: it takes no
	// part in committees.
	Signing ed25519.PublicKey `json:"signing,omitempty"`
	Sealing string            `json:"sealing,omitempty"`
}

// Same reports whether two say the same.
func (b TakeSeat) Same(c TakeSeat) bool {
	return b.Holder == c.Holder && b.Address == c.Address && b.Key.Equal(c.Key) && b.Sealing == c.Sealing && bytes.Equal(b.Signing, c.Signing)
}

// Command implements Body.
func (TakeSeat) Command() string { return "seat.take" }

// Check implements Body.
func (b TakeSeat) Check() error {
	if _, port, err := net.SplitHostPort(b.Address); err != nil || len(b.Address) > 255 {
		return errors.New("a seat has an address of the form host:port")
	} else if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return errors.New("a seat's address has a port from 1 to 65535")
	}
	if len(b.Key) != ed25519.PublicKeySize {
		return errors.New("a TLS key is 32 bytes")
	}
	if (len(b.Signing) == 0) != (b.Sealing == "") || len(b.Signing) != 0 && len(b.Signing) != ed25519.PublicKeySize || len(b.Sealing) > maxSealing {
		return errors.New("a committee's member has a signing and a sealing key")
	}
	if VerticalOf(b.Holder) != Common {
		return errors.New("a seat's holder serves both verticals and reads neither")
	}
	return CheckID(b.Holder, "p")
}

// SeatKey is where the command that took an organisation's seat is kept: the
// command itself, so that its signature proves the seat, whoever shows it.
func SeatKey(organisation PartyID) Key { return KeyOf(organisation) + "/seat" }

// ErrSeat marks bytes that do not prove a seat.
var ErrSeat = errors.New("not a seat that the organisation has signed")

// ReadSeat returns the seat that what is kept under SeatKey proves. It cannot
// tell that a later command replaced it.
func ReadSeat(g Genesis, organisation PartyID, kept []byte) (Seat, error) {
	var c Command
	var b TakeSeat
	if err := json.Unmarshal(kept, &c); err != nil {
		return Seat{}, fmt.Errorf("%w: %w", ErrSeat, err)
	}
	o, ok := g.Organisation(organisation)
	if !ok || c.Network != g.ID() || c.Name != b.Command() || c.Author != organisation || !c.SignedBy(o.Key) {
		return Seat{}, ErrSeat
	}
	if err := errors.Join(Decode(c.Body, &b), b.Check()); err != nil {
		return Seat{}, fmt.Errorf("%w: %w", ErrSeat, err)
	}
	return Seat{organisation, b}, nil
}

// A Security is what a computation on shares withstands beyond one curious
// organisation.
type Security string

// The securities. With either, two organisations together learn the input.
const (
	SemiHonest Security = "semi-honest" // all three follow the protocol; one that does not may make the result wrong
	WithAbort  Security = "with-abort"  // one that does not follow it ends the computation, and never makes the result wrong
)

// Valid reports whether s is one of the securities.
func (s Security) Valid() bool { return s == SemiHonest || s == WithAbort }

// A PostedShare is what one holder said of its share of a job's result.
type PostedShare struct {
	Output  storage.Ref `json:"output"`  // its share, sealed to the asker
	Hash    Hash        `json:"hash"`    // SHA-256 of the sealed bytes
	Digests [2]Hash     `json:"digests"` // hiding, of its two components
}

// Fit reports whether three holders' words are of one result: each component is
// known to two of them, who give it one digest.
func Fit(said []PostedShare) bool {
	for i, s := range said {
		if s.Digests[1] != said[(i+1)%len(said)].Digests[0] {
			return false
		}
	}
	return len(said) == Sharers
}

// PostShare gives the author's share of the result of a try of a job on shares.
type PostShare struct {
	Job JobID `json:"job"`
	Try int   `json:"try"`
	PostedShare
}

// Command implements Body.
func (PostShare) Command() string { return "job.share" }

// Check implements Body.
func (b PostShare) Check() error {
	if b.Try < 1 || b.Output.IsZero() || b.Hash.IsZero() || b.Digests[0].IsZero() || b.Digests[1].IsZero() {
		return errors.New("a share of a result has a try, a manifest, a hash and two digests")
	}
	return CheckID(b.Job, "job")
}

// DestroyShares says that the author, who holds an organisation's seat, has
// destroyed all that it kept for a grant that permits nothing more.
type DestroyShares struct {
	Grant        GrantID `json:"grant"`
	Organisation PartyID `json:"organisation"`
}

// Command implements Body.
func (DestroyShares) Command() string { return "grant.destroyed" }

// Check implements Body.
func (b DestroyShares) Check() error {
	return errors.Join(CheckID(b.Grant, "grant"), CheckID(b.Organisation, "p"))
}

// Destroyed is an organisation's word that it keeps nothing for a grant.
type Destroyed struct {
	Grant        GrantID `json:"grant"`
	Organisation PartyID `json:"organisation"`
	Holder       PartyID `json:"holder"` // who signed
	At           Time    `json:"at"`
}

// DestroyedKey is where an organisation's Destroyed is kept, by its place in the
// grant.
func DestroyedKey(g GrantID, place int) Key {
	return KeyOf(g) + "/destroyed/" + Key(strconv.Itoa(place))
}

// SignedKey is where the command that gave a grant beforehand is kept, so that
// holders check its owner's own signature and not a node's word.
func SignedKey(g GrantID) Key { return KeyOf(g) + "/signed" }
