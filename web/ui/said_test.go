package ui

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// quiet are packages of the modules whose notices no page of the portal comes to: what
// members, holders and hospitals' own processes say to each other.
var quiet = []string{
	"manx/ml/bundle", "manx/privacy/ckks/committee", "manx/privacy/ckks/gpu", "manx/privacy/cohort", "manx/privacy/mpc/hub", "manx/privacy/psi",
	"manx/web/owner/holder", "manx/web/owner/holder/council",
}

// TestWhatIsSaidIsInChinese: every notice of the modules' code, of the contract and of
// the node's interface has its sentence in said.zh.json, with the same things left open.
func TestWhatIsSaidIsInChinese(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("src", "words", "said.zh.json"))
	if err != nil {
		t.Fatal(err)
	}
	var zh map[string]string
	if err := json.Unmarshal(b, &zh); err != nil {
		t.Fatal(err)
	}
	open, han := regexp.MustCompile(`\{\d\}`), regexp.MustCompile(`\p{Han}`)
	for en, said := range zh {
		got := open.FindAllString(said, -1)
		slices.Sort(got)
		if got = slices.Compact(got); len(got) != strings.Count(en, "{}") || len(got) > 0 && got[len(got)-1] != "{"+strconv.Itoa(len(got)-1)+"}" {
			t.Errorf("%q leaves other things open in Chinese: %v", en, got)
		}
		if !han.MatchString(said) || han.MatchString(en) {
			t.Errorf("%q: not in its own language", en)
		}
	}
	var missing []string
	left := 0 // reasons for which a file was left out or held
	dirs := packages(t)
	for _, dir := range dirs {
		said, why := notices(t, dir)
		left += len(why)
		for _, text := range append(said, why...) {
			if _, ok := zh[text]; !ok && strings.ContainsAny(strings.ReplaceAll(text, "{}", ""), "abcdefghijklmnopqrstuvwxyz") && !slices.Contains(missing, text) {
				missing = append(missing, text)
			}
		}
	}
	if len(dirs) < 40 || len(zh) < 1500 || left < 30 {
		t.Fatalf("%d packages, %d sentences and %d reasons are looked at", len(dirs), len(zh), left)
	}
	for _, text := range missing {
		t.Errorf("src/words/said.zh.json has no Chinese for %q", text)
	}
}

// packages returns the folders of the code that speaks to the page.
func packages(t *testing.T) (dirs []string) {
	t.Helper()
	for _, args := range [][]string{
		{"-deps", "manx/cmd/manx-wasm"}, {"-deps", "-tags", "credit", "manx/cmd/manx-wasm"}, {"manx/ledger/contract", "manx/web", "manx/web/index"},
	} {
		c := exec.CommandContext(t.Context(), "go", append([]string{"list", "-f", "{{.ImportPath}} {{.Dir}}"}, args...)...)
		if args[0] == "-deps" {
			c.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
		}
		out, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			path, dir, _ := strings.Cut(strings.TrimSpace(line), " ")
			if strings.HasPrefix(path, "manx/") && !slices.Contains(quiet, path) && !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

// whys are functions that return why a file is held, or what a copy still tells (health/deid),
// or why a file is rejected (storage/vault).
var whys = []string{"risk", "hidden", "reason", "Uncured"}

// notices returns the texts and hints of a folder's notices, and why its code leaves a file out or
// holds it, {} in the place of what only a run fills in.
func notices(t *testing.T, dir string) (texts, why []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all []*ast.File
	consts := map[string]ast.Expr{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				for _, s := range g.Specs {
					if v := s.(*ast.ValueSpec); len(v.Names) == 1 && len(v.Values) == 1 {
						consts[v.Names[0].Name] = v.Values[0]
					}
				}
			}
		}
	}
	reason := func(e ast.Expr) {
		if of, ok := e.(*ast.Ident); ok && consts[of.Name] != nil {
			e = consts[of.Name]
		}
		why = append(why, told(e))
	}
	for _, f := range all {
		ast.Inspect(f, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.FuncDecl:
				if slices.Contains(whys, x.Name.Name) && x.Body != nil {
					ast.Inspect(x.Body, func(n ast.Node) bool {
						if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) == 1 {
							reason(r.Results[0])
						}
						return true
					})
				}
			case *ast.AssignStmt: // a hint that is chosen before the notice is made
				for i, l := range x.Lhs {
					if of, ok := l.(*ast.Ident); ok && of.Name == "hint" && i < len(x.Rhs) && x.Tok != token.ADD_ASSIGN {
						texts = append(texts, told(x.Rhs[i]))
					}
				}
			case *ast.CompositeLit:
				if at, ok := map[string]int{"Left": 1, "hold": 0}[named(x.Type)]; ok && at < len(x.Elts) {
					if kv, ok := x.Elts[at].(*ast.KeyValueExpr); ok {
						reason(kv.Value)
					} else {
						reason(x.Elts[at])
					}
				}
			case *ast.CallExpr:
				of, ok := x.Fun.(*ast.SelectorExpr)
				if at := spoken(x); at > 0 && at+1 < len(x.Args) {
					texts = append(texts, told(x.Args[at]), told(x.Args[at+1]))
				} else if ok && (of.Sel.Name == "reject" || of.Sel.Name == "ignore") && len(x.Args) == 2 { // health
					reason(x.Args[1])
				}
			}
			return true
		})
	}
	return texts, why
}

// named is the name of a type, without its package.
func named(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	}
	return ""
}

// spoken is which argument of a call is a notice's text; 0 where it makes none.
func spoken(c *ast.CallExpr) int {
	switch f := c.Fun.(type) {
	case *ast.SelectorExpr:
		if of, ok := f.X.(*ast.Ident); ok && of.Name == "notice" {
			return map[string]int{"New": 1, "Because": 2}[f.Sel.Name]
		}
	case *ast.Ident:
		if f.Name == "refuse" { // ledger/contract
			return 1
		}
	}
	return 0
}

var verb = regexp.MustCompile(`%[-+#0-9.]*[a-zA-Z]`)

// told returns a string as its expression makes it.
func told(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(x.Value); err == nil {
			return s
		}
	case *ast.BinaryExpr:
		return told(x.X) + told(x.Y)
	case *ast.ParenExpr:
		return told(x.X)
	case *ast.CallExpr:
		if f, ok := x.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Sprintf" {
			return verb.ReplaceAllString(told(x.Args[0]), "{}")
		}
	}
	return "{}"
}
