package node

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"manx/escrow"
	"manx/ledger"
	"manx/privacy/notice"
)

// A keeper passes the deadlines of contracts, which cannot wake themselves. Any
// party may do as much; an exchange does it for all.
type keeper struct {
	genesis ledger.Genesis
	by      organisation
	ledger  ledger.Ledger
	log     *slog.Logger
	mark    mark
}

// A due is when a contract's present wait ends.
type due struct {
	at    ledger.Time
	hash  ledger.Hash
	since ledger.Height // of its opening, so that a restart reads from there
}

// run follows the ledger from its mark until ctx ends.
func (k *keeper) run(ctx context.Context) error {
	from, err := k.mark.read()
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
			if err := k.mark.keep(oldest); err != nil {
				return err
			}
		}
	}
	return nil
}

// see notes until when a contract waits now.
func (k *keeper) see(ctx context.Context, e ledger.Event, open map[ledger.EscrowID]due) error {
	id := ledger.EscrowID(strings.ReplaceAll(strings.TrimSuffix(string(e.Key), "/state"), "/", "-"))
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
	c, err := ledger.NewCommandWithID(k.genesis.ID(), idOf("keeper", string(id), fmt.Sprint(d.at)), k.by, now+600, ledger.StepEscrow{Escrow: id, Terms: d.hash})
	if err == nil {
		_, err = k.ledger.Submit(ctx, c)
	}
	if err != nil && ctx.Err() == nil && !notice.Is(err, notice.Conflict) {
		k.log.ErrorContext(ctx, "a contract's deadline was not passed", slog.String("escrow", string(id)), slog.Any("error", err))
	}
}
