package owner

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/storage/vault"
	"manx/storage/wraps"
)

// Grant gives another party a permission on a record of the party's own. For
// reading, the key of every version is split between the grantee and the
// release services of two organisations. Repeating it after an interruption
// gives nothing twice; the grant returned is the one on the ledger, whose end is
// then the one that the first try named.
func (p *Party) Grant(ctx context.Context, body ledger.GiveGrant) (ledger.Grant, error) {
	return p.GrantWith(ctx, body, func(g ledger.Grant) error {
		if body.Access != ledger.Read {
			return nil
		}
		r, err := Get[ledger.Record](ctx, p.Client, body.Record)
		if err != nil {
			return err
		}
		for v := range r.Versions {
			key, err := p.RecordKey(ctx, body.Record, v+1)
			if err != nil {
				return err
			}
			if err := p.giveParts(ctx, g, v+1, key); err != nil {
				return err
			}
		}
		return nil
	})
}

// GrantWith gives a permission and does what goes with it. Interrupted in either,
// the same again goes on with the same grant.
func (p *Party) GrantWith(ctx context.Context, body ledger.GiveGrant, also func(g ledger.Grant) error) (none ledger.Grant, err error) {
	// Who repeats a command that counts in days from now names a later end.
	named := body
	named.Until = 0
	b, err := json.Marshal(named)
	if err != nil {
		return none, fmt.Errorf("encode grant: %w", err)
	}
	name := "grant/" + ledger.Hash(sha256.Sum256(b)).String()[:32]
	cmd, done, err := p.once(ctx, name, body)
	if err != nil {
		return none, err
	}
	g, err := Get[ledger.Grant](ctx, p.Client, ledger.NewGrantID(p.Vertical(), cmd.ID))
	if err == nil && (g.Revoked != 0 || max(g.Until, body.Until)-min(g.Until, body.Until) > sameGrant) { // another that was interrupted, long ago
		if err = done(); err == nil {
			if cmd, done, err = p.once(ctx, name, body); err == nil {
				g, err = Get[ledger.Grant](ctx, p.Client, ledger.NewGrantID(p.Vertical(), cmd.ID))
			}
		}
	}
	if err != nil {
		return none, err
	}
	if err := also(g); err != nil {
		return none, err
	}
	return g, done()
}

// sameGrant is how far apart, in seconds, the ends of one grant may be that is
// given again after an interruption.
const sameGrant = 3600

// renewParts gives the live readers of a record their parts of a new version's
// key.
func (p *Party) renewParts(ctx context.Context, id ledger.RecordID, version int, key seal.Key) error {
	if version == 1 {
		return nil
	}
	info, err := p.Info(ctx)
	if err != nil {
		return err
	}
	grants, err := p.Grants(ctx)
	if err != nil {
		return err
	}
	for _, g := range grants {
		if g.Record == id && g.Owner == p.id && g.Access == ledger.Read && g.Live(info.Now) {
			if err := p.giveParts(ctx, g, version, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// giveParts splits a version's key for a grantee. Split parts are kept until
// all of them are given: a new try gives the same ones, since parts of two
// splits do not fit together.
func (p *Party) giveParts(ctx context.Context, g ledger.Grant, version int, key seal.Key) error {
	services, err := p.services()
	if err != nil {
		return err
	}
	name := fmt.Sprintf("parts/%s/%d", g.ID, version)
	var sealed [3][]byte
	if kept, ok := p.Keys.Kept(name); ok {
		if err := json.Unmarshal(kept.Reveal(reveal.Token{}), &sealed); err != nil {
			return fmt.Errorf("kept parts: %w", err)
		}
	} else {
		to, err := p.RecipientOf(ctx, g.To)
		if err != nil {
			return err
		}
		parts, err := seal.Split(key)
		if err != nil {
			return err
		}
		for i, part := range parts {
			if sealed[i], err = seal.SealPart(part, to); err != nil {
				return err
			}
		}
		b, err := json.Marshal(sealed)
		if err != nil {
			return fmt.Errorf("encode parts: %w", err)
		}
		if err := p.Keys.Keep(name, b); err != nil {
			return err
		}
	}
	// The vertical's own organisation is the mailbox of the grantee's part.
	for i, s := range []ledger.PartyID{services[0], services[0], services[1]} {
		if _, err := p.Ask(ctx, s, wraps.PutPart{Service: s, Grant: g.ID, Version: version, Part: i, Sealed: sealed[i]}); err != nil {
			return err
		}
	}
	return p.Keys.Forget(name)
}

// Grants lists the permissions the party has given or got, newest first.
func (p *Party) Grants(ctx context.Context) ([]ledger.Grant, error) {
	return Mine[ledger.Grant](ctx, p.Client, "grant")
}

// Revoke ends a grant. What it stops and destroys, the ledger's events and the
// release services see to.
func (p *Party) Revoke(ctx context.Context, g ledger.GrantID) error {
	_, done, err := p.once(ctx, "revoke/"+string(g), ledger.RevokeGrant{Grant: g})
	if err != nil {
		return err
	}
	return done()
}

// SignedGrant returns a grant given beforehand as its owner signed it, whatever
// the node says of it. Whether she revoked it since, only the ledger tells.
func (p *Party) SignedGrant(ctx context.Context, g ledger.Grant) (b ledger.GiveGrant, err error) {
	kept, err := p.Read(ctx, ledger.SignedKey(g.ID))
	if err != nil {
		return b, err
	}
	bad := func(cause error) error {
		return notice.Because(cause, notice.Integrity, "the node shows a grant that its owner has not signed", "nothing was done; do not trust this node, and tell the organisations")
	}
	var c ledger.Command
	if err := json.Unmarshal(kept, &c); err != nil {
		return b, bad(err)
	}
	if c.Network != p.Home.Network.Genesis.ID() || c.Name != b.Command() || c.Author != g.Owner ||
		ledger.NewGrantID(ledger.VerticalOf(c.Author), c.ID) != g.ID {
		return b, bad(nil)
	}
	if err := p.Signed(ctx, c); err != nil {
		return b, err
	}
	if err := errors.Join(ledger.Decode(c.Body, &b), b.Check()); err != nil || b.Calls == 0 {
		return b, bad(err)
	}
	return b, nil
}

// TakeOwnPart fetches the grantee's own part of a version's key. Alone it opens
// nothing.
func (p *Party) TakeOwnPart(ctx context.Context, g ledger.Grant, version int) (seal.Part, error) {
	return p.takePart(ctx, g, version, 0)
}

func (p *Party) takePart(ctx context.Context, g ledger.Grant, version, part int) (none seal.Part, err error) {
	services, err := p.services()
	if err != nil {
		return none, err
	}
	s := [3]ledger.PartyID{services[0], services[0], services[1]}[part]
	sealed, err := p.Ask(ctx, s, wraps.TakePart{Service: s, Grant: g.ID, Version: version, Part: part})
	if err != nil {
		return none, err
	}
	return p.Keys.OpenPart(sealed)
}

// OpenGranted opens a record that another party lets this one read; version 0
// is the latest.
func (p *Party) OpenGranted(ctx context.Context, id ledger.GrantID, version int) (*vault.Record, ledger.Record, error) {
	g, err := Get[ledger.Grant](ctx, p.Client, id)
	if err != nil {
		return nil, ledger.Record{}, err
	}
	r, err := Get[ledger.Record](ctx, p.Client, g.Record)
	if err != nil {
		return nil, r, err
	}
	v, n, err := versionOf(r, version)
	if err != nil {
		return nil, r, err
	}
	var parts [3]seal.Part
	for i := range parts {
		if parts[i], err = p.takePart(ctx, g, n, i); err != nil {
			return nil, r, err
		}
	}
	key, err := seal.Join(parts)
	if err != nil {
		return nil, r, err
	}
	opened, err := openVersion(ctx, p.Vault, v, key)
	return opened, r, err
}

// GrantOn returns the live grant to read that the party has on a record.
func (p *Party) GrantOn(ctx context.Context, r ledger.RecordID) (ledger.GrantID, error) {
	grants, err := p.Grants(ctx)
	if err != nil {
		return "", err
	}
	info, err := p.Info(ctx)
	if err != nil {
		return "", err
	}
	var ended bool
	for _, g := range grants {
		if g.Record == r && g.To == p.id && g.Access == ledger.Read {
			if g.Live(info.Now) {
				return g.ID, nil
			}
			ended = true
		}
	}
	if ended {
		return "", notice.New(notice.Denied, "your grant on this record was revoked or has expired", "ask its owner for a new one: `manx grant add "+string(r)+" "+string(p.id)+"`")
	}
	return "", notice.New(notice.Denied, "no grant lets you read this record", "ask its owner for one: `manx grant add "+string(r)+" "+string(p.id)+"`")
}
