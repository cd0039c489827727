// Package realdata finds the real studies, pictures and credit files that tests
// may use: the folder ../shared/data beside the checkout. It reads none of them.
package realdata

import (
	"os"
	"path/filepath"
	"testing"
)

// Path returns the path of a file or folder of the real data, named by its
// parts below ../shared/data. The test is skipped where it is absent.
func Path(t testing.TB, parts ...string) string {
	t.Helper()
	root, err := os.Getwd() // a test runs in its package's folder
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			t.Fatal("no go.mod above the test")
		}
		root = filepath.Dir(root)
	}
	path := filepath.Join(append([]string{root, "..", "shared", "data"}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skip("../shared/data is absent")
	}
	return path
}
