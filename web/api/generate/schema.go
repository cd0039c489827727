package main

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// A shape is what both languages need to know of a schema.
type shape struct {
	ref    string // the name of a schema, where it is one
	kind   string // string, integer, number, boolean, bytes, list, map, object, any
	items  *yaml.Node
	fields []field
	enum   []string
}

// A field is one property of an object.
type field struct {
	name     string
	required bool
	schema   *yaml.Node
	doc      string
}

// shapeOf reads a schema. A reference stays one.
func shapeOf(n *yaml.Node) shape {
	if n == nil {
		return shape{kind: "any"}
	}
	if ref := text(n, "$ref"); ref != "" {
		return shape{ref: ref[strings.LastIndex(ref, "/")+1:]}
	}
	typ := text(n, "type")
	if t := get(n, "type"); t != nil && t.Kind == yaml.SequenceNode {
		typ = t.Content[0].Value // the other is null
	}
	s := shape{kind: typ}
	if e := get(n, "enum"); e != nil {
		for _, v := range e.Content {
			s.enum = append(s.enum, v.Value)
		}
	}
	switch {
	case typ == "":
		s.kind = "any"
	case text(n, "contentEncoding") == "base64":
		s.kind = "bytes"
	case typ == "array":
		s.kind, s.items = "list", get(n, "items")
	case typ == "object" && get(n, "properties") == nil:
		s.kind = "any"
		if more := get(n, "additionalProperties"); more != nil && more.Kind == yaml.MappingNode {
			s.kind, s.items = "map", more
		}
	case typ == "object":
		required := map[string]bool{}
		if r := get(n, "required"); r != nil {
			for _, v := range r.Content {
				required[v.Value] = true
			}
		}
		for name, p := range pairs(get(n, "properties")) {
			s.fields = append(s.fields, field{name, required[name], p, text(p, "description")})
		}
	}
	return s
}

// camel joins the words of a name: expected_wait_seconds is ExpectedWaitSeconds.
func camel(name string) string {
	var b strings.Builder
	for _, w := range strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' }) {
		switch w {
		case "id", "url", "cid":
			b.WriteString(strings.ToUpper(w))
		default:
			b.WriteString(strings.ToUpper(w[:1]) + w[1:])
		}
	}
	return b.String()
}

// lower begins a name with a small letter.
func lower(name string) string { return strings.ToLower(name[:1]) + name[1:] }
