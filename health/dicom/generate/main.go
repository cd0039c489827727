// Command generate writes health/dicom/dictionary.txt from the data dictionary of the
// outside DICOM library: a line of text an element. As the library has it, a map made
// when a program starts, it is 2.7 MB of code that runs once, and a browser spends
// hundreds of megabytes of memory on making that code fast.
package main

import (
	"cmp"
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/suyashkumar/dicom/pkg/tag"
)

const library = "github.com/suyashkumar/dicom/pkg/tag"

// head names whose the dictionary is; its lines sort before all others.
const head = `# The data dictionary of DICOM (PS3.6), made by health/dicom/generate out of
# github.com/suyashkumar/dicom (MIT licence, Copyright (c) 2020 Suyash Kumar), which has it
# from github.com/innolitics/dicom-standard (MIT licence, Copyright (c) 2017 Innolitics, LLC).
`

func main() {
	err := run("dictionary.txt")
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(file string) error {
	text, err := dictionary()
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644) //nolint:gosec // a source file, as others
}

// dictionary returns the lines "ggggeeee VR[,VR…] Keyword", sorted, of all that the
// library knows.
func dictionary() (string, error) {
	tags, err := known()
	if err != nil {
		return "", err
	}
	var out strings.Builder
	out.WriteString(head)
	for _, t := range tags {
		in, err := tag.Find(t)
		if err != nil { // named, and not in the dictionary: a repeating group
			continue
		}
		fmt.Fprintf(&out, "%04x%04x %s %s\n", t.Group, t.Element, strings.Join(in.VRs, ","), in.Keyword)
	}
	return out.String(), nil
}

// known returns every tag that the library's source names, in order and once: it lists
// none itself.
func known() ([]tag.Tag, error) {
	dir, err := exec.CommandContext(context.Background(), "go", "list", "-f", "{{.Dir}}", library).Output()
	if err != nil {
		return nil, fmt.Errorf("find the library's source: %w", err)
	}
	source, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "tag_definitions.go"), nil, 0)
	if err != nil {
		return nil, err
	}
	var tags []tag.Tag
	ast.Inspect(source, func(n ast.Node) bool {
		if lit, ok := n.(*ast.CompositeLit); ok && err == nil {
			var t tag.Tag
			if name, ok := lit.Type.(*ast.Ident); ok && name.Name == "Tag" && len(lit.Elts) == 2 {
				t.Group, err = number(lit.Elts[0])
				if err == nil {
					t.Element, err = number(lit.Elts[1])
				}
				tags = append(tags, t)
			}
		}
		return err == nil
	})
	slices.SortFunc(tags, func(a, b tag.Tag) int { return cmp.Compare(a.Uint32(), b.Uint32()) })
	return slices.Compact(tags), err
}

func number(e ast.Expr) (uint16, error) {
	lit, ok := e.(*ast.BasicLit)
	if !ok {
		return 0, fmt.Errorf("a tag is not of two numbers: %T", e)
	}
	n, err := strconv.ParseUint(lit.Value, 0, 16)
	return uint16(n), err
}
