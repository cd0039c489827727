package contract

import (
	"errors"
	"fmt"

	"manx/ledger"
	"manx/privacy/dp/rdp"
	"manx/privacy/notice"
)

func (t *txn) dispatchBudget() (known bool, err error) {
	switch t.cmd.Name {
	case "budget.limit":
		return true, run(t, limitBudget)
	case "budget.spend":
		return true, run(t, spendBudget)
	}
	return false, nil
}

// budget returns what is known of the record that r's uses are spent on.
func (t *txn) budget(r ledger.Record) (ledger.Budget, error) {
	b, _, err := load[ledger.Budget](t, ledger.BudgetKey(r.Root()))
	b.Record = r.Root()
	return b, err
}

func (t *txn) saveBudget(b ledger.Budget) error {
	return t.save(ledger.BudgetKey(b.Record), b, ledger.BudgetChanged)
}

func limitBudget(t *txn, b ledger.LimitBudget) error {
	r, err := t.ownRecord(b.Record)
	if err != nil {
		return err
	}
	has, err := t.budget(r)
	if err != nil {
		return err
	}
	has.Limit = b.Limit
	return t.saveBudget(has)
}

// spendBudget spends on a use of many records, all or none. What they are used for,
// and whether the author does that use alone, is the author's word; that each of
// them has budget left for it, and what it costs, is not.
func spendBudget(t *txn, b ledger.SpendBudget) error {
	price, err := b.Noise.Price()
	if err != nil {
		return checked(err)
	}
	seen := map[ledger.RecordID]bool{}
	for _, e := range b.Records {
		r, err := t.usable(e)
		if err != nil {
			return err
		}
		if seen[r.Root()] {
			return refuse(notice.Invalid, "a record, or what was derived from it, is named twice in one use", "name each person's record once")
		}
		seen[r.Root()] = true
		mark := ledger.BudgetMarkKey(r.Root(), b.Use)
		if _, spent, err := load[ledger.Time](t, mark); err != nil {
			return err
		} else if spent {
			continue
		}
		if err := t.charge(r, ledger.BudgetUse{Kind: b.Kind, Of: b.Of, By: t.cmd.Author, Price: price}); err != nil {
			return err
		}
		if err := t.save(mark, t.now, ""); err != nil {
			return err
		}
	}
	return nil
}

// usable returns a record that the author owns, or has a live grant on that a kind
// of use is within: for research.
func (t *txn) usable(e ledger.SpentFor) (ledger.Record, error) {
	if e.Grant == "" {
		return t.ownRecord(e.Record)
	}
	g, ok, err := load[ledger.Grant](t, ledger.KeyOf(e.Grant))
	if err != nil {
		return ledger.Record{}, err
	}
	if !ok || g.To != t.cmd.Author || g.Record != e.Record || g.Purpose != ledger.Research {
		return ledger.Record{}, refuse(notice.Denied, "no grant for research of a record's owner covers the use", "leave the record out, or ask its owner: `manx grant add RECORD PARTY --purpose research`")
	}
	if !g.Live(t.now) {
		return ledger.Record{}, refuse(notice.Expired, "the grant on a record has ended or was revoked", "leave the record out: `manx grant list`")
	}
	r, ok, err := load[ledger.Record](t, ledger.KeyOf(g.Record))
	if err != nil {
		return r, err
	}
	if !ok || r.Erased {
		return r, refuse(notice.Expired, "a record is erased", "leave it out")
	}
	return r, nil
}

// charge spends a record's budget on a use that begins with this command: u says
// what it costs, a price (ledger.Noise.Price) or so many exact results. It is the one
// way by which budgets are spent: a rule that lets something be learnt from a record
// calls it, once for a record in a command.
func (t *txn) charge(r ledger.Record, u ledger.BudgetUse) error {
	has, err := t.budget(r)
	if err != nil {
		return err
	}
	u.At = t.now
	after, err := has.Spend(u)
	if errors.Is(err, ledger.ErrBudget) {
		return overspent(has, u)
	}
	if err != nil {
		return err
	}
	return t.saveBudget(after)
}

// overspent is the hard stop. It names the record, which is an id that only its
// owner and those whom she gave a grant can connect with anybody.
func overspent(b ledger.Budget, u ledger.BudgetUse) error {
	const hint = "leave the record out; its owner may raise the limit: `manx budget limit RECORD`"
	switch after := b.Spent.Plus(u.Price); {
	case u.Exact > 0:
		return refuse(notice.Exhausted, fmt.Sprintf("the budget of record %s has %d exact results left, and this takes %d", b.Record, max(*b.Limit.Exact-b.Exact, 0), u.Exact), hint)
	case b.Limit.Epsilon == 0:
		return refuse(notice.Exhausted, fmt.Sprintf("the budget of record %s has nothing left: its owner has set no limit, and this would bring what was spent to epsilon %s", b.Record, epsilon(after)), hint)
	default:
		return refuse(notice.Exhausted, fmt.Sprintf("the budget of record %s has epsilon %s left of %s, and this would bring what was spent to %s",
			b.Record, micro(b.Left()), micro(b.Limit.Epsilon), epsilon(after)), hint)
	}
}

// epsilon writes what a price comes to, rounded up.
func epsilon(p rdp.Price) string { return micro(p.Epsilon() + 999) }

// micro writes millionths with three digits, rounded down.
func micro(v int64) string { return fmt.Sprintf("%d.%03d", v/1_000_000, v/1000%1000) }
