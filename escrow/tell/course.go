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
	for !s.Over() {
		w := terms.Clauses[s.At].Wait
		turn := Turn{Clause: s.At, Until: w.Until}
		inputs := []escrow.Input{{At: w.Until}} // the end of a wait in which nothing can happen
		if len(w.Cases) > 0 {
			c := w.Cases[0]
			turn.By, turn.What = c.By, t.Case(terms, c)
			inputs = first(s, c, w.Until-1)
			if c.Deposit != nil {
				turn.Deposit = &c.Deposit.Amount
			}
		} else {
			turn.What = t.say("the wait ends", "等待到期")
		}
		at := s.At
		for _, in := range inputs {
			next, paid, err := terms.Step(s, in)
			if err != nil {
				return turns, "" // a state that no ledger holds
			}
			s = next
			turn.Paid = append(turn.Paid, paid...)
		}
		if s.At == at {
			return turns, ""
		}
		turns = append(turns, turn)
	}
	return turns, s.Outcome
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
