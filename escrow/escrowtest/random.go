// Package escrowtest makes escrow terms at random, for tests.
package escrowtest

import (
	"fmt"
	"math/rand/v2"

	"manx/escrow"
	"manx/ledger"
)

// Roles are those that Terms speaks of.
func Roles() []escrow.Role { return []escrow.Role{"a", "b", "c"} }

// A Plan says what random terms are like.
type Plan struct {
	Begin ledger.Time    // the first wait begins
	Most  uint64         // amounts are 1 to Most units
	Extra []uint64       // and these, as often
	Job   ledger.JobID   // whose verdict may count; none where it is empty
	Waits ledger.Time    // each wait is 1 to Waits seconds longer than those before
	Size  int            // clauses at most, 4 or more
	Kinds map[string]int // nil, or how many of each kind of case were made
}

// Terms makes terms of any shape that the language has. Most are refused by
// escrow.Open or by the checker for some reason; the others are sound.
func (p Plan) Terms(r *rand.Rand) (t escrow.Terms) {
	m := maker{p, r, 1 + r.IntN(2), 3 + r.IntN(p.Size-2), p.Begin}
	for i := range m.pots {
		t.Pots = append(t.Pots, escrow.Pot{Name: fmt.Sprintf("p%d", i), Owner: m.role()})
	}
	for i := range m.n {
		t.Clauses = append(t.Clauses, m.clause(i))
	}
	return t
}

type maker struct {
	Plan
	r       *rand.Rand
	pots, n int
	at      ledger.Time
}

func (m *maker) role() escrow.Role { return Roles()[m.r.IntN(3)] }
func (m *maker) pot() int          { return m.r.IntN(m.pots) }
func (m *maker) later(i int) int   { return i + 1 + m.r.IntN(max(1, min(3, m.n-i-1))) }
func (m *maker) count(what string) {
	if m.Kinds != nil {
		m.Kinds[what]++
	}
}
func (m *maker) amount() *ledger.Amount {
	a := ledger.Units(1 + m.r.Uint64N(m.Most))
	if len(m.Extra) > 0 && m.r.IntN(2) == 0 {
		a = ledger.Units(m.Extra[m.r.IntN(len(m.Extra))])
	}
	return &a
}

func (m *maker) clause(i int) escrow.Clause {
	switch k := m.r.IntN(8); {
	case i == m.n-1 || k == 7 && i > 2:
		return escrow.Clause{Close: &escrow.Close{Outcome: "over"}}
	case i == 0 || k < 4:
		m.at += 1 + ledger.Time(m.r.Uint64N(uint64(m.Waits)))
		w := &escrow.Wait{Until: m.at, Next: m.later(i)}
		for range 1 + m.r.IntN(3) {
			w.Cases = append(w.Cases, m.kase(i))
		}
		return escrow.Clause{Wait: w}
	case k < 6:
		p := &escrow.Pay{From: m.pot(), Next: m.later(i)}
		for range 1 + m.r.IntN(2) {
			p.Shares = append(p.Shares, escrow.Share{To: m.role(), Value: m.value()})
		}
		return escrow.Clause{Pay: p}
	}
	f := &escrow.If{Then: m.later(i), Else: m.later(i)}
	if m.r.IntN(2) == 0 {
		f.Fact, f.AtLeast = "f", 1
	} else {
		f.Pot, f.Holds = m.pot(), m.amount()
	}
	return escrow.Clause{If: f}
}

func (m *maker) value() escrow.Value {
	switch m.r.IntN(4) {
	case 0:
		return escrow.Value{Amount: m.amount()}
	case 1:
		return escrow.Value{UpTo: m.amount()}
	case 2:
		return escrow.Value{Parts: uint32(1 + m.r.IntN(escrow.Whole/2))}
	}
	return escrow.Value{All: true}
}

func (m *maker) kase(i int) escrow.Case {
	c := escrow.Case{Next: m.later(i)}
	switch k := m.r.IntN(8); {
	case k < 3:
		m.count("deposit")
		c.By, c.Deposit = m.role(), &escrow.Deposit{Into: m.pot(), Amount: *m.amount()}
	case k == 3:
		m.count("spend")
		c.By, c.Spend = m.role(), &escrow.Spend{From: m.pot(), Payees: []escrow.Role{m.role()}}
	case k == 4:
		m.count("attest")
		c.Attest = &escrow.Attest{Fact: "f", By: []escrow.Role{"a", "b"}, Need: 1 + m.r.IntN(2), Fresh: ledger.Time(1 + m.r.IntN(60))}
		if m.r.IntN(2) == 0 {
			v := int64(m.r.IntN(2))
			c.Attest.Is = &v
		}
		c.Alone = m.r.IntN(2) == 0
	case k == 5 && m.Job != "":
		m.count("verdict")
		c.Verdict = &escrow.Verdict{Job: m.Job, Settled: m.r.IntN(2) == 0}
	default:
		m.count("choice")
		c.By, c.Choice, c.Alone = m.role(), escrow.Choice([]string{"x", "y"}[m.r.IntN(2)]), m.r.IntN(2) == 0
	}
	return c
}
