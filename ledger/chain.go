package ledger

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// ChainKey is where the n-th command that gave a party its keys is kept: the
// registration is 0, then each rotation and recovery. Together they prove a
// party's keys from its id, whoever shows them.
func ChainKey(p PartyID, n int) Key { return KeyOf(p) + "/signed/" + Key(strconv.Itoa(n)) }

// MaxChain bounds how often a party can replace its keys.
const MaxChain = 1024

// ErrChain marks commands that do not prove a party's keys.
var ErrChain = errors.New("the commands do not prove the party's keys")

// VerifyChain returns the party whose keys a chain of commands proves: the first
// is signed by the key that its id is the hash of, each further one by the key
// before it, or by the recovery key that was committed to. A role that
// organisations admit must be cosigned by one of the genesis. It cannot tell
// that the newest command is missing.
func VerifyChain(g Genesis, id PartyID, chain []Command) (p Party, err error) {
	if len(chain) == 0 || len(chain) > MaxChain {
		return p, ErrChain
	}
	for i, c := range chain {
		if c.Network != g.ID() || c.Author != id {
			return p, fmt.Errorf("%w: command %d is of another network or party", ErrChain, i)
		}
		if p, err = next(g, p, i, c); err != nil {
			return Party{}, fmt.Errorf("%w: command %d: %w", ErrChain, i, err)
		}
	}
	return p, nil
}

func next(g Genesis, p Party, i int, c Command) (Party, error) {
	switch c.Name {
	case RegisterParty{}.Command():
		var b RegisterParty
		if err := errors.Join(Decode(c.Body, &b), b.Check()); err != nil {
			return p, err
		}
		if i != 0 || NewPartyID(b.Vertical, b.Key) != c.Author || !c.SignedBy(b.Key) || !g.Admitted(c, b.Role, b.Vertical) {
			return p, errors.New("not a registration by the party's first key")
		}
		return Party{ID: c.Author, Role: b.Role, Name: b.Name, Key: b.Key, Recovery: b.Recovery, Sealing: b.Sealing}, nil
	case RotateKey{}.Command():
		var b RotateKey
		if err := errors.Join(Decode(c.Body, &b), b.Check()); err != nil {
			return p, err
		}
		if i == 0 || !c.SignedBy(p.Key) {
			return p, errors.New("not signed by the key before it")
		}
		p.Key, p.Sealing, p.Rotated = b.Key, b.Sealing, p.Rotated+1
		return p, nil
	case RecoverParty{}.Command():
		var b RecoverParty
		if err := errors.Join(Decode(c.Body, &b), b.Check()); err != nil {
			return p, err
		}
		if i == 0 || RecoveryHash(b.Shown) != p.Recovery || !c.SignedBy(b.Shown) {
			return p, errors.New("not signed by the recovery key")
		}
		p.Key, p.Sealing, p.Recovery, p.Rotated = b.Key, b.Sealing, b.Recovery, p.Rotated+1
		return p, nil
	}
	return p, errors.New("not about keys")
}

// Admitted reports whether a role needs no organisation's assent, or c has that
// of one that serves the vertical.
func (g Genesis) Admitted(c Command, r Role, v Vertical) bool {
	switch r {
	case Hospital, Lender, Furnisher, Auditor:
	default:
		return true
	}
	m := c.SigningBytes()
	return slices.ContainsFunc(c.Cosigns, func(s Cosignature) bool {
		o, ok := g.Organisation(s.Party)
		return ok && (o.Serves == v || o.Serves == Common) && ed25519.Verify(o.Key, m, s.Sig)
	})
}
