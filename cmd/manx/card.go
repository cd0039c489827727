package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"manx/ledger"
)

// sayCard writes a model's card for people: every field it has, in order of
// name, lists one a line.
func sayCard(w io.Writer, m ledger.Model, card json.RawMessage) {
	fmt.Fprintf(w, "model\t%s\nowner\t%s\nhash\t%s\nplan\t%s\n", m.ID, m.Owner, m.Hash, m.PlanHash)
	if !m.Limit.IsZero() {
		fmt.Fprintf(w, "limit\t%d calls of one asker in %s\n", m.Limit.Calls, time.Duration(m.Limit.Within)*time.Second)
	}
	for _, s := range m.Shares {
		fmt.Fprintf(w, "shared\t%g%% of what it earns: %s\n", float64(s.Parts)/100, s.To)
	}
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

// sayField writes a field: an entry of a list, and what lies inside one, on a line of
// its own.
func sayField(w io.Writer, name string, v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			sayField(w, name, e)
		}
	case map[string]any:
		var parts []string
		var deeper []string
		for _, k := range slices.SortedFunc(maps.Keys(v), byUse) {
			switch x := v[k].(type) {
			case []any:
				if plainList(x) {
					parts = append(parts, fmt.Sprintf("%s: %s", strings.ReplaceAll(k, "_", " "), strings.Trim(fmt.Sprint(x), "[]")))
					continue
				}
				deeper = append(deeper, k)
			case map[string]any:
				deeper = append(deeper, k)
			default:
				parts = append(parts, fmt.Sprintf("%s: %v", strings.ReplaceAll(k, "_", " "), x))
			}
		}
		if parts != nil {
			fmt.Fprintf(w, "%s\t%s\n", name, strings.Join(parts, "; "))
		}
		for _, k := range deeper {
			sayField(w, name+" "+strings.ReplaceAll(k, "_", " "), v[k])
		}
	default:
		fmt.Fprintf(w, "%s\t%v\n", name, v)
	}
}

// byUse orders the fields of an entry: what it is called and what it is come first.
func byUse(a, b string) int {
	first := []string{"name", "meaning", "version", "value"}
	rank := func(s string) int {
		if i := slices.Index(first, s); i >= 0 {
			return i
		}
		return len(first)
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
}

// plainList reports whether a list holds no objects.
func plainList(l []any) bool {
	return !slices.ContainsFunc(l, func(e any) bool {
		switch e.(type) {
		case []any, map[string]any:
			return true
		}
		return false
	})
}
