// Command generate writes what follows from the description of the interface, the
// hand-written files of web/api/openapi: the merged document web/api/openapi.json, the
// Go client of web/client and the TypeScript client of web/ui/src/api. A test holds
// that what is committed is current. It is the only door to YAML.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(filepath.Join("web", "api", "openapi"), "."); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// run reads the description in a folder and writes what it gives below root.
func run(from, root string) error {
	files, err := generate(from)
	if err != nil {
		return err
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(root, name), b, 0o644); err != nil { //nolint:gosec // source files, as others
			return err
		}
	}
	return nil
}

// generate returns the files that the description in a folder gives, by their paths
// from the root of the tree.
func generate(from string) (map[string][]byte, error) {
	d, err := read(from)
	if err != nil {
		return nil, err
	}
	goFile, err := golang(d)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"web/api/openapi.json":     document(d.root),
		"web/client/api.go":        goFile,
		"web/ui/src/api/client.ts": typescript(d),
	}, nil
}
