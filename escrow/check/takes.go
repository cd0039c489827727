package check

import "manx/escrow"

// takers finds choices by which a role alone moves another's money to itself:
// after the choice nothing but time passes, or the role acts again, and it is
// paid out of a pot of another who had nothing to say on the way.
func (x *explorer) takers() {
	for n, c := range x.terms.Clauses {
		if c.Wait == nil {
			continue
		}
		for i, k := range c.Wait.Cases {
			if k.Choice == "" && k.Spend == nil || k.Alone {
				continue
			}
			if k.Spend != nil {
				if owner := x.terms.Pots[k.Spend.From].Owner; owner != k.By && contains(k.Spend.Payees, k.By) {
					x.take(n, i, k.By, owner)
				}
			}
			s := &search{terms: x.terms, by: k.By, seen: map[string]bool{}}
			if owner, found := s.from(k.Next, nil); found {
				x.take(n, i, k.By, owner)
			}
		}
	}
}

func (x *explorer) take(n, i int, by, owner escrow.Role) {
	x.findings = append(x.findings, Finding{Kind: Takes, Clause: n, Role: by, Whose: owner, Story: []Event{{At: x.terms.Clauses[n].Wait.Until - 1, Clause: n, Case: i}}})
}

func contains(roles []escrow.Role, r escrow.Role) bool {
	for _, s := range roles {
		if s == r {
			return true
		}
	}
	return false
}

// A search walks from a choice along what follows without anybody else.
type search struct {
	terms escrow.Terms
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
			if sh.To == s.by && owner != s.by && !contains(heard, owner) {
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
		if k.By == s.by && k.Choice != "" { // it may act again
			if owner, found := s.from(k.Next, heard); found {
				return owner, true
			}
		}
	}
	for _, k := range w.Cases {
		if k.By != "" && k.By != s.by && !contains(heard, k.By) {
			heard = append(heard[:len(heard):len(heard)], k.By)
		}
	}
	return s.from(w.Next, heard)
}
