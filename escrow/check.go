package escrow

import (
	"fmt"
	"maps"
	"slices"

	"manx/ledger"
)

// Bounds of terms.
const (
	MaxClauses = 512
	MaxPots    = 16
	MaxParties = 32
	maxCases   = 32

	// MaxSpendings is after how many payments no role may ask for another: a state
	// lists them all, and one unit at a time would make it grow without end. The
	// terms' own payments go on.
	MaxSpendings = 512

	maxName = 32 // bytes of a role, a choice, a pot, a fact or an outcome
)

// A Fault is what is wrong with terms, and where. Clause is -1 where it is no
// clause's.
type Fault struct {
	Clause int
	Reason Reason
}

// Error tells the fault in English.
func (f *Fault) Error() string { return f.in(0) }

// Chinese tells the fault in Chinese.
func (f *Fault) Chinese() string { return f.in(1) }

func (f *Fault) in(language int) string {
	text := reasons()[f.Reason][language]
	switch {
	case f.Clause < 0:
		return text
	case language == 0:
		return fmt.Sprintf("clause %d: %s", f.Clause+1, text)
	}
	return fmt.Sprintf("第%d条：%s", f.Clause+1, text)
}

// A Reason is why terms are refused.
type Reason int

// The reasons.
const (
	Empty Reason = iota
	TooLarge
	BadParties
	BadPot
	NotOne
	Backward
	NoPot
	BadValue
	Unplayed
	OwnerUnplayed
	BadUntil
	PastLast
	BadCase
	SameCase
	BadAttest
	UnknownFact
	Unreachable
	NoWait
)

func reasons() map[Reason][2]string {
	return map[Reason][2]string{
		Empty:         {"there are no clauses", "没有任何条款"},
		TooLarge:      {"the terms have too many clauses, pots, cases or parties", "条款、款项、情形或当事人过多"},
		BadParties:    {"each role is played by one party, under one name", "每个角色须由一方以唯一名称担任"},
		BadPot:        {"a pot has a name of its own and an owner", "每笔款项须有唯一名称和归属人"},
		NotOne:        {"a clause is one of pay, wait, if and close", "每一条须为支付、等待、判断、结束之一"},
		Backward:      {"a clause goes on with a later one", "每一条只能接续其后的条款"},
		NoPot:         {"there is no such pot", "没有这笔款项"},
		BadValue:      {"an amount is one of a sum, up to a sum, a share, and all, above nothing", "金额须为定额、上限、比例、全部之一，且大于零"},
		Unplayed:      {"money would go to a role that nobody plays yet", "款项将支付给尚无人担任的角色"},
		OwnerUnplayed: {"what is left in a pot would go to a role that nobody plays yet", "余款将归于尚无人担任的角色"},
		BadUntil:      {"a wait ends after every wait before it", "等待的期限须晚于此前所有等待的期限"},
		PastLast:      {"a wait ends by the last deadline", "等待的期限不得晚于最后期限"},
		BadCase:       {"a case is one of a choice, a deposit, a payment, a fact and a verdict, of a role where somebody acts", "每种情形须为选择、存入、支用、事实、裁定之一，并写明由谁作出"},
		SameCase:      {"two cases of one wait cannot be told apart", "同一等待中有两种情形无法区分"},
		BadAttest:     {"a fact is stated by named attesters, as many as are needed, within some time", "事实须由指定的证明人、在有效时间内、以足够人数作出"},
		UnknownFact:   {"it asks for a fact that nobody may have stated", "所依据的事实可能无人证明"},
		Unreachable:   {"nothing leads to this clause", "没有任何条款通向本条"},
		NoWait:        {"terms begin by waiting for something", "合约须以等待某事开始"},
	}
}

// Open checks terms and returns the escrow that begins with fund, an amount for
// each pot, at a time. Terms that Open accepts reach a Close by last, whatever
// anybody does, pay only roles that somebody plays by then, and strand nothing.
// What else a reader wants to know of them, the checker explores (escrow/check).
func Open(t Terms, parties []Part, fund []ledger.Amount, at, last ledger.Time) (State, error) {
	if err := t.Check(parties, at, last); err != nil {
		return State{}, err
	}
	s := State{Pots: make([]ledger.Amount, len(t.Pots)), Parties: slices.Clone(parties)}
	if len(fund) > len(t.Pots) {
		return State{}, &Fault{-1, NoPot}
	}
	copy(s.Pots, fund)
	var sum ledger.Amount
	var err error
	for _, a := range fund {
		if sum, err = sum.Add(a); err != nil {
			return State{}, err
		}
	}
	return s, nil
}

// Check reports the first fault of terms that begin at a time and must have
// ended by last.
func (t Terms) Check(parties []Part, at, last ledger.Time) error {
	if err := t.outline(parties); err != nil {
		return err
	}
	if t.Clauses[0].Wait == nil {
		return &Fault{0, NoWait}
	}
	w := &walker{t: t, last: last, reached: make([]*reached, len(t.Clauses)), start: map[Role]bool{}}
	for _, p := range parties {
		w.start[p.Role] = true
	}
	w.reached[0] = &reached{at, maps.Clone(w.start), map[string]bool{}}
	for n := range t.Clauses {
		if w.reached[n] == nil {
			return &Fault{n, Unreachable}
		}
		if reason, ok := w.clause(n); !ok {
			return &Fault{n, reason}
		}
	}
	return nil
}

func (t Terms) outline(parties []Part) error {
	switch {
	case len(t.Clauses) == 0:
		return &Fault{-1, Empty}
	case len(t.Clauses) > MaxClauses || len(t.Pots) > MaxPots || len(parties) > MaxParties:
		return &Fault{-1, TooLarge}
	}
	for i, p := range parties {
		if !named(string(p.Role)) || p.Party == "" || slices.ContainsFunc(parties[:i], func(q Part) bool { return q.Role == p.Role }) {
			return &Fault{-1, BadParties}
		}
	}
	for i, p := range t.Pots {
		if !named(p.Name) || !named(string(p.Owner)) || slices.ContainsFunc(t.Pots[:i], func(q Pot) bool { return q.Name == p.Name }) {
			return &Fault{-1, BadPot}
		}
	}
	if len(t.Pots) == 0 {
		return &Fault{-1, BadPot}
	}
	return nil
}

func named(s string) bool { return s != "" && len(s) <= maxName }

// reached is what holds whenever a clause is performed.
type reached struct {
	latest ledger.Time     // it is reached by then, if deadlines are acted on at once
	played map[Role]bool   // on every way
	facts  map[string]bool // in force on every way
}

type walker struct {
	t       Terms
	last    ledger.Time
	start   map[Role]bool
	reached []*reached
}

// lead says that clause n leads to next under what holds then.
func (w *walker) lead(n, next int, r reached) bool {
	if next <= n || next >= len(w.t.Clauses) {
		return false
	}
	old := w.reached[next]
	if old == nil {
		w.reached[next] = &reached{r.latest, maps.Clone(r.played), maps.Clone(r.facts)}
		return true
	}
	old.latest = max(old.latest, r.latest)
	maps.DeleteFunc(old.played, func(role Role, _ bool) bool { return !r.played[role] })
	maps.DeleteFunc(old.facts, func(f string, _ bool) bool { return !r.facts[f] })
	return true
}

func (w *walker) clause(n int) (Reason, bool) {
	c, here := w.t.Clauses[n], *w.reached[n]
	set := 0
	for _, is := range []bool{c.Pay != nil, c.Wait != nil, c.If != nil, c.Close != nil} {
		if is {
			set++
		}
	}
	switch {
	case set != 1:
		return NotOne, false
	case c.Pay != nil:
		switch {
		case !w.pot(c.Pay.From):
			return NoPot, false
		case len(c.Pay.Shares) > MaxParties:
			return TooLarge, false
		}
		if reason, ok := w.shares(c.Pay.Shares, here); !ok {
			return reason, false
		}
		return Backward, w.lead(n, c.Pay.Next, here)
	case c.If != nil:
		switch {
		case (c.If.Fact == "") == (c.If.Holds == nil):
			return NotOne, false
		case c.If.Holds != nil && !w.pot(c.If.Pot):
			return NoPot, false
		case c.If.Fact != "" && !here.facts[c.If.Fact]:
			return UnknownFact, false
		}
		return Backward, w.lead(n, c.If.Then, here) && w.lead(n, c.If.Else, here)
	case c.Wait != nil:
		return w.wait(n, *c.Wait, here)
	}
	if len(c.Close.Outcome) > maxName {
		return TooLarge, false
	}
	for _, p := range w.t.Pots {
		if !here.played[p.Owner] {
			return OwnerUnplayed, false
		}
	}
	return 0, true
}

func (w *walker) pot(i int) bool { return i >= 0 && i < len(w.t.Pots) }

func (w *walker) shares(all []Share, here reached) (Reason, bool) {
	parts := uint32(0)
	for _, s := range all {
		if !s.Value.valid() || s.Value.Parts > Whole-parts {
			return BadValue, false
		}
		if parts += s.Value.Parts; !here.played[s.To] {
			return Unplayed, false
		}
	}
	return BadValue, len(all) > 0
}

func (v Value) valid() bool {
	set := 0
	for _, a := range []*ledger.Amount{v.Amount, v.UpTo} {
		if a != nil {
			if set++; a.IsZero() {
				return false
			}
		}
	}
	if v.All {
		set++
	}
	if v.Parts != 0 {
		set++
	}
	return set == 1 && v.Parts <= Whole
}

func (w *walker) wait(n int, x Wait, here reached) (Reason, bool) {
	switch {
	case x.Until <= here.latest:
		return BadUntil, false
	case x.Until > w.last:
		return PastLast, false
	case len(x.Cases) > maxCases:
		return TooLarge, false
	}
	for i, c := range x.Cases {
		if reason, ok := w.kind(c, here); !ok {
			return reason, false
		}
		if slices.ContainsFunc(x.Cases[:i], func(d Case) bool { return c.like(d) }) {
			return SameCase, false
		}
		then := reached{x.Until - 1, maps.Clone(here.played), maps.Clone(here.facts)}
		if c.By != "" {
			then.played[c.By] = true
		}
		if c.Attest != nil {
			then.facts[c.Attest.Fact] = true
		}
		if !w.lead(n, c.Next, then) {
			return Backward, false
		}
	}
	here.latest = x.Until
	return Backward, w.lead(n, x.Next, here)
}

// kind checks what a case waits for.
func (w *walker) kind(c Case, here reached) (Reason, bool) {
	set := 0
	for _, is := range []bool{c.Choice != "", c.Deposit != nil, c.Spend != nil, c.Attest != nil, c.Verdict != nil} {
		if is {
			set++
		}
	}
	acts := c.Attest == nil && c.Verdict == nil
	if set != 1 || acts != named(string(c.By)) || !acts && c.By != "" || len(c.Choice) > maxName {
		return BadCase, false
	}
	switch {
	case c.Deposit != nil:
		if !w.pot(c.Deposit.Into) {
			return NoPot, false
		}
		return BadValue, !c.Deposit.Amount.IsZero()
	case c.Spend != nil:
		if !w.pot(c.Spend.From) {
			return NoPot, false
		}
		if len(c.Spend.Payees) == 0 || len(c.Spend.Payees) > MaxParties {
			return BadCase, false
		}
		for _, p := range c.Spend.Payees {
			if !here.played[p] {
				return Unplayed, false
			}
		}
	case c.Attest != nil:
		a := c.Attest
		if !named(a.Fact) || a.Need < 1 || a.Need > len(a.By) || len(a.By) > MaxParties || a.Fresh < 1 {
			return BadAttest, false
		}
		for i, by := range a.By {
			if !w.start[by] || slices.Contains(a.By[:i], by) {
				return BadAttest, false
			}
		}
	case c.Verdict != nil:
		return BadCase, ledger.CheckID(c.Verdict.Job, "job") == nil
	}
	return 0, true
}

// like reports whether one input would fit both cases.
func (c Case) like(d Case) bool {
	switch {
	case c.Verdict != nil && d.Verdict != nil:
		return *c.Verdict == *d.Verdict
	case c.Attest != nil && d.Attest != nil:
		a, b := c.Attest, d.Attest
		return a.Fact == b.Fact && (a.Is == nil || b.Is == nil || *a.Is == *b.Is)
	case c.By != d.By:
		return false
	case c.Deposit != nil && d.Deposit != nil:
		return c.Deposit.Amount == d.Deposit.Amount
	case c.Spend != nil && d.Spend != nil:
		return slices.ContainsFunc(c.Spend.Payees, func(r Role) bool { return slices.Contains(d.Spend.Payees, r) })
	}
	return c.Choice != "" && c.Choice == d.Choice
}
