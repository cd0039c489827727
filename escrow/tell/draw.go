package tell

import (
	"fmt"
	"strings"

	"manx/escrow"
)

// An arrow leads from a clause to a later one.
type arrow struct {
	from, to int
	label    string
	late     bool // by the end of a wait
}

func (t Teller) arrows(terms escrow.Terms) (out []arrow) {
	for n, c := range terms.Clauses {
		switch {
		case c.Pay != nil:
			out = append(out, arrow{n, c.Pay.Next, "", false})
		case c.If != nil:
			out = append(out, arrow{n, c.If.Then, t.say("yes", "是"), false}, arrow{n, c.If.Else, t.say("no", "否"), false})
		case c.Wait != nil:
			for _, k := range c.Wait.Cases {
				out = append(out, arrow{n, k.Next, t.Case(terms, k), false})
			}
			out = append(out, arrow{n, c.Wait.Next, t.say("otherwise", "否则"), true})
		}
	}
	return out
}

// heading is a clause in a few words.
func (t Teller) heading(terms escrow.Terms, n int) string {
	c := terms.Clauses[n]
	switch {
	case c.Pay != nil:
		return t.say("out of %s, pay %s", "从%s中支付%s", t.word(terms.Pots[c.Pay.From].Name), t.shares(*c.Pay))
	case c.If != nil:
		return t.condition(terms, *c.If) + t.say("?", "？")
	case c.Wait != nil:
		return t.say("until %s", "%s之前", t.When(c.Wait.Until))
	}
	return t.outcome(c.Close.Outcome)
}

// Mermaid draws terms as a Mermaid flow chart.
func (t Teller) Mermaid(terms escrow.Terms) string {
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	quote := func(s string) string { return strings.NewReplacer(`"`, "#quot;", "<", "#lt;", ">", "#gt;").Replace(s) }
	for n, c := range terms.Clauses {
		open, end := "[", "]"
		switch {
		case c.If != nil:
			open, end = "{", "}"
		case c.Close != nil:
			open, end = "([", "])"
		}
		fmt.Fprintf(&b, "  c%d%s\"%d. %s\"%s\n", n+1, open, n+1, quote(t.heading(terms, n)), end)
	}
	for _, a := range t.arrows(terms) {
		line := "-->"
		if a.late {
			line = "-.->"
		}
		if a.label != "" {
			line += `|"` + quote(a.label) + `"|`
		}
		fmt.Fprintf(&b, "  c%d %s c%d\n", a.from+1, line, a.to+1)
	}
	return b.String()
}
