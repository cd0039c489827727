package contract

import (
	"encoding/json"
	"testing"

	"manx/escrow"
	"manx/ledger"
	"manx/privacy/notice"
)

// price holds what a buyer puts in until he accepts, or the seller gives up, or
// a deadline returns it. A wait of its own comes first.
func price(a ledger.Amount, at ledger.Time) escrow.Terms {
	return escrow.Terms{Pots: []escrow.Pot{{Name: "price", Owner: "buyer"}}, Clauses: []escrow.Clause{
		{Wait: &escrow.Wait{Cases: []escrow.Case{{By: "buyer", Deposit: &escrow.Deposit{Into: 0, Amount: a}, Next: 1}}, Until: at + 100, Next: 4}},
		{Wait: &escrow.Wait{Cases: []escrow.Case{{By: "buyer", Choice: "accept", Next: 2}, {By: "seller", Choice: "give up", Next: 4},
			{By: "buyer", Spend: &escrow.Spend{From: 0, Payees: []escrow.Role{"seller"}}, Next: 3}}, Until: at + 200, Next: 4}},
		{Pay: &escrow.Pay{From: 0, Shares: []escrow.Share{{To: "seller", Value: escrow.Value{All: true}}}, Next: 3}},
		{Close: &escrow.Close{Outcome: "paid"}}, {Close: &escrow.Close{Outcome: "back"}},
	}}
}

// priced opens a contract over a price between lender and borrower.
func (c *contractScene) priced(a ledger.Amount) (ledger.EscrowID, ledger.Hash, error) {
	b, err := c.price(a)
	if err != nil {
		return "", ledger.Hash{}, err
	}
	cmd := c.Sign(c.lender, b)
	_, err = c.Submit(cmd)
	return ledger.NewEscrowID(ledger.Credit, cmd.ID), ledger.TermsHash(b.Terms, b.Players), err
}

func (c *contractScene) price(a ledger.Amount) (b ledger.OpenEscrow, err error) {
	b = ledger.OpenEscrow{Title: "a price", Last: c.World.Now() + 200, Players: []ledger.Player{{Role: "buyer", Party: c.lender.Party()}, {Role: "seller", Party: c.borrower.Party()}}}
	b.Terms, err = json.Marshal(price(a, c.World.Now()))
	return b, err
}

func (c *contractScene) whole(t *testing.T) {
	t.Helper()
	if got, want := c.m.money(t), c.m.supply(t); got != want {
		t.Fatalf("coins and escrows are %s of %s MAN", got, want)
	}
}

// The smallest and the largest sum go through a contract; nothing does not.
func TestInvariant3_SmallestAndLargestSums(t *testing.T) {
	largest, err := ledger.ParseAmount("340282366920938463463.374607431768211455") // 2^128-1 units
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []ledger.Amount{ledger.Units(1), largest, {}} {
		c := contractOf(t)
		id, hash, err := c.priced(a)
		if a.IsZero() {
			denied(t, "a deposit of nothing", err, notice.Invalid)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		step := func(f func(*ledger.StepEscrow)) ledger.StepEscrow {
			b := ledger.StepEscrow{Escrow: id, Terms: hash, Role: "buyer"}
			f(&b)
			return b
		}
		deposit := func(sum ledger.Amount, coin ledger.CoinID) ledger.StepEscrow {
			return step(func(b *ledger.StepEscrow) { b.Deposit, b.Coins = &sum, []ledger.CoinID{coin} })
		}
		spend := func(sum ledger.Amount) ledger.StepEscrow {
			return step(func(b *ledger.StepEscrow) { b.Pay, b.To = &sum, "seller" })
		}
		coin := c.Fund(c.lender, a)
		denied(t, "nothing put in", c.Try(c.lender, deposit(ledger.Amount{}, coin)), notice.Conflict)
		if a == largest {
			orgs := c.World.Organisations
			more := ledger.IssueCoins{Out: []ledger.Output{{To: c.lender.Party(), Amount: ledger.Units(1)}}, Reason: "one more"}
			denied(t, "more than all MAN", c.Try(orgs[0], more, orgs[1:]...), notice.Exhausted)
		}
		c.Do(c.lender, deposit(a, coin))
		denied(t, "nothing paid", c.Try(c.lender, spend(ledger.Amount{})), notice.Exhausted)
		c.Do(c.lender, spend(ledger.Units(1)))
		if rest, _ := a.Sub(ledger.Units(1)); !rest.IsZero() {
			denied(t, "more than is left", c.Try(c.lender, spend(a)), notice.Exhausted)
			c.Do(c.lender, spend(rest))
		}
		if s := c.state(id); !s.Over() || s.Outcome != "paid" || !s.Held().IsZero() {
			t.Errorf("%s: %+v", a, s)
		}
		c.whole(t)
	}
}

// A coin pays one deposit, in one contract, once.
func TestInvariant3_CoinsPayOneDeposit(t *testing.T) {
	c := contractOf(t)
	five := ledger.MAN(5)
	coin := c.Fund(c.lender, ledger.MAN(10))
	first, hash, err := c.priced(five)
	if err != nil {
		t.Fatal(err)
	}
	second, other, err := c.priced(five)
	if err != nil || other != hash {
		t.Fatal(err)
	}
	deposit := func(id ledger.EscrowID, coins ...ledger.CoinID) ledger.StepEscrow {
		return ledger.StepEscrow{Escrow: id, Terms: hash, Role: "buyer", Deposit: &five, Coins: coins}
	}
	denied(t, "a coin twice in one deposit", c.Try(c.lender, deposit(first, coin, coin)), notice.Invalid)
	cmd := c.Sign(c.lender, deposit(first, coin))
	h, err := c.Submit(cmd)
	if err != nil {
		t.Fatal(err)
	}
	denied(t, "the coin of another deposit", c.Try(c.lender, deposit(second, coin)), notice.Conflict)
	before := c.m.copy()
	if again, err := c.Submit(cmd); err != nil || again != h {
		t.Errorf("the same deposit again: height %d, %v", again, err)
	}
	same(t, "a replay", before, c.m.state)
	c.Do(c.lender, deposit(second, ledger.NewCoinID(cmd.ID, 0))) // the change
	c.whole(t)
}

// Of two moves that exclude each other one counts, whichever comes first, and
// whoever was overtaken has signed for nothing.
func TestInvariant3_OvertakenMovesDoNothing(t *testing.T) {
	for _, buyerFirst := range []bool{true, false} {
		c := contractOf(t)
		five := ledger.MAN(5)
		coin := c.Fund(c.lender, five)
		id, hash, err := c.priced(five)
		if err != nil {
			t.Fatal(err)
		}
		c.Do(c.lender, ledger.StepEscrow{Escrow: id, Terms: hash, Role: "buyer", Deposit: &five, Coins: []ledger.CoinID{coin}})
		accept := c.Sign(c.lender, ledger.StepEscrow{Escrow: id, Terms: hash, Role: "buyer", Choice: "accept"})
		up := c.Sign(c.borrower, ledger.StepEscrow{Escrow: id, Terms: hash, Role: "seller", Choice: "give up"})
		first, second, outcome := up, accept, "back"
		if buyerFirst {
			first, second, outcome = accept, up, "paid"
		}
		if _, err := c.Submit(first); err != nil {
			t.Fatal(err)
		}
		before := c.m.copy()
		_, err = c.Submit(second)
		denied(t, "the move that came second", err, notice.Conflict)
		same(t, "an overtaken move", before, c.m.state)
		if s := c.state(id); s.Outcome != outcome || len(s.Paid) != 1 {
			t.Errorf("the contract ends as %+v", s)
		}
		c.whole(t)
	}
}

// At a deadline itself a move is too late and the end is due, in every contract
// that has it; one second before it is the other way round.
func TestInvariant4_DeadlinesAtOneInstant(t *testing.T) {
	c := contractOf(t)
	five := ledger.MAN(5)
	var ids []ledger.EscrowID
	var hash ledger.Hash
	begun := c.World.Now()
	for range 3 {
		coin := c.Fund(c.lender, five)
		id, h, err := c.priced(five)
		if err != nil {
			t.Fatal(err)
		}
		c.Do(c.lender, ledger.StepEscrow{Escrow: id, Terms: h, Role: "buyer", Deposit: &five, Coins: []ledger.CoinID{coin}})
		ids, hash = append(ids, id), h
	}
	accept := func(id ledger.EscrowID) ledger.StepEscrow {
		return ledger.StepEscrow{Escrow: id, Terms: hash, Role: "buyer", Choice: "accept"}
	}
	c.Wait(begun + 199 - c.World.Now())
	denied(t, "a second before", c.Try(c.school, ledger.StepEscrow{Escrow: ids[0], Terms: hash}), notice.Conflict)
	c.Do(c.lender, accept(ids[0]))
	c.Wait(1)
	for _, id := range ids[1:] {
		denied(t, "at the deadline", c.Try(c.lender, accept(id)), notice.Expired)
		c.Do(c.school, ledger.StepEscrow{Escrow: id, Terms: hash})
		if s := c.state(id); !s.Over() || s.Outcome != "back" {
			t.Errorf("at its deadline: %+v", s)
		}
	}
	if s := c.state(ids[0]); s.Outcome != "paid" {
		t.Errorf("accepted in time: %+v", s)
	}
	c.whole(t)
}

// A majority of the organisations burns what one of them holds, and nobody else's;
// the supply falls by as much.
func TestInvariant3_BurntCoinsLeaveTheSupply(t *testing.T) {
	s, m := begin(t)
	orgs, person := s.World.Organisations, s.Party(ledger.Health, ledger.Person)
	mine, kept, hers := s.Fund(orgs[0], ledger.MAN(5)), s.Fund(orgs[0], ledger.MAN(2)), s.Fund(person, ledger.MAN(3))
	burn := func(id ledger.CoinID) ledger.BurnCoins {
		return ledger.BurnCoins{In: []ledger.CoinID{id}, Reason: "paid out in another currency"}
	}
	denied(t, "one organisation alone", s.Try(orgs[0], burn(mine)), notice.Denied)
	denied(t, "a person, cosigned by all", s.Try(person, burn(hers), orgs...), notice.Denied)
	denied(t, "another's coin", s.Try(orgs[0], burn(hers), orgs[1:]...), notice.Denied)
	denied(t, "for no reason", s.Try(orgs[0], ledger.BurnCoins{In: []ledger.CoinID{mine}}, orgs[1:]...), notice.Invalid)
	s.Do(orgs[0], burn(mine), orgs[1])
	denied(t, "a burnt coin", s.Try(orgs[0], burn(mine), orgs[1]), notice.Conflict)
	if got := m.supply(t); got != ledger.MAN(5) || m.money(t) != got {
		t.Errorf("the supply is %s, coins sum to %s", got, m.money(t))
	}
	s.Do(orgs[0], ledger.SendCoins{In: []ledger.CoinID{kept}, Out: []ledger.Output{{To: person.Party(), Amount: ledger.MAN(2)}}})
}
