package template

import (
	"errors"
	"strconv"
	"strings"

	"manx/escrow"
	"manx/ledger"
)

// Terms are written as lines, and clauses have labels:
//
//	pot NAME OWNER
//	LABEL: pay POT ROLE SHARE; ROLE SHARE... then LABEL
//	LABEL: wait UNTIL else LABEL
//	  choice ROLE WORD [alone] then LABEL
//	  deposit ROLE POT AMOUNT then LABEL
//	  spend ROLE POT ROLE,ROLE then LABEL
//	  attest FACT NEED of ROLE,ROLE [is VALUE] within SECONDS [alone] then LABEL
//	  verdict JOB settled|refunded then LABEL
//	LABEL: if POT holds AMOUNT then LABEL else LABEL
//	LABEL: if FACT at-least VALUE then LABEL else LABEL
//	LABEL: close OUTCOME
//
// A SHARE is an amount, "upto AMOUNT", "parts BASISPOINTS" or "all"; UNTIL is a
// time in seconds. Labels lead to later clauses only.
func (f *filling) terms() (escrow.Terms, error) {
	var b limited
	t, err := f.t.terms.Clone()
	if err != nil {
		return escrow.Terms{}, malformed("its terms: %v", "条款：%v", err)
	}
	if err := t.Funcs(functions(f.start)).Execute(&b, f.data); err != nil {
		var own *Fault
		if errors.As(err, &own) {
			return escrow.Terms{}, own
		}
		return escrow.Terms{}, malformed("its terms cannot be made from these values: %v", "无法以这些取值生成条款：%v", err)
	}
	r := &reader{labels: map[string]int{}, pots: map[string]int{}}
	all := lines(b.String())
	for _, l := range all {
		if label, _, ok := strings.Cut(l, ": "); ok && word(label) {
			if _, twice := r.labels[label]; twice {
				return escrow.Terms{}, malformed("two clauses have the label %q", "两个条款同用标签%q", label)
			}
			r.labels[label] = len(r.labels)
		}
	}
	for _, l := range all {
		r.line = strings.Fields(l)
		if !r.read() {
			return escrow.Terms{}, malformed("its terms make a line that says nothing: %q", "条款中有无法理解的一行：%q", l)
		}
	}
	return r.out, nil
}

// reader reads lines, word by word.
type reader struct {
	line         []string
	labels, pots map[string]int
	out          escrow.Terms
	bad          bool
}

func (r *reader) word() string {
	if len(r.line) == 0 {
		r.bad = true
		return ""
	}
	w := r.line[0]
	r.line = r.line[1:]
	return w
}

// is takes the next word if it is w.
func (r *reader) is(w string) bool {
	if len(r.line) == 0 || r.line[0] != w {
		return false
	}
	r.line = r.line[1:]
	return true
}

func (r *reader) need(w string) { r.bad = r.bad || !r.is(w) }

func (r *reader) label() int {
	n, ok := r.labels[r.word()]
	r.bad = r.bad || !ok
	return n
}

func (r *reader) pot() int {
	n, ok := r.pots[r.word()]
	r.bad = r.bad || !ok
	return n
}

func (r *reader) role() escrow.Role { return escrow.Role(r.word()) }

func (r *reader) roles() (out []escrow.Role) {
	for _, s := range strings.Split(r.word(), ",") {
		out = append(out, escrow.Role(s))
	}
	return out
}

func (r *reader) amount() *ledger.Amount {
	a, err := ledger.ParseAmount(r.word())
	r.bad = r.bad || err != nil
	return &a
}

func (r *reader) number() int64 {
	n, err := strconv.ParseInt(r.word(), 10, 64)
	r.bad = r.bad || err != nil
	return n
}

func (r *reader) then() int { r.need("then"); return r.label() }

// read adds one line to the terms, and reports whether it says something and
// nothing more.
func (r *reader) read() bool {
	r.bad = false
	first := r.word()
	clauses := &r.out.Clauses
	if first == "pot" {
		name := r.word()
		_, twice := r.pots[name]
		r.pots[name] = len(r.out.Pots)
		r.out.Pots = append(r.out.Pots, escrow.Pot{Name: name, Owner: r.role()})
		return !r.bad && !twice && len(r.line) == 0
	}
	if label, ok := strings.CutSuffix(first, ":"); ok && word(label) {
		*clauses = append(*clauses, r.clause())
		return !r.bad && len(r.line) == 0
	}
	if len(*clauses) == 0 || (*clauses)[len(*clauses)-1].Wait == nil {
		return false
	}
	w := (*clauses)[len(*clauses)-1].Wait
	w.Cases = append(w.Cases, r.wait(first))
	return !r.bad && len(r.line) == 0
}

func (r *reader) clause() escrow.Clause {
	switch r.word() {
	case "wait":
		w := &escrow.Wait{Until: ledger.Time(r.number())}
		r.need("else")
		w.Next = r.label()
		return escrow.Clause{Wait: w}
	case "close":
		return escrow.Clause{Close: &escrow.Close{Outcome: r.word()}}
	case "pay":
		p := &escrow.Pay{From: r.pot()}
		rest, next, ok := strings.Cut(strings.Join(r.line, " "), " then ")
		r.bad = r.bad || !ok
		for _, s := range strings.Split(strings.TrimSuffix(rest, ";"), ";") {
			r.line = strings.Fields(s)
			p.Shares = append(p.Shares, escrow.Share{To: r.role(), Value: r.value()})
			r.bad = r.bad || len(r.line) > 0
		}
		r.line = strings.Fields(next)
		p.Next = r.label()
		return escrow.Clause{Pay: p}
	case "if":
		return escrow.Clause{If: r.condition()}
	}
	r.bad = true
	return escrow.Clause{}
}

func (r *reader) value() escrow.Value {
	switch {
	case r.is("all"):
		return escrow.Value{All: true}
	case r.is("upto"):
		return escrow.Value{UpTo: r.amount()}
	case r.is("parts"):
		n := r.number()
		r.bad = r.bad || n < 1 || n > escrow.Whole
		return escrow.Value{Parts: uint32(n)}
	}
	return escrow.Value{Amount: r.amount()}
}

func (r *reader) condition() *escrow.If {
	name := r.word()
	c := &escrow.If{}
	if r.is("holds") {
		n, ok := r.pots[name]
		r.bad = r.bad || !ok
		c.Pot, c.Holds = n, r.amount()
	} else {
		r.need("at-least")
		c.Fact, c.AtLeast = name, r.number()
	}
	c.Then = r.then()
	r.need("else")
	c.Else = r.label()
	return c
}

func (r *reader) wait(kind string) (c escrow.Case) {
	switch kind {
	case "choice":
		c.By, c.Choice = r.role(), escrow.Choice(r.word())
		c.Alone = r.is("alone")
	case "deposit":
		c.By = r.role()
		c.Deposit = &escrow.Deposit{Into: r.pot(), Amount: *r.amount()}
	case "spend":
		c.By = r.role()
		c.Spend = &escrow.Spend{From: r.pot(), Payees: r.roles()}
	case "attest":
		a := &escrow.Attest{Fact: r.word(), Need: int(r.number())}
		r.need("of")
		a.By = r.roles()
		if r.is("is") {
			v := r.number()
			a.Is = &v
		}
		r.need("within")
		a.Fresh = ledger.Time(r.number())
		c.Attest, c.Alone = a, r.is("alone")
	case "verdict":
		c.Verdict = &escrow.Verdict{Job: ledger.JobID(r.word()), Settled: r.is("settled")}
		if !c.Verdict.Settled {
			r.need("refunded")
		}
	default:
		r.bad = true
	}
	c.Next = r.then()
	return c
}
