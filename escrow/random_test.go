package escrow

import (
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"manx/ledger"
)

// everything returns an input for each case that an escrow waits for, at a time.
func (o opened) everything(at ledger.Time, r *rand.Rand) (all []Input) {
	for _, c := range o.terms.Clauses[o.At].Wait.Cases {
		in := Input{At: at, By: c.By, Party: o.Party(c.By)}
		if in.Party == "" {
			in.Party = ledger.PartyID("p" + c.By)
		}
		switch {
		case c.Deposit != nil:
			in.Deposit = &c.Deposit.Amount
		case c.Spend != nil:
			a := o.Pots[c.Spend.From]
			if r.IntN(2) == 0 {
				a = a.Part(uint32(r.IntN(Whole+1)), Whole)
			}
			in.Spend = &Spending{c.Spend.Payees[r.IntN(len(c.Spend.Payees))], a}
		case c.Attest != nil:
			by, v := c.Attest.By[r.IntN(len(c.Attest.By))], int64(r.IntN(3))
			in = Input{At: at, By: by, Party: o.Party(by), Attest: &Attestation{Stated{c.Attest.Fact, v}, at - ledger.Time(r.IntN(2))}}
		case c.Verdict != nil:
			in = Input{At: at, Verdict: c.Verdict}
		default:
			in.Choice = c.Choice
		}
		all = append(all, in)
	}
	return all
}

// known reports whether an input may be refused for this reason.
func known(err error) bool {
	for _, k := range []error{ErrEarly, ErrLate, ErrMuch, ErrStale, ledger.ErrAmount} {
		if errors.Is(err, k) {
			return true
		}
	}
	return false
}

// sums returns all that an escrow holds and has paid.
func (o opened) sums(t testing.TB) ledger.Amount {
	t.Helper()
	sum := o.Held()
	for _, p := range o.Paid {
		var err error
		if sum, err = sum.Add(p.Amount); err != nil {
			t.Fatal(err)
		}
	}
	return sum
}

// Every choice and every lapse from every reachable state of a job's fee ends by
// the last deadline, and loses nothing on the way.
func TestInvariant4_EveryPathEndsByTheDeadline(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, held := range []ledger.Amount{ledger.Units(1), ledger.Units(9), ledger.MAN(3), ledger.Units(1_000_000_007)} {
		for _, self := range []bool{true, false} {
			paths := 0
			var walk func(opened, ledger.Time)
			walk = func(o opened, at ledger.Time) {
				if o.sums(t) != held {
					t.Fatalf("held and paid sum to %v of %v", o.sums(t), held)
				}
				if o.Over() {
					paths++
					return
				}
				if end := o.step(t, passes(last)); !end.Over() || !end.Held().IsZero() {
					t.Fatal("not over at the last deadline")
				}
				until := o.terms.Until(o.State)
				for _, when := range []ledger.Time{at, until - 1} {
					for _, in := range o.everything(max(at, when), r) {
						n := o.step(t, in)
						walk(n, in.At)
					}
				}
				n := o.step(t, passes(until))
				walk(n, until)
			}
			walk(jobFee(t, self, held), begin)
			if paths < 10 {
				t.Errorf("only %d paths walked", paths)
			}
		}
	}
}

// Terms made at random either are refused, or end by their last deadline with
// every unit paid to somebody, whatever is done; what was put in is what was
// held and paid at every step. MANX_LONG=1 applies a million inputs.
func TestInvariant3_4_RandomTerms(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 4))
	want := 16_000
	if os.Getenv("MANX_LONG") != "" {
		want = 1_000_000
	}
	done, accepted, refused := 0, 0, map[Reason]int{}
	for done < want {
		parts := []Part{{"a", "pa"}, {"b", "pb"}, {"c", "pc"}}
		terms := randomTerms(r)
		s, err := Open(terms, parts, []ledger.Amount{ledger.Units(r.Uint64N(1000))}, begin, last)
		if f := (*Fault)(nil); errors.As(err, &f) {
			if f.Error() == f.Chinese() || f.Error() == "" {
				t.Fatalf("a fault has no words: %+v", f)
			}
			refused[f.Reason]++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		accepted++
		o, in, at := opened{terms, s}, s.Held(), begin
		for n := 0; !o.Over(); n++ {
			at = min(at+ledger.Time(r.IntN(200)), last)
			move := passes(at)
			if all := o.everything(at, r); len(all) > 0 && r.IntN(4) > 0 && n < 200 {
				move = all[r.IntN(len(all))]
			}
			next, _, err := o.terms.Step(o.State, move)
			if err != nil && !known(err) {
				t.Fatalf("%+v: %v", move, err)
			}
			if err == nil {
				done++
				if move.Deposit != nil {
					if in, err = in.Add(*move.Deposit); err != nil {
						t.Fatal(err)
					}
				}
			}
			if o = (opened{terms, next}); o.sums(t) != in {
				t.Fatal("money was made or lost")
			}
			if at == last && n > 300 {
				t.Fatal("not over after its last deadline")
			}
		}
		if !o.Held().IsZero() || o.Outcome == "" {
			t.Fatal("something is stranded")
		}
		for _, p := range o.Paid {
			if p.To == "" || p.Amount.IsZero() {
				t.Fatal("nobody was paid, or nothing")
			}
		}
	}
	t.Logf("%d terms accepted, %d inputs applied, refused %v", accepted, done, refused)
	if accepted < 300 || len(refused) < 8 {
		t.Errorf("%d accepted, %d kinds of refusal", accepted, len(refused))
	}
}

func randomTerms(r *rand.Rand) (t Terms) {
	roles := []Role{"a", "b", "c", "c", "d"}
	role := func() Role { return roles[r.IntN(len(roles))] }
	for i := range 1 + r.IntN(2) {
		t.Pots = append(t.Pots, Pot{string(rune('p' + i)), roles[r.IntN(3)]})
	}
	n := 3 + r.IntN(7)
	pot := func() int { return r.IntN(len(t.Pots)) }
	amount := func() *ledger.Amount { a := ledger.Units(1 + r.Uint64N(500)); return &a }
	value := func() Value {
		return []Value{{Amount: amount()}, {UpTo: amount()}, {Parts: uint32(1 + r.IntN(7000))}, {All: true}}[r.IntN(4)]
	}
	at := begin
	for i := range n {
		later := func() int { return i + 1 + r.IntN(max(1, min(3, n-i-1))) }
		switch k := r.IntN(6); {
		case i == n-1 || k == 5 && i > 1:
			t.Clauses = append(t.Clauses, Clause{Close: &Close{"over"}})
		case i == 0 || k < 3:
			at += ledger.Time(1 + r.IntN(120))
			w := &Wait{Until: at, Next: later()}
			for range r.IntN(4) {
				c := Case{Next: later()}
				switch r.IntN(6) {
				case 0:
					c.By, c.Deposit = role(), &Deposit{pot(), *amount()}
				case 1:
					c.By, c.Spend = role(), &Spend{pot(), []Role{role()}}
				case 2:
					c.Attest = &Attest{Fact: "f", By: []Role{"a", "b"}, Need: 1 + r.IntN(2), Fresh: ledger.Time(1 + r.IntN(60))}
					if r.IntN(2) == 0 {
						v := int64(r.IntN(2))
						c.Attest.Is = &v
					}
				case 3:
					c.Verdict = &Verdict{ledger.NewJobID(ledger.Health, ledger.CommandID{}), r.IntN(2) == 0}
				default:
					c.By, c.Choice = role(), Choice([]string{"x", "y"}[r.IntN(2)])
				}
				w.Cases = append(w.Cases, c)
			}
			t.Clauses = append(t.Clauses, Clause{Wait: w})
		case k == 3:
			p := &Pay{From: pot(), Next: later()}
			for range 1 + r.IntN(2) {
				p.Shares = append(p.Shares, Share{role(), value()})
			}
			t.Clauses = append(t.Clauses, Clause{Pay: p})
		default:
			f := &If{Then: later(), Else: later()}
			if r.IntN(2) == 0 {
				f.Fact, f.AtLeast = "f", 1
			} else {
				f.Pot, f.Holds = pot(), amount()
			}
			t.Clauses = append(t.Clauses, Clause{If: f})
		}
	}
	if r.IntN(4) == 0 {
		spoil(r, &t)
	}
	return t
}

// spoil puts a fault into terms.
func spoil(r *rand.Rand, t *Terms) {
	c := &t.Clauses[r.IntN(len(t.Clauses))]
	switch r.IntN(9) {
	case 0:
		t.Clauses = nil
	case 1:
		t.Pots = append(t.Pots, t.Pots[0])
	case 2:
		*c = Clause{Pay: &Pay{From: 9, Shares: []Share{{"a", Value{All: true}}}, Next: len(t.Clauses) - 1}}
	case 3:
		*c = Clause{Pay: &Pay{Shares: []Share{{"a", Value{}}}, Next: len(t.Clauses) - 1}}
	case 4:
		*c = Clause{}
	case 5:
		t.Clauses[0] = Clause{Close: &Close{"at once"}}
	case 6:
		t.Clauses[0] = Clause{Wait: &Wait{Cases: []Case{{Next: 1}}, Until: begin + 1, Next: 1}}
	case 7:
		*c = Clause{Wait: &Wait{Cases: []Case{{Attest: &Attest{Fact: "f", By: []Role{"z"}, Need: 1, Fresh: 1}, Next: len(t.Clauses) - 1}}, Until: last, Next: len(t.Clauses) - 1}}
	case 8:
		*c = Clause{If: &If{Fact: "g", Then: len(t.Clauses) - 1, Else: len(t.Clauses) - 1}}
	}
}
