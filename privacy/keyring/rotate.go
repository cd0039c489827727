package keyring

import (
	"crypto/ed25519"

	"manx/privacy/notice"
	"manx/privacy/seal"
)

// A Stage is a set of new keys that the keyring holds already and the ledger
// is about to learn. The order is: stage, submit the ledger's command, promote.
// After a crash in between, the ledger says which key is current; staging again
// gives the same keys.
type Stage struct {
	Public    ed25519.PublicKey // next signing key
	Recipient seal.Recipient    // next sealing key
	Recovery  ed25519.PublicKey // next recovery key; nil where it stays
}

// StageRotation prepares a new signing key and a new sealing identity, for a
// command signed with the current key.
func (p *Persona) StageRotation() (Stage, error) { return p.stage(false) }

// StageRecovery prepares a new signing key, a new sealing identity and the next
// recovery key, for a command signed with SignRecovery.
func (p *Persona) StageRecovery() (Stage, error) { return p.stage(true) }

func (p *Persona) stage(recovery bool) (Stage, error) {
	if err := p.change(func(c *content, _ *persona) error { return c.stage(p.vertical, recovery) }); err != nil {
		return Stage{}, err
	}
	st, _, err := p.Staged()
	return st, err
}

// stage adds what is not staged yet; a rotation that is given up for a recovery
// keeps its keys.
func (c *content) stage(vertical string, recovery bool) error {
	x := c.Personas[vertical]
	if len(x.Identities) >= maxIdentities {
		return notice.New(notice.Exhausted, "these keys were rotated as often as is possible", "make a new keyring: `manx keys new`")
	}
	if x.Staged == nil {
		identity, err := newIdentity()
		if err != nil {
			return err
		}
		x.Staged = &staged{Signing: random(seedSize), Identity: identity}
	}
	if recovery && x.Staged.Recovery == nil {
		x.Staged.Generation = x.Generation + 1
		x.Staged.Recovery = recoverySeed(c.Kit, vertical, x.Staged.Generation)
	}
	return nil
}

// Staged returns the keys that are staged; false where none are.
func (p *Persona) Staged() (Stage, bool, error) {
	s := view(p, func(x *persona) *staged { return x.Staged })
	if s == nil {
		return Stage{}, false, nil
	}
	id, err := parseIdentity(s.Identity)
	if err != nil {
		return Stage{}, false, err
	}
	st := Stage{Public: publicOf(s.Signing), Recipient: id.Recipient()}
	if s.Recovery != nil {
		st.Recovery = publicOf(s.Recovery)
	}
	return st, true, nil
}

// Promote makes the staged keys current, once the ledger knows them. The old
// identity stays, to open old wraps. Promoting with nothing staged succeeds.
func (p *Persona) Promote() error {
	return p.change(func(_ *content, x *persona) error {
		s := x.Staged
		if s == nil {
			return nil
		}
		x.Signing, x.Rotated, x.Staged = s.Signing, x.Rotated+1, nil
		x.Identities = append(x.Identities, s.Identity)
		if s.Recovery != nil {
			x.Recovery, x.Generation = s.Recovery, s.Generation
		}
		return nil
	})
}

// Recovery returns the public recovery key that the ledger holds the hash of.
func (p *Persona) Recovery() ed25519.PublicKey {
	return view(p, func(x *persona) ed25519.PublicKey { return publicOf(x.Recovery) })
}

// SignRecovery signs with the recovery key.
func (p *Persona) SignRecovery(message []byte) []byte {
	return view(p, func(x *persona) []byte { return ed25519.Sign(ed25519.NewKeyFromSeed(x.Recovery), message) })
}

// AlignRecovery finds the recovery key that the ledger expects, which is newer
// than the backup's where a recovery was made after the backup: it tries the
// generations that follow until current approves one.
func (p *Persona) AlignRecovery(current func(ed25519.PublicKey) bool) error {
	return p.change(func(c *content, x *persona) error {
		if current(publicOf(x.Recovery)) {
			return nil
		}
		for g := x.Generation; g <= min(x.Generation+alignTries, maxGeneration); g++ {
			if seed := recoverySeed(c.Kit, p.vertical, g); current(publicOf(seed)) {
				x.Recovery, x.Generation = seed, g
				if x.Staged != nil && x.Staged.Recovery != nil {
					x.Staged.Recovery, x.Staged.Generation = recoverySeed(c.Kit, p.vertical, g+1), g+1
				}
				return nil
			}
		}
		return notice.New(notice.Denied, "this recovery kit is not the one that the ledger knows for this party",
			"use the newest phrase or shares; a kit is out of date once another was made")
	})
}
