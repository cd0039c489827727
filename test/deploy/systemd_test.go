package deploy

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const units = "../../deploy/systemd"

// installed copies the units, with the binary that the tests built, and returns their
// files.
func installed(t *testing.T, change func(text string) string) (files []string) {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed: the units are not verified")
	}
	file, err := manx()
	if err != nil {
		t.Fatal(file, err)
	}
	all, err := filepath.Glob(filepath.Join(units, "*.service"))
	if err != nil || len(all) != 4 {
		t.Fatalf("%d units, %v", len(all), err)
	}
	dir := t.TempDir()
	for _, unit := range all {
		b, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, filepath.Base(unit))
		if err := os.WriteFile(to, []byte(change(strings.ReplaceAll(string(b), "/usr/local/bin/manx", file))), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, to)
	}
	return files
}

func same(text string) string { return text }

// analyze returns what systemd-analyze says, and whether it is content.
func analyze(t *testing.T, args ...string) (said string, ok bool) {
	t.Helper()
	b, err := exec.CommandContext(t.Context(), "systemd-analyze", args...).CombinedOutput()
	return string(b), err == nil
}

func TestUnitsAreWhatSystemdReads(t *testing.T) {
	files := installed(t, same)
	if said, ok := analyze(t, append([]string{"verify"}, files...)...); !ok || said != "" {
		t.Error(said)
	}
	wrong := installed(t, func(text string) string {
		return strings.ReplaceAll(text, "ProtectSystem=strict", "ProtectSistem=strict")
	})
	if said, _ := analyze(t, append([]string{"verify"}, wrong...)...); !strings.Contains(said, "ProtectSistem") {
		t.Error("a setting that systemd does not know passes")
	}
}

// TestUnitsAreConfined: systemd's own score of what a service may do, of 100, is at most
// 20 for each.
func TestUnitsAreConfined(t *testing.T) {
	for _, f := range installed(t, same) {
		said, ok := analyze(t, "security", "--offline=true", "--threshold=20", f)
		lines := strings.Split(strings.TrimSpace(said), "\n")
		t.Log(lines[len(lines)-1])
		if !ok {
			t.Error(said)
		}
	}
	open := installed(t, func(string) string { return "[Service]\nExecStart=/bin/true\n" })
	if _, ok := analyze(t, "security", "--offline=true", "--threshold=20", open[0]); ok {
		t.Error("a service that may do anything passes")
	}
}

// TestUnitsRunWhatManxHas: every command and flag of a unit is one of manx.
func TestUnitsRunWhatManxHas(t *testing.T) {
	all, err := filepath.Glob(filepath.Join(units, "*.service"))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, unit := range all {
		b, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			if !strings.HasPrefix(name, "Exec") {
				continue
			}
			words := strings.Fields(value)
			if strings.TrimPrefix(words[0], "-") != "/usr/local/bin/manx" {
				t.Errorf("%s runs %s", unit, words[0])
				continue
			}
			ran++
			args := slices.DeleteFunc(words[1:], func(w string) bool { return strings.HasPrefix(w, "$") }) // more flags, of the operator's
			if said := takes(t, args...); said != "" {
				t.Errorf("%s: manx %s: %s", filepath.Base(unit), strings.Join(args, " "), said)
			}
		}
	}
	if ran != 5 {
		t.Errorf("the units run manx %d times", ran)
	}
}

// TestTheImagesBinaryIsStatic: deploy/Dockerfile puts it into an image that has nothing
// else, so that it must need no loader and no library.
func TestTheImagesBinaryIsStatic(t *testing.T) {
	dockerfile, err := os.ReadFile("../../deploy/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"CGO_ENABLED=0 go build ", "FROM scratch", "USER 65532:65532"} {
		if !strings.Contains(string(dockerfile), line) {
			t.Errorf("deploy/Dockerfile has no %q", line)
		}
	}
	if os.Getenv("MANX_LONG") == "" {
		t.Skip("set MANX_LONG=1: without cgo, everything is compiled again")
	}
	file := filepath.Join(t.TempDir(), "manx")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", file, "../../cmd/manx")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatal(string(out), err)
	}
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary has a %v segment", p.Type)
		}
	}
}
