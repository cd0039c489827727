package owner

import (
	"context"
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
	on, err := Get[ledger.Party](ctx, p.Client, id)
	if err != nil {
		return on, err
	}
	if on.Rotated < 0 || on.Rotated >= ledger.MaxChain {
		return on, notice.New(notice.Integrity, "the node tells of a party that cannot be", "check the address of the node")
	}
	chain := make([]ledger.Command, on.Rotated+1)
	for i := range chain {
		b, err := p.Read(ctx, ledger.ChainKey(id, i))
		if err != nil {
			return on, err
		}
		if err := json.Unmarshal(b, &chain[i]); err != nil {
			return on, fmt.Errorf("signed keys: %w", err)
		}
	}
	proved, err := ledger.VerifyChain(p.Home.Network.Genesis, id, chain)
	if err != nil || !proved.Key.Equal(on.Key) || proved.Sealing != on.Sealing {
		return on, notice.Because(err, notice.Integrity, "the keys that the node shows for "+string(id)+" are not proved by that party's own signatures",
			"nothing was sealed or sent; do not trust this node, and tell the organisations")
	}
	return proved, nil
}

// RecipientOf returns the proved recipient of what is sealed to another party.
func (p *Party) RecipientOf(ctx context.Context, id ledger.PartyID) (seal.Recipient, error) {
	other, err := p.Counterparty(ctx, id)
	if err != nil {
		return seal.Recipient{}, err
	}
	return seal.ParseRecipient(other.Sealing)
}
