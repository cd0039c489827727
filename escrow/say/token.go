package say

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"manx/escrow/tell"
)

// A token is a word, a number, an id, one Chinese character, or a sign that is
// none of these. Commas, full stops, colons and semicolons between tokens say
// nothing and are dropped.
type token struct {
	text   string // small letters
	raw    string
	before string // what stands before it
}

// narrow turns full-width forms into plain ones.
func narrow(r rune) rune {
	switch {
	case r >= '！' && r <= '～':
		return r - 0xFEE0
	case r == '\u3000':
		return ' '
	case r == '。':
		return '.'
	case r == '、':
		return ','
	}
	return r
}

var shapes = []*regexp.Regexp{ //nolint:gochecknoglobals // compiled once, never changed
	regexp.MustCompile(`^\d{1,4}/\d{1,2}/\d{1,4}`), regexp.MustCompile(`^\d{4}-\d{2}-\d{2}`),
	regexp.MustCompile(`^\d{1,2}(st|nd|rd|th)\b`), regexp.MustCompile(`^\d[\d,.]*\d|^\d`),
	regexp.MustCompile(`^[\p{L}][\p{L}\p{M}\d_'’.-]*`),
}

// scan splits a text into tokens, and tells its language: Chinese, where most
// of them are Chinese characters.
func scan(s string) (out []token, language tell.Language) {
	s = strings.Map(narrow, s)
	han, before := 0, ""
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case unicode.IsSpace(r) || strings.ContainsRune(",.;:", r):
			before += s[:n]
			s = s[n:]
			continue
		case unicode.Is(unicode.Han, r):
			han++
		default:
			for _, x := range shapes {
				if l := len(x.FindString(s)); l > 0 {
					n = l
					break
				}
			}
			if i := strings.IndexFunc(s[:n], func(r rune) bool { return unicode.Is(unicode.Han, r) }); i > 0 {
				n = i
			}
			if l := len(strings.TrimRight(s[:n], "'’.-")); l > 0 {
				n = l
			}
		}
		out = append(out, token{strings.ToLower(s[:n]), s[:n], before})
		s, before = s[n:], ""
	}
	if 2*han > len(out) {
		language = tell.Chinese
	}
	return out, language
}

func words(t []token) (out []string) {
	for _, x := range t {
		out = append(out, x.text)
	}
	return out
}
