package escrowproof

import (
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"

	"manx/escrow"
	"manx/escrow/check"
	"manx/escrow/escrowtest"
	"manx/ledger"
)

const (
	begin = ledger.Time(1_000_000)
	day   = ledger.Time(86400)
	last  = begin + 400*day
)

func parties(roles ...escrow.Role) (out []escrow.Part) {
	for _, r := range roles {
		out = append(out, escrow.Part{Role: r, Party: ledger.PartyID("p-" + r)})
	}
	return out
}

// An opinion is what the solver and the checker each say of terms.
type opinion struct {
	short, never int // agreed on
	cautious     int // the checker finds what cannot be: its ranges are wider than the truth
	replayed     int // histories of the solver's that Step took the same way
}

// compare asks the solver of every clause and holds the checker to its answers:
// what the solver says can happen the checker must have found, and the other way
// round where the terms leave no amount and no value open.
func compare(t *testing.T, terms escrow.Terms, p []escrow.Part, fund []ledger.Amount) (o opinion) {
	t.Helper()
	report, err := check.Terms(terms, p, fund, begin, last)
	if err != nil {
		t.Fatal(err)
	}
	found := map[check.Kind]map[int]bool{check.Short: {}, check.Never: {}, check.TooMany: {}}
	for _, f := range report.Findings {
		if m := found[f.Kind]; m != nil {
			m[f.Clause] = true
		}
	}
	if len(found[check.TooMany]) > 0 {
		t.Fatal("too many states to compare")
	}
	e := encode(terms, fund)
	// Everything named may be asked for, to tell the history.
	ask := func(formula string) {
		values := append([]string{}, e.free...)
		for n := range terms.Clauses {
			for j := range terms.Pots {
				values = append(values, fmt.Sprintf("held_%d_%d", n, j))
			}
			values = append(values, fmt.Sprintf("paid_%d", n))
		}
		e.ask(formula, values...)
	}
	ask(all("or", "false", e.wrong))
	for n := range terms.Clauses {
		ask(fmt.Sprintf("active_%d", n))
		ask(all("or", "false", e.short[n]))
	}
	answers := solve(t, &e.script)
	if answers[0].can {
		t.Fatalf("money is made, lost or left, or a pot is below nothing: %v\n%s", answers[0].values, e.String())
	}
	exact := leavesNothingOpen(terms)
	for n := range terms.Clauses {
		for _, q := range []struct {
			what    string
			a       answer
			checker bool
		}{{"comes about", answers[1+2*n], !found[check.Never][n]}, {"falls short", answers[2+2*n], found[check.Short][n]}} {
			switch {
			case q.a.can && !q.checker:
				t.Fatalf("clause %d %s, which the checker has not found: %v", n, q.what, q.a.values)
			case !q.a.can && q.checker && exact:
				t.Fatalf("the checker says that clause %d %s, and it cannot", n, q.what)
			case !q.a.can && q.checker:
				o.cautious++
			case q.a.can:
				replay(t, terms, p, fund, q.a.values)
				o.replayed++
			}
			if q.what == "falls short" && q.a.can {
				o.short++
			}
			if q.what == "comes about" && !q.a.can {
				o.never++
			}
		}
	}
	return o
}

// leavesNothingOpen reports whether every amount and every value asked for is the
// terms' own.
func leavesNothingOpen(t escrow.Terms) bool {
	open, asks := false, false
	for _, c := range t.Clauses {
		asks = asks || c.If != nil && c.If.Fact != ""
		if c.Wait == nil {
			continue
		}
		for _, k := range c.Wait.Cases {
			if k.Spend != nil {
				return false
			}
			open = open || k.Attest != nil && k.Attest.Is == nil
		}
	}
	return !open || !asks
}

// replay does in Step what the solver says can happen, and compares what is held
// at every wait and paid at the end.
func replay(t *testing.T, terms escrow.Terms, p []escrow.Part, fund []ledger.Amount, values map[string]string) {
	t.Helper()
	s, err := escrow.Open(terms, p, fund, begin, last)
	if err != nil {
		t.Fatal(err)
	}
	step := func(in escrow.Input) {
		t.Helper()
		if in.By != "" {
			if in.Party = s.Party(in.By); in.Party == "" {
				in.Party = ledger.PartyID("p-" + in.By)
			}
		}
		next, _, err := terms.Step(s, in)
		if err != nil {
			t.Fatalf("%+v: %v in clause %d of %+v", in, err, s.At, values)
		}
		s = next
	}
	paid := func() *big.Int {
		sum := new(big.Int)
		for _, o := range s.Paid {
			n, _ := new(big.Int).SetString(units(o.Amount), 10)
			sum.Add(sum, n)
		}
		return sum
	}
	for !s.Over() {
		n, w := s.At, terms.Clauses[s.At].Wait
		for j, a := range s.Pots {
			if got := values[fmt.Sprintf("held_%d_%d", n, j)]; got != units(a) {
				t.Fatalf("pot %d of clause %d holds %s by the solver, %s by Step", j, n, got, units(a))
			}
		}
		if got := values[fmt.Sprintf("paid_%d", n)]; got != paid().String() {
			t.Fatalf("%s is paid before clause %d by the solver, %s by Step", got, n, paid())
		}
		at := w.Until - 1
		for _, c := range w.Cases {
			if c.Spend == nil {
				continue
			}
			rest, err := ledger.ParseAmount(decimal(values[fmt.Sprintf("rest_%d_%d", n, c.Spend.From)]))
			if err != nil {
				t.Fatal(err)
			}
			if before, err := s.Pots[c.Spend.From].Sub(rest); err == nil && !before.IsZero() && !rest.IsZero() {
				step(escrow.Input{At: at, By: c.By, Spend: &escrow.Spending{To: c.Spend.Payees[0], Amount: before}})
			}
		}
		i, err := strconv.Atoi(values[fmt.Sprintf("case_%d", n)])
		if err != nil {
			t.Fatal(err)
		}
		if i == len(w.Cases) {
			step(escrow.Input{At: w.Until})
			continue
		}
		c := w.Cases[i]
		in := escrow.Input{At: at, By: c.By, Choice: c.Choice, Verdict: c.Verdict}
		switch {
		case c.Deposit != nil:
			in.Deposit = &c.Deposit.Amount
		case c.Spend != nil:
			in.Spend = &escrow.Spending{To: c.Spend.Payees[0], Amount: s.Pots[c.Spend.From]}
		case c.Attest != nil:
			v := new(big.Int)
			if _, err := fmt.Sscan(plain(values[fmt.Sprintf("value_%d_%d", n, i)]), v); err != nil {
				t.Fatal(err)
			}
			for _, by := range c.Attest.By[:c.Attest.Need] {
				step(escrow.Input{At: at, By: by, Attest: &escrow.Attestation{Stated: escrow.Stated{Fact: c.Attest.Fact, Value: v.Int64()}, At: at}})
			}
			continue
		}
		step(in)
	}
}

// plain turns z3's (- 5) into -5.
func plain(s string) string {
	var n string
	if k, _ := fmt.Sscanf(s, "(- %s", &n); k == 1 {
		return "-" + n[:len(n)-1]
	}
	return s
}

// decimal turns units into MAN.
func decimal(n string) string {
	for len(n) <= ledger.Decimals {
		n = "0" + n
	}
	return n[:len(n)-ledger.Decimals] + "." + n[len(n)-ledger.Decimals:]
}

// A job's fee is sound, and every clause of it comes about.
func TestSolverOnJobFees(t *testing.T) {
	f := escrow.Fee{Asker: "a", Subject: "s", ModelOwner: "m", Exchange: "x", Parts: 1000, Asked: begin, Last: last}
	self := f
	self.Subject = f.Asker
	for name, fee := range map[string]escrow.Fee{"self": self, "asked": f} {
		terms, p := escrow.ProofFee(fee)
		if o := compare(t, terms, p, []ledger.Amount{ledger.MAN(3)}); o.short+o.never+o.cautious > 0 || o.replayed != len(terms.Clauses) {
			t.Errorf("with proof, %s: %+v", name, o)
		}
		terms, p = escrow.JobFee(fee)
		for _, a := range []ledger.Amount{{}, ledger.Units(1), ledger.MAN(3)} {
			if o := compare(t, terms, p, []ledger.Amount{a}); o.short+o.never+o.cautious > 0 || o.replayed != len(terms.Clauses) {
				t.Errorf("%s of %s: %+v", name, a, o)
			}
		}
	}
	// With parties that share what the model earns.
	terms, p := escrow.JobFee(f)
	terms, p = escrow.Attributed(terms, p, []ledger.ModelShare{{To: "h", Parts: 3333}, {To: "c", Parts: 3333}, {To: "e", Parts: 3334}})
	if o := compare(t, terms, p, []ledger.Amount{ledger.MAN(3)}); o.short+o.never+o.cautious > 0 || o.replayed != len(terms.Clauses) {
		t.Errorf("with shares of the model: %+v", o)
	}
	terms, p = escrow.SharedFee(f, [3]ledger.PartyID{"h", "c", "e"})
	if o := compare(t, terms, p, []ledger.Amount{ledger.MAN(3)}); o.short+o.never+o.cautious > 0 {
		t.Errorf("shared: %+v", o)
	}
	terms, p = escrow.JointFee(f, [3]ledger.PartyID{"h", "c", "e"})
	if o := compare(t, terms, p, []ledger.Amount{ledger.MAN(3)}); o.short+o.never+o.cautious > 0 {
		t.Errorf("joint: %+v", o)
	}
}

// loan lends a purse that the borrower spends with the shop, and wants it back.
func loan(back uint32) escrow.Terms {
	hundred, owed := ledger.MAN(100), ledger.MAN(back)
	deposit := func(by escrow.Role, into, next int) escrow.Case {
		return escrow.Case{By: by, Deposit: &escrow.Deposit{Into: into, Amount: hundred}, Next: next}
	}
	return escrow.Terms{Pots: []escrow.Pot{{Name: "purse", Owner: "lender"}, {Name: "repaid", Owner: "borrower"}}, Clauses: []escrow.Clause{
		{Wait: &escrow.Wait{Cases: []escrow.Case{deposit("lender", 0, 1)}, Until: begin + day, Next: 5}},
		{Wait: &escrow.Wait{Cases: []escrow.Case{{By: "borrower", Spend: &escrow.Spend{From: 0, Payees: []escrow.Role{"shop"}}, Next: 2}}, Until: begin + 30*day, Next: 2}},
		{Wait: &escrow.Wait{Cases: []escrow.Case{deposit("borrower", 1, 3)}, Until: begin + 90*day, Next: 5}},
		{Pay: &escrow.Pay{From: 1, Shares: []escrow.Share{{To: "lender", Value: escrow.Value{Amount: &owed}}}, Next: 4}},
		{Close: &escrow.Close{Outcome: "repaid"}}, {Close: &escrow.Close{Outcome: "ended"}},
	}}
}

// What escrow/check's own tests say of loans, the solver says too.
func TestSolverOnLoans(t *testing.T) {
	p := parties("lender", "borrower", "shop")
	if o := compare(t, loan(100), p, nil); o.short+o.never+o.cautious > 0 {
		t.Errorf("repaid in full: %+v", o)
	}
	if o := compare(t, loan(101), p, nil); o.short != 1 || o.never > 0 {
		t.Errorf("more owed than paid in: %+v", o)
	}
	spent := loan(100)
	spent.Clauses[3].Pay.From = 0 // out of what may have been spent
	if o := compare(t, spent, p, nil); o.short != 1 {
		t.Errorf("out of a purse that may be spent: %+v", o)
	}
	spent.Clauses[3].Pay.Shares[0].Value = escrow.Value{UpTo: spent.Clauses[3].Pay.Shares[0].Value.Amount}
	if o := compare(t, spent, p, nil); o.short+o.never+o.cautious > 0 {
		t.Errorf("up to a sum: %+v", o)
	}
	never, one := loan(100), int64(1)
	never.Clauses[0].Wait.Cases = []escrow.Case{{Attest: &escrow.Attest{Fact: "delivered", By: []escrow.Role{"shop"}, Need: 1, Is: &one, Fresh: day}, Next: 1}}
	never.Clauses[1] = escrow.Clause{If: &escrow.If{Fact: "delivered", AtLeast: 2, Then: 2, Else: 5}}
	if o := compare(t, never, p, nil); o.never != 3 || o.short > 0 {
		t.Errorf("after a fact that is 1, at least 2: %+v", o)
	}
}

// On terms of any shape the solver and the checker agree: the checker overlooks
// nothing that the solver finds, and where the terms leave nothing open it finds
// nothing that cannot be.
func TestSolverOnRandomTerms(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 6))
	kinds := map[string]int{}
	plan := escrowtest.Plan{Begin: begin, Most: 20, Extra: []uint64{1, 5}, Job: ledger.NewJobID(ledger.Health, ledger.CommandID{}), Waits: 1000, Size: 9, Kinds: kinds}
	var sum opinion
	compared := 0
	for want := 200; compared < want; {
		terms, p := plan.Terms(r), parties(escrowtest.Roles()...)
		fund := []ledger.Amount{ledger.Units(r.Uint64N(30))}
		if _, err := escrow.Open(terms, p, fund, begin, last); err != nil {
			if f := (*escrow.Fault)(nil); !errors.As(err, &f) {
				t.Fatal(err)
			}
			continue
		}
		o := compare(t, terms, p, fund)
		compared++
		sum = opinion{sum.short + o.short, sum.never + o.never, sum.cautious + o.cautious, sum.replayed + o.replayed}
	}
	t.Logf("%d terms: %+v", compared, sum)
	if sum.short < 20 || sum.never < 5 || sum.replayed < 500 {
		t.Errorf("the terms show too little: %+v", sum)
	}
}
