package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A description is the merged document, and its operations in its order.
type description struct {
	root       *yaml.Node
	operations []operation
}

// An operation is one method of one path.
type operation struct {
	id, method, path, summary string
	open                      bool // needs no session
	params                    []param
	in                        body // of the request
	out                       body // of the answer that is no problem
	streams                   bool
}

// A param is one of an operation's.
type param struct {
	name, in string // in: path, query or header
	required bool
	schema   *yaml.Node
}

// A body is what a message carries: JSON of a schema, or bytes; nothing where typ is "".
type body struct {
	typ      string
	schema   *yaml.Node
	required bool
}

func read(folder string) (*description, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("no description in %s: %w", folder, err)
	}
	slices.Sort(names)
	d := &description{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var n yaml.Node
		if err := yaml.Unmarshal(b, &n); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if d.root == nil {
			d.root = n.Content[0]
		} else if err := merge(d.root, n.Content[0]); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := d.check(d.root); err != nil {
		return nil, err
	}
	return d, d.list()
}

// merge adds what stands in one mapping to another; nothing may be said twice.
func merge(into, from *yaml.Node) error {
	for key, v := range pairs(from) {
		old := get(into, key)
		switch {
		case old == nil:
			into.Content = append(into.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, v)
		case old.Kind == yaml.MappingNode && v.Kind == yaml.MappingNode:
			if err := merge(old, v); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		default:
			return fmt.Errorf("%s is said twice", key)
		}
	}
	return nil
}

// check reports references that lead nowhere, and what a comma in a text that stands
// without quotes makes of it: a key without a value.
func (d *description) check(n *yaml.Node) error {
	for k, v := range pairs(n) {
		if v.Tag == "!!null" {
			return fmt.Errorf("%q has no value: is a text to be quoted?", k)
		}
	}
	if ref := get(n, "$ref"); ref != nil && d.at(ref.Value) == nil {
		return fmt.Errorf("%s leads nowhere", ref.Value)
	}
	for _, c := range n.Content {
		if err := d.check(c); err != nil {
			return err
		}
	}
	return nil
}

// at returns what a reference names.
func (d *description) at(ref string) *yaml.Node {
	n := d.root
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		if n = get(n, part); n == nil {
			return nil
		}
	}
	return n
}

// follow returns what a node stands for.
func (d *description) follow(n *yaml.Node) *yaml.Node {
	for n != nil && get(n, "$ref") != nil {
		n = d.at(get(n, "$ref").Value)
	}
	return n
}

// get returns the value of a mapping's key, or nil.
func get(n *yaml.Node, key string) *yaml.Node {
	for k, v := range pairs(n) {
		if k == key {
			return v
		}
	}
	return nil
}

func text(n *yaml.Node, key string) string {
	if v := get(n, key); v != nil {
		return strings.TrimSpace(v.Value)
	}
	return ""
}

// pairs visits a mapping in its order.
func pairs(n *yaml.Node) func(func(string, *yaml.Node) bool) {
	return func(yield func(string, *yaml.Node) bool) {
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i].Value, n.Content[i+1]) {
				return
			}
		}
	}
}

// list reads the operations.
func (d *description) list() error {
	seen := map[string]bool{}
	for path, item := range pairs(get(d.root, "paths")) {
		shared := get(item, "parameters")
		for method, op := range pairs(item) {
			if method == "parameters" {
				continue
			}
			o := operation{id: text(op, "operationId"), method: strings.ToUpper(method), path: path, summary: text(op, "summary")}
			if o.id == "" || seen[o.id] || o.summary == "" {
				return fmt.Errorf("%s %s has no operationId of its own, or no summary", method, path)
			}
			seen[o.id] = true
			security := get(op, "security")
			o.open = security != nil && len(security.Content) == 0
			for _, list := range []*yaml.Node{shared, get(op, "parameters")} {
				if list == nil {
					continue
				}
				for _, p := range list.Content {
					p = d.follow(p)
					o.params = append(o.params, param{text(p, "name"), text(p, "in"), text(p, "required") == "true", get(p, "schema")})
				}
			}
			o.in = d.body(get(op, "requestBody"))
			for status, r := range pairs(get(op, "responses")) {
				if strings.HasPrefix(status, "2") && o.out.typ == "" {
					o.out = d.body(r)
				}
			}
			o.streams = o.out.typ == "text/event-stream"
			d.operations = append(d.operations, o)
		}
	}
	return nil
}

// body reads the first content of a request or an answer.
func (d *description) body(n *yaml.Node) (b body) {
	n = d.follow(n)
	for typ, m := range pairs(get(n, "content")) {
		return body{typ, get(m, "schema"), text(n, "required") == "true"}
	}
	return b
}

// document writes the merged description as JSON, in its order.
func document(n *yaml.Node) []byte {
	var b bytes.Buffer
	write(&b, n)
	var out bytes.Buffer
	_ = json.Indent(&out, b.Bytes(), "", " ") // what write wrote
	out.WriteByte('\n')
	return out.Bytes()
}

func write(b *bytes.Buffer, n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		first := true
		for k, v := range pairs(n) {
			if !first {
				b.WriteByte(',')
			}
			first = false
			quote(b, k)
			b.WriteByte(':')
			write(b, v)
		}
		b.WriteByte('}')
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, v := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			write(b, v)
		}
		b.WriteByte(']')
	default:
		switch n.Tag {
		case "!!int", "!!float", "!!bool":
			b.WriteString(n.Value)
		case "!!null":
			b.WriteString("null")
		default:
			quote(b, n.Value)
		}
	}
}

func quote(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always can be
	b.Truncate(b.Len() - 1)
}
