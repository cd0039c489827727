package owner

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"manx/ledger"
	"manx/privacy"
)

// Budget returns a record and what may be, and was, learnt from it: the budget that
// it shares with what it derives from. One that nobody has set or spent is empty.
func (p *Party) Budget(ctx context.Context, id ledger.RecordID) (b ledger.Budget, r ledger.Record, err error) {
	if r, err = Get[ledger.Record](ctx, p.Client, id); err != nil {
		return b, r, err
	}
	b.Record = r.Root()
	raw, err := p.Read(ctx, ledger.BudgetKey(b.Record))
	if errors.Is(err, fs.ErrNotExist) {
		return b, r, nil
	}
	if err != nil {
		return b, r, err
	}
	if err := json.Unmarshal(raw, &b); err != nil {
		return b, r, fmt.Errorf("budget: %w", err)
	}
	return b, r, nil
}

// Budgets returns the budgets of the party's own records that are not erased, each
// once, in the order of Records.
func (p *Party) Budgets(ctx context.Context) (all []ledger.Budget, err error) {
	records, err := p.Records(ctx)
	if err != nil {
		return nil, err
	}
	seen := map[ledger.RecordID]bool{}
	for _, r := range records {
		if r.Owner != p.id || r.Erased || seen[r.Root()] {
			continue
		}
		seen[r.Root()] = true
		b, _, err := p.Budget(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// LimitBudget sets the limit of a record of the party's own.
func (p *Party) LimitBudget(ctx context.Context, id ledger.RecordID, l ledger.BudgetLimit) error {
	_, done, err := p.once(ctx, "budget/"+string(id), ledger.LimitBudget{Record: id, Limit: l})
	if err != nil {
		return err
	}
	return done()
}

// SpendBudget spends the budgets of records on one use, before it. Of more records
// than a command names, every command spends all of its own or none: where one
// is refused, those before it have spent, and nothing is refunded. The same use
// again goes on with the rest.
func (p *Party) SpendBudget(ctx context.Context, b ledger.SpendBudget) error {
	for all := b.Records; len(all) > 0; {
		b.Records = all[:min(len(all), ledger.MaxSpentRecords)]
		all = all[len(b.Records):]
		j, err := json.Marshal(b)
		if err != nil {
			return fmt.Errorf("encode use: %w", err)
		}
		_, done, err := p.once(ctx, "spend/"+ledger.Hash(sha256.Sum256(j)).String()[:32], b)
		if err != nil {
			return err
		}
		if err := done(); err != nil {
			return err
		}
	}
	return nil
}

// Spending is the budgets of records as privacy.Release wants them: what it lets go
// has been paid for on the ledger, by all records that it is made of.
func (p *Party) Spending(b ledger.SpendBudget) privacy.Budget { return spending{p, b} }

type spending struct {
	p *Party
	b ledger.SpendBudget
}

// Spend implements privacy.Budget.
func (s spending) Spend(ctx context.Context) error { return s.p.SpendBudget(ctx, s.b) }
