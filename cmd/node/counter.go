package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/psi"
	"manx/privacy/seal"
	"manx/storage"
	"manx/storage/vault"
	"manx/web/owner"
)

// A counter is the clerk's hand for two holders who compare lists: it counts what
// both have sent, answers, and ends what has run out of time.
type counter struct {
	*clerk
	stores   []storage.Blobs
	followed mark
}

// run follows the ledger from its mark until ctx ends.
func (c *counter) run(ctx context.Context) error {
	from, err := c.followed.read()
	if err != nil {
		return err
	}
	open := map[ledger.OverlapID]ledger.Overlap{}
	since := map[ledger.OverlapID]ledger.Height{}
	for e, err := range c.ledger.Events(ctx, from) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("counter: %w", err)
		}
		switch e.Name {
		case ledger.OverlapChanged:
			var o ledger.Overlap
			if err := json.Unmarshal(e.Body, &o); err != nil {
				return fmt.Errorf("overlap on the ledger: %w", err)
			}
			if open[o.ID] = o; o.Stage.Over() {
				delete(open, o.ID)
				delete(since, o.ID)
				continue
			}
			if _, known := since[o.ID]; !known {
				since[o.ID] = e.Height
			}
			c.handle(ctx, o, c.count)
		case ledger.TimeTicked:
			var now ledger.Clock
			if err := json.Unmarshal(e.Body, &now); err != nil {
				return fmt.Errorf("time on the ledger: %w", err)
			}
			oldest := e.Height
			for id, o := range open {
				oldest = min(oldest, since[id])
				if o.Until < now.Now {
					c.handle(ctx, o, c.end)
				} else {
					c.handle(ctx, o, c.count) // again, if it failed
				}
			}
			if err := c.followed.keep(oldest); err != nil {
				return err
			}
		}
	}
	return nil
}

// handle does something for a comparison; that somebody was quicker is no failure.
func (c *counter) handle(ctx context.Context, o ledger.Overlap, f func(context.Context, ledger.Overlap) error) {
	c.try(ctx, "comparison "+string(o.ID), func(ctx context.Context) error {
		if err := f(ctx, o); !notice.Is(err, notice.Conflict) {
			return err
		}
		return nil
	})
}

// submit sends a command of an organisation's under an id that the overlap
// gives it, so that it happens once.
func (c *counter) submit(ctx context.Context, by organisation, o ledger.Overlap, body ledger.Body) error {
	now, err := c.now(ctx)
	if err != nil {
		return err
	}
	cmd, err := ledger.NewCommandWithID(c.genesis.ID(), idOf(body.Command(), string(o.ID)), by, now+600, body)
	if err != nil {
		return err
	}
	_, err = c.ledger.Submit(ctx, cmd)
	return err
}

func (c *counter) end(ctx context.Context, o ledger.Overlap) error {
	by := max(0, c.of(o)) // after its time anybody may
	return c.submit(ctx, c.orgs[by], o, ledger.EndOverlap{Overlap: o.ID})
}

// of returns which organisation of this node's counts, -1 for none.
func (c *counter) of(o ledger.Overlap) int {
	return slices.IndexFunc(c.orgs, func(org organisation) bool { return org.ID == o.Counter })
}

// count answers both holders, where both have sent their tags to an
// organisation of this node's.
func (c *counter) count(ctx context.Context, o ledger.Overlap) error {
	i := c.of(o)
	if i < 0 || o.Tags[0].IsZero() || o.Tags[1].IsZero() {
		return nil
	}
	packs, err := vault.Over(c.stores)
	if err != nil {
		return err
	}
	var tags, answers [2][]byte
	for side, r := range o.Tags {
		if tags[side], err = c.open(ctx, packs, c.orgs[i], r); err != nil {
			return err
		}
	}
	if answers[0], answers[1], _, err = psi.Compare(owner.OverlapSession(c.genesis.ID(), o), tags[0], tags[1]); err != nil {
		return errors.Join(err, c.end(ctx, o)) // what a holder sent is of no use, and is sent once
	}
	body := ledger.AnswerOverlap{Overlap: o.ID}
	for side, p := range []ledger.PartyID{o.First, o.Second} {
		if body.Answers[side], err = c.send(ctx, packs, p, answers[side]); err != nil {
			return err
		}
	}
	return c.submit(ctx, c.orgs[i], o, body)
}

func (c *counter) open(ctx context.Context, packs *vault.Vault, org organisation, r storage.Ref) ([]byte, error) {
	pack, err := packs.Open(ctx, r)
	if err != nil {
		return nil, err
	}
	defer pack.Close()
	b, err := io.ReadAll(io.LimitReader(pack, seal.MaxMessage+1))
	if err != nil {
		return nil, fmt.Errorf("read tags: %w", err)
	}
	return seal.OpenMessage(b, org.identity)
}

func (c *counter) send(ctx context.Context, packs *vault.Vault, to ledger.PartyID, m []byte) (r storage.Ref, err error) {
	b, err := c.ledger.Read(ctx, ledger.KeyOf(to))
	if err != nil {
		return r, fmt.Errorf("holder: %w", err)
	}
	var p ledger.Party
	if err := json.Unmarshal(b, &p); err != nil {
		return r, fmt.Errorf("holder: %w", err)
	}
	recipient, err := seal.ParseRecipient(p.Sealing)
	if err != nil {
		return r, err
	}
	sealed, err := seal.Message(m, recipient)
	if err != nil {
		return r, err
	}
	return packs.Write(ctx, bytes.NewReader(sealed))
}
