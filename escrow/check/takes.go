package check

import (
	"slices"

	"manx/escrow"
	"manx/ledger"
)

// maxPlaces bounds what all searches for takers look at together.
const maxPlaces = 1_000_000

// takers finds choices by which a party alone moves another's money to itself:
// after the choice nothing but time passes, or the party acts again, and it is
// paid out of a pot of another who had nothing to say on the way. A fact that one
// party's word is enough for is such a choice too. Roles that one party plays are
// one here, by the first of its names.
func (x *explorer) takers(parties []escrow.Part) {
	all := x.terms
	defer func() { x.terms = all }()
	x.terms = byParty(all, parties)
	bits := map[escrow.Role]owners{}
	for i, p := range x.terms.Pots {
		bits[p.Owner] |= 1 << i // of 16 at most
	}
	left := maxPlaces
	defer func() {
		if left <= 0 {
			x.findings = append(x.findings, Finding{Kind: TooMany, Clause: -1})
		}
	}()
	for n, c := range x.terms.Clauses {
		if c.Wait == nil {
			continue
		}
		for i, k := range c.Wait.Cases {
			if k.Alone {
				continue
			}
			if k.Spend != nil {
				if owner := x.terms.Pots[k.Spend.From].Owner; owner != k.By && slices.Contains(k.Spend.Payees, k.By) {
					x.take(n, i, k.By, owner)
				}
			}
			for _, by := range alone(k) {
				s := &search{x.terms, by, bits, map[place]bool{}, &left}
				if owner, found := s.from(k.Next, 0); found {
					x.take(n, i, by, owner)
				}
			}
		}
	}
}

// alone returns the parties each of whom can bring a case about by itself, by
// saying something: a choice, a payment, a fact that its word is enough for.
func alone(k escrow.Case) (out []escrow.Role) {
	switch {
	case k.Choice != "" || k.Spend != nil:
		return []escrow.Role{k.By}
	case k.Attest != nil:
		words := map[escrow.Role]int{}
		for _, by := range k.Attest.By {
			if words[by]++; words[by] == k.Attest.Need {
				out = append(out, by)
			}
		}
	}
	return out
}

// byParty returns terms in which a party has one name.
func byParty(t escrow.Terms, parties []escrow.Part) escrow.Terms {
	first, name := map[ledger.PartyID]escrow.Role{}, map[escrow.Role]escrow.Role{}
	for _, p := range parties {
		if first[p.Party] == "" {
			first[p.Party] = p.Role
		}
		name[p.Role] = first[p.Party]
	}
	of := func(r escrow.Role) escrow.Role {
		if n := name[r]; n != "" {
			return n
		}
		return r
	}
	out := escrow.Terms{Clauses: slices.Clone(t.Clauses)}
	for _, p := range t.Pots {
		out.Pots = append(out.Pots, escrow.Pot{Name: p.Name, Owner: of(p.Owner)})
	}
	for n, c := range out.Clauses {
		switch {
		case c.Pay != nil:
			p := *c.Pay
			p.Shares = slices.Clone(p.Shares)
			for i := range p.Shares {
				p.Shares[i].To = of(p.Shares[i].To)
			}
			out.Clauses[n].Pay = &p
		case c.Wait != nil:
			w := *c.Wait
			w.Cases = slices.Clone(w.Cases)
			for i, k := range w.Cases {
				w.Cases[i].By = of(k.By)
				if k.Spend != nil {
					s := escrow.Spend{From: k.Spend.From}
					for _, r := range k.Spend.Payees {
						s.Payees = append(s.Payees, of(r))
					}
					w.Cases[i].Spend = &s
				}
				if k.Attest != nil {
					a := *k.Attest
					a.By = nil
					for _, r := range k.Attest.By {
						a.By = append(a.By, of(r))
					}
					w.Cases[i].Attest = &a
				}
			}
			out.Clauses[n].Wait = &w
		}
	}
	return out
}

func (x *explorer) take(n, i int, by, owner escrow.Role) {
	x.findings = append(x.findings, Finding{Kind: Takes, Clause: n, Role: by, Whose: owner, Story: []Event{{At: x.terms.Clauses[n].Wait.Until - 1, Clause: n, Case: i}}})
}

// A search walks from a choice along what follows without anybody else.
type search struct {
	terms escrow.Terms
	by    escrow.Role
	bits  map[escrow.Role]owners
	seen  map[place]bool
	left  *int // places that may still be looked at
}

// owners is a set of those who own pots, a bit each: who else is heard does not
// matter.
type owners uint16

// A place is a clause, and who could have acted since the choice.
type place struct {
	clause int
	heard  owners
}

// from returns an owner out of whose pot by is paid, of those who have not been
// heard: heard are the owners that could have acted since the choice.
func (s *search) from(n int, heard owners) (owner escrow.Role, found bool) {
	at := place{n, heard}
	if s.seen[at] || *s.left <= 0 {
		return "", false
	}
	s.seen[at] = true
	*s.left--
	c := s.terms.Clauses[n]
	switch {
	case c.Pay != nil:
		owner := s.terms.Pots[c.Pay.From].Owner
		for _, sh := range c.Pay.Shares {
			if sh.To == s.by && owner != s.by && heard&s.bits[owner] == 0 {
				return owner, true
			}
		}
		return s.from(c.Pay.Next, heard)
	case c.If != nil:
		if owner, found := s.from(c.If.Then, heard); found {
			return owner, true
		}
		return s.from(c.If.Else, heard)
	case c.Wait != nil:
		return s.wait(*c.Wait, heard)
	}
	return "", false
}

func (s *search) wait(w escrow.Wait, heard owners) (owner escrow.Role, found bool) {
	for _, k := range w.Cases {
		if k.Spend == nil && slices.Contains(alone(k), s.by) { // it may act again
			if owner, found := s.from(k.Next, heard); found {
				return owner, true
			}
		}
	}
	for _, k := range w.Cases {
		if k.By != s.by {
			heard |= s.bits[k.By]
		}
		for _, by := range alone(k) { // a fact that an owner's word is enough for
			if by != s.by {
				heard |= s.bits[by]
			}
		}
	}
	return s.from(w.Next, heard)
}
