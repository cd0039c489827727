package check

import (
	"slices"

	"manx/escrow"
	"manx/ledger"
)

// takers finds choices by which a party alone moves another's money to itself:
// after the choice nothing but time passes, or the party acts again, and it is
// paid out of a pot of another who had nothing to say on the way. Roles that one
// party plays are one here.
func (x *explorer) takers(parties []escrow.Part) {
	who := player(parties)
	for n, c := range x.terms.Clauses {
		if c.Wait == nil {
			continue
		}
		for i, k := range c.Wait.Cases {
			if k.Choice == "" && k.Spend == nil || k.Alone {
				continue
			}
			if k.Spend != nil {
				if owner := x.terms.Pots[k.Spend.From].Owner; !who.same(owner, k.By) && who.among(k.Spend.Payees, k.By) {
					x.take(n, i, k.By, owner)
				}
			}
			s := &search{terms: x.terms, who: who, by: k.By, seen: map[string]bool{}}
			if owner, found := s.from(k.Next, nil); found {
				x.take(n, i, k.By, owner)
			}
		}
	}
}

func (x *explorer) take(n, i int, by, owner escrow.Role) {
	x.findings = append(x.findings, Finding{Kind: Takes, Clause: n, Role: by, Whose: owner, Story: []Event{{At: x.terms.Clauses[n].Wait.Until - 1, Clause: n, Case: i}}})
}

// players tell roles that one party plays from those that two do.
type players map[escrow.Role]ledger.PartyID

func player(parties []escrow.Part) players {
	p := players{}
	for _, x := range parties {
		p[x.Role] = x.Party
	}
	return p
}

func (p players) same(a, b escrow.Role) bool { return a == b || p[a] != "" && p[a] == p[b] }

func (p players) among(roles []escrow.Role, r escrow.Role) bool {
	return slices.ContainsFunc(roles, func(s escrow.Role) bool { return p.same(r, s) })
}

// A search walks from a choice along what follows without anybody else.
type search struct {
	terms escrow.Terms
	who   players
	by    escrow.Role
	seen  map[string]bool
}

// from returns an owner out of whose pot by is paid, of those who have not been
// heard: heard are the roles that could have acted since the choice.
func (s *search) from(n int, heard []escrow.Role) (owner escrow.Role, found bool) {
	key := make([]byte, 0, 64)
	key = append(key, byte(n>>8), byte(n))
	for _, r := range heard {
		key = append(append(key, r...), 0)
	}
	if s.seen[string(key)] {
		return "", false
	}
	s.seen[string(key)] = true
	c := s.terms.Clauses[n]
	switch {
	case c.Pay != nil:
		owner := s.terms.Pots[c.Pay.From].Owner
		for _, sh := range c.Pay.Shares {
			if s.who.same(sh.To, s.by) && !s.who.same(owner, s.by) && !s.who.among(heard, owner) {
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

func (s *search) wait(w escrow.Wait, heard []escrow.Role) (owner escrow.Role, found bool) {
	for _, k := range w.Cases {
		if s.who.same(k.By, s.by) && k.Choice != "" { // it may act again
			if owner, found := s.from(k.Next, heard); found {
				return owner, true
			}
		}
	}
	for _, k := range w.Cases {
		if k.By != "" && !s.who.same(k.By, s.by) && !slices.Contains(heard, k.By) {
			heard = append(heard[:len(heard):len(heard)], k.By)
		}
	}
	return s.from(w.Next, heard)
}
