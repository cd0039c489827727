package escrowproof

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"manx/escrow"
	"manx/ledger"
)

// units writes an amount as an integer of the smallest units.
func units(a ledger.Amount) string {
	whole, frac, _ := strings.Cut(a.String(), ".")
	b, _ := new(big.Int).SetString(whole+frac+strings.Repeat("0", ledger.Decimals-len(frac)), 10)
	return b.String()
}

func number(n int64) string {
	if n < 0 {
		return fmt.Sprintf("(- %s)", new(big.Int).Neg(big.NewInt(n)))
	}
	return fmt.Sprint(n)
}

func all(op, empty string, parts []string) string {
	switch len(parts) {
	case 0:
		return empty
	case 1:
		return parts[0]
	}
	return "(" + op + " " + strings.Join(parts, " ") + ")"
}

// An edge is one way into a clause and what holds on it, as formulas.
type edge struct {
	taken     string
	pots      []string
	facts     map[string]string // values; none is stated where the terms never ask
	paid, put string            // all payments so far, and all deposits with the first fund
}

// An encoding is terms as formulas, clause by clause. Since clauses go on with
// later ones only, a clause's are over those of the ones before it. Free are:
//
//	case_i    which case of wait i comes, the number of cases being its deadline
//	rest_i_j  what of pot j its spenders leave in wait i, where they empty none
//	value_i_c what the attesters of case c state
//
// Whether enough attesters agree in time is left open, as in escrow/check: a
// case may come, or not.
type encoding struct {
	script
	terms escrow.Terms
	into  [][]edge
	facts []string
	free  []string
	short map[int][]string // of a clause: that one of its stated sums falls short
	ends  []string         // active, of each Close
	wrong []string         // what must never be true
}

func encode(t escrow.Terms, fund []ledger.Amount) *encoding {
	e := &encoding{terms: t, into: make([][]edge, len(t.Clauses)), short: map[int][]string{}}
	first := edge{taken: "true", facts: map[string]string{}}
	for i := range t.Pots {
		held := "0"
		if i < len(fund) {
			held = units(fund[i])
		}
		first.pots = append(first.pots, held)
	}
	for _, c := range t.Clauses {
		if c.Wait == nil {
			continue
		}
		for _, k := range c.Wait.Cases {
			if k.Attest != nil && !slices.Contains(e.facts, k.Attest.Fact) {
				e.facts = append(e.facts, k.Attest.Fact)
				first.facts[k.Attest.Fact] = "0"
			}
		}
	}
	first.paid, first.put = "0", all("+", "0", first.pots)
	e.into[0] = []edge{first}
	for n := range t.Clauses {
		e.clause(n)
	}
	e.wrong = append(e.wrong, fmt.Sprintf("(not (= 1 %s))", all("+", "0", each(e.ends, func(s string) string { return "(ite " + s + " 1 0)" }))))
	return e
}

func each(in []string, f func(string) string) (out []string) {
	for _, s := range in {
		out = append(out, f(s))
	}
	return out
}

// name gives a formula a name.
func (e *encoding) name(name, sort, formula string) string {
	e.say("(define-fun %s () %s %s)", name, sort, formula)
	return name
}

func (e *encoding) choose(name string) string {
	e.say("(declare-const %s Int)", name)
	e.free = append(e.free, name)
	return name
}

// enter names what holds at a clause, on whichever edge it is reached.
func (e *encoding) enter(n int) edge {
	in := e.into[n]
	pick := func(of func(edge) string) string {
		out := "0"
		for _, x := range slices.Backward(in) {
			out = fmt.Sprintf("(ite %s %s %s)", x.taken, of(x), out)
		}
		return out
	}
	var taken []string
	for _, x := range in {
		taken = append(taken, x.taken)
	}
	h := edge{taken: e.name(fmt.Sprintf("active_%d", n), "Bool", all("or", "false", taken)), facts: map[string]string{}}
	for j := range e.terms.Pots {
		h.pots = append(h.pots, e.name(fmt.Sprintf("held_%d_%d", n, j), "Int", pick(func(x edge) string { return x.pots[j] })))
		e.wrong = append(e.wrong, fmt.Sprintf("(and %s (< %s 0))", h.taken, h.pots[j]))
	}
	for k, f := range e.facts {
		h.facts[f] = e.name(fmt.Sprintf("fact_%d_%d", n, k), "Int", pick(func(x edge) string { return x.facts[f] }))
	}
	h.paid = e.name(fmt.Sprintf("paid_%d", n), "Int", pick(func(x edge) string { return x.paid }))
	h.put = e.name(fmt.Sprintf("put_%d", n), "Int", pick(func(x edge) string { return x.put }))
	e.wrong = append(e.wrong, fmt.Sprintf("(and %s (not (= %s (+ %s %s))))", h.taken, h.put, h.paid, all("+", "0", h.pots)))
	return h
}

func (e *encoding) lead(next int, x edge) { e.into[next] = append(e.into[next], x) }

// with returns x where a further condition holds and pot j is p.
func (x edge) with(and string, j int, p string) edge {
	if and != "" {
		x.taken = fmt.Sprintf("(and %s %s)", x.taken, and)
	}
	if j >= 0 {
		x.pots = slices.Clone(x.pots)
		x.pots[j] = p
	}
	return x
}

func (e *encoding) clause(n int) {
	h, c := e.enter(n), e.terms.Clauses[n]
	switch {
	case c.Pay != nil:
		whole, left := h.pots[c.Pay.From], h.pots[c.Pay.From]
		for i, s := range c.Pay.Shares {
			want := left
			switch v := s.Value; {
			case v.Amount != nil:
				want = units(*v.Amount)
				e.short[n] = append(e.short[n], fmt.Sprintf("(and %s (< %s %s))", h.taken, left, want))
			case v.UpTo != nil:
				want = units(*v.UpTo)
			case v.Parts != 0:
				want = fmt.Sprintf("(div (* %d %s) %d)", v.Parts, whole, escrow.Whole)
			}
			got := e.name(fmt.Sprintf("share_%d_%d", n, i), "Int", fmt.Sprintf("(ite (< %s %s) %s %s)", left, want, left, want))
			left = e.name(fmt.Sprintf("left_%d_%d", n, i), "Int", fmt.Sprintf("(- %s %s)", left, got))
			h.paid = fmt.Sprintf("(+ %s %s)", h.paid, got)
		}
		e.lead(c.Pay.Next, h.with("", c.Pay.From, left))
	case c.If != nil:
		test := ""
		if c.If.Holds != nil {
			test = fmt.Sprintf("(>= %s %s)", h.pots[c.If.Pot], units(*c.If.Holds))
		} else {
			test = fmt.Sprintf("(>= %s %s)", h.facts[c.If.Fact], number(c.If.AtLeast))
		}
		e.lead(c.If.Then, h.with(test, -1, ""))
		e.lead(c.If.Else, h.with("(not "+test+")", -1, ""))
	case c.Wait != nil:
		e.wait(n, h, *c.Wait)
	default:
		e.ends = append(e.ends, h.taken)
	}
}

func (e *encoding) wait(n int, h edge, w escrow.Wait) {
	which := e.choose(fmt.Sprintf("case_%d", n))
	e.say("(assert (<= 0 %s %d))", which, len(w.Cases))
	before := h.pots
	h.pots = slices.Clone(h.pots)
	var paid []string
	for j, held := range before {
		if !slices.ContainsFunc(w.Cases, func(c escrow.Case) bool { return c.Spend != nil && c.Spend.From == j }) {
			continue
		}
		rest := e.choose(fmt.Sprintf("rest_%d_%d", n, j))
		e.say("(assert (ite (< 0 %[1]s) (<= 1 %[2]s %[1]s) (= %[2]s %[1]s)))", held, rest)
		h.pots[j] = rest
		paid = append(paid, fmt.Sprintf("(- %s %s)", held, rest))
	}
	if h.paid = all("+", "0", append([]string{h.paid}, paid...)); len(paid) > 0 {
		h.paid = e.name(fmt.Sprintf("spent_%d", n), "Int", h.paid)
	}
	for i, c := range w.Cases {
		x := h.with(fmt.Sprintf("(= %s %d)", which, i), -1, "")
		switch {
		case c.Deposit != nil:
			sum := units(c.Deposit.Amount)
			x = x.with(fmt.Sprintf("(<= (+ %s %s) %s)", all("+", "0", h.pots), sum, most()), c.Deposit.Into, fmt.Sprintf("(+ %s %s)", h.pots[c.Deposit.Into], sum))
			x.put = fmt.Sprintf("(+ %s %s)", h.put, sum)
			e.say("(assert (=> (and %s (= %s %d)) %s))", h.taken, which, i, x.taken)
		case c.Spend != nil: // the last of its spendings, which empties the pot
			rest := h.pots[c.Spend.From]
			x = x.with(fmt.Sprintf("(< 0 %s)", rest), c.Spend.From, "0")
			x.paid = fmt.Sprintf("(+ %s %s)", h.paid, rest)
			e.say("(assert (=> (and %s (= %s %d)) %s))", h.taken, which, i, x.taken)
		case c.Attest != nil:
			value := e.choose(fmt.Sprintf("value_%d_%d", n, i))
			if c.Attest.Is != nil {
				e.say("(assert (= %s %s))", value, number(*c.Attest.Is))
			}
			e.say("(assert (<= (- 9223372036854775808) %s 9223372036854775807))", value)
			old := x.facts
			x.facts = map[string]string{}
			for f, v := range old {
				x.facts[f] = v
			}
			x.facts[c.Attest.Fact] = value
		}
		e.lead(c.Next, x)
	}
	e.lead(w.Next, h.with(fmt.Sprintf("(= %s %d)", which, len(w.Cases)), -1, ""))
}

// most is the largest amount, in units.
func most() string {
	return new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1)).String()
}
