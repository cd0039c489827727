package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"manx/ledger"
)

// sayCard writes a model's card for people: every field it has, in order of
// name, lists one a line.
func sayCard(w io.Writer, m ledger.Model, card json.RawMessage) {
	fmt.Fprintf(w, "model\t%s\nowner\t%s\nhash\t%s\nplan\t%s\n", m.ID, m.Owner, m.Hash, m.PlanHash)
	var fields map[string]any
	if json.Unmarshal(card, &fields) != nil {
		return
	}
	names := make([]string, 0, len(fields))
	for n := range fields {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		sayField(w, strings.ReplaceAll(n, "_", " "), fields[n])
	}
}

func sayField(w io.Writer, name string, v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			sayField(w, name, e)
		}
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(func(yield func(string) bool) {
			for k := range v {
				if !yield(k) {
					return
				}
			}
		}) {
			parts = append(parts, fmt.Sprintf("%s: %v", strings.ReplaceAll(k, "_", " "), v[k]))
		}
		fmt.Fprintf(w, "%s\t%s\n", name, strings.Join(parts, "; "))
	default:
		fmt.Fprintf(w, "%s\t%v\n", name, v)
	}
}
