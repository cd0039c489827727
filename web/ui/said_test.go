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
	dirs := packages(t)
	for _, dir := range dirs {
		for _, text := range notices(t, dir) {
			if _, ok := zh[text]; !ok && strings.ContainsAny(strings.ReplaceAll(text, "{}", ""), "abcdefghijklmnopqrstuvwxyz") && !slices.Contains(missing, text) {
				missing = append(missing, text)
			}
		}
	}
	if len(dirs) < 40 || len(zh) < 800 {
		t.Fatalf("%d packages and %d sentences are looked at", len(dirs), len(zh))
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

// notices returns the texts of a folder's notices, {} in the place of what only a run
// fills in.
func notices(t *testing.T, dir string) (texts []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			at := -1
			switch f := c.Fun.(type) {
			case *ast.SelectorExpr:
				if of, ok := f.X.(*ast.Ident); ok && of.Name == "notice" {
					at = map[string]int{"New": 1, "Because": 2}[f.Sel.Name]
				}
			case *ast.Ident:
				if f.Name == "refuse" { // ledger/contract
					at = 1
				}
			}
			if at > 0 && at < len(c.Args) {
				texts = append(texts, told(c.Args[at]))
			}
			return true
		})
	}
	return texts
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
