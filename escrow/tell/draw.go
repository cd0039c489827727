package tell

import (
	"encoding/xml"
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
		var to []escrow.Role
		for _, s := range c.Pay.Shares {
			to = append(to, s.To)
		}
		return t.say("pay %s", "支付%s", t.roles(to, [2]string{"and", "和"}))
	case c.If != nil:
		return t.condition(terms, *c.If) + t.say("?", "？")
	case c.Wait != nil:
		return t.say("until %s", "%s之前", t.when(c.Wait.Until))
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

// Sizes of the drawing, in its own units.
const (
	boxWidth  = 300
	boxHeight = 44
	rowHeight = 100
	left      = 60
	lane      = 14 // between arrows that pass clauses by
	labelRoom = 420
)

// SVG draws terms: clauses from top to bottom, an arrow for everything that can
// happen, dashed where a wait ends without it. Arrows that pass clauses by run to
// the left.
func (t Teller) SVG(terms escrow.Terms) string {
	all := t.arrows(terms)
	lanes := 0
	for _, a := range all {
		if a.to > a.from+1 {
			lanes++
		}
	}
	x := left + lanes*lane
	width, height := x+boxWidth+labelRoom, len(terms.Clauses)*rowHeight+20
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", width, height)
	b.WriteString(`<style>.box{fill:#fff;stroke:#345}.close{fill:#eef6ee}.if{fill:#fdf6e3}.pay{fill:#eef2fb}.arrow{fill:none;stroke:#345}.late{stroke-dasharray:5 4}text{fill:#123}.label{font-size:11px;fill:#456}</style>` + "\n")
	b.WriteString(`<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto"><path d="M0 0L8 4L0 8z" fill="#345"/></marker></defs>` + "\n")
	top := func(n int) int { return 10 + n*rowHeight }
	used, below := 0, map[int]int{}
	for _, a := range all {
		class := "arrow"
		if a.late {
			class += " late"
		}
		if a.to == a.from+1 {
			at := x + 30 + 18*below[a.from]
			fmt.Fprintf(&b, `<path class="%s" marker-end="url(#tip)" d="M%d %dV%d"/>`+"\n", class, at, top(a.from)+boxHeight, top(a.to))
		} else {
			used++
			lx := x - used*lane
			fmt.Fprintf(&b, `<path class="%s" marker-end="url(#tip)" d="M%d %dH%dV%dH%d"/>`+"\n", class, x, top(a.from)+boxHeight-8, lx, top(a.to)+12, x)
		}
		if a.label != "" {
			fmt.Fprintf(&b, `<text class="label" x="%d" y="%d">%s</text>`+"\n", x+boxWidth+12, top(a.from)+12+15*below[a.from], escaped(fmt.Sprintf("%s → %d", a.label, a.to+1)))
		}
		below[a.from]++
	}
	for n, c := range terms.Clauses {
		kind := ""
		switch {
		case c.Close != nil:
			kind = " close"
		case c.If != nil:
			kind = " if"
		case c.Pay != nil:
			kind = " pay"
		}
		fmt.Fprintf(&b, `<rect class="box%s" rx="8" x="%d" y="%d" width="%d" height="%d"/>`+"\n", kind, x, top(n), boxWidth, boxHeight)
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`+"\n", x+12, top(n)+27, escaped(fmt.Sprintf("%d. %s", n+1, t.heading(terms, n))))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder takes everything
	return b.String()
}
