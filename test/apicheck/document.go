// Package apicheck holds requests and answers of a node's interface against its
// description, web/api/openapi.json: a handler for tests that stands before the real
// one. It is the only door to a validator of JSON Schema, and for tests only.
package apicheck

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A Document is the description, ready to be held against.
type Document struct {
	Operations []*Operation
}

// An Operation is one method of one path.
type Operation struct {
	Method, Path, ID string
	Open             bool     // needs no session
	Optional         bool     // needs none for some of its parameters
	Staff            []string // roles of staff that come here
	Idempotent       string   // why a POST may be sent again
	Params           []Param

	pattern *regexp.Regexp
	bodies  map[string]*jsonschema.Schema // of requests, by media type; nil: any bytes
	must    bool                          // a request has a body
	answers map[string]answer             // by status, or "default"
	data    *jsonschema.Schema            // of events in a stream
}

// A Param is a parameter of an operation.
type Param struct {
	Name, In string
	required bool
	number   bool
	schema   *jsonschema.Schema
}

type answer struct {
	bodies  map[string]*jsonschema.Schema
	headers map[string]*jsonschema.Schema
	numbers map[string]bool // headers that are whole numbers
}

const at = "mem:///openapi.json"

// Load reads the description once.
var Load = sync.OnceValues(load)

func load() (*Document, error) {
	_, here, _, _ := runtime.Caller(0)
	b, err := os.ReadFile(filepath.Join(filepath.Dir(here), "..", "..", "web", "api", "openapi.json"))
	if err != nil {
		return nil, err
	}
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	l := &loader{root: root, compiler: jsonschema.NewCompiler()}
	l.compiler.DefaultDraft(jsonschema.Draft2020)
	l.compiler.AssertFormat()
	if err := l.compiler.AddResource(at, root); err != nil {
		return nil, err
	}
	paths, _ := l.get("#", "paths")
	d := &Document{}
	for _, path := range keys(paths) {
		item, _ := paths.(map[string]any)[path].(map[string]any)
		for _, method := range keys(item) {
			if method == "parameters" {
				continue
			}
			o, err := l.operation(path, method, item)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			d.Operations = append(d.Operations, o)
		}
	}
	// Of two that fit a path the one with fewer parameters is meant.
	slices.SortStableFunc(d.Operations, func(a, b *Operation) int { return strings.Count(a.Path, "{") - strings.Count(b.Path, "{") })
	return d, nil
}

type loader struct {
	root     any
	compiler *jsonschema.Compiler
}

func keys(v any) []string {
	m, _ := v.(map[string]any)
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func escape(s string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(s) }

// get returns what stands under a key of what a pointer names, and where that is once
// references are followed.
func (l *loader) get(pointer, key string) (any, string) {
	v, pointer := l.follow(pointer)
	m, _ := v.(map[string]any)
	if m == nil || m[key] == nil {
		return nil, ""
	}
	return l.follow(pointer + "/" + escape(key))
}

func (l *loader) follow(pointer string) (any, string) {
	v := l.root
	for _, part := range strings.Split(pointer, "/")[1:] {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch t := v.(type) {
		case map[string]any:
			v = t[part]
		case []any:
			var i int
			if _, err := fmt.Sscan(part, &i); err != nil || i >= len(t) {
				return nil, pointer
			}
			v = t[i]
		}
	}
	if m, ok := v.(map[string]any); ok {
		if ref, ok := m["$ref"].(string); ok {
			return l.follow(ref)
		}
	}
	return v, pointer
}

func (l *loader) schema(pointer string) (*jsonschema.Schema, error) {
	return l.compiler.Compile(at + pointer)
}

func (l *loader) operation(path, method string, item map[string]any) (*Operation, error) {
	here := "#/paths/" + escape(path) + "/" + method
	op, _ := item[method].(map[string]any)
	o := &Operation{Method: strings.ToUpper(method), Path: path, answers: map[string]answer{}}
	o.ID, _ = op["operationId"].(string)
	o.Idempotent, _ = op["x-idempotent"].(string)
	if s, ok := op["security"].([]any); ok {
		o.Open = len(s) == 0
		o.Optional = slices.ContainsFunc(s, func(v any) bool { m, _ := v.(map[string]any); return len(m) == 0 })
	}
	if roles, ok := op["x-staff"].([]any); ok {
		for _, r := range roles {
			o.Staff = append(o.Staff, fmt.Sprint(r))
		}
		slices.Sort(o.Staff)
	}
	o.pattern = regexp.MustCompile("^" + regexp.MustCompile(`\\\{([a-z]+)\\\}`).ReplaceAllString(regexp.QuoteMeta(path), `(?P<$1>[^/]+)`) + "$")
	if data, ok := op["x-data"].(string); ok {
		var err error
		if o.data, err = l.schema(data); err != nil {
			return nil, err
		}
	}
	for _, list := range []string{"#/paths/" + escape(path), here} {
		params, where := l.get(list, "parameters")
		many, _ := params.([]any)
		for i := range many {
			if err := l.param(o, fmt.Sprintf("%s/%d", where, i)); err != nil {
				return nil, err
			}
		}
	}
	if body, where := l.get(here, "requestBody"); body != nil {
		b, _ := body.(map[string]any)
		o.must, _ = b["required"].(bool)
		var err error
		if o.bodies, err = l.bodies(where); err != nil {
			return nil, err
		}
	}
	responses, _ := l.get(here, "responses")
	for _, status := range keys(responses) {
		_, where := l.get(here+"/responses", status)
		a := answer{headers: map[string]*jsonschema.Schema{}, numbers: map[string]bool{}}
		var err error
		if a.bodies, err = l.bodies(where); err != nil {
			return nil, err
		}
		headers, _ := l.get(where, "headers")
		for _, name := range keys(headers) {
			_, h := l.get(where+"/headers", name)
			if a.headers[name], err = l.schema(h + "/schema"); err != nil {
				return nil, err
			}
			a.numbers[name] = l.number(h + "/schema")
		}
		o.answers[status] = a
	}
	return o, nil
}

func (l *loader) param(o *Operation, pointer string) error {
	v, where := l.follow(pointer)
	m, _ := v.(map[string]any)
	p := Param{}
	p.Name, _ = m["name"].(string)
	p.In, _ = m["in"].(string)
	p.required, _ = m["required"].(bool)
	p.number = l.number(where + "/schema")
	var err error
	p.schema, err = l.schema(where + "/schema")
	o.Params = append(o.Params, p)
	return err
}

func (l *loader) number(pointer string) bool {
	v, _ := l.follow(pointer)
	m, _ := v.(map[string]any)
	return m["type"] == "integer"
}

func (l *loader) bodies(pointer string) (map[string]*jsonschema.Schema, error) {
	content, where := l.get(pointer, "content")
	out := map[string]*jsonschema.Schema{}
	for _, typ := range keys(content) {
		s, at := l.get(where+"/"+escape(typ), "schema")
		if s == nil {
			out[typ] = nil
			continue
		}
		var err error
		if out[typ], err = l.schema(at); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func decode(b []byte) (any, error) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err == nil {
		var one json.RawMessage
		err = json.Unmarshal(b, &one) // one value alone
	}
	return v, err
}
