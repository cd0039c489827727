package main

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// typescript writes the TypeScript client over web/ui/src/api/call.ts.
func typescript(d *description) []byte {
	var t strings.Builder
	fmt.Fprintf(&t, "// %s\nimport { segment, type Answer, type Call } from \"./call\";\n\n", madeBy)
	for name, n := range pairs(d.at("#/components/schemas")) {
		if doc := text(n, "description"); doc != "" {
			fmt.Fprintf(&t, "/** %s */\n", strings.Join(strings.Fields(doc), " "))
		}
		fmt.Fprintf(&t, "export type %s = %s;\n", name, tsType(n, "  "))
	}
	t.WriteString("\n/** One method for each operation of the interface. */\nexport class Client {\n  constructor(private readonly call: Call) {}\n")
	for _, o := range d.operations {
		if strings.HasPrefix(o.path, "/v1/") && !strings.HasPrefix(o.path, "/v1/reference") {
			tsOperation(&t, o)
		}
	}
	t.WriteString("}\n")
	return []byte(t.String())
}

// tsType returns a schema's type; fields of objects stand one a line, indented.
func tsType(n *yaml.Node, indent string) string {
	s := shapeOf(n)
	null := ""
	if t := get(n, "type"); t != nil && t.Kind == yaml.SequenceNode {
		null = " | null"
	}
	switch {
	case s.ref != "":
		return s.ref
	case len(s.enum) > 0:
		return `"` + strings.Join(s.enum, `" | "`) + `"`
	}
	switch s.kind {
	case "string", "bytes":
		return "string" + null
	case "integer", "number":
		return "number" + null
	case "boolean":
		return "boolean"
	case "list":
		inside := tsType(s.items, indent)
		if strings.Contains(inside, "|") {
			inside = "(" + inside + ")"
		}
		return inside + "[]" + null
	case "map":
		return "Record<string, " + tsType(s.items, indent) + ">" + null
	case "object":
		var b strings.Builder
		b.WriteString("{\n")
		for _, f := range s.fields {
			if f.doc != "" {
				fmt.Fprintf(&b, "%s/** %s */\n", indent, strings.Join(strings.Fields(f.doc), " "))
			}
			opt := "?"
			if f.required {
				opt = ""
			}
			fmt.Fprintf(&b, "%s%s%s: %s;\n", indent, f.name, opt, tsType(f.schema, indent+"  "))
		}
		b.WriteString(indent[2:] + "}")
		return b.String()
	}
	return "unknown"
}

func tsOperation(t *strings.Builder, o operation) {
	var args, more, query, headers []string
	path := o.path
	for _, p := range o.params {
		typ := tsType(p.schema, "  ")
		switch p.in {
		case "path":
			args = append(args, p.name+": "+typ)
			path = strings.Replace(path, "{"+p.name+"}", "${segment("+p.name+")}", 1)
			continue
		case "query":
			query = append(query, fmt.Sprintf("%s: p.%s", p.name, p.name))
			more = append(more, fmt.Sprintf("%s?: %s", p.name, typ))
		default:
			headers = append(headers, fmt.Sprintf("%q: p.%s", p.name, lower(camel(p.name))))
			more = append(more, lower(camel(p.name))+"?: string")
		}
	}
	fields := []string{fmt.Sprintf("method: %q", o.method), "path: `" + path + "`", fmt.Sprintf("open: %t", o.open)}
	switch {
	case o.in.typ == "application/json" && o.in.required:
		args = append(args, "body: "+tsType(o.in.schema, "    "))
		fields = append(fields, "json: body")
	case o.in.typ != "" && o.in.typ != "application/json":
		args = append(args, "body: Uint8Array<ArrayBuffer>")
		fields = append(fields, "bytes: body")
	}
	if len(more) > 0 {
		args = append(args, "p: { "+strings.Join(more, "; ")+" } = {}")
	}
	if len(query) > 0 {
		fields = append(fields, "query: { "+strings.Join(query, ", ")+" }")
	}
	if len(headers) > 0 {
		fields = append(fields, "headers: { "+strings.Join(headers, ", ")+" }")
	}
	var result, as string
	switch {
	case o.streams:
		result, as = "ReadableStream<Uint8Array>", "stream"
	case o.out.typ == "application/json":
		result, as = tsType(o.out.schema, "    "), "json"
	case o.out.typ == "":
		result, as = "null", "nothing"
	default:
		result, as = "Uint8Array", "bytes"
	}
	fields = append(fields, fmt.Sprintf("as: %q", as))
	fmt.Fprintf(t, "\n  /** %s. %s %s */\n  %s(%s): Promise<Answer<%s>> {\n    return this.call({ %s }) as Promise<Answer<%s>>;\n  }\n",
		strings.TrimSuffix(o.summary, "."), o.method, o.path, o.id, strings.Join(args, ", "), result, strings.Join(fields, ", "), result)
}
