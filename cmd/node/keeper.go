package node

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"manx/escrow"
	"manx/ledger"
	"manx/privacy/notice"
)

// A keeper passes the deadlines of contracts, which cannot wake themselves. Any
// party may do as much; an exchange does it for all.
type keeper struct {
	*clerk
	followed mark
}

// A due is when a contract's present wait ends.
type due struct {
	at    ledger.Time
	hash  ledger.Hash
	since ledger.Height // of its opening, so that a restart reads from there
}

// run follows the ledger from its mark until ctx ends.
func (k *keeper) run(ctx context.Context) error {
	from, err := k.followed.read()
	if err != nil {
		return err
	}
	open := map[ledger.EscrowID]due{}
	for e, err := range k.ledger.Events(ctx, from) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("keeper: %w", err)
		}
		switch e.Name {
		case ledger.EscrowStepped:
			if err := k.see(ctx, e, open); err != nil && ctx.Err() == nil {
				return err
			}
		case ledger.TimeTicked:
			var now ledger.Clock
			if err := json.Unmarshal(e.Body, &now); err != nil {
				return fmt.Errorf("time on the ledger: %w", err)
			}
			oldest := e.Height
			for id, d := range open {
				oldest = min(oldest, d.since)
				if d.at <= now.Now {
					k.pass(ctx, id, d, now.Now)
				}
			}
			if err := k.followed.keep(oldest); err != nil {
				return err
			}
		}
	}
	return nil
}

// see notes until when a contract waits now.
func (k *keeper) see(ctx context.Context, e ledger.Event, open map[ledger.EscrowID]due) error {
	text, _ := ledger.IDOf(ledger.Key(strings.TrimSuffix(string(e.Key), "/state")))
	id := ledger.EscrowID(text)
	var s escrow.State
	if err := json.Unmarshal(e.Body, &s); err != nil {
		return fmt.Errorf("contract on the ledger: %w", err)
	}
	if s.Over() {
		delete(open, id)
		return nil
	}
	d, known := open[id]
	if !known {
		d.since = e.Height
	}
	b, err := k.ledger.Read(ctx, ledger.KeyOf(id))
	if err != nil {
		return fmt.Errorf("contract: %w", err)
	}
	var c ledger.Escrow
	var terms escrow.Terms
	if err := json.Unmarshal(b, &c); err != nil {
		return fmt.Errorf("contract on the ledger: %w", err)
	}
	if err := json.Unmarshal(c.Terms, &terms); err != nil {
		return fmt.Errorf("terms on the ledger: %w", err)
	}
	d.at, d.hash = terms.Until(s), c.Hash
	open[id] = d
	return nil
}

// pass sends the step that only time takes. Somebody else may have sent it, or
// something else may have happened: both are fine.
func (k *keeper) pass(ctx context.Context, id ledger.EscrowID, d due, now ledger.Time) {
	k.try(ctx, "deadline of "+string(id), func(ctx context.Context) error {
		c, err := ledger.NewCommandWithID(k.genesis.ID(), idOf("keeper", string(id), fmt.Sprint(d.at)), k.exchange(), now+600, ledger.StepEscrow{Escrow: id, Terms: d.hash})
		if err != nil {
			return err
		}
		if _, err = k.ledger.Submit(ctx, c); notice.Is(err, notice.Conflict) {
			return nil
		}
		return err
	})
}
