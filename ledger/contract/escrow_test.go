package contract

import (
	"encoding/json"
	"strings"
	"testing"

	"manx/escrow"
	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// purse lends 50 MAN for the school's fees, to be paid back in one sum.
func purse(at ledger.Time) escrow.Terms {
	fifty := ledger.MAN(50)
	deposit := func(by escrow.Role, into, next int) escrow.Case {
		return escrow.Case{By: by, Deposit: &escrow.Deposit{Into: into, Amount: fifty}, Next: next}
	}
	const funding, spending, owing, paying, repaid, ended = 0, 1, 2, 3, 4, 5
	return escrow.Terms{Pots: []escrow.Pot{{Name: "loan", Owner: "lender"}, {Name: "repayment", Owner: "borrower"}}, Clauses: []escrow.Clause{
		funding:  {Wait: &escrow.Wait{Cases: []escrow.Case{deposit("lender", 0, spending)}, Until: at + 100, Next: ended}},
		spending: {Wait: &escrow.Wait{Cases: []escrow.Case{{By: "borrower", Spend: &escrow.Spend{From: 0, Payees: []escrow.Role{"school"}}, Next: owing}}, Until: at + 200, Next: owing}},
		owing:    {Wait: &escrow.Wait{Cases: []escrow.Case{deposit("borrower", 1, paying)}, Until: at + 300, Next: ended}},
		paying:   {Pay: &escrow.Pay{From: 1, Shares: []escrow.Share{{To: "lender", Value: escrow.Value{Amount: &fifty}}}, Next: repaid}},
		repaid:   {Close: &escrow.Close{Outcome: "repaid"}},
		ended:    {Close: &escrow.Close{Outcome: "ended"}},
	}}
}

type contractScene struct {
	*ledgertest.Story
	m                        *memory
	lender, borrower, school *ledgertest.Key
	open                     ledger.OpenEscrow
}

func contractOf(t *testing.T) *contractScene {
	s, m := begin(t)
	c := &contractScene{Story: s, m: m, lender: s.Party(ledger.Credit, ledger.Lender), borrower: s.Party(ledger.Credit, ledger.Person), school: s.Party(ledger.Credit, ledger.Person)}
	terms, err := json.Marshal(purse(s.World.Now()))
	if err != nil {
		t.Fatal(err)
	}
	c.open = ledger.OpenEscrow{Title: "school fees", Terms: terms, Last: s.World.Now() + 300, Players: []ledger.Player{
		{Role: "lender", Party: c.lender.Party()}, {Role: "borrower", Party: c.borrower.Party()}, {Role: "school", Party: c.school.Party()}}}
	return c
}

func (c *contractScene) state(id ledger.EscrowID) escrow.State {
	return ledgertest.Read[escrow.State](c.Story, ledger.EscrowStateKey(id))
}

func TestLoanWithApprovedPayees(t *testing.T) {
	c := contractOf(t)
	coin, second := c.Fund(c.lender, ledger.MAN(60)), c.Fund(c.borrower, ledger.MAN(50))
	id := ledger.NewEscrowID(ledger.Credit, c.Do(c.lender, c.open))
	e := ledgertest.Read[ledger.Escrow](c.Story, ledger.KeyOf(id))
	if e.Hash != ledger.TermsHash(c.open.Terms, c.open.Players) || e.Certificate.IsZero() || len(e.Parties) != 3 {
		t.Errorf("the contract is %+v", e)
	}
	fifty, ten, forty := ledger.MAN(50), ledger.MAN(10), ledger.MAN(40)
	step := func(f func(*ledger.StepEscrow)) ledger.StepEscrow {
		b := ledger.StepEscrow{Escrow: id, Terms: e.Hash}
		f(&b)
		return b
	}
	fund := step(func(b *ledger.StepEscrow) { b.Role, b.Deposit, b.Coins = "lender", &fifty, []ledger.CoinID{coin} })
	spend := func(to string, a *ledger.Amount) ledger.StepEscrow {
		return step(func(b *ledger.StepEscrow) { b.Role, b.Pay, b.To = "borrower", a, to })
	}
	repay := step(func(b *ledger.StepEscrow) { b.Role, b.Deposit, b.Coins = "borrower", &fifty, []ledger.CoinID{second} })

	denied(t, "spent before it is funded", c.Try(c.borrower, spend("school", &ten)), notice.Conflict)
	wrong := fund
	wrong.Terms = ledger.Hash{1}
	denied(t, "signed for other terms", c.Try(c.lender, wrong), notice.Integrity)
	short := fund
	less := ledger.MAN(49)
	short.Deposit = &less
	denied(t, "another sum", c.Try(c.lender, short), notice.Conflict)
	denied(t, "another's coin", c.Try(c.borrower, fund), notice.Denied)
	c.Do(c.lender, fund)
	denied(t, "funded twice", c.Try(c.lender, fund), notice.Conflict)
	denied(t, "to whom it pleases", c.Try(c.borrower, spend("borrower", &ten)), notice.Conflict)
	denied(t, "more than there is", c.Try(c.borrower, spend("school", &ledger.Amount{})), notice.Exhausted)
	denied(t, "the lender spends", c.Try(c.lender, spend("school", &ten)), notice.Denied)
	c.Do(c.borrower, spend("school", &ten))
	c.Do(c.borrower, spend("school", &forty))
	if s := c.state(id); s.At != 2 || !s.Held().IsZero() {
		t.Errorf("after the purse is spent: %+v", s)
	}
	c.Do(c.borrower, repay)
	if s := c.state(id); !s.Over() || s.Outcome != "repaid" || len(s.Paid) != 3 || s.Paid[2].To != c.lender.Party() {
		t.Errorf("after the repayment: %+v", s)
	}
	denied(t, "after the end", c.Try(c.borrower, repay), notice.Conflict)
	if got, want := c.m.money(t), c.m.supply(t); got != want {
		t.Errorf("coins and escrows are %s of %s MAN", got, want)
	}
}

// What nobody does ends the contract, and anybody may say so after the deadline.
func TestInvariant4_ContractsEnd(t *testing.T) {
	c := contractOf(t)
	coin := c.Fund(c.lender, ledger.MAN(50))
	id := ledger.NewEscrowID(ledger.Credit, c.Do(c.lender, c.open))
	hash, fifty := ledger.TermsHash(c.open.Terms, c.open.Players), ledger.MAN(50)
	c.Do(c.lender, ledger.StepEscrow{Escrow: id, Terms: hash, Role: "lender", Deposit: &fifty, Coins: []ledger.CoinID{coin}})
	pass := ledger.StepEscrow{Escrow: id, Terms: hash}
	denied(t, "before its time", c.Try(c.school, pass), notice.Conflict)
	c.Wait(200)
	c.Do(c.school, pass)
	c.Wait(100)
	c.Do(c.school, pass)
	s := c.state(id)
	if !s.Over() || s.Outcome != "ended" || !s.Held().IsZero() || len(s.Paid) != 1 || s.Paid[0].To != c.lender.Party() {
		t.Errorf("the contract ends as %+v", s)
	}
	if got, want := c.m.money(t), c.m.supply(t); got != want {
		t.Errorf("coins and escrows are %s of %s MAN", got, want)
	}
}

// The contract checks terms by itself: what a client did not check is refused.
func TestUnsoundTermsAreNotDeployed(t *testing.T) {
	c := contractOf(t)
	stranger := c.Party(ledger.Health, ledger.Person)
	deploy := func(f func(t *escrow.Terms, b *ledger.OpenEscrow)) error {
		terms, b := purse(c.World.Now()), c.open
		b.Players = append([]ledger.Player(nil), b.Players...)
		b.Last = c.World.Now() + 300
		f(&terms, &b)
		var err error
		if b.Terms, err = json.Marshal(terms); err != nil {
			t.Fatal(err)
		}
		return c.Try(c.lender, b)
	}
	more := ledger.MAN(51)
	for name, f := range map[string]func(t *escrow.Terms, b *ledger.OpenEscrow){
		"a payment that falls short": func(t *escrow.Terms, _ *ledger.OpenEscrow) { t.Clauses[3].Pay.Shares[0].Value.Amount = &more },
		"a choice that takes": func(t *escrow.Terms, _ *ledger.OpenEscrow) {
			t.Clauses[1].Wait.Cases[0].Spend.Payees = []escrow.Role{"borrower"}
		},
		"a clause that never comes": func(t *escrow.Terms, _ *ledger.OpenEscrow) {
			t.Clauses[3].Pay.Next = 5
			t.Clauses = append(t.Clauses[:4:4], t.Clauses[5], t.Clauses[5])
		},
		"a role that nobody plays":      func(_ *escrow.Terms, b *ledger.OpenEscrow) { b.Players = b.Players[:2] },
		"no end":                        func(t *escrow.Terms, _ *ledger.OpenEscrow) { t.Clauses = t.Clauses[:4] },
		"an end after the last day":     func(_ *escrow.Terms, b *ledger.OpenEscrow) { b.Last-- },
		"Invariant5: a party of health": func(_ *escrow.Terms, b *ledger.OpenEscrow) { b.Players[2].Party = stranger.Party() },
	} {
		err := deploy(f)
		denied(t, name, err, notice.Denied, notice.Invalid)
		if hint := notice.From(err).Hint; !strings.Contains(hint, "manx") {
			t.Errorf("%s: the hint is %q", name, hint)
		}
	}
	if err := deploy(func(*escrow.Terms, *ledger.OpenEscrow) {}); err != nil {
		t.Errorf("sound terms: %v", err)
	}
}
