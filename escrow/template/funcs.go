package template

import (
	"fmt"
	"strings"
	gotemplate "text/template"
	"text/template/parse"

	"manx/ledger"
)

// functions are what a template's terms may call, besides and, or, not, eq, ne,
// lt, le, gt, ge, len and index. All are exact; divisions round down, and pieces
// add up to the whole.
func functions(start ledger.Time) gotemplate.FuncMap {
	return gotemplate.FuncMap{
		// Times.
		"at":    func(s Span, n int) ledger.Time { return s.Times(n).After(start) }, // n times s from the start
		"plus":  func(t ledger.Time, s Span) ledger.Time { return s.After(t) },
		"spans": func(s Span, n int) Span { return s.Times(n) },
		"part": func(t ledger.Time, a, b int) (ledger.Time, error) { // the moment a/b of the way to t
			if b <= 0 {
				return 0, fmt.Errorf("part of nothing")
			}
			return start + (t-start)*ledger.Time(a)/ledger.Time(b), nil
		},
		// Counts.
		"upto": func(n int) ([]int, error) {
			if n < 0 || n > MaxCount {
				return nil, malformed("it repeats more than %d times", "重复超过%d次", MaxCount)
			}
			out := make([]int, n)
			for i := range out {
				out[i] = i
			}
			return out, nil
		},
		"inc": func(n int) int { return n + 1 },
		"dec": func(n int) int { return n - 1 },
		// Amounts.
		"sum": func(a, b ledger.Amount) (ledger.Amount, error) { return a.Add(b) },
		"times": func(a ledger.Amount, n int) (sum ledger.Amount, err error) {
			for range min(n, MaxCount) {
				if sum, err = sum.Add(a); err != nil {
					return sum, err
				}
			}
			return sum, nil
		},
		"percent": func(a ledger.Amount, p int) (ledger.Amount, error) {
			if p < 0 || p > 10_000 {
				return a, fmt.Errorf("a percentage out of range")
			}
			return a.Part(uint32(p), 10_000), nil
		},
		"piece": func(a ledger.Amount, i, n int) (ledger.Amount, error) { return pieces(a, i, i+1, n) },
		"first": func(a ledger.Amount, i, n int) (ledger.Amount, error) { return pieces(a, 0, i, n) },
		"rest":  func(a ledger.Amount, i, n int) (ledger.Amount, error) { return pieces(a, i, n, n) },
		// Lists, and what does not fit together.
		"join": func(l []string) string { return strings.Join(l, ",") },
		"fail": func(param, en, zh string) (string, error) { return "", &Fault{param, en, zh} },
	}
}

// pieces returns pieces i to j-1 of n equal ones, rounded so that all n are a.
func pieces(a ledger.Amount, i, j, n int) (ledger.Amount, error) {
	if i < 0 || j < i || n < j || n < 1 || n > MaxCount {
		return a, fmt.Errorf("piece %d to %d of %d", i, j, n)
	}
	return a.Part(uint32(j), uint32(n)).Sub(a.Part(uint32(i), uint32(n)))
}

// parseTerms reads a template's terms, and refuses what could run long: named
// templates, loops over anything but a parameter or upto, loops inside loops
// inside loops, and functions that are not listed.
func parseTerms(text string) (*gotemplate.Template, error) {
	if strings.TrimSpace(text) == "" {
		return nil, malformed("it has no section “terms”", "缺少“terms”一节")
	}
	t, err := gotemplate.New("terms").Funcs(functions(0)).Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, malformed("its terms: %v", "条款：%v", err)
	}
	if len(t.Templates()) > 1 {
		return nil, malformed("its terms define templates of their own", "条款不得定义子模板")
	}
	if t.Tree == nil || t.Root == nil {
		return nil, malformed("it has no section “terms”", "缺少“terms”一节")
	}
	if err := bounded(t.Root, 0); err != nil {
		return nil, err
	}
	return t, nil
}

var builtins = map[string]bool{"and": true, "or": true, "not": true, "eq": true, "ne": true, "lt": true, "le": true, "gt": true, "ge": true, "len": true, "index": true}

func bounded(n parse.Node, loops int) error {
	var inside []parse.Node
	switch x := n.(type) {
	case *parse.ListNode:
		if x != nil {
			inside = x.Nodes
		}
	case *parse.ActionNode:
		inside = []parse.Node{x.Pipe}
	case *parse.IfNode:
		inside = []parse.Node{x.Pipe, x.List, x.ElseList}
	case *parse.RangeNode:
		if loops++; loops > 2 || len(x.Pipe.Cmds) != 1 || !loopable(x.Pipe.Cmds[0].Args) {
			return malformed("its terms may repeat over a parameter or upto, two deep", "条款只能对参数或upto重复，至多两层")
		}
		inside = []parse.Node{x.Pipe, x.List, x.ElseList}
	case *parse.PipeNode:
		for _, c := range x.Cmds {
			inside = append(inside, c.Args...)
		}
	case *parse.IdentifierNode:
		if _, ok := functions(0)[x.Ident]; !ok && !builtins[x.Ident] {
			return malformed("its terms call %q, which templates may not", "条款不得调用%q", x.Ident)
		}
	case *parse.TextNode, *parse.CommentNode, *parse.FieldNode, *parse.VariableNode, *parse.NumberNode, *parse.StringNode, *parse.NilNode, *parse.BoolNode:
	default:
		return malformed("its terms use %s, which templates may not", "条款不得使用%s", n.String())
	}
	for _, m := range inside {
		if l, ok := m.(*parse.ListNode); ok && l == nil {
			continue
		}
		if err := bounded(m, loops); err != nil {
			return err
		}
	}
	return nil
}

func loopable(args []parse.Node) bool {
	switch x := args[0].(type) {
	case *parse.FieldNode:
		return len(args) == 1 && len(x.Ident) == 1
	case *parse.VariableNode: // $.param
		return len(args) == 1 && len(x.Ident) == 2 && x.Ident[0] == "$"
	case *parse.IdentifierNode:
		return x.Ident == "upto"
	}
	return false
}
