package tell

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"manx/escrow"
	"manx/escrow/check"
	"manx/ledger"
)

// A Move is something that can happen.
type Move struct {
	By    escrow.Role   `json:"by,omitempty"`  // who may do it, where it is one role
	Who   []escrow.Role `json:"who,omitempty"` // all who may; none where anybody may say so
	What  string        `json:"what"`
	Until ledger.Time   `json:"until,omitempty"` // before which it must happen
	From  ledger.Time   `json:"from,omitempty"`  // from which on it can
	Then  int           `json:"then"`            // the clause that follows, from 0
	Payee []escrow.Role `json:"payees,omitempty"`
}

// A Moment is a wait that the terms may come to, and what can happen in it.
type Moment struct {
	Clause int         `json:"clause"` // from 0
	Now    bool        `json:"now"`    // the escrow waits here
	Until  ledger.Time `json:"until"`
	Moves  []Move      `json:"moves"`
}

// Next lists what can happen to an escrow now: each case of its wait, and the
// end of it. None when it is over.
func (t Teller) Next(terms escrow.Terms, s escrow.State) []Move {
	if s.Over() {
		return nil
	}
	return t.moves(terms, s, s.At)
}

func (t Teller) moves(terms escrow.Terms, s escrow.State, n int) (out []Move) {
	w := terms.Clauses[n].Wait
	for _, c := range w.Cases {
		m := Move{By: c.By, What: t.Case(terms, c), Until: w.Until, Then: c.Next}
		switch {
		case c.By != "":
			m.Who = []escrow.Role{c.By}
		case c.Attest != nil:
			m.Who = c.Attest.By
			m.What += t.heard(s, *c.Attest)
		}
		if c.Spend != nil {
			m.Payee = c.Spend.Payees
		}
		out = append(out, m)
	}
	return append(out, Move{What: t.say("nobody has done any of this", "无人采取上述行动"), From: w.Until, Then: w.Next})
}

// heard tells who has stated a fact so far, and what, where it is not in force.
func (t Teller) heard(s escrow.State, a escrow.Attest) string {
	var said []string
	for _, v := range s.Votes {
		if v.Fact == a.Fact && slices.Contains(a.By, v.By) {
			said = append(said, t.say("%s %d as of %s", "%s为%d（%s）", t.role(v.By), v.Value, t.When(v.At)))
		}
	}
	if len(said) == 0 {
		return ""
	}
	return t.say(" (so far: %s)", "（目前：%s）", strings.Join(said, t.say(", ", "，")))
}

// Timeline lists the waits that an escrow may still come to, the present one
// first, by when they end.
func (t Teller) Timeline(terms escrow.Terms, s escrow.State) (out []Moment) {
	if s.Over() {
		return nil
	}
	reached := map[int]bool{s.At: true}
	arrows := t.arrows(terms) // in the order of clauses, and each leads to a later one
	for _, a := range arrows {
		reached[a.to] = reached[a.to] || reached[a.from]
	}
	for n, c := range terms.Clauses {
		if reached[n] && c.Wait != nil {
			out = append(out, Moment{n, n == s.At, c.Wait.Until, t.moves(terms, s, n)})
		}
	}
	slices.SortStableFunc(out, func(a, b Moment) int { return cmp.Compare(a.Until, b.Until) })
	return out
}

// Roles tells roles as prose; none is anybody.
func (t Teller) Roles(all []escrow.Role) string {
	if len(all) == 0 {
		return t.say("anybody", "任何人")
	}
	return t.roles(all, [2]string{"or", "或"})
}

// Refused tells why an escrow does not take a step, and where it stands. Texts
// that are no error of package escrow are told as they are.
func (t Teller) Refused(terms escrow.Terms, s escrow.State, reason string) string {
	zh := map[string]string{
		escrow.ErrOver.Error():   "合约已经结束",
		escrow.ErrLate.Error():   "此举的期限已过",
		escrow.ErrEarly.Error():  "合约仍在等待",
		escrow.ErrWho.Error():    "该角色由另一方担任",
		escrow.ErrNone.Error():   "条款此时不允许此举",
		escrow.ErrStale.Error():  "所证事实的时间过早，或尚未到来",
		escrow.ErrMuch.Error():   "款项不足",
		escrow.ErrMany.Error():   "合约按请求付款的次数已达上限",
		ledger.ErrAmount.Error(): "金额超出范围",
	}
	if zh[reason] == "" {
		return reason
	}
	why := map[Language]string{English: reason, Chinese: zh[reason]}[t.Language]
	if s.Over() {
		return why
	}
	return t.say("clause %d, which waits until %s: %s", "第%d条，等待至%s：%s", s.At+1, t.When(terms.Until(s)), why)
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
		return t.sentence(t.say("on %s the wait of clause %d ends", "%s，第%d条的等待到期", t.When(e.At), e.Clause+1)) + " "
	}
	c := terms.Clauses[e.Clause].Wait.Cases[e.Case]
	what := t.Case(terms, c)
	if c.Spend != nil {
		what = t.say("%s pays out of %s", "%s从%s中付款", t.role(c.By), t.word(terms.Pots[c.Spend.From].Name))
	}
	return t.sentence(t.say("by %s, %s", "%s前，%s", t.When(terms.Clauses[e.Clause].Wait.Until), what)) + " "
}
