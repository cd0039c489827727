package ledgertest

import (
	"encoding/json"
	"sync"
	"time"

	"manx/escrow"
	"manx/ledger"
	"manx/privacy/notice"
)

// order holds 10 MAN that a buyer puts in: an agent pays a shop out of it, two of
// three witnesses state that the goods came, a job of the exchange has to be
// settled, and then the maker gets half of what is left.
func order(at ledger.Time, j ledger.JobID) escrow.Terms {
	one, ten := int64(1), ledger.MAN(10)
	wait := func(n ledger.Time, next int, cases ...escrow.Case) escrow.Clause {
		return escrow.Clause{Wait: &escrow.Wait{Cases: cases, Until: at + 3600 + n, Next: next}}
	}
	return escrow.Terms{Pots: []escrow.Pot{{Name: "purse", Owner: "buyer"}}, Clauses: []escrow.Clause{
		wait(0, 6, escrow.Case{By: "buyer", Deposit: &escrow.Deposit{Into: 0, Amount: ten}, Next: 1}),
		wait(1, 2, escrow.Case{By: "agent", Spend: &escrow.Spend{From: 0, Payees: []escrow.Role{"shop"}}, Next: 2}, escrow.Case{By: "buyer", Choice: "enough", Next: 2}),
		wait(2, 6, escrow.Case{Attest: &escrow.Attest{Fact: "delivered", By: []escrow.Role{"agent", "shop", "maker"}, Need: 2, Is: &one, Fresh: 600}, Next: 3}),
		wait(3, 6, escrow.Case{Verdict: &escrow.Verdict{Job: j, Settled: true}, Next: 4}),
		{Pay: &escrow.Pay{From: 0, Shares: []escrow.Share{{To: "maker", Value: escrow.Value{Parts: escrow.Whole / 2}}}, Next: 5}},
		{Close: &escrow.Close{Outcome: "made"}}, {Close: &escrow.Close{Outcome: "ended"}},
	}}
}

// open opens a contract and returns the step that says nothing yet.
func (s *Story) open(by *Key, terms escrow.Terms, last ledger.Time, players ...ledger.Player) ledger.StepEscrow {
	s.T.Helper()
	b, err := json.Marshal(terms)
	if err != nil {
		s.T.Fatal(err)
	}
	id := s.Do(by, ledger.OpenEscrow{Title: "an order", Terms: b, Players: players, Last: last})
	return ledger.StepEscrow{Escrow: ledger.NewEscrowID(ledger.VerticalOf(by.Party()), id), Terms: ledger.TermsHash(b, players)}
}

// state returns where a contract stands.
func (s *Story) state(b ledger.StepEscrow) escrow.State {
	s.T.Helper()
	return Read[escrow.State](s, ledger.EscrowStateKey(b.Escrow))
}

// contract tells what can happen in a contract: a deposit, moves of two parties at
// once, spendings, a fact that enough witnesses state in time, a job's verdict, and
// a deadline that somebody else passes.
func contract(s *Story) {
	d := s.Diagnosis(3600)
	s.Compute(d.Worker, d.Job)
	buyer, agent, shop := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Person)
	now := s.World.Now()
	o := s.open(buyer, order(now, d.Job), now+2*3600, ledger.Player{Role: "buyer", Party: buyer.Party()}, ledger.Player{Role: "agent", Party: agent.Party()},
		ledger.Player{Role: "shop", Party: shop.Party()}, ledger.Player{Role: "maker", Party: d.Scientist.Party()})
	as := func(role string, f func(*ledger.StepEscrow)) ledger.StepEscrow {
		b := o
		b.Role = role
		f(&b)
		return b
	}
	refused := func(what string, err error, kind notice.Kind) {
		s.T.Helper()
		if !notice.Is(err, kind) {
			s.T.Errorf("%s: %v", what, err)
		}
	}
	ten, three := ledger.MAN(10), ledger.MAN(3)
	coin := s.Fund(buyer, ledger.MAN(12))
	put := as("buyer", func(b *ledger.StepEscrow) { b.Deposit, b.Coins = &ten, []ledger.CoinID{coin} })
	spend := as("agent", func(b *ledger.StepEscrow) { b.Pay, b.To = &three, "shop" })
	refused("spent before it is there", s.Try(agent, spend), notice.Conflict)
	s.Do(buyer, put)
	refused("a coin that is spent", s.Try(buyer, put), notice.Conflict)
	s.Do(agent, spend)
	s.overtake(buyer, as("buyer", func(b *ledger.StepEscrow) { b.Choice = "enough" }), s.Sign(agent, spend), o)

	came := func(role string, value int64, ago ledger.Time) ledger.StepEscrow {
		return as(role, func(b *ledger.StepEscrow) { b.Fact, b.Value, b.When = "delivered", value, s.World.Now()-ago })
	}
	refused("a fact of long ago", s.Try(shop, came("shop", 1, 1200)), notice.Expired)
	s.Do(shop, came("shop", 1, 60))
	s.Do(agent, came("agent", 0, 60)) // sees it otherwise
	if at := s.state(o).At; at != 2 {
		s.T.Errorf("after one witness of two the contract is in clause %d", at)
	}
	s.Do(d.Scientist, came("maker", 1, 60))
	verdict := o
	verdict.Job = d.Job
	refused("a job that runs", s.Try(shop, verdict), notice.Conflict)
	s.Do(d.Patient, ledger.AcceptJob{Job: d.Job})
	s.Do(shop, verdict)
	end := s.state(o)
	if !end.Over() || end.Outcome != "made" || !end.Held().IsZero() || len(end.Paid) < 3 {
		s.T.Errorf("the contract ends as %+v", end)
	}
	sum := ledger.Amount{}
	for _, p := range end.Paid {
		sum, _ = sum.Add(p.Amount)
	}
	if sum != ten {
		s.T.Errorf("%s of 10 MAN were paid", sum)
	}
	s.lapse(buyer, agent)
}

// overtake has two parties move at the same moment: each move counts once or is
// refused, and what is held and paid is what was put in.
func (s *Story) overtake(buyer *Key, enough ledger.StepEscrow, spend ledger.Command, o ledger.StepEscrow) {
	s.T.Helper()
	before, moves := s.state(o), []ledger.Command{s.Sign(buyer, enough), spend}
	errs := make([]error, len(moves))
	var wait sync.WaitGroup
	for i, c := range moves {
		wait.Go(func() { _, errs[i] = s.Submit(c) })
	}
	wait.Wait()
	if errs[0] != nil || errs[1] != nil && !notice.Is(errs[1], notice.Conflict) {
		s.T.Errorf("two moves at once: %v", errs)
	}
	paid := 0
	if errs[1] == nil {
		paid = 1
	}
	if after := s.state(o); after.At != 2 || len(after.Paid) != len(before.Paid)+paid {
		s.T.Errorf("after two moves at once, %d of them paid: %+v", paid, after)
	}
}

// lapse has a deadline pass that nobody acts before: whoever is no party of the
// contract ends it. On a ledger by the machine's clock it waits.
func (s *Story) lapse(buyer, agent *Key) {
	s.T.Helper()
	until := s.World.Now() + 10
	five := ledger.MAN(5)
	o := s.open(buyer, escrow.Terms{Pots: []escrow.Pot{{Name: "purse", Owner: "buyer"}}, Clauses: []escrow.Clause{
		{Wait: &escrow.Wait{Cases: []escrow.Case{{By: "buyer", Deposit: &escrow.Deposit{Into: 0, Amount: five}, Next: 1}}, Until: until, Next: 1}},
		{Close: &escrow.Close{Outcome: "lapsed"}}}}, until, ledger.Player{Role: "buyer", Party: buyer.Party()})
	if err := s.Try(agent, o); !notice.Is(err, notice.Conflict) {
		s.T.Errorf("before the deadline: %v", err)
	}
	if s.World.Advance != nil {
		s.World.Advance(until - s.World.Now())
	}
	for s.World.Now() < until {
		select {
		case <-s.T.Context().Done():
			s.T.Fatal("the deadline did not come")
		case <-time.After(100 * time.Millisecond):
		}
	}
	s.Tick()
	s.Do(agent, o)
	if end := s.state(o); !end.Over() || end.Outcome != "lapsed" {
		s.T.Errorf("after the deadline: %+v", end)
	}
	if err := s.Try(agent, o); !notice.Is(err, notice.Conflict) {
		s.T.Errorf("ended again: %v", err)
	}
}
