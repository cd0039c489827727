package tools

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"manx/privacy/notice"
)

// A program of the Go distribution itself needs no network.
func TestBuildsOnce(t *testing.T) {
	t.Setenv("MANX_TOOLS", t.TempDir())
	var mu sync.Mutex
	built := 0
	tool := Tool{Name: "pack", Mod: []byte("module tools\n\ngo 1.26\n"), Packages: []string{"cmd/pack"}, Say: func(string) {
		mu.Lock()
		defer mu.Unlock()
		built++
	}}
	dirs := make([]string, 3)
	var wait sync.WaitGroup
	for i := range dirs {
		wait.Go(func() {
			var err error
			if dirs[i], err = Build(t.Context(), tool); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if built != 1 || dirs[0] != dirs[1] || dirs[1] != dirs[2] {
		t.Errorf("built %d times, into %v", built, dirs)
	}
	program := filepath.Join(dirs[0], "pack")
	if err := exec.CommandContext(t.Context(), program, "t", filepath.Join(t.TempDir(), "absent")).Run(); err == nil {
		t.Error("the program opened an archive that is not there")
	} else if _, ok := err.(*exec.ExitError); !ok { //nolint:errorlint // an exit code is what shows that it ran
		t.Errorf("the program did not run: %v", err)
	}
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	if _, err := Build(t.Context(), tool); err != nil || built != 2 {
		t.Errorf("after its loss: built %d times, %v", built, err)
	}
	tool.Ldflags = "-X main.other=1"
	if other, err := Build(t.Context(), tool); err != nil || other == dirs[0] {
		t.Errorf("other flags: the same folder %v, %v", other == dirs[0], err)
	}
}

func TestFailedBuildLeavesNothing(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("MANX_TOOLS", cache)
	_, err := Build(t.Context(), Tool{Name: "none", Mod: []byte("module tools\n\ngo 1.26\n"), Packages: []string{"cmd/no-such-program"}})
	if n := notice.From(err); n.Kind != notice.Unavailable || n.Hint == "" {
		t.Errorf("%v", err)
	}
	left, err := filepath.Glob(filepath.Join(cache, "none-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		if filepath.Ext(f) != ".lock" {
			t.Errorf("left behind: %s", f)
		}
	}
}

// TestBuildsSources builds a program that is given as text, and another for other text.
func TestBuildsSources(t *testing.T) {
	t.Setenv("MANX_TOOLS", t.TempDir())
	build := func(code string) string {
		t.Helper()
		dir, err := Build(t.Context(), Tool{Name: "own", Mod: []byte("module own/answer\n\ngo 1.26\n"), Packages: []string{"own/answer"},
			Sources: []Source{{Name: "main.go", Text: []byte("package main\n\nfunc main() { print(\"" + code + "\") }\n")}}})
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "answer")).CombinedOutput()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	if one, two := build("1"), build("2"); one != "1" || two != "2" {
		t.Errorf("the programs say %q and %q", one, two)
	}
}
