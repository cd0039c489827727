package contract

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"manx/ledger"
	"manx/privacy/notice"
)

func registerParty(t *txn, b ledger.RegisterParty) error {
	k := ledger.KeyOf(t.cmd.Author)
	if _, ok, err := load[ledger.Party](t, k); err != nil || ok {
		return either(err, refuse(notice.Conflict, "this party is registered already", "see it: `manx keys show`"))
	}
	if _, ok := t.genesis.Organisation(t.cmd.Author); ok {
		return refuse(notice.Conflict, "an organisation of the genesis is a party already", "")
	}
	if !t.genesis.Admitted(t.cmd, b.Role, b.Vertical) {
		return refuse(notice.Denied, "a hospital, lender, furnisher or auditor must be admitted by an organisation that serves its vertical",
			"ask the organisation to cosign the registration")
	}
	if err := t.own(b.Role, b.Key, b.Recovery, b.Sealing); err != nil {
		return err
	}
	p := ledger.Party{ID: t.cmd.Author, Role: b.Role, Name: b.Name, Key: b.Key, Recovery: b.Recovery, Sealing: b.Sealing}
	return t.saveParty(p, ledger.PartyRegistered)
}

func rotateKey(t *txn, b ledger.RotateKey) error {
	p := t.author
	if p.Role == ledger.Governor {
		return refuse(notice.Unsupported, "an organisation's key is fixed by the genesis", "")
	}
	sealing := b.Sealing
	if sealing == p.Sealing {
		sealing = "" // kept
	}
	if err := t.own(p.Role, b.Key, ledger.Hash{}, sealing); err != nil {
		return err
	}
	p.Key, p.Sealing = b.Key, b.Sealing
	p.Rotated++
	return t.saveParty(p, ledger.PartyRotated)
}

func recoverParty(t *txn, b ledger.RecoverParty) error {
	p := t.author
	sealing := b.Sealing
	if sealing == p.Sealing {
		sealing = ""
	}
	if b.Recovery == p.Recovery {
		return refuse(notice.Invalid, "a recovery key is used once: name the next one", "run `manx keys backup` with the new keyring")
	}
	if err := t.own(p.Role, b.Key, b.Recovery, sealing); err != nil {
		return err
	}
	p.Key, p.Sealing, p.Recovery = b.Key, b.Sealing, b.Recovery
	p.Rotated++
	return t.saveParty(p, ledger.PartyRecovered)
}

// saveParty keeps a party whose keys the command gave, and the command itself as
// the next link of the chain that proves them.
func (t *txn) saveParty(p ledger.Party, event string) error {
	if p.Rotated >= ledger.MaxChain {
		return refuse(notice.Exhausted, "this party replaced its keys as often as it can", "register a new party: `manx keys new`")
	}
	if err := t.save(ledger.ChainKey(p.ID, p.Rotated), t.cmd, ""); err != nil {
		return err
	}
	return t.save(ledger.KeyOf(p.ID), p, event)
}

// own takes keys that no party has had before. Were one key seen in two
// parties, it would join a person's health persona to her credit persona. The
// recipients of those who have names may repeat.
func (t *txn) own(role ledger.Role, key []byte, recovery ledger.Hash, sealing string) error {
	for _, o := range t.genesis.Organisations {
		if bytes.Equal(o.Key, key) {
			return used()
		}
	}
	seen := []string{"key:" + string(key)}
	if !recovery.IsZero() {
		seen = append(seen, "recovery:"+string(recovery[:]))
	}
	if sealing != "" && role == ledger.Person {
		seen = append(seen, "sealing:"+sealing)
	}
	for _, s := range seen {
		h := sha256.Sum256([]byte(s))
		k := ledger.Key("common/seen/" + hex.EncodeToString(h[:]))
		b, err := t.state.Get(k)
		if err != nil {
			return err
		}
		if b != nil {
			return used()
		}
		if err := t.put(k, []byte("1")); err != nil {
			return err
		}
	}
	return nil
}

func used() error {
	return refuse(notice.Conflict, "a key, recovery key or recipient belongs to one party only and is never used again",
		"make a fresh one: `manx keys new` or `manx keys rotate`")
}

// either returns err, or otherwise when there is none.
func either(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
