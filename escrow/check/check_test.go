package check

import (
	"errors"
	"fmt"
	"testing"

	"manx/escrow"
	"manx/ledger"
)

const (
	begin = ledger.Time(1_000_000)
	day   = ledger.Time(86400)
	last  = begin + 400*day
)

func man(n uint32) *ledger.Amount { a := ledger.MAN(n); return &a }

func parties(roles ...escrow.Role) (out []escrow.Part) {
	for _, r := range roles {
		out = append(out, escrow.Part{Role: r, Party: ledger.PartyID("p-" + r)})
	}
	return out
}

func report(t testing.TB, terms escrow.Terms, p []escrow.Part, fund ...ledger.Amount) Report {
	t.Helper()
	r, err := Terms(terms, p, fund, begin, last)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// kinds returns what was found, by clause.
func kinds(r Report) map[int]Kind {
	out := map[int]Kind{}
	for _, f := range r.Findings {
		out[f.Clause] = f.Kind
	}
	return out
}

// The fees of jobs are sound, whatever part the schedule gives the exchange.
func TestJobFeesAreSound(t *testing.T) {
	for _, parts := range []uint32{0, 1, 1000, ledger.MaxJobsFee} {
		f := escrow.Fee{Asker: "a", Subject: "s", ModelOwner: "m", Exchange: "x", Parts: parts, Asked: begin, Last: last}
		self := f
		self.Subject = f.Asker
		for name, fee := range map[string]escrow.Fee{"self": self, "asked": f} {
			terms, p := escrow.JobFee(fee)
			if r := report(t, terms, p, ledger.MAN(3)); len(r.Findings) > 0 || r.Last != last || len(r.Outcomes) != 2 {
				t.Errorf("%s: %+v", name, r)
			}
			terms, p = escrow.ProofFee(fee)
			if r := report(t, terms, p, ledger.MAN(3)); len(r.Findings) > 0 || r.Last != last || len(r.Outcomes) != 2 {
				t.Errorf("with proof, %s: %+v", name, r)
			}
		}
		terms, p := escrow.SharedFee(f, [3]ledger.PartyID{"h", "c", "e"})
		if r := report(t, terms, p, ledger.MAN(3)); len(r.Findings) > 0 {
			t.Errorf("shared: %+v", r)
		}
		terms, p = escrow.JointFee(f, [3]ledger.PartyID{"h", "c", "e"})
		if r := report(t, terms, p, ledger.MAN(3)); len(r.Findings) > 0 {
			t.Errorf("joint: %+v", r)
		}
	}
}

// And so they are where others share what the model earns.
func TestSharedEarningsAreSound(t *testing.T) {
	f := escrow.Fee{Asker: "a", Subject: "s", ModelOwner: "m", Exchange: "x", Asked: begin, Last: last}
	self := f
	self.Subject = f.Asker
	var shares []ledger.ModelShare
	for i := range ledger.MaxModelShares {
		shares = append(shares, ledger.ModelShare{To: ledger.PartyID(escrow.Contributor(i)), Parts: ledger.WholeShare / ledger.MaxModelShares})
	}
	three := [3]ledger.PartyID{"h", "c", "e"}
	for name, fee := range map[string]func() (escrow.Terms, []escrow.Part){
		"self": func() (escrow.Terms, []escrow.Part) { return escrow.JobFee(self) }, "asked": func() (escrow.Terms, []escrow.Part) { return escrow.JobFee(f) },
		"shared": func() (escrow.Terms, []escrow.Part) { return escrow.SharedFee(f, three) }, "joint": func() (escrow.Terms, []escrow.Part) { return escrow.JointFee(f, three) }, "with proof": func() (escrow.Terms, []escrow.Part) { return escrow.ProofFee(f) },
	} {
		terms, parties := fee()
		terms, p := escrow.Attributed(terms, parties, shares)
		if r := report(t, terms, p, ledger.MAN(3)); len(r.Findings) > 0 || len(r.Outcomes) != 2 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// loan lends a purse that the borrower spends with the shop, and wants it back.
func loan(back uint32) escrow.Terms {
	const funded, spending, repaid, forward, done, void = 0, 1, 2, 3, 4, 5
	return escrow.Terms{Pots: []escrow.Pot{{Name: "purse", Owner: "lender"}, {Name: "repaid", Owner: "borrower"}}, Clauses: []escrow.Clause{
		funded: {Wait: &escrow.Wait{Cases: []escrow.Case{{By: "lender", Deposit: &escrow.Deposit{Into: 0, Amount: *man(100)}, Next: spending}}, Until: begin + day, Next: void}},
		spending: {Wait: &escrow.Wait{Cases: []escrow.Case{{By: "borrower", Spend: &escrow.Spend{From: 0, Payees: []escrow.Role{"shop"}}, Next: repaid}},
			Until: begin + 30*day, Next: repaid}},
		repaid:  {Wait: &escrow.Wait{Cases: []escrow.Case{{By: "borrower", Deposit: &escrow.Deposit{Into: 1, Amount: *man(100)}, Next: forward}}, Until: begin + 90*day, Next: void}},
		forward: {Pay: &escrow.Pay{From: 1, Shares: []escrow.Share{{To: "lender", Value: escrow.Value{Amount: man(back)}}}, Next: done}},
		done:    {Close: &escrow.Close{Outcome: "repaid"}}, void: {Close: &escrow.Close{Outcome: "ended"}},
	}}
}

func TestPaymentsThatFallShort(t *testing.T) {
	p := parties("lender", "borrower", "shop")
	if r := report(t, loan(100), p); len(r.Findings) > 0 || len(r.Paid) != 2 {
		t.Errorf("a loan that is repaid in full: %+v", r)
	}
	r := report(t, loan(101), p)
	if kinds(r)[3] != Short || len(r.Findings) != 1 {
		t.Fatalf("a repayment larger than what is paid in: %+v", r.Findings)
	}
	story := r.Findings[0].Story
	if len(story) < 3 || story[0].Clause != 0 || story[0].Case != 0 || story[len(story)-1].Clause != 2 {
		t.Errorf("the story is %+v", story)
	}
	// Out of what a borrower may have spent nothing fixed can be paid; up to something can.
	spent := loan(100)
	spent.Clauses[3].Pay.From = 0
	if r := report(t, spent, p); kinds(r)[3] != Short {
		t.Errorf("a payment out of a purse that may be spent: %+v", r.Findings)
	}
	spent.Clauses[3].Pay.Shares[0].Value = escrow.Value{UpTo: man(100)}
	if r := report(t, spent, p); len(r.Findings) != 0 {
		t.Errorf("up to a sum: %+v", r.Findings)
	}
}

func TestChoicesThatTake(t *testing.T) {
	const asked, pays, paid, back = 0, 1, 2, 3
	terms := func(c escrow.Case) escrow.Terms {
		c.Next = pays
		return escrow.Terms{Pots: []escrow.Pot{{Name: "price", Owner: "buyer"}}, Clauses: []escrow.Clause{
			asked: {Wait: &escrow.Wait{Cases: []escrow.Case{c}, Until: begin + day, Next: back}},
			pays:  {Pay: &escrow.Pay{From: 0, Shares: []escrow.Share{{To: "seller", Value: escrow.Value{All: true}}}, Next: paid}},
			paid:  {Close: &escrow.Close{Outcome: "paid"}}, back: {Close: &escrow.Close{Outcome: "back"}},
		}}
	}
	p := parties("buyer", "seller", "arbiter")
	r := report(t, terms(escrow.Case{By: "seller", Choice: "claim"}), p, ledger.MAN(1))
	if kinds(r)[asked] != Takes || r.Findings[0].Role != "seller" || r.Findings[0].Whose != "buyer" {
		t.Errorf("a seller who helps himself: %+v", r.Findings)
	}
	for name, c := range map[string]escrow.Case{
		"the buyer's own word":  {By: "buyer", Choice: "accept"},
		"an arbiter's word":     {By: "arbiter", Choice: "pay"},
		"the terms say they do": {By: "seller", Choice: "claim", Alone: true},
	} {
		if r := report(t, terms(c), p, ledger.MAN(1)); len(r.Findings) > 0 {
			t.Errorf("%s: %+v", name, r.Findings)
		}
	}
	// An arbiter who is the seller under another name helps himself too.
	one := parties("buyer", "seller", "arbiter")
	one[2].Party = one[1].Party
	if r := report(t, terms(escrow.Case{By: "arbiter", Choice: "pay"}), one, ledger.MAN(1)); kinds(r)[asked] != Takes {
		t.Errorf("one party in two roles: %+v", r.Findings)
	}
	// A claim that the buyer has time to contest is not the seller's word alone; one
	// that only the seller can speak to is.
	for heard, by := range map[bool]escrow.Role{true: "buyer", false: "seller"} {
		x := terms(escrow.Case{By: "seller", Choice: "claim"})
		x.Clauses = append(x.Clauses[:1:1], append([]escrow.Clause{{Wait: &escrow.Wait{Cases: []escrow.Case{{By: by, Choice: "undo", Next: 4}}, Until: begin + 2*day, Next: 2}}}, x.Clauses[1:]...)...)
		x.Clauses[0].Wait.Next = 4
		x.Clauses[2].Pay.Next = 3
		if r := report(t, x, p, ledger.MAN(1)); (len(r.Findings) == 0) != heard {
			t.Errorf("heard %v: %+v", heard, r.Findings)
		}
	}
	// A fact that the seller's word is enough for is a choice of his; one that takes
	// another's word too is not, unless the other is he.
	one64 := int64(1)
	states := func(need int, by ...escrow.Role) escrow.Case {
		return escrow.Case{Attest: &escrow.Attest{Fact: "came", By: by, Need: need, Is: &one64, Fresh: day}}
	}
	for name, c := range map[string]struct {
		k     escrow.Case
		p     []escrow.Part
		takes bool
	}{
		"the seller states it":               {states(1, "seller"), p, true},
		"the seller or the arbiter":          {states(1, "arbiter", "seller"), p, true},
		"the seller and the arbiter":         {states(2, "arbiter", "seller"), p, false},
		"the arbiter":                        {states(1, "arbiter"), p, false},
		"the buyer":                          {states(1, "buyer"), p, false},
		"the seller under two names":         {states(2, "arbiter", "seller"), one, true},
		"the seller, and the terms say they": {func() escrow.Case { k := states(1, "seller"); k.Alone = true; return k }(), p, false},
	} {
		r := report(t, terms(c.k), c.p, ledger.MAN(1))
		if (len(r.Findings) > 0) != c.takes || c.takes && (r.Findings[0].Kind != Takes || r.Findings[0].Whose != "buyer") {
			t.Errorf("%s: %+v", name, r.Findings)
		}
	}
	spend := terms(escrow.Case{By: "seller", Choice: "claim", Alone: true})
	spend.Clauses[0].Wait.Cases = append(spend.Clauses[0].Wait.Cases, escrow.Case{By: "arbiter", Spend: &escrow.Spend{From: 0, Payees: []escrow.Role{"arbiter"}}, Next: back})
	if r := report(t, spend, p, ledger.MAN(1)); kinds(r)[0] != Takes {
		t.Errorf("a spender who may pay himself: %+v", r.Findings)
	}
}

func TestClausesThatNeverCome(t *testing.T) {
	terms := loan(100)
	one := int64(1)
	// After a fact that is 1, "at least 2" never holds.
	terms.Clauses[0].Wait.Cases = []escrow.Case{{Attest: &escrow.Attest{Fact: "delivered", By: []escrow.Role{"shop"}, Need: 1, Is: &one, Fresh: day}, Next: 1}}
	terms.Clauses[0].Wait.Next = 5
	terms.Clauses[1] = escrow.Clause{If: &escrow.If{Fact: "delivered", AtLeast: 2, Then: 2, Else: 5}}
	r := report(t, terms, parties("lender", "borrower", "shop"))
	got := kinds(r)
	if got[2] != Never || got[3] != Never || got[4] != Never || len(got) != 3 {
		t.Errorf("found %v", got)
	}
}

func TestRefusedTermsAreNotExplored(t *testing.T) {
	terms := loan(100)
	terms.Clauses[4] = escrow.Clause{}
	var f *escrow.Fault
	if _, err := Terms(terms, parties("lender", "borrower", "shop"), nil, begin, last); !errors.As(err, &f) || f.Clause != 4 {
		t.Errorf("%v", err)
	}
}

// instalments is a loan paid back in n steps, each late by a fee or never.
func instalments(n int) escrow.Terms {
	t := escrow.Terms{Pots: []escrow.Pot{{Name: "due", Owner: "borrower"}, {Name: "pledge", Owner: "borrower"}}}
	defaulted := 3 * n
	for i := range n {
		due := begin + ledger.Time(i+1)*30*day
		pay := func(a uint32) escrow.Case {
			return escrow.Case{By: "borrower", Deposit: &escrow.Deposit{Into: 0, Amount: *man(a)}, Next: 3*i + 2}
		}
		next := 3*i + 3
		if i == n-1 {
			next = defaulted + 2
		}
		t.Clauses = append(t.Clauses,
			escrow.Clause{Wait: &escrow.Wait{Cases: []escrow.Case{pay(10)}, Until: due, Next: 3*i + 1}},
			escrow.Clause{Wait: &escrow.Wait{Cases: []escrow.Case{pay(11)}, Until: due + 10*day, Next: defaulted}},
			escrow.Clause{Pay: &escrow.Pay{From: 0, Shares: []escrow.Share{{To: "lender", Value: escrow.Value{All: true}}}, Next: next}})
	}
	t.Clauses = append(t.Clauses,
		escrow.Clause{Pay: &escrow.Pay{From: 1, Shares: []escrow.Share{{To: "lender", Value: escrow.Value{UpTo: man(50)}}}, Next: defaulted + 1}},
		escrow.Clause{Close: &escrow.Close{Outcome: "defaulted"}}, escrow.Clause{Close: &escrow.Close{Outcome: "repaid"}})
	return t
}

func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{6, 12, 60, 120} {
		terms, p := instalments(n), parties("lender", "borrower")
		b.Run(fmt.Sprint(n, "_instalments"), func(b *testing.B) {
			for b.Loop() {
				r, err := Terms(terms, p, []ledger.Amount{{}, ledger.MAN(60)}, begin, begin+ledger.Time(n+2)*30*day)
				if err != nil || len(r.Findings) > 0 {
					b.Fatal(r.Findings, err)
				}
				b.ReportMetric(float64(len(terms.Clauses)), "clauses")
				b.ReportMetric(float64(r.States), "states")
			}
		})
	}
}
