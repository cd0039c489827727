package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is committed is what the description gives.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	files, err := generate(filepath.Join("..", "openapi"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", "..", "..", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the description gives (%v): make generate", name, err)
		}
	}
}

// What cannot be meant is refused.
func TestDescriptionsThatAreWrong(t *testing.T) {
	const op = "paths: {/v1/a: {get: {operationId: a, summary: s, responses: {}}}}\n"
	for name, c := range map[string]struct{ one, two, want string }{
		"no YAML":                {op, "a: [", "did not find"},
		"a thing said twice":     {op, "paths: {/v1/a: {get: {summary: t}}}", "said twice"},
		"a reference to nothing": {op, "components: {schemas: {A: {$ref: '#/components/schemas/B'}}}", "leads nowhere"},
		"a comma in a text":      {op, "components: {schemas: {A: {description: one, two}}}", "to be quoted"},
		"two of one name":        {op, "paths: {/v1/b: {get: {operationId: a, summary: s, responses: {}}}}", "operationId"},
		"no summary":             {op, "paths: {/v1/b: {get: {operationId: b, responses: {}}}}", "summary"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for i, s := range []string{c.one, c.two} {
				if err := os.WriteFile(filepath.Join(dir, string(rune('a'+i))+".yaml"), []byte(s), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := generate(dir); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if _, err := generate(t.TempDir()); err == nil {
		t.Error("an empty folder gives something")
	}
}
