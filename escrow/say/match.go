package say

import (
	"slices"

	"manx/escrow/template"
)

// maxSteps bounds the work on one sentence.
const maxSteps = 300_000

// bound is what has been read so far, the latest first.
type bound struct {
	param  string
	value  value
	before *bound
}

// A phrase is a word of the lexicon, or a name, as tokens.
type phrase struct {
	name   string
	tokens []string
}

// A lexicon is the words for roles and facts.
type lexicon struct{ roles, facts []phrase }

func newLexicon() (l lexicon) {
	shared := template.Shared()
	for _, x := range []struct {
		from []template.Word
		to   *[]phrase
	}{{shared.Roles, &l.roles}, {shared.Facts, &l.facts}} {
		for _, w := range x.from {
			for _, f := range append(slices.Clone(w.Forms[0]), w.Forms[1]...) {
				t, _ := scan(f)
				*x.to = append(*x.to, phrase{w.Name, words(t)})
			}
		}
	}
	return l
}

// A matcher matches patterns against a sentence, trying every way.
type matcher struct {
	tokens []token
	words  lexicon
	names  []phrase
	steps  int
	far    int // how many tokens some pattern has understood
}

func (m *matcher) stuck(pos int) { m.far = max(m.far, pos) }

// match calls then for every way in which n matches at pos.
func (m *matcher) match(n node, pos int, b *bound, then func(int, *bound)) {
	if m.steps++; m.steps > maxSteps {
		return
	}
	switch {
	case n.word != "":
		if m.is(pos, n.word) {
			then(pos+1, b)
			return
		}
		m.stuck(pos)
	case n.slot != nil:
		found := m.slot(n.slot.kind, pos)
		for _, f := range found {
			then(f.end, &bound{n.slot.param, f.value, b})
		}
		if len(found) == 0 {
			m.stuck(pos)
		}
	case n.set != nil:
		then(pos, &bound{n.set.param, value{texts: []string{n.set.kind}, given: true}, b})
	case n.opt != nil:
		m.match(*n.opt, pos, b, then)
		then(pos, b)
	case n.alt != nil:
		for _, a := range n.alt {
			m.match(a, pos, b, then)
		}
	default:
		m.sequence(n.seq, pos, b, then)
	}
}

func (m *matcher) sequence(seq []node, pos int, b *bound, then func(int, *bound)) {
	if len(seq) == 0 {
		then(pos, b)
		return
	}
	m.match(seq[0], pos, b, func(p int, b *bound) { m.sequence(seq[1:], p, b, then) })
}

// is reports whether tokens are the words, from pos on.
func (m *matcher) is(pos int, ws ...string) bool {
	if pos+len(ws) > len(m.tokens) {
		return false
	}
	for i, w := range ws {
		if m.tokens[pos+i].text != w {
			return false
		}
	}
	return true
}

// any returns the end of the first of several words that stands at pos, or pos.
func (m *matcher) any(pos int, all ...string) int {
	for _, s := range all {
		t, _ := scan(s)
		if m.is(pos, words(t)...) {
			return pos + len(t)
		}
	}
	return pos
}
