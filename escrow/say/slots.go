package say

import (
	"math/big"
	"slices"
	"strconv"
	"strings"

	"manx/escrow/template"
	"manx/ledger"
)

// ways are ways of saying a value beside the kinds of parameters.
var ways = map[string]bool{"any": true, "study": true, "times": true, "days": true, "weeks": true, "months": true, "years": true}

// A match is a value that stands at a place, and where it ends.
type match struct {
	end   int
	value value
}

func plain(end int, text string) match {
	return match{end, value{texts: []string{text}, given: true}}
}

// open is a value that is said and not settled.
func (m *matcher) open(pos, end int, candidates ...string) match {
	said := ""
	for _, t := range m.tokens[pos:end] {
		said += t.before + t.raw
	}
	return match{end, value{texts: candidates, given: true, open: true, said: strings.Trim(said, " ,.;:")}}
}

// slot returns the values of a kind that stand at pos.
func (m *matcher) slot(kind string, pos int) []match {
	if pos >= len(m.tokens) {
		return nil
	}
	switch kind {
	case "any":
		return m.roles(pos, "and", "or", "和", "与", "及", "或者", "或")
	case "study":
		return []match{m.open(pos, pos+1)}
	case "times":
		return m.times(pos)
	case "days", "weeks", "months", "years":
		return m.units(pos, kind)
	}
	switch template.Kind(kind) {
	case template.Role:
		return m.role(pos)
	case template.Roles:
		return m.roles(pos, "and", "和", "与", "及")
	case template.Amount:
		return m.amount(pos)
	case template.Percent:
		return m.percent(pos)
	case template.Duration:
		return m.duration(pos)
	case template.Deadline:
		return append(m.duration(pos), m.date(pos)...)
	case template.Count:
		if n, ok := m.number(pos); ok {
			return m.counted(pos, n.end, n)
		}
	case template.Fact:
		return m.lexical(pos, m.words.facts)
	case template.Job:
		if ledger.CheckID(ledger.JobID(m.tokens[pos].raw), "job") == nil {
			return []match{plain(pos+1, m.tokens[pos].raw)}
		}
	case template.Shares:
		return m.shares(pos)
	}
	return nil
}

func (m *matcher) lexical(pos int, all []phrase) (out []match) {
	for _, p := range all {
		if m.is(pos, p.tokens...) {
			out = append(out, plain(pos+len(p.tokens), p.name))
		}
	}
	return out
}

func (m *matcher) role(pos int) (out []match) {
	if pos >= len(m.tokens) {
		return nil
	}
	t := m.tokens[pos]
	switch {
	case t.text == "me" || t.raw == "I" || t.text == "i" || t.text == "我":
		out = append(out, plain(pos+1, "me"))
	case ledger.CheckID(ledger.PartyID(t.raw), "p") == nil:
		out = append(out, plain(pos+1, t.raw))
	}
	for _, x := range append(m.lexical(pos, m.words.roles), m.lexical(pos, m.names)...) {
		if !slices.ContainsFunc(out, func(o match) bool { return o.end == x.end && o.value.texts[0] == x.value.texts[0] }) {
			out = append(out, x)
		}
	}
	return out
}

// maxList is one more than a template's lists may have, so that longer ones are
// refused.
const maxList = 25

// listed reads one or more items with a separator, or nothing, between them, and
// returns every beginning of the list.
func (m *matcher) listed(pos, most int, seps []string, item func(int) []match) (out []match) {
	if m.steps++; m.steps > maxSteps || most == 0 {
		return nil
	}
	for _, x := range item(pos) {
		out = append(out, x)
		afters := []int{x.end}
		if sep := m.any(x.end, seps...); sep > x.end {
			afters = append(afters, sep)
		}
		for _, after := range afters {
			for _, rest := range m.listed(after, most-1, seps, item) {
				if m.steps++; m.steps > maxSteps {
					return out
				}
				out = append(out, plain(rest.end, x.value.texts[0]+"+"+rest.value.texts[0]))
			}
		}
	}
	return out
}

func (m *matcher) roles(pos int, seps ...string) []match {
	return valid(m.listed(pos, maxList, seps, m.role), template.Roles)
}

// shares reads "the hospital 40% and the clinic 60%", or "40% to the hospital".
func (m *matcher) shares(pos int) []match {
	all := m.listed(pos, maxList, []string{"and", "和", "与"}, func(pos int) (out []match) {
		for _, who := range m.role(pos) {
			for _, p := range m.percent(who.end) {
				out = append(out, plain(p.end, who.value.texts[0]+":"+p.value.texts[0]))
			}
		}
		for _, p := range m.percent(pos) {
			if to := m.any(p.end, "to"); to > p.end {
				for _, who := range m.role(to) {
					out = append(out, plain(who.end, who.value.texts[0]+":"+p.value.texts[0]))
				}
			}
		}
		return out
	})
	return valid(all, template.Shares)
}

// valid keeps the values that a kind takes.
func valid(all []match, k template.Kind) (out []match) {
	for _, x := range all {
		ok := true
		for _, t := range x.value.texts {
			ok = ok && k.Valid(t)
		}
		if ok {
			out = append(out, x)
		}
	}
	return out
}

var vague = []string{"a few", "few", "some", "several", "一些", "几个", "几", "若干", "数"}

func (m *matcher) amount(pos int) (out []match) {
	const unit = "man"
	if n, ok := m.number(pos); ok {
		end := m.any(n.end, "个", "枚")
		switch {
		case m.is(end, unit) && n.open:
			out = append(out, m.open(pos, end+1, n.texts...))
		case m.is(end, unit):
			out = append(out, plain(end+1, n.texts[0]))
		default: // of what?
			out = append(out, m.open(pos, n.end, n.texts...))
		}
	}
	if end := m.any(pos, "half a", "半个", "半"); end > pos && m.is(end, unit) {
		out = append(out, plain(end+1, "0.5"))
	}
	if end := m.any(pos, vague...); end > pos && m.is(end, unit) {
		out = append(out, m.open(pos, end+1))
	}
	return valid(out, template.Amount)
}

func (m *matcher) percent(pos int) (out []match) {
	if after := m.any(pos, "百分之"); after > pos {
		if n, ok := m.number(after); ok && !n.open {
			out = append(out, plain(n.end, n.texts[0]+"%"))
		} else if end := m.any(after, "百"); end > after && !ok { // "百分之百" is all, and no numeral
			out = append(out, plain(end, "100%"))
		}
	} else if n, ok := m.number(pos); ok && !n.open {
		if end := m.any(n.end, "%", "percent", "per cent"); end > n.end {
			out = append(out, plain(end, n.texts[0]+"%"))
		}
	}
	return valid(out, template.Percent)
}

// counted makes a count of a whole number.
func (m *matcher) counted(pos, end int, n number) []match {
	if n.open {
		return []match{m.open(pos, end, n.texts...)}
	}
	return valid([]match{plain(end, n.texts[0])}, template.Count)
}

func (m *matcher) times(pos int) []match {
	if n, ok := m.number(pos); ok {
		if end := m.any(n.end, "times", "次"); end > n.end {
			return m.counted(pos, end, n)
		}
	}
	return nil
}

// units reads a duration as a count of days, weeks, months or years.
func (m *matcher) units(pos int, unit string) (out []match) {
	for _, d := range m.duration(pos) {
		if d.value.open {
			out = append(out, m.open(pos, d.end))
			continue
		}
		s, _ := template.ParseSpan(d.value.texts[0])
		one, n := map[string]template.Span{"days": {Seconds: 86400}, "weeks": {Seconds: 7 * 86400}, "months": {Months: 1}, "years": {Months: 12}}[unit], 0
		switch {
		case one.Months > 0 && s.Seconds == 0 && s.Months%one.Months == 0:
			n = s.Months / one.Months
		case one.Seconds > 0 && s.Months == 0 && s.Seconds%one.Seconds == 0:
			n = int(s.Seconds / one.Seconds)
		}
		out = append(out, plain(d.end, strconv.Itoa(n)))
	}
	return valid(out, template.Count)
}

// decimal writes a number as plain decimals, if it has at most 18.
func decimal(r *big.Rat) (string, bool) {
	s := r.FloatString(18)
	back, ok := new(big.Rat).SetString(s)
	if !ok || back.Cmp(r) != 0 {
		return "", false
	}
	return strings.TrimSuffix(strings.TrimRight(s, "0"), "."), true
}
