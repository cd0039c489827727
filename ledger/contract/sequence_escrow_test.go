package contract

import (
	"encoding/json"
	"slices"
	"testing"

	"manx/escrow"
	"manx/escrow/check"
	"manx/escrow/escrowtest"
	"manx/ledger"
	"manx/ledger/ledgertest"
)

// contract opens a contract or steps one; ok is false where there is nothing to do.
func (c *cast) contract() (by ledger.Signer, b ledger.Body, ok bool) {
	running := slices.DeleteFunc(slices.Clone(c.contracts), func(id ledger.EscrowID) bool {
		return c.r.IntN(20) > 0 && ledgertest.Read[escrow.State](c.Story, ledger.EscrowStateKey(id)).Over()
	})
	if len(running) < 4 {
		return c.open()
	}
	e := ledgertest.Read[ledger.Escrow](c.Story, ledger.KeyOf(pick(c.r, running)))
	s := ledgertest.Read[escrow.State](c.Story, ledger.EscrowStateKey(e.ID))
	out := ledger.StepEscrow{Escrow: e.ID, Terms: e.Hash}
	if s.Over() {
		return pick(c.r, c.parties), out, true // refused
	}
	var terms escrow.Terms
	if err := json.Unmarshal(e.Terms, &terms); err != nil {
		c.T.Fatal(err)
	}
	w := terms.Clauses[s.At].Wait
	if len(w.Cases) == 0 || w.Until <= c.World.Now() || c.r.IntN(12) == 0 {
		return pick(c.r, c.parties), out, true
	}
	k := pick(c.r, w.Cases)
	role := k.By
	switch {
	case k.Deposit != nil:
		out.Deposit, out.Coins = &k.Deposit.Amount, c.coins(s.Party(role), 3)
		if c.r.IntN(5) == 0 && len(out.Coins) > 0 {
			out.Coins = append(out.Coins, out.Coins[0]) // twice
		}
	case k.Spend != nil:
		a := s.Pots[k.Spend.From]
		if c.r.IntN(2) == 0 {
			a = a.Part(uint32(c.r.IntN(escrow.Whole+1)), escrow.Whole)
		}
		out.Pay, out.To = &a, string(pick(c.r, k.Spend.Payees))
	case k.Attest != nil:
		role = pick(c.r, k.Attest.By)
		out.Fact, out.Value, out.When = k.Attest.Fact, int64(c.r.IntN(2)), c.World.Now()-ledger.Time(c.r.IntN(40))
	case k.Verdict != nil:
		out.Job = k.Verdict.Job
	default:
		out.Choice = string(k.Choice)
	}
	if c.r.IntN(10) == 0 {
		out.Terms = ledger.Hash{1}
	}
	if out.Role = string(role); role == "" || c.r.IntN(8) == 0 {
		return pick(c.r, c.parties), out, true
	}
	return c.key(s.Party(role)), out, true
}

// open makes a contract of random terms, sound ones mostly, on the health or the
// credit side.
func (c *cast) open() (ledger.Signer, ledger.Body, bool) {
	side := c.parties[:4]
	if c.r.IntN(2) == 0 {
		side = c.parties[4:9]
	}
	now := c.World.Now()
	b := ledger.OpenEscrow{Title: "random", Last: now + 9000}
	var parts []escrow.Part
	for _, role := range escrowtest.Roles() {
		p := pick(c.r, side).Party()
		b.Players = append(b.Players, ledger.Player{Role: string(role), Party: p})
		parts = append(parts, escrow.Part{Role: role, Party: p})
	}
	plan := escrowtest.Plan{Begin: now, Most: 1000, Extra: []uint64{1, 1_000_000_000_000_000_000}, Job: pick(c.r, c.jobs), Waits: 1000, Size: 9}
	for range 300 {
		terms := plan.Terms(c.r)
		report, err := check.Terms(terms, parts, nil, now, b.Last)
		if err != nil || len(report.Paid) == 0 || len(report.Findings) > 0 && c.r.IntN(10) > 0 {
			continue
		}
		if c.r.IntN(4) > 0 && !slices.ContainsFunc(terms.Clauses, func(k escrow.Clause) bool {
			return k.Wait != nil && slices.ContainsFunc(k.Wait.Cases, func(k escrow.Case) bool { return k.Spend != nil })
		}) {
			continue // spendings are rare otherwise
		}
		if b.Terms, err = json.Marshal(terms); err != nil {
			c.T.Fatal(err)
		}
		by := pick(c.r, side)
		b.Coins = c.coins(by.Party(), c.r.IntN(3))
		return by, b, true
	}
	return nil, nil, false
}

// finishContracts has a stranger pass every deadline: each contract ends and
// holds nothing, whatever its parties left undone.
func (c *cast) finishContracts(t testing.TB, stranger ledger.Signer) {
	t.Helper()
	for _, id := range c.contracts {
		e := ledgertest.Read[ledger.Escrow](c.Story, ledger.KeyOf(id))
		s := ledgertest.Read[escrow.State](c.Story, ledger.EscrowStateKey(id))
		if !s.Over() {
			if err := c.Try(stranger, ledger.StepEscrow{Escrow: id, Terms: e.Hash}); err != nil {
				t.Fatalf("a contract does not end: %v", err)
			}
			s = ledgertest.Read[escrow.State](c.Story, ledger.EscrowStateKey(id))
		}
		if !s.Over() || !s.Held().IsZero() {
			t.Fatalf("a contract past its last deadline is in clause %d and holds %s", s.At, s.Held())
		}
	}
}
