package check

import (
	"fmt"
	"testing"

	"manx/escrow"
	"manx/ledger"
)

// Terms made to keep the checker busy are answered all the same: what is not
// explored in time is not sound.
func TestInvariant9_HostileTermsAreAnswered(t *testing.T) {
	one, p := ledger.Units(1), parties("a")
	wait := func(n, next int, until ledger.Time, c escrow.Case) escrow.Clause {
		c.Next = next
		return escrow.Clause{Wait: &escrow.Wait{Cases: []escrow.Case{c}, Until: begin + until, Next: n + 1}}
	}
	begun := func() escrow.Terms { return escrow.Terms{Pots: []escrow.Pot{{Name: "p", Owner: "a"}}} }
	end := escrow.Clause{Close: &escrow.Close{Outcome: "over"}}

	// After a choice, one in two of 200 roles is heard: as many sets of them as there
	// are ways.
	heard := begun()
	heard.Clauses = append(heard.Clauses, wait(0, 1, 1, escrow.Case{By: "a", Choice: "x"}))
	for i := range 200 {
		n := 1 + 2*i
		heard.Clauses = append(heard.Clauses, escrow.Clause{If: &escrow.If{Holds: &one, Then: n + 1, Else: n + 2}},
			wait(n+1, n+2, ledger.Time(2+i), escrow.Case{By: escrow.Role(fmt.Sprint("r", i)), Choice: "x"}))
	}
	heard.Clauses = append(heard.Clauses, end)

	// A value that may be anything is asked for 500 times: each answer skips a
	// question or does not.
	asked := begun()
	asked.Clauses = append(asked.Clauses, escrow.Clause{Wait: &escrow.Wait{Until: begin + 1, Next: 501,
		Cases: []escrow.Case{{Attest: &escrow.Attest{Fact: "f", By: []escrow.Role{"a"}, Need: 1, Fresh: 1}, Next: 1}}}})
	for i := range 499 {
		asked.Clauses = append(asked.Clauses, escrow.Clause{If: &escrow.If{Fact: "f", AtLeast: int64(i), Then: i + 2, Else: min(i+3, 501)}})
	}
	asked.Clauses = append(asked.Clauses, end, end)
	asked.Clauses[500] = escrow.Clause{If: &escrow.If{Fact: "f", AtLeast: 0, Then: 501, Else: 501}}
	asked.Clauses = asked.Clauses[:502]

	// Each of 30 deposits is made or not, and no two sums are the same.
	sums := begun()
	for i := range 30 {
		sums.Clauses = append(sums.Clauses, wait(i, i+1, ledger.Time(1+i), escrow.Case{By: "a", Deposit: &escrow.Deposit{Amount: ledger.Units(1 << i)}}))
	}
	sums.Clauses = append(sums.Clauses, end)

	for name, c := range map[string]struct {
		terms escrow.Terms
		many  bool
	}{"heard": {heard, false}, "asked": {asked, false}, "sums": {sums, true}} {
		r := report(t, c.terms, p)
		many := false
		for _, f := range r.Findings {
			many = many || f.Kind == TooMany
		}
		if many != c.many {
			t.Errorf("%s: too many is %v: %d states, findings %+v", name, many, r.States, r.Findings)
		}
	}
}
