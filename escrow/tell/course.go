package tell

import (
	"manx/escrow"
	"manx/ledger"
)

// A Turn is one thing that happens in the course of terms, and what it causes.
type Turn struct {
	Clause  int             `json:"clause"` // that waits, from 0
	By      escrow.Role     `json:"by,omitempty"`
	What    string          `json:"what"`
	Until   ledger.Time     `json:"until"`             // the last moment for it
	Deposit *ledger.Amount  `json:"deposit,omitempty"` // what By puts in
	Paid    []ledger.Output `json:"paid,omitempty"`    // what is then paid out
}

// Course tells how an escrow goes on, as it is meant to: at every wait the first
// thing that the terms offer happens in time. It ends with the outcome. A role that
// nobody plays yet is played by whoever comes; facts are stated by as many as it
// takes, as 1 where any value counts.
func (t Teller) Course(terms escrow.Terms, s escrow.State) (turns []Turn, outcome string) {
	turns, states := t.course(terms, s)
	return turns, states[len(states)-1].Outcome
}

// course also returns the states before each turn and after the last.
func (t Teller) course(terms escrow.Terms, s escrow.State) (turns []Turn, states []escrow.State) {
	states = []escrow.State{s}
	for !s.Over() {
		w := terms.Clauses[s.At].Wait
		turn := Turn{Clause: s.At, Until: w.Until, What: t.say("the wait ends", "等待到期")}
		inputs := []escrow.Input{{At: w.Until}}
		if len(w.Cases) > 0 {
			c := w.Cases[0]
			turn.By, turn.What = c.By, t.Case(terms, c)
			inputs = first(s, c, w.Until-1)
			if c.Deposit != nil {
				turn.Deposit = &c.Deposit.Amount
			}
		}
		at := s.At
		for _, in := range inputs {
			next, paid, err := terms.Step(s, in)
			if err != nil {
				return turns, states // a state that no ledger holds
			}
			s, turn.Paid = next, append(turn.Paid, paid...)
		}
		if s.At == at {
			return turns, states
		}
		turns, states = append(turns, turn), append(states, s)
	}
	return turns, states
}

// Along tells the course of an escrow from its beginning, how many turns of it lie
// behind where the escrow stands now, and whether it has left the course: something
// is late, or it ended in another way. Of an escrow that ended as it was meant to, by
// whatever turns, all are behind.
func (t Teller) Along(terms escrow.Terms, from, now escrow.State) (turns []Turn, done int, off bool) {
	turns, states := t.course(terms, from)
	end := states[len(states)-1]
	switch {
	case now.Over() && now.Outcome == end.Outcome:
		return turns, len(turns), false
	case now.Over():
		for k, s := range states[:len(turns)] { // from where all waits ran out
			out, _, err := terms.Step(s, escrow.Input{At: last(terms)})
			if err == nil && out.Outcome == now.Outcome && len(out.Paid) == len(now.Paid) {
				return turns, k, true
			}
		}
		return turns, 0, true
	}
	for k, s := range states[:len(turns)] {
		if s.At <= now.At {
			done, off = k, s.At != now.At
		}
	}
	return turns, done, off
}

// first is what has a case come about.
func first(s escrow.State, c escrow.Case, at ledger.Time) (out []escrow.Input) {
	in := escrow.Input{At: at, By: c.By, Party: s.Party(c.By), Choice: c.Choice, Verdict: c.Verdict}
	switch {
	case c.Deposit != nil:
		in.Deposit = &c.Deposit.Amount
	case c.Spend != nil:
		in.Spend = &escrow.Spending{To: c.Spend.Payees[0], Amount: s.Pots[c.Spend.From]}
	case c.Attest != nil:
		value := int64(1)
		if c.Attest.Is != nil {
			value = *c.Attest.Is
		}
		for _, who := range c.Attest.By[:c.Attest.Need] {
			out = append(out, escrow.Input{At: at, By: who, Party: s.Party(who), Attest: &escrow.Attestation{Stated: escrow.Stated{Fact: c.Attest.Fact, Value: value}, At: at}})
		}
		return out
	}
	return []escrow.Input{in}
}

// last is when all waits are over.
func last(terms escrow.Terms) (at ledger.Time) {
	for _, c := range terms.Clauses {
		if c.Wait != nil {
			at = max(at, c.Wait.Until)
		}
	}
	return at
}
