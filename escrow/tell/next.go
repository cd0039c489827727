package tell

import (
	"errors"

	"manx/escrow"
	"manx/escrow/check"
	"manx/ledger"
)

// A Move is something that can happen next.
type Move struct {
	By    escrow.Role   `json:"by,omitempty"` // who may do it; empty where anybody may say so
	What  string        `json:"what"`
	Until ledger.Time   `json:"until,omitempty"` // before which it must happen
	From  ledger.Time   `json:"from,omitempty"`  // from which on it can
	Then  int           `json:"then"`            // the clause that follows, from 0
	Payee []escrow.Role `json:"payees,omitempty"`
}

// Next lists what can happen to an escrow now: each case of its wait, and the
// end of it. None when it is over.
func (t Teller) Next(terms escrow.Terms, s escrow.State) (out []Move) {
	if s.Over() {
		return nil
	}
	w := terms.Clauses[s.At].Wait
	for _, c := range w.Cases {
		m := Move{By: c.By, What: t.Case(terms, c), Until: w.Until, Then: c.Next}
		if c.Spend != nil {
			m.Payee = c.Spend.Payees
		}
		out = append(out, m)
	}
	return append(out, Move{What: t.say("nobody has done any of this", "无人采取上述行动"), From: w.Until, Then: w.Next})
}

// Fault tells why terms are refused.
func (t Teller) Fault(err error) string {
	f := (*escrow.Fault)(nil)
	switch {
	case !errors.As(err, &f):
		return err.Error()
	case t.Language == Chinese:
		return f.Chinese()
	}
	return f.Error()
}

// Finding tells what the checker found, as a story where it has one.
func (t Teller) Finding(terms escrow.Terms, f check.Finding) string {
	story := ""
	for _, e := range f.Story {
		story += t.event(terms, e)
	}
	n := f.Clause + 1
	switch f.Kind {
	case check.Short:
		return story + t.sentence(t.say("then clause %d is to pay %s more than there may be", "此时第%d条应付给%s的款项可能不足", n, t.role(f.Role)))
	case check.Takes:
		return story + t.sentence(t.say("so %s, by its own word in clause %d, takes what belongs to %s, who has no say", "于是%s仅凭自己在第%d条的行为便取得属于%s的款项，而后者无从表态", t.role(f.Role), n, t.role(f.Whose)))
	case check.Never:
		return t.sentence(t.say("clause %d can never come about", "第%d条永远不会发生", n))
	}
	return t.sentence(t.say("the terms can go more ways than are explored, so nothing is proved of them", "合约的可能走向过多，无法全部检查，因此不能作出证明"))
}

func (t Teller) event(terms escrow.Terms, e check.Event) string {
	if e.Case < 0 {
		return t.sentence(t.say("on %s the wait of clause %d ends", "%s，第%d条的等待到期", t.when(e.At), e.Clause+1)) + " "
	}
	c := terms.Clauses[e.Clause].Wait.Cases[e.Case]
	what := t.Case(terms, c)
	if c.Spend != nil {
		what = t.say("%s pays out of %s", "%s从%s中付款", t.role(c.By), t.word(terms.Pots[c.Spend.From].Name))
	}
	return t.sentence(t.say("by %s, %s", "%s前，%s", t.when(terms.Clauses[e.Clause].Wait.Until), what)) + " "
}
