// Package say reads sentences that ask for a contract, in English and Chinese,
// into a template and its values. It is a controlled language: the whole
// sentence must match a pattern of a template, word for word, with amounts,
// times, parties and facts in the places that the pattern leaves open.
//
// It never guesses. What a sentence leaves out or leaves open is asked for, with
// the readings that it may have; a sentence that no pattern fits is refused,
// with the place at which understanding stopped. The same sentence is always
// read the same way, in bounded time.
package say

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"manx/escrow/tell"
	"manx/escrow/template"
)

// MaxSentence bounds a sentence, in characters.
const MaxSentence = 2000

// A Result is what a sentence came to: understood, where nothing is asked and
// it is not refused.
type Result struct {
	Language tell.Language     `json:"-"`
	Template string            `json:"template,omitempty"`
	Values   map[string]string `json:"values,omitempty"` // of parameters, as templates take them
	Ask      []Question        `json:"ask,omitempty"`
	Refused  *Refusal          `json:"refused,omitempty"`
}

// Understood reports whether the sentence says all that its template needs.
func (r Result) Understood() bool { return r.Refused == nil && len(r.Ask) == 0 }

// A Question asks for a parameter that a sentence leaves out, or says in a way
// that may mean several things; Param is "template" where the sentence fits
// several.
type Question struct {
	Param      string   `json:"param"`
	Text       string   `json:"text"`           // the question, in the sentence's language
	Said       string   `json:"said,omitempty"` // what the sentence says of it
	Candidates []string `json:"candidates,omitempty"`
}

// A Refusal says why no template fits.
type Refusal struct {
	Understood string `json:"understood"` // the longest beginning that some pattern has
	Rest       string `json:"rest"`
	Text       string `json:"text"` // the reason, in the sentence's language
}

// A Grammar is the patterns of some templates.
type Grammar struct {
	templates map[string]*template.Template
	patterns  []pattern
	words     lexicon
}

// New makes the grammar of templates.
func New(all ...*template.Template) (*Grammar, error) {
	g := &Grammar{templates: map[string]*template.Template{}, words: newLexicon()}
	for _, t := range all {
		if _, twice := g.templates[t.Name]; twice {
			return nil, fmt.Errorf("two templates are named %s", t.Name)
		}
		g.templates[t.Name] = t
		p, err := compile(t)
		if err != nil {
			return nil, err
		}
		g.patterns = append(g.patterns, p...)
	}
	return g, nil
}

// Standard returns the grammar of the templates that come with the exchange.
var Standard = sync.OnceValue(func() *Grammar {
	var all []*template.Template
	for _, n := range template.Names() {
		t, _ := template.Named(n)
		all = append(all, t)
	}
	g, err := New(all...)
	if err != nil {
		panic(err) // the templates come with the package, and its tests compile them
	}
	return g
})

// Read reads a sentence. Names are those that the speaker has given parties.
func (g *Grammar) Read(sentence string, names []string) Result {
	tokens, language := scan(sentence)
	r := Result{Language: language}
	if len([]rune(sentence)) > MaxSentence {
		return r.refuse("", "", "the sentence is longer than 2,000 characters: say less at once", "句子超过2000字：请缩短")
	}
	m := &matcher{tokens: tokens, words: g.words, names: g.named(names)}
	var found []reading
	for _, p := range g.patterns {
		m.match(p.body, 0, nil, func(pos int, b *bound) {
			if pos == len(tokens) {
				found = append(found, newReading(p.template, b))
				return
			}
			m.stuck(pos)
		})
		if m.steps > maxSteps {
			return r.refuse("", "", "the sentence can be read in too many ways: say it more simply", "句子的读法过多：请用更简单的说法")
		}
	}
	if len(found) == 0 {
		return g.lost(r, m)
	}
	return g.settle(r, found)
}

func (g *Grammar) named(names []string) (out []phrase) {
	for _, n := range names {
		if t, _ := scan(n); len(t) > 0 {
			out = append(out, phrase{n, words(t)})
		}
	}
	return out
}

func (r Result) say(en, zh string, args ...any) string {
	if r.Language == tell.Chinese {
		return fmt.Sprintf(zh, args...)
	}
	return fmt.Sprintf(en, args...)
}

func (r Result) refuse(understood, rest, en, zh string, args ...any) Result {
	r.Refused = &Refusal{understood, rest, r.say(en, zh, args...)}
	return r
}

// lost says where understanding stopped.
func (g *Grammar) lost(r Result, m *matcher) Result {
	if len(m.tokens) == 0 {
		return r.refuse("", "", "there is no sentence", "没有句子")
	}
	understood, rest := "", ""
	for i, t := range m.tokens {
		if i < m.far {
			understood += t.before + t.raw
		} else {
			rest += t.before + t.raw
		}
	}
	understood, rest = strings.TrimSpace(understood), strings.TrimSpace(rest)
	switch {
	case rest == "":
		return r.refuse(understood, rest, "the sentence ends where more is needed: after “%s”", "句子在此处尚未说完：“%s”之后", last(understood))
	case understood == "":
		return r.refuse(understood, rest, "no contract begins with “%s”: `manx escrow templates` shows sentences that do", "没有合约以“%s”开头：`manx escrow templates` 列出可用的句子", first(rest))
	}
	return r.refuse(understood, rest, "understood up to “%s”, not from “%s”", "理解到“%s”，自“%s”起不能理解", last(understood), first(rest))
}

// first and last cut a text to about forty characters.
func first(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

func last(s string) string {
	if r := []rune(s); len(r) > 40 {
		return "…" + string(r[len(r)-40:])
	}
	return s
}

// settle makes one result of all the ways to read a sentence.
func (g *Grammar) settle(r Result, found []reading) Result {
	kinds := map[string]bool{}
	for _, f := range found {
		kinds[f.template] = true
	}
	if len(kinds) > 1 {
		names := slices.Sorted(maps.Keys(kinds))
		r.Ask = []Question{{Param: "template", Text: r.say("which of these contracts is meant?", "指的是哪一种合约？"), Candidates: names}}
		return r
	}
	r.Template, r.Values = found[0].template, map[string]string{}
	t := g.templates[r.Template]
	for _, p := range t.Params {
		v := merge(p.Name, found)
		switch {
		case v.clear():
			r.Values[p.Name] = v.texts[0]
		case v.given || p.Default == "" && !p.Maybe:
			r.Ask = append(r.Ask, r.question(p, v))
		}
	}
	return r
}

// Missing asks for the parameters of a template that values leave out.
func Missing(t *template.Template, language tell.Language, values map[string]string) (out []Question) {
	r := Result{Language: language}
	for _, p := range t.Missing(values) {
		out = append(out, r.question(p, value{}))
	}
	return out
}

func (r Result) question(p template.Param, v value) Question {
	en, zh := p.Kind.Cure()
	text := r.say("%s?", "%s？", p.About[r.Language]) + " " + r.say("Give %s.", "请给出%s。", []string{en, zh}[r.Language])
	if v.said != "" {
		text += " " + r.say("“%s” does not settle it.", "“%s”不能确定。", v.said)
	}
	if len(v.texts) > 0 {
		text += " " + r.say("It may be %s.", "可能是%s。", strings.Join(v.texts, r.say(" or ", "或")))
	}
	return Question{Param: p.Name, Text: text, Said: v.said, Candidates: v.texts}
}

// A value is what a sentence says of a parameter: clear where it is given once,
// in one text.
type value struct {
	texts []string
	given bool
	open  bool // said, and not in a way that settles it
	said  string
}

func (v value) clear() bool { return v.given && !v.open && len(v.texts) == 1 }

func (v *value) add(w value) {
	for _, t := range w.texts {
		if !slices.Contains(v.texts, t) {
			v.texts = append(v.texts, t)
		}
	}
	v.given, v.open = v.given || w.given, v.open || w.open
	if w.said != "" && !strings.Contains(v.said, w.said) {
		v.said = strings.TrimPrefix(v.said+", "+w.said, ", ")
	}
}

// A reading is one way to read a sentence.
type reading struct {
	template string
	values   map[string]value
}

func newReading(name string, b *bound) reading {
	r := reading{name, map[string]value{}}
	for ; b != nil; b = b.before {
		v := r.values[b.param]
		v.add(b.value)
		r.values[b.param] = v
	}
	return r
}

// merge joins what all readings say of a parameter. Where only some say
// something, it is open.
func merge(param string, found []reading) (v value) {
	silent := false
	for _, f := range found {
		w, ok := f.values[param]
		silent = silent || !ok
		v.add(w)
	}
	v.open = v.open || v.given && silent
	return v
}
