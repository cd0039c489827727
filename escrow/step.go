package escrow

import (
	"slices"

	"manx/ledger"
)

// Until returns when the escrow stops waiting for the present cases, or 0 when
// it is over.
func (t Terms) Until(s State) ledger.Time {
	if s.Over() {
		return 0
	}
	return t.Clauses[s.At].Wait.Until
}

// Step returns the escrow after in and the payments that in caused: held before
// + deposit = payments + held after, always. It never changes s. An error means
// that in does not apply and nothing happened. t must have passed Check.
func (t Terms) Step(s State, in Input) (State, []ledger.Output, error) {
	if s.Over() {
		return s, nil, ErrOver
	}
	r := &running{t: t, s: s.clone()}
	var err error
	if in.passing() {
		err = r.pass(in.At)
	} else {
		err = r.happen(in)
	}
	if err != nil {
		return s, nil, err
	}
	return r.s, r.paid, nil
}

func (in Input) passing() bool {
	return in.Choice == "" && in.Deposit == nil && in.Spend == nil && in.Attest == nil && in.Verdict == nil
}

// running is a step under way.
type running struct {
	t    Terms
	s    State
	paid []ledger.Output
}

// pass applies every deadline that has passed.
func (r *running) pass(at ledger.Time) error {
	moved := false
	for !r.s.Over() {
		w := r.t.Clauses[r.s.At].Wait
		if at < w.Until {
			break
		}
		moved = true
		r.goTo(w.Next)
	}
	if !moved {
		return ErrEarly
	}
	return nil
}

func (r *running) happen(in Input) error {
	w := r.t.Clauses[r.s.At].Wait
	if in.At >= w.Until {
		return ErrLate
	}
	if in.Attest != nil {
		return r.attest(w, in)
	}
	i := slices.IndexFunc(w.Cases, func(c Case) bool { return c.fits(in) })
	if i < 0 {
		return ErrNone
	}
	c := w.Cases[i]
	if c.Verdict == nil {
		if err := r.bind(in.By, in.Party); err != nil {
			return err
		}
	}
	switch {
	case c.Deposit != nil:
		if _, err := r.s.Held().Add(*in.Deposit); err != nil {
			return err
		}
		r.s.Pots[c.Deposit.Into], _ = r.s.Pots[c.Deposit.Into].Add(*in.Deposit) // less than all pots
	case c.Spend != nil:
		if in.Spend.Amount.IsZero() || in.Spend.Amount.Cmp(r.s.Pots[c.Spend.From]) > 0 {
			return ErrMuch
		}
		if len(r.s.Paid) >= MaxSpendings {
			return ErrMany
		}
		r.pay(c.Spend.From, in.Spend.To, in.Spend.Amount)
		if !r.s.Pots[c.Spend.From].IsZero() {
			return nil // it waits on
		}
	case c.Choice != "" && !in.Evidence.IsZero():
		r.s.Shown = append(r.s.Shown, Shown{r.s.At, in.By, in.Evidence}) // one a clause at most
	}
	r.goTo(c.Next)
	return nil
}

// fits reports whether an input is what a case waits for.
func (c Case) fits(in Input) bool {
	switch {
	case c.Verdict != nil:
		return in.Verdict != nil && *in.Verdict == *c.Verdict
	case c.By != in.By:
		return false
	case c.Deposit != nil:
		return in.Deposit != nil && *in.Deposit == c.Deposit.Amount
	case c.Spend != nil:
		return in.Spend != nil && slices.Contains(c.Spend.Payees, in.Spend.To)
	}
	return c.Choice != "" && c.Choice == in.Choice
}

// bind has a party play a role, if nobody does.
func (r *running) bind(role Role, p ledger.PartyID) error {
	switch r.s.Party(role) {
	case p:
		return nil
	case "":
		r.s.Parties = append(r.s.Parties, Part{role, p})
		return nil
	}
	return ErrWho
}

// attest counts an attester's word, and goes on where enough say the same.
func (r *running) attest(w *Wait, in Input) error {
	asked := false
	for _, c := range w.Cases {
		a := c.Attest
		if a == nil || a.Fact != in.Attest.Fact || !slices.Contains(a.By, in.By) {
			continue
		}
		asked = true
		if in.Attest.At > in.At || in.Attest.At <= in.At-a.Fresh {
			return ErrStale
		}
	}
	if !asked {
		return ErrNone
	}
	if err := r.bind(in.By, in.Party); err != nil {
		return err
	}
	r.s.Votes = slices.DeleteFunc(r.s.Votes, func(v Vote) bool { return v.Fact == in.Attest.Fact && v.By == in.By })
	r.s.Votes = append(r.s.Votes, Vote{in.Attest.Stated, in.By, in.Attest.At})
	for _, c := range w.Cases {
		a := c.Attest
		if a == nil || a.Fact != in.Attest.Fact || a.Is != nil && *a.Is != in.Attest.Value {
			continue
		}
		n := 0
		for _, v := range r.s.Votes {
			if v.Stated == in.Attest.Stated && slices.Contains(a.By, v.By) && v.At > in.At-a.Fresh {
				n++
			}
		}
		if n < a.Need {
			continue
		}
		r.s.Votes = slices.DeleteFunc(r.s.Votes, func(v Vote) bool { return v.Fact == a.Fact })
		r.s.Facts = slices.DeleteFunc(r.s.Facts, func(f Stated) bool { return f.Fact == a.Fact })
		r.s.Facts = append(r.s.Facts, in.Attest.Stated)
		r.goTo(c.Next)
		return nil
	}
	return nil // heard, and not enough yet
}

// goTo performs clauses until one waits or the terms close. It ends since
// clauses lead to later ones only.
func (r *running) goTo(n int) {
	for {
		c := r.t.Clauses[n]
		switch {
		case c.Pay != nil:
			whole := r.s.Pots[c.Pay.From]
			for _, sh := range c.Pay.Shares {
				r.pay(c.Pay.From, sh.To, sh.Value.Of(whole, r.s.Pots[c.Pay.From]))
			}
			n = c.Pay.Next
		case c.If != nil:
			if n = c.If.Else; c.If.holds(r.s) {
				n = c.If.Then
			}
		case c.Wait != nil:
			r.s.At = n
			return
		default:
			for i, p := range r.t.Pots {
				r.pay(i, p.Owner, r.s.Pots[i])
			}
			r.s.At, r.s.Outcome, r.s.Votes = Over, c.Close.Outcome, nil
			return
		}
	}
}

// Of returns how much v is of what a pot held before a clause, never more than it
// still holds. It grows with both.
func (v Value) Of(whole, held ledger.Amount) ledger.Amount {
	a := held
	switch {
	case v.Amount != nil:
		a = *v.Amount
	case v.UpTo != nil:
		a = *v.UpTo
	case v.Parts != 0:
		a = whole.Part(min(v.Parts, Whole), Whole)
	}
	if a.Cmp(held) > 0 {
		return held
	}
	return a
}

func (f If) holds(s State) bool {
	if f.Holds != nil {
		return s.Pots[f.Pot].Cmp(*f.Holds) >= 0
	}
	v, ok := s.fact(f.Fact)
	return ok && v >= f.AtLeast
}

// pay moves an amount that the pot holds to a role, whom Check has found played.
func (r *running) pay(from int, to Role, a ledger.Amount) {
	if a.IsZero() {
		return
	}
	left, err := r.s.Pots[from].Sub(a)
	if err != nil {
		return // nobody asks for more than there is
	}
	r.s.Pots[from] = left
	out := ledger.Output{To: r.s.Party(to), Amount: a, As: string(to)}
	r.paid, r.s.Paid = append(r.paid, out), append(r.s.Paid, out)
}
