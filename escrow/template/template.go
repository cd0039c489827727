// Package template makes terms out of templates. A template is one file of data:
// its parameters, its words in English and Chinese, the sentences that ask for it
// (package escrow/say), and its terms, written as a Go text/template over the
// parameters that yields clauses with labels. No template has code of its own.
//
// Filling is bounded and deterministic: the same values and the same start give
// the same terms. Terms are not sound because their template is; the checker
// looks at the filled ones.
package template

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	gotemplate "text/template"
)

// Bounds of a template's file.
const (
	MaxFile   = 16 << 10 // bytes
	maxParams = 24
	maxLine   = 1000 // bytes of a sentence's pattern
)

// A Template is a template's file, read.
type Template struct {
	Name    string               `json:"name"`
	Title   [2]string            `json:"title"`   // English, Chinese
	Example [2]string            `json:"example"` // a sentence that asks for it
	Params  []Param              `json:"params"`
	Words   map[string][2]string `json:"words"` // of roles, choices, pots, facts and outcomes
	Says    [2][]string          `json:"-"`     // patterns of sentences
	terms   *gotemplate.Template
}

// A Param is what terms depend on.
type Param struct {
	Name    string    `json:"name"`
	Kind    Kind      `json:"kind"`
	About   [2]string `json:"about"` // what it is, for who is asked for it
	Default string    `json:"default,omitempty"`
	Maybe   bool      `json:"maybe,omitempty"` // terms can do without
}

// Param returns a parameter by its name.
func (t *Template) Param(name string) (Param, bool) {
	i := slices.IndexFunc(t.Params, func(p Param) bool { return p.Name == name })
	if i < 0 {
		return Param{}, false
	}
	return t.Params[i], true
}

// A Fault is what is wrong with a template or a value, in both languages. Param
// names the parameter, where it is one's.
type Fault struct {
	Param   string
	English string
	Han     string
}

// Error tells the fault in English.
func (f *Fault) Error() string {
	if f.Param == "" {
		return f.English
	}
	return f.Param + ": " + f.English
}

// Chinese tells the fault in Chinese.
func (f *Fault) Chinese() string {
	if f.Param == "" {
		return f.Han
	}
	return f.Param + "：" + f.Han
}

func malformed(en, zh string, args ...any) error {
	return &Fault{English: "the template's file: " + fmt.Sprintf(en, args...), Han: "模板文件：" + fmt.Sprintf(zh, args...)}
}

// Parse reads a template's file: sections "== template ==" (JSON: name, title,
// example, params, words), "== en ==" and "== zh ==" (patterns of sentences, one a line)
// and "== terms ==". A line before the first section, or one of the sentences
// that begins with #, is a comment.
func Parse(b []byte) (*Template, error) {
	if len(b) > MaxFile {
		return nil, malformed("it is longer than %d bytes", "超过%d字节", MaxFile)
	}
	parts := sections(string(b))
	t := &Template{}
	d := json.NewDecoder(strings.NewReader(parts["template"]))
	d.DisallowUnknownFields()
	if err := d.Decode(t); err != nil {
		return nil, malformed("its section “template” is not JSON of name, title, example, params and words (%v)", "“template”一节不是含name、title、example、params、words的JSON（%v）", err)
	}
	if err := t.outline(); err != nil {
		return nil, err
	}
	for language, name := range []string{"en", "zh"} {
		t.Says[language] = lines(parts[name])
		for _, l := range t.Says[language] {
			if len(l) > maxLine {
				return nil, malformed("a pattern is longer than %d bytes", "句式超过%d字节", maxLine)
			}
		}
	}
	var err error
	if t.terms, err = parseTerms(parts["terms"]); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Template) outline() error {
	switch {
	case !word(t.Name):
		return malformed("its name is small letters, digits and hyphens", "名称只含小写字母、数字和连字符")
	case t.Title[0] == "" || t.Title[1] == "" || len(t.Title[0]) > 80 || len(t.Title[1]) > 80:
		return malformed("it has a title in English and in Chinese, of at most 80 bytes each", "须有中英文标题，各不超过80字节")
	case len(t.Params) == 0 || len(t.Params) > maxParams:
		return malformed("it has 1 to %d parameters", "参数须为1至%d个", maxParams)
	}
	for i, p := range t.Params {
		if !word(p.Name) || strings.Contains(p.Name, "-") || !p.Kind.valid() || p.About[0] == "" || p.About[1] == "" ||
			slices.ContainsFunc(t.Params[:i], func(q Param) bool { return q.Name == p.Name }) {
			return malformed("parameter %q has a name of its own in letters and digits, a kind, and what it is in both languages", "参数%q须有唯一名称、类型和中英文说明", p.Name)
		}
	}
	return nil
}

// word reports whether s is a name as templates write them.
func word(s string) bool {
	for i, r := range s {
		if !(r >= 'a' && r <= 'z' || i > 0 && (r >= '0' && r <= '9' || r == '-' || r == '_')) {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// sections splits a file at lines such as "== en ==".
func sections(s string) map[string]string {
	out, name := map[string]string{}, ""
	for l := range strings.Lines(strings.ReplaceAll(s, "\r\n", "\n")) {
		if x := strings.TrimSpace(l); strings.HasPrefix(x, "== ") && strings.HasSuffix(x, " ==") && len(x) > 6 {
			name = strings.TrimSpace(x[3 : len(x)-3])
			continue
		}
		if name != "" {
			out[name] += l
		}
	}
	return out
}

func lines(s string) (out []string) {
	for l := range strings.Lines(s) {
		if l = strings.TrimSpace(l); l != "" && l[0] != '#' {
			out = append(out, l)
		}
	}
	return out
}

//go:embed files/*.escrow files/common.txt
var files embed.FS

// all reads the templates and the words that come with the package, once.
var all = sync.OnceValue(func() (l library) {
	l.templates = map[string]*Template{}
	b, err := files.ReadFile("files/common.txt")
	if err == nil {
		l.Common, err = parseCommon(b)
	}
	names, _ := fs.Glob(files, "files/*.escrow")
	for _, n := range names {
		b, err2 := files.ReadFile(n)
		if err2 != nil {
			panic(err2)
		}
		t, err2 := Parse(b)
		if err2 != nil {
			panic(fmt.Sprintf("%s: %v", n, err2))
		}
		l.templates[t.Name] = t
	}
	if err != nil {
		panic(err) // the package's own file
	}
	return l
})

type library struct {
	Common
	templates map[string]*Template
}

// Named returns one of the templates that come with the package.
func Named(name string) (*Template, bool) {
	t, ok := all().templates[name]
	return t, ok
}

// Words returns the words of all templates that come with the package, by which
// contracts made from them are told. They agree with each other, and no two are
// told alike. Words of other files are not used: whoever is sent a contract would
// not have them.
func Words() map[string][2]string {
	out := map[string][2]string{}
	for _, n := range Names() {
		t, _ := Named(n)
		maps.Copy(out, t.words())
	}
	return out
}

// words are the common words and the template's.
func (t *Template) words() map[string][2]string {
	out := map[string][2]string{}
	for _, all := range [][]Word{Shared().Roles, Shared().Told, Shared().Facts} {
		for _, w := range all {
			out[w.Name] = [2]string{w.Forms[0][0], w.Forms[1][0]}
		}
	}
	maps.Copy(out, t.Words)
	return out
}

// Names lists the templates that come with the package.
func Names() []string { return slices.Sorted(maps.Keys(all().templates)) }

// Common is what every template may use: words for parties and facts, and
// phrases of sentences.
type Common struct {
	Roles, Facts []Word
	Told         []Word      // that sentences do not say: pots, choices, outcomes, parties
	Says         [2][]string // phrases, as lines of patterns
}

// A Word is a role or a fact, with its forms in both languages; the first forms
// are those it is told by.
type Word struct {
	Name  string
	Forms [2][]string
}

// Shared returns the common words and phrases.
func Shared() Common { return all().Common }

// RoleNamed returns the name of a role by one of its words in either language, or
// the word itself.
func RoleNamed(w string) string {
	if w == "我" {
		return "me"
	}
	for _, r := range Shared().Roles {
		if slices.Contains(r.Forms[0], w) || slices.Contains(r.Forms[1], w) {
			return r.Name
		}
	}
	return w
}

func parseCommon(b []byte) (c Common, err error) {
	parts := sections(string(b))
	for name, to := range map[string]*[]Word{"roles": &c.Roles, "told": &c.Told, "facts": &c.Facts} {
		for _, l := range lines(parts[name]) {
			f := strings.Split(l, "|")
			if len(f) != 3 {
				return c, fmt.Errorf("a word is NAME | English | Chinese: %q", l)
			}
			w := Word{Name: strings.TrimSpace(f[0])}
			for i := range w.Forms {
				for _, s := range strings.Split(f[i+1], ",") {
					w.Forms[i] = append(w.Forms[i], strings.TrimSpace(s))
				}
			}
			*to = append(*to, w)
		}
	}
	c.Says = [2][]string{lines(parts["en"]), lines(parts["zh"])}
	return c, nil
}

// limited is a buffer that refuses more than a template may write.
type limited struct{ bytes.Buffer }

const maxText = 256 << 10 // bytes of labelled clauses

func (l *limited) Write(b []byte) (int, error) {
	if l.Len()+len(b) > maxText {
		return 0, malformed("it makes more than %d bytes of terms", "生成的条款超过%d字节", maxText)
	}
	return l.Buffer.Write(b)
}
