package owner

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/seal"
)

// Counterparty returns another party with its keys proved: by the signed
// commands that gave them, back to the first key, which its id is the hash of.
// So a node cannot put its own key in the place of the one that something is
// sealed to. It could hide the newest rotation.
func (p *Party) Counterparty(ctx context.Context, id ledger.PartyID) (ledger.Party, error) {
	on, chain, err := p.chain(ctx, id)
	if err != nil {
		return on, err
	}
	proved, err := ledger.VerifyChain(p.Home.Network.Genesis, id, chain)
	if err != nil || !proved.Key.Equal(on.Key) || proved.Sealing != on.Sealing {
		return on, unproved(err, id)
	}
	return proved, nil
}

func unproved(err error, id ledger.PartyID) error {
	return notice.Because(err, notice.Integrity, "the keys that the node shows for "+string(id)+" are not proved by that party's own signatures",
		"nothing was sealed or sent; do not trust this node, and tell the organisations")
}

// Signed reports whether the author of a command signed it with one of the keys
// that its chain proves.
func (p *Party) Signed(ctx context.Context, c ledger.Command) error {
	return p.SignedBy(ctx, c.Author, c.SignedBy)
}

// SignedBy reports whether a party signed something, by a test of its keys, with one
// of those that its chain proves.
func (p *Party) SignedBy(ctx context.Context, id ledger.PartyID, signed func(ed25519.PublicKey) bool) error {
	_, chain, err := p.chain(ctx, id)
	if err != nil {
		return err
	}
	for n := range chain {
		proved, err := ledger.VerifyChain(p.Home.Network.Genesis, id, chain[:n+1])
		if err != nil {
			return unproved(err, id)
		}
		if signed(proved.Key) {
			return nil
		}
	}
	return notice.New(notice.Integrity, "what the node shows is not signed by its author", "nothing was done; do not trust this node, and tell the organisations")
}

// chain fetches what the node says of a party, and the commands that gave it its
// keys.
func (p *Party) chain(ctx context.Context, id ledger.PartyID) (on ledger.Party, _ []ledger.Command, err error) {
	if on, err = Get[ledger.Party](ctx, p.Client, id); err != nil {
		return on, nil, err
	}
	if on.Rotated < 0 || on.Rotated >= ledger.MaxChain {
		return on, nil, notice.New(notice.Integrity, "the node tells of a party that cannot be", "check the address of the node")
	}
	chain := make([]ledger.Command, on.Rotated+1)
	for i := range chain {
		b, err := p.Read(ctx, ledger.ChainKey(id, i))
		if err != nil {
			return on, nil, err
		}
		if err := json.Unmarshal(b, &chain[i]); err != nil {
			return on, nil, fmt.Errorf("signed keys: %w", err)
		}
	}
	return on, chain, nil
}

// RecipientOf returns the proved recipient of what is sealed to another party.
func (p *Party) RecipientOf(ctx context.Context, id ledger.PartyID) (seal.Recipient, error) {
	other, err := p.Counterparty(ctx, id)
	if err != nil {
		return seal.Recipient{}, err
	}
	return seal.ParseRecipient(other.Sealing)
}
