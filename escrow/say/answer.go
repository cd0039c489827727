package say

import (
	"strings"

	"manx/escrow/tell"
	"manx/escrow/template"
)

// Answer reads what is answered when a parameter is asked for: a value as
// sentences say it ("two weeks", "放射科医生"), where an amount needs no unit, or
// as templates take it ("2w"). What does not settle the parameter is asked again,
// with the readings or what such a value looks like.
func (g *Grammar) Answer(p template.Param, language tell.Language, text string, names []string) (string, *Question) {
	text = strings.TrimSpace(text)
	r, v := Result{Language: language}, value{}
	for _, s := range []string{text, text + " MAN"} {
		if len([]rune(s)) > MaxSentence {
			break
		}
		tokens, _ := scan(s)
		m := &matcher{tokens: tokens, words: g.words, names: g.named(names)}
		for _, f := range m.slot(string(p.Kind), 0) {
			if f.end == len(tokens) {
				v.add(f.value)
			}
		}
		if v.clear() {
			return v.texts[0], nil
		}
		if p.Kind != template.Amount || strings.Contains(strings.ToLower(text), "man") {
			break
		}
		if s == text {
			v = value{}
		}
	}
	if !v.given && p.Kind.Valid(text) {
		return text, nil
	}
	if v.said = ""; text != "" {
		v.said = first(text)
	}
	q := r.question(p, v)
	return "", &q
}
