// Package check explores what can happen under filled terms: every choice, every
// deadline, every order, with pots as ranges where the terms leave an amount
// open. It finds what escrow.Open does not forbid and a reader would want to
// know, each with a history that shows it.
//
// It proves, for all inputs and times: no payment of a stated sum falls short;
// every clause can come about; nobody's choice by itself takes another's money,
// unless the terms say so. That money is conserved, that only roles that
// somebody plays are paid and that every way ends by the last deadline follows
// from escrow.Open and the step function for all terms; the exploration asserts
// it on the way.
package check

import (
	"fmt"
	"maps"
	"slices"

	"manx/escrow"
	"manx/ledger"
)

// A Report is what an exploration found.
type Report struct {
	States   int           `json:"states"`   // distinct ones that were looked at
	Last     ledger.Time   `json:"last"`     // by then every way has ended
	Outcomes []string      `json:"outcomes"` // how it can end
	Paid     []escrow.Role `json:"paid"`     // whom money can reach
	Findings []Finding     `json:"findings"` // none: the terms are sound
}

// A Kind says what is wrong.
type Kind string

// The kinds of findings.
const (
	Short   Kind = "short"   // a payment of a stated sum can fall short
	Never   Kind = "never"   // a clause can never come about
	Takes   Kind = "takes"   // a role's own choice takes another's money, and the terms do not say that they mean it
	TooMany Kind = "complex" // more states than are explored: nothing is proved
)

// A Finding is one thing wrong, with how it comes about.
type Finding struct {
	Kind   Kind        `json:"kind"`
	Clause int         `json:"clause"`
	Role   escrow.Role `json:"role,omitempty"` // who takes
	Whose  escrow.Role `json:"whose,omitempty"`
	Story  []Event     `json:"story,omitempty"`
}

// An Event is one step of a story: a case of a clause, or, where Case is -1, the
// end of its wait.
type Event struct {
	At     ledger.Time    `json:"at"`
	Clause int            `json:"clause"`
	Case   int            `json:"case"`
	Paid   []Payment      `json:"paid,omitempty"`
	Amount *ledger.Amount `json:"amount,omitempty"` // of a spending
}

// A Payment is what an event pays: at least Least and at most Most.
type Payment struct {
	From  int           `json:"from"`
	To    escrow.Role   `json:"to"`
	Least ledger.Amount `json:"least"`
	Most  ledger.Amount `json:"most"`
}

// MaxStates bounds an exploration; what it does between two states is bounded by
// maxWork clauses in all.
const (
	MaxStates = 100_000
	maxWork   = 1_000_000
)

// Terms explores terms that escrow.Open accepts, from a time, with a fund for
// each pot.
func Terms(t escrow.Terms, parties []escrow.Part, fund []ledger.Amount, at, last ledger.Time) (Report, error) {
	s, err := escrow.Open(t, parties, fund, at, last)
	if err != nil {
		return Report{}, err
	}
	x := &explorer{terms: t, seen: map[string]bool{}, forks: map[string]bool{}, came: make([]bool, len(t.Clauses)), short: map[int]bool{},
		paid: map[escrow.Role]bool{}, outcomes: map[string]bool{}}
	first := &node{clause: 0, at: at}
	for _, a := range s.Pots {
		first.pots = append(first.pots, interval{a, a})
	}
	x.queue = append(x.queue, first)
	for len(x.queue) > 0 {
		n := x.queue[0]
		x.queue = x.queue[1:]
		if len(x.seen) > MaxStates || x.work > maxWork {
			x.findings = append(x.findings, Finding{Kind: TooMany, Clause: -1})
			break
		}
		x.expand(n)
	}
	for i, ok := range x.came {
		if !ok {
			x.findings = append(x.findings, Finding{Kind: Never, Clause: i})
		}
	}
	x.takers(parties)
	return x.report(), nil
}

// An interval is a range of amounts, both ends in it.
type interval struct{ least, most ledger.Amount }

// A fact is what is known of a stated value.
type fact struct {
	name  string
	value int64
	exact bool
}

// A node is an abstract state that waits, and how it came about.
type node struct {
	clause int
	at     ledger.Time // the earliest
	pots   []interval
	facts  []fact
	spent  bool // out of a pot of this clause
	before *node
	event  Event
}

func (n *node) key() string {
	return fmt.Sprint(n.clause, n.pots, n.facts, n.spent) // of values, so by value
}

// story returns the events that led to a node.
func (n *node) story() (out []Event) {
	for ; n.before != nil; n = n.before {
		out = append(out, n.event)
	}
	slices.Reverse(out)
	return out
}

type explorer struct {
	terms    escrow.Terms
	queue    []*node
	seen     map[string]bool
	forks    map[string]bool // Ifs that were followed both ways, and with what known
	work     int             // clauses performed
	came     []bool
	short    map[int]bool
	paid     map[escrow.Role]bool
	outcomes map[string]bool
	findings []Finding
	last     ledger.Time
}

func (x *explorer) report() Report {
	return Report{States: len(x.seen), Last: x.last, Findings: x.findings,
		Outcomes: slices.Sorted(maps.Keys(x.outcomes)), Paid: slices.Sorted(maps.Keys(x.paid))}
}

// expand follows everything that can happen to a waiting node.
func (x *explorer) expand(n *node) {
	if k := n.key(); x.seen[k] {
		return
	} else {
		x.seen[k] = true
	}
	x.came[n.clause] = true
	w := x.terms.Clauses[n.clause].Wait
	x.last = max(x.last, w.Until)
	for i, c := range w.Cases {
		m := &node{at: n.at, pots: slices.Clone(n.pots), facts: n.facts, before: n, event: Event{At: n.at, Clause: n.clause, Case: i}}
		switch {
		case c.Deposit != nil:
			p := &m.pots[c.Deposit.Into]
			least, err1 := p.least.Add(c.Deposit.Amount)
			most, err2 := p.most.Add(c.Deposit.Amount)
			if err1 != nil || err2 != nil {
				continue // such a deposit is refused
			}
			*p = interval{least, most}
		case c.Spend != nil:
			x.spend(n, i)
			continue
		case c.Attest != nil:
			f := fact{name: c.Attest.Fact}
			if c.Attest.Is != nil {
				f.value, f.exact = *c.Attest.Is, true
			}
			m.facts = append(slices.DeleteFunc(slices.Clone(n.facts), func(g fact) bool { return g.name == f.name }), f)
		}
		x.run(m, c.Next)
	}
	x.run(&node{at: w.Until, pots: slices.Clone(n.pots), facts: n.facts, before: n, event: Event{At: w.Until, Clause: n.clause, Case: -1}}, w.Next)
}

// spend follows a spending of all there is, and one of less.
func (x *explorer) spend(n *node, i int) {
	c := x.terms.Clauses[n.clause].Wait.Cases[i]
	pot := n.pots[c.Spend.From]
	if pot.most.IsZero() {
		return
	}
	all := &node{at: n.at, pots: slices.Clone(n.pots), facts: n.facts, before: n, event: Event{At: n.at, Clause: n.clause, Case: i, Amount: &pot.most}}
	all.pots[c.Spend.From] = interval{}
	for _, p := range c.Spend.Payees {
		all.event.Paid = append(all.event.Paid, Payment{c.Spend.From, p, ledger.Amount{}, pot.most})
		x.paid[p] = true
	}
	x.run(all, c.Next)
	if n.spent {
		return // the range below is there already
	}
	some := &node{clause: n.clause, at: n.at, pots: slices.Clone(n.pots), facts: n.facts, spent: true, before: n, event: all.event}
	some.pots[c.Spend.From] = interval{ledger.Amount{}, pot.most}
	x.queue = append(x.queue, some)
}

// run performs clauses until one waits or the terms close; where an If may go
// both ways, both are followed.
func (x *explorer) run(m *node, n int) {
	for x.work <= maxWork {
		x.work++
		x.came[n] = true
		c := x.terms.Clauses[n]
		switch {
		case c.Pay != nil:
			x.pay(m, n, *c.Pay)
			n = c.Pay.Next
		case c.If != nil:
			yes, no := may(*c.If, m)
			if yes && no {
				fork := fmt.Sprint(n, m.pots, m.facts)
				if x.forks[fork] {
					return // what follows is known
				}
				x.forks[fork] = true
				other := *m
				other.pots, other.event.Paid = slices.Clone(m.pots), slices.Clone(m.event.Paid)
				suppose(*c.If, &other, false)
				x.run(&other, c.If.Else)
			}
			if !yes {
				n = c.If.Else
				continue
			}
			suppose(*c.If, m, true)
			n = c.If.Then
		case c.Wait != nil:
			m.clause = n
			x.queue = append(x.queue, m)
			return
		default:
			for i, p := range x.terms.Pots {
				if !m.pots[i].most.IsZero() {
					x.paid[p.Owner] = true
				}
			}
			x.outcomes[c.Close.Outcome] = true
			return
		}
	}
}
