package tell

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"manx/escrow"
)

// Sizes of the drawing, in its own units.
const (
	boxWidth   = 320
	inset      = 12 // of text in its box
	lineHeight = 18 // of a clause
	labelLine  = 15 // of what can happen
	labelRoom  = 400
	gap        = 34 // between clauses
	margin     = 12
	laneWidth  = 14 // between arrows that pass clauses by
	textSize   = 13
	labelSize  = 11
)

// width estimates how wide a text is, in the drawing's units: no narrower than
// fonts without serifs draw it.
func width(s string, size float64) (sum float64) {
	for _, r := range s {
		switch {
		case r >= 0x2e80: // Chinese, and full-width signs
			sum += 1
		case strings.ContainsRune("iljtfr.,:;'|!()[] \u00a0’", r):
			sum += 0.4
		case strings.ContainsRune("mwMW%@—…→", r):
			sum += 1
		case unicode.IsUpper(r):
			sum += 0.78
		default:
			sum += 0.6
		}
	}
	return sum * size
}

// wrap breaks a text into lines of a width at most: at spaces, between Chinese
// characters, and within words that are longer than a line.
func wrap(s string, size, most float64) (lines []string) {
	line := ""
	add := func(piece string) {
		if line != "" && width(line+strings.TrimRight(piece, " "), size) > most {
			lines, line = append(lines, strings.TrimRight(line, " ")), ""
			piece = strings.TrimLeft(piece, " ")
		}
		line += piece
	}
	for _, p := range pieces(s) {
		if width(p, size) <= most {
			add(p)
			continue
		}
		for _, r := range p {
			add(string(r))
		}
	}
	return append(lines, strings.TrimRight(line, " "))
}

// pieces splits a text where lines may break: no line begins with a closing sign.
func pieces(s string) (out []string) {
	begin, runes := 0, []rune(s)
	for i := 1; i < len(runes); i++ {
		a, b := runes[i-1], runes[i]
		if (a == ' ' && b != ' ' || a >= 0x2e80 || b >= 0x2e80) && !strings.ContainsRune("，。、；：？）」》 ,.\u00a0", b) && !strings.ContainsRune("（「《", a) {
			out, begin = append(out, string(runes[begin:i])), i
		}
	}
	return append(out, string(runes[begin:]))
}

// A row is a clause in the drawing, with what can happen beside it.
type row struct {
	top, height int // of its box
	text        []string
	labels      []string
}

// rows lays clauses out from a height downwards, and returns the height of all.
func (t Teller) rows(terms escrow.Terms, all []arrow, at int) (out []row, height int) {
	labels := make([][]string, len(terms.Clauses))
	for _, a := range all {
		if a.label != "" {
			labels[a.from] = append(labels[a.from], wrap(fmt.Sprintf("%s\u00a0→\u00a0%d", a.label, a.to+1), labelSize, labelRoom-2*inset)...)
		}
	}
	for n := range terms.Clauses {
		r := row{top: at, text: wrap(fmt.Sprintf("%d. %s", n+1, t.heading(terms, n)), textSize, boxWidth-2*inset), labels: labels[n]}
		r.height = max(len(r.text)*lineHeight+lineHeight, 44)
		out = append(out, r)
		at += max(r.height, len(r.labels)*labelLine+4) + gap
	}
	return out, at - gap + margin
}

// A way is what arrows that pass clauses by and lead to one clause share: a lane
// to the left, from the first of them on.
type way struct{ to, from, lane int }

type target struct {
	to   int
	late bool
}

// ways gives arrows lanes, the short ones next to the clauses, and returns how
// many lanes there are. Ways that overlap have lanes of their own.
func ways(all []arrow) (map[target]*way, int) {
	out := map[target]*way{}
	var order []target
	for _, a := range all {
		if a.to == a.from+1 {
			continue
		}
		k := target{a.to, a.late}
		if w := out[k]; w == nil {
			out[k], order = &way{a.to, a.from, 0}, append(order, k)
		} else {
			w.from = min(w.from, a.from)
		}
	}
	slices.SortStableFunc(order, func(a, b target) int {
		return cmp.Compare(out[a].to-out[a].from, out[b].to-out[b].from)
	})
	var lanes [][]*way
	for _, k := range order {
		w := out[k]
		for w.lane < len(lanes) && slices.ContainsFunc(lanes[w.lane], func(o *way) bool { return w.from <= o.to && o.from <= w.to }) {
			w.lane++
		}
		if w.lane == len(lanes) {
			lanes = append(lanes, nil)
		}
		lanes[w.lane] = append(lanes[w.lane], w)
	}
	return out, len(lanes)
}

// SVG draws terms: clauses from top to bottom, an arrow for everything that can
// happen, dashed where a wait ends without it. Arrows that pass clauses by run to
// the left, those to one clause together. Above them stands who plays which role.
func (t Teller) SVG(terms escrow.Terms, parties []escrow.Part) string {
	all := t.arrows(terms)
	lanes, n := ways(all)
	x := margin + (n+1)*laneWidth
	wide := x + boxWidth + labelRoom
	var who []string
	for _, p := range parties {
		who = append(who, wrap(t.player(p), textSize, float64(boxWidth+labelRoom-2*inset))...)
	}
	top := margin + len(who)*lineHeight
	if len(who) > 0 {
		top += margin
	}
	rows, height := t.rows(terms, all, top)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="%d">`+"\n", wide, height, wide, height, textSize)
	fmt.Fprintf(&b, `<style>.box{fill:#fff;stroke:#345}.close{fill:#eef6ee}.if{fill:#fdf6e3}.pay{fill:#eef2fb}.arrow{fill:none;stroke:#345}.late{stroke-dasharray:5 4}text{fill:#123}.label{font-size:%dpx;fill:#456}</style>`+"\n", labelSize)
	b.WriteString(`<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto"><path d="M0 0L8 4L0 8z" fill="#345"/></marker></defs>` + "\n")
	used, below, begin := map[int]int{}, map[int]int{}, map[target]int{}
	line := func(late, tip bool, d string, at ...any) {
		class, end := "arrow", ""
		if late {
			class += " late"
		}
		if tip {
			end = ` marker-end="url(#tip)"`
		}
		fmt.Fprintf(&b, `<path class="%s"%s d="%s"/>`+"\n", class, end, fmt.Sprintf(d, at...))
	}
	for _, a := range all {
		from := rows[a.from]
		if a.to == a.from+1 {
			line(a.late, true, "M%d %dV%d", x+30+18*below[a.from], from.top+from.height, rows[a.to].top)
			below[a.from]++
			continue
		}
		// Arrows leave a box by its lower half, each at a place of its own while there
		// is room, and join their way.
		k, out := target{a.to, a.late}, from.top+from.height-6-min(5*used[a.from], from.height/2-6)
		used[a.from]++
		line(a.late, false, "M%d %dH%d", x, out, x-(lanes[k].lane+1)*laneWidth)
		if at, begun := begin[k]; !begun || out < at {
			begin[k] = out
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(begin), func(a, b target) int {
		return cmp.Or(cmp.Compare(a.to, b.to), cmp.Compare(lanes[a].lane, lanes[b].lane))
	}) {
		in := rows[k.to].top + 8 // and reach one by its upper half
		if k.late {
			in += 7
		}
		line(k.late, true, "M%d %dV%dH%d", x-(lanes[k].lane+1)*laneWidth, begin[k], in, x)
	}
	for i, l := range who {
		fmt.Fprintf(&b, `<text class="who" x="%d" y="%d">%s</text>`+"\n", x, margin+(i+1)*lineHeight-5, escaped(l))
	}
	for n, r := range rows {
		kind, c := "", terms.Clauses[n]
		switch {
		case c.Close != nil:
			kind = " close"
		case c.If != nil:
			kind = " if"
		case c.Pay != nil:
			kind = " pay"
		}
		fmt.Fprintf(&b, `<rect class="box%s" rx="8" x="%d" y="%d" width="%d" height="%d"/>`+"\n", kind, x, r.top, boxWidth, r.height)
		first := r.top + (r.height-len(r.text)*lineHeight)/2 + lineHeight - 5
		for i, l := range r.text {
			fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`+"\n", x+inset, first+i*lineHeight, escaped(l))
		}
		for i, l := range r.labels {
			fmt.Fprintf(&b, `<text class="label" x="%d" y="%d">%s</text>`+"\n", x+boxWidth+inset, r.top+labelLine-3+i*labelLine, escaped(l))
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder takes everything
	return b.String()
}
