package say

import (
	"fmt"
	"strings"

	"manx/escrow/template"
)

// A pattern is a template's line, compiled.
type pattern struct {
	template string
	body     node
}

// A node is a part of a pattern; exactly one field is set, and an empty one is
// nothing.
type node struct {
	seq  []node
	alt  []node
	opt  *node
	word string
	slot *slot
	set  *slot // a constant: its kind is the value
}

type slot struct{ param, kind string }

// Bounds of a pattern.
const (
	maxExpanded = 16 << 10 // bytes, after phrases are put in
	maxDepth    = 12       // of phrases in phrases, and of brackets
)

// compile reads a template's patterns. A line "name := pattern" names a phrase,
// used as <name>, or <name:x> where the phrase has @ for x. In a pattern (a|b) is
// one of several, [a] is a or nothing, {param} is the value of a parameter,
// {param:kind} another way of saying it, and "=> param=value" at the end of a
// pattern or of one of several sets a parameter.
func compile(t *template.Template) (out []pattern, err error) {
	shared := template.Shared()
	for language := range t.Says {
		phrases := map[string]string{}
		for _, l := range append(append([]string(nil), shared.Says[language]...), t.Says[language]...) {
			if name, body, ok := strings.Cut(l, " := "); ok {
				phrases[name] = body
				continue
			}
			text, err := expand(l, phrases, 0)
			if err != nil {
				return nil, wrong(l, err)
			}
			c := &compiler{t: t, text: text}
			body, err := c.alternatives("", 0)
			if err != nil {
				return nil, wrong(l, err)
			}
			out = append(out, pattern{t.Name, body})
		}
	}
	return out, nil
}

func wrong(line string, err error) error {
	return &template.Fault{English: fmt.Sprintf("the template's file: the pattern %q: %v", line, err), Han: fmt.Sprintf("模板文件：句式%q：%v", line, err)}
}

func expand(s string, phrases map[string]string, depth int) (string, error) {
	if depth > maxDepth || len(s) > maxExpanded {
		return "", fmt.Errorf("its phrases go too deep")
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "<")
		b.WriteString(before)
		if !ok {
			break
		}
		call, after, ok := strings.Cut(rest, ">")
		if !ok {
			return "", fmt.Errorf("a < has no >")
		}
		name, arg, _ := strings.Cut(call, ":")
		body, ok := phrases[name]
		if !ok {
			return "", fmt.Errorf("there is no phrase %q", name)
		}
		inner, err := expand(strings.ReplaceAll(body, "@", arg), phrases, depth+1)
		if err != nil {
			return "", err
		}
		b.WriteString("(" + inner + ")")
		if b.Len() > maxExpanded {
			return "", fmt.Errorf("it is too long")
		}
		s = after
	}
	return b.String(), nil
}

// compiler reads an expanded pattern from its beginning on.
type compiler struct {
	t    *template.Template
	text string
}

// alternatives reads up to a closing bracket, or to the end.
func (c *compiler) alternatives(end string, depth int) (node, error) {
	if depth > 4*maxDepth {
		return node{}, fmt.Errorf("its brackets go too deep")
	}
	alt, seq := []node{}, []node{}
	for {
		i := strings.IndexAny(c.text, "()[]{}|=")
		if i < 0 {
			i = len(c.text)
		}
		t, _ := scan(c.text[:i])
		for _, w := range t {
			seq = append(seq, node{word: w.text})
		}
		if i == len(c.text) {
			c.text = ""
			if end != "" {
				return node{}, fmt.Errorf("a bracket is not closed")
			}
			return node{alt: append(alt, node{seq: seq})}, nil
		}
		sign := c.text[i : i+1]
		c.text = c.text[i+1:]
		switch sign {
		case "(":
			n, err := c.alternatives(")", depth+1)
			if err != nil {
				return n, err
			}
			seq = append(seq, n)
		case "[":
			n, err := c.alternatives("]", depth+1)
			if err != nil {
				return n, err
			}
			seq = append(seq, node{opt: &n})
		case "{":
			n, err := c.slot()
			if err != nil {
				return n, err
			}
			seq = append(seq, n)
		case "|":
			alt, seq = append(alt, node{seq: seq}), nil
		case "=":
			n, err := c.constant()
			if err != nil {
				return n, err
			}
			seq = append(seq, n)
		default:
			if sign != end {
				return node{}, fmt.Errorf("a bracket is closed that is not open")
			}
			return node{alt: append(alt, node{seq: seq})}, nil
		}
	}
}

func (c *compiler) slot() (node, error) {
	call, rest, ok := strings.Cut(c.text, "}")
	if !ok {
		return node{}, fmt.Errorf("a { has no }")
	}
	c.text = rest
	name, kind, _ := strings.Cut(call, ":")
	p, ok := c.t.Param(name)
	if !ok {
		return node{}, fmt.Errorf("the template has no parameter %q", name)
	}
	if kind == "" {
		kind = string(p.Kind)
	} else if !ways[kind] {
		return node{}, fmt.Errorf("there is no way %q to say a value", kind)
	}
	return node{slot: &slot{name, kind}}, nil
}

// constant reads "> param=value" after a =.
func (c *compiler) constant() (node, error) {
	end := strings.IndexAny(c.text, ")]|")
	if end < 0 {
		end = len(c.text)
	}
	arrow, text, _ := strings.Cut(c.text[:end], " ")
	c.text = c.text[end:]
	name, v, _ := strings.Cut(strings.TrimSpace(text), "=")
	p, ok := c.t.Param(name)
	if arrow != ">" || !ok || !p.Kind.Valid(v) {
		return node{}, fmt.Errorf("after => stands a parameter and its value, such as rate=0%%")
	}
	return node{set: &slot{name, v}}, nil
}
