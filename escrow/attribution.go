package escrow

import (
	"slices"
	"strconv"

	"manx/ledger"
)

// Contributor returns the role of the i-th party, from 0, that shares what a model
// earns.
func Contributor(i int) Role { return Role("contributor-" + strconv.Itoa(i+1)) }

// Attributed returns the terms of a fee under which what would be all the model
// owner's is parted by a model's shares: each gets its parts of exactly that rest,
// rounded down, and the owner what is left of it, with the parts that are its own.
// Shares must be as a model's are: distinct, summing to ledger.WholeShare. Without
// any the terms are as they were.
//
// A clause that pays the owner all the rest becomes two: the second finds in the
// pot nothing but that rest, so that parts of it are parts of what the pot holds.
func Attributed(t Terms, parties []Part, shares []ledger.ModelShare) (Terms, []Part) {
	if len(shares) == 0 {
		return t, parties
	}
	owner := State{Parties: parties}.Party(ModelOwner)
	parties = slices.Clone(parties)
	var split []Share
	for i, s := range shares {
		if s.To == owner {
			continue // the rest is its own
		}
		split = append(split, part(Contributor(i), s.Parts))
		parties = append(parties, Part{Contributor(i), s.To})
	}
	split = append(split, Share{ModelOwner, Value{All: true}})

	at := make([]int, len(t.Clauses)) // where a clause is then
	n := 0
	for i, c := range t.Clauses {
		at[i] = n
		if n++; parted(c) && len(c.Pay.Shares) > 1 {
			n++
		}
	}
	out := Terms{Pots: t.Pots, Clauses: make([]Clause, 0, n)}
	for i, c := range t.Clauses {
		c = c.moved(at)
		if !parted(c) {
			out.Clauses = append(out.Clauses, c)
			continue
		}
		if first := c.Pay.Shares[:len(c.Pay.Shares)-1]; len(first) > 0 {
			out.Clauses = append(out.Clauses, Clause{Pay: &Pay{From: c.Pay.From, Shares: first, Next: at[i] + 1}})
		}
		out.Clauses = append(out.Clauses, Clause{Pay: &Pay{From: c.Pay.From, Shares: split, Next: c.Pay.Next}})
	}
	return out, parties
}

// parted reports whether a clause pays the model's owner all that others leave.
func parted(c Clause) bool {
	return c.Pay != nil && len(c.Pay.Shares) > 0 && c.Pay.Shares[len(c.Pay.Shares)-1] == Share{ModelOwner, Value{All: true}}
}

// moved returns c going on with where the clauses it names are now.
func (c Clause) moved(at []int) Clause {
	switch {
	case c.Pay != nil:
		p := *c.Pay
		p.Next = at[p.Next]
		c.Pay = &p
	case c.Wait != nil:
		w := *c.Wait
		w.Next, w.Cases = at[w.Next], slices.Clone(w.Cases)
		for i := range w.Cases {
			w.Cases[i].Next = at[w.Cases[i].Next]
		}
		c.Wait = &w
	case c.If != nil:
		f := *c.If
		f.Then, f.Else = at[f.Then], at[f.Else]
		c.If = &f
	}
	return c
}
