package check

import (
	"slices"

	"manx/escrow"
	"manx/ledger"
)

// pay takes a clause's shares out of a pot's range, and finds a stated sum that
// can fall short.
func (x *explorer) pay(m *node, n int, p escrow.Pay) {
	whole := m.pots[p.From]
	for _, s := range p.Shares {
		held := m.pots[p.From]
		least, most := s.Value.Of(whole.least, held.least), s.Value.Of(whole.most, held.most)
		if a := s.Value.Amount; a != nil && held.least.Cmp(*a) < 0 && !x.short[n] {
			x.short[n] = true
			x.findings = append(x.findings, Finding{Kind: Short, Clause: n, Role: s.To, Story: m.story()})
		}
		if !most.IsZero() {
			x.paid[s.To] = true
			m.event.Paid = append(m.event.Paid, Payment{p.From, s.To, least, most})
		}
		// What is left: at least what the least leaves of the least, since a share of
		// more is no more than the rest grows.
		m.pots[p.From] = interval{less(held.least, least), less(held.most, most)}
	}
}

func less(a, b ledger.Amount) ledger.Amount {
	d, _ := a.Sub(b) // b is no more than a
	return d
}

// may reports whether an If may go on with Then, and with Else.
func may(f escrow.If, m *node) (yes, no bool) {
	if f.Holds != nil {
		p := m.pots[f.Pot]
		return p.most.Cmp(*f.Holds) >= 0, p.least.Cmp(*f.Holds) < 0
	}
	for _, k := range m.facts {
		if k.name == f.Fact && k.exact {
			return k.value >= f.AtLeast, k.value < f.AtLeast
		}
	}
	return true, true
}

// suppose narrows what is known to the way an If went.
func suppose(f escrow.If, m *node, yes bool) {
	if f.Holds == nil {
		return // of a value not known exactly, only that a later If on it may go either way
	}
	m.pots = slices.Clone(m.pots)
	p := &m.pots[f.Pot]
	if yes {
		if p.least.Cmp(*f.Holds) < 0 {
			p.least = *f.Holds
		}
		return
	}
	if below := less(*f.Holds, ledger.Units(1)); p.most.Cmp(below) > 0 {
		p.most = below
	}
}
