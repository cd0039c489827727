package desk

import (
	"context"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
)

// devices lists where the party is signed in, the newest first.
func (d *Desk) devices(ctx context.Context, p *owner.Party, _ none, _ Show) (any, error) {
	return p.Client.Sessions(ctx)
}

// endDevice signs one of them out. A device that has the keys can sign in again.
func (d *Desk) endDevice(ctx context.Context, p *owner.Party, a struct {
	ID string `json:"id"`
}, show Show) (any, error) {
	if err := p.Client.EndSession(ctx, a.ID); err != nil {
		return nil, err
	}
	return d.devices(ctx, p, none{}, show)
}

// rotate replaces the keys and renews the backup: what another device has of them, or a
// copy, signs and opens nothing any more.
func (d *Desk) rotate(ctx context.Context, p *owner.Party, _ none, show Show) (any, error) {
	show(Progress{Stage: "keys"})
	if err := p.Rotate(ctx); err != nil {
		return nil, err
	}
	return none{}, p.Home.Backup(ctx)
}

// carry returns a provider's keys as they lie, sealed under the passphrase, for the
// machine that works under this account (`manx keys adopt`). Keys of those who have
// records are not copied: what one device adds the other would not have.
func (d *Desk) carry(_ context.Context, p *owner.Party, _ none, _ Show) (any, error) {
	d.mu.Lock()
	role := d.at.role
	d.mu.Unlock()
	if role != ledger.Worker {
		return nil, notice.New(notice.Unsupported, "only a provider's keys are copied to another machine", "bring keys to another device by the recovery kit")
	}
	sealed, err := p.Home.Sealed()
	return struct {
		Keyring []byte `json:"keyring"`
	}{sealed}, err
}
