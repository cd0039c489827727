package ledger

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"manx/storage"
)

// CommitteeID names a Committee: common-committee-….
type CommitteeID string

// NewCommitteeID names what the command `by` makes.
func NewCommitteeID(by CommandID) CommitteeID { return CommitteeID(made(Common, "committee", by)) }

// A Committee is organisations that hold shares of one key for CKKS: any Need of
// them open a result to shares, and fewer know nothing (privacy/ckks/committee).
// The key outlives committees: one that comes After another shares its key anew.
type Committee struct {
	ID            CommitteeID `json:"id"`
	Organisations []PartyID   `json:"organisations"` // in the charter's order
	Holders       []PartyID   `json:"holders"`       // who sat for them when it was proposed
	Need          int         `json:"need"`
	Charter       []byte      `json:"charter"` // committee.Charter's bytes
	After         CommitteeID `json:"after,omitempty"`
	Proposed      Time        `json:"proposed"`

	Said   []Hash      `json:"said"`            // by each member: SHA-256 of the public key's bytes
	Public storage.Ref `json:"public,omitzero"` // those bytes, as the first member stored them
	Key    Hash        `json:"key,omitzero"`    // what all said: the name of the key
	Ready  Time        `json:"ready,omitempty"` // since when; 0 before
}

// Place returns the place of a holder among the members, or -1.
func (c Committee) Place(holder PartyID) int { return slices.Index(c.Holders, holder) }

// Check refuses what no contract keeps, so that who reads it from a node can count
// on its form.
func (c Committee) Check() error {
	n := len(c.Organisations)
	if n < Sharers || n > MaxMembers || len(c.Holders) != n || len(c.Said) != n || c.Need != CommitteeNeed(n) {
		return ErrCommittee
	}
	return nil
}

// CommitteeNeed returns how many of n members serve: a majority, MaxNeed at most.
func CommitteeNeed(n int) int { return min(n/2+1, MaxNeed) }

// CommitteeNow is where the id of the network's present committee is kept.
const CommitteeNow Key = "common/committee"

// MaxMembers bounds the members of a committee, and MaxNeed how many of them
// serve: the three that compute on shares do, so that no other has to be there.
const (
	MaxMembers = 16
	MaxNeed    = Sharers
	maxCharter = 36 << 10 // of 16 members: their sealing keys
)

// ProposeCommittee has the seated holders of organisations make a key together,
// or share the present one anew: the author sits for the first.
type ProposeCommittee struct {
	Organisations []PartyID   `json:"organisations"`
	Need          int         `json:"need"`
	Charter       []byte      `json:"charter"`
	After         CommitteeID `json:"after,omitempty"` // the present one; none: a new key
}

// Command implements Body.
func (ProposeCommittee) Command() string { return "committee.propose" }

// Check implements Body.
func (b ProposeCommittee) Check() error {
	if n := len(b.Organisations); n < Sharers || n > MaxMembers || b.Need != CommitteeNeed(n) {
		return fmt.Errorf("a committee has %d to %d members, of whom a majority serve, %d at most", Sharers, MaxMembers, MaxNeed)
	}
	for i, o := range b.Organisations {
		if err := CheckID(o, "p"); err != nil {
			return err
		}
		if slices.Contains(b.Organisations[:i], o) {
			return errors.New("a member stands twice")
		}
	}
	if len(b.Charter) == 0 || len(b.Charter) > maxCharter {
		return errors.New("a committee has a charter")
	}
	if b.After != "" {
		return CheckID(b.After, "committee")
	}
	return nil
}

// JoinCommittee says that the author, a member, holds its share, and of which
// public key. With the last member's word, all alike, the committee is the present one.
type JoinCommittee struct {
	Committee CommitteeID `json:"committee"`
	Charter   Hash        `json:"charter"`         // SHA-256 of the charter's bytes
	Key       Hash        `json:"key"`             // of the public key's
	Public    storage.Ref `json:"public,omitzero"` // of the first member: where those are
}

// Command implements Body.
func (JoinCommittee) Command() string { return "committee.join" }

// Check implements Body.
func (b JoinCommittee) Check() error {
	if b.Key.IsZero() || b.Charter.IsZero() {
		return errors.New("a member names the charter, and the public key that it holds a share of")
	}
	return CheckID(b.Committee, "committee")
}

// JoinedKey is where the command is kept by which a committee's member said which
// key it holds a share of: its signature proves it, whoever shows it.
func JoinedKey(c CommitteeID, place int) Key { return KeyOf(c) + "/joined/" + Key(strconv.Itoa(place)) }

// ErrCommittee marks bytes that do not prove a member's word.
var ErrCommittee = errors.New("not what the committee's member has signed")

// ReadJoined returns what a member, who sits at a place of the committee, said
// in the command that is kept under JoinedKey. Its signature is the caller's to
// check.
func ReadJoined(n NetworkID, c Committee, place int, kept []byte) (cmd Command, b JoinCommittee, err error) {
	if err := json.Unmarshal(kept, &cmd); err != nil {
		return cmd, b, fmt.Errorf("%w: %w", ErrCommittee, err)
	}
	if cmd.Network != n || cmd.Name != b.Command() || cmd.Author != c.Holders[place] {
		return cmd, b, ErrCommittee
	}
	if err := errors.Join(Decode(cmd.Body, &b), b.Check()); err != nil {
		return cmd, b, fmt.Errorf("%w: %w", ErrCommittee, err)
	}
	if b.Committee != c.ID || b.Key != c.Key || b.Charter != c.CharterHash() {
		return cmd, b, ErrCommittee
	}
	return cmd, b, nil
}

// CharterHash returns the hash of the charter's bytes.
func (c Committee) CharterHash() Hash { return sha256.Sum256(c.Charter) }

// CommitteeKeys are the evaluation keys that members of a committee make for a
// model's plan. They are public.
type CommitteeKeys struct {
	Model      ModelID     `json:"model"`
	Committee  CommitteeID `json:"committee"`
	Commission []byte      `json:"commission"` // committee.Commission's bytes: which keys, by whom
	Serve      []PartyID   `json:"serve"`      // the holders that make them
	Asked      Time        `json:"asked"`

	Said  []Hash      `json:"said"` // by each of them: SHA-256 of the keys' bytes
	Keys  storage.Ref `json:"keys,omitzero"`
	Hash  Hash        `json:"hash,omitzero"` // what all said
	Ready Time        `json:"ready,omitempty"`
}

// Check refuses what no contract keeps.
func (k CommitteeKeys) Check() error {
	if n := len(k.Serve); n < 2 || n > MaxNeed || len(k.Said) != n {
		return ErrCommittee
	}
	return nil
}

// CommitteeKeysKey is where the evaluation keys for a model under a committee's
// key are kept.
func CommitteeKeysKey(m ModelID, key Hash) Key { return KeyOf(m) + "/keys/" + Key(key.String()) }

// CommissionKeys has the present committee's members make evaluation keys for a
// model's plan. The author is the first of those that make them.
type CommissionKeys struct {
	Model      ModelID   `json:"model"`
	Commission []byte    `json:"commission"`
	Serve      []PartyID `json:"serve"` // holders, as many as the committee needs
}

// Command implements Body.
func (CommissionKeys) Command() string { return "committee.commission" }

// Check implements Body.
func (b CommissionKeys) Check() error {
	if len(b.Serve) < 2 || len(b.Serve) > MaxNeed || len(b.Commission) == 0 || len(b.Commission) > maxCharter {
		return errors.New("a commission names 2 or 3 members and what they make")
	}
	for _, h := range b.Serve {
		if err := CheckID(h, "p"); err != nil {
			return err
		}
	}
	return CheckID(b.Model, "model")
}

// PostKeys says which evaluation keys a commission came to.
type PostKeys struct {
	Model     ModelID     `json:"model"`
	Committee CommitteeID `json:"committee"`
	Hash      Hash        `json:"hash"`          // SHA-256 of their bytes
	Keys      storage.Ref `json:"keys,omitzero"` // of the first: where those are
}

// Command implements Body.
func (PostKeys) Command() string { return "committee.keys" }

// Check implements Body.
func (b PostKeys) Check() error {
	if b.Hash.IsZero() {
		return errors.New("evaluation keys have a hash")
	}
	return errors.Join(CheckID(b.Model, "model"), CheckID(b.Committee, "committee"))
}

// An Encryption is a credit file as one model takes it, encrypted by its
// furnisher under a committee's key: nobody can have another computed on.
type Encryption struct {
	Key       Hash `json:"key"`        // of the committee
	ModelHash Hash `json:"model_hash"` // whose input it is
	Digest    Hash `json:"digest"`     // SHA-256 of its bytes
}

// MaxEncryptions bounds those of one file.
const MaxEncryptions = 2

// EncryptionFor returns the one for a model, ok false where there is none.
func EncryptionFor(all []Encryption, model Hash) (e Encryption, ok bool) {
	i := slices.IndexFunc(all, func(e Encryption) bool { return e.ModelHash == model })
	if i < 0 {
		return e, false
	}
	return all[i], true
}

func checkEncryptions(all []Encryption) error {
	if len(all) > MaxEncryptions {
		return fmt.Errorf("a file is encrypted for at most %d models", MaxEncryptions)
	}
	for i, e := range all {
		if _, twice := EncryptionFor(all[:i], e.ModelHash); twice || e.Key.IsZero() || e.ModelHash.IsZero() || e.Digest.IsZero() {
			return errors.New("an encryption names a key, a model and its digest, each model once")
		}
	}
	return nil
}
