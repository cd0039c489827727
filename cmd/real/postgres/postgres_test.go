package postgres

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"manx/privacy/notice"
)

func query(t *testing.T, s *Server, sql string) (string, error) {
	t.Helper()
	bin, err := binaries()
	if err != nil {
		t.Skip("PostgreSQL is not installed")
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(bin, "psql"), "-XAtqc", sql, s.DSN).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func TestUpKillRestartDown(t *testing.T) {
	if _, err := binaries(); err != nil {
		t.Skip("PostgreSQL is not installed")
	}
	dir := filepath.Join(t.TempDir(), "node", "postgres")
	o := Options{Dir: dir, Tied: true}
	began := time.Now()
	s, err := Up(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("made and started in %v", time.Since(began))
	defer func() { _ = s.Down(t.Context()) }()
	if out, err := query(t, s, "CREATE TABLE t AS SELECT 7 AS n; SELECT n FROM t"); err != nil || out != "7" {
		t.Fatalf("%s, %v", out, err)
	}
	if again, err := Up(t.Context(), o); err != nil || again.DSN != s.DSN || again.Process.Pid() != s.Process.Pid() {
		t.Fatalf("a second Up started another: %v", err)
	}
	for range 3 {
		if err := s.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if out, err := query(t, s, "SELECT n FROM t"); err != nil || out != "7" {
			t.Fatalf("after a kill: %s, %v", out, err)
		}
	}
	if found, ok := Find(o); !ok || found.Process.Pid() != s.Process.Pid() {
		t.Error("Find does not find it")
	}
	if err := s.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := Find(o); ok || s.Process.Alive() {
		t.Error("it runs after Down")
	}
	began = time.Now()
	if s, err = Up(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Logf("started again in %v", time.Since(began))
	if out, err := query(t, s, "SELECT n FROM t"); err != nil || out != "7" {
		t.Fatalf("after a new start: %s, %v", out, err)
	}
	wrong := *s
	wrong.DSN = strings.Replace(s.DSN, "manx:", "manx:x", 1)
	if out, err := query(t, &wrong, "SELECT 1"); err == nil {
		t.Errorf("a wrong password is let in: %s", out)
	}
	if info, err := os.Stat(filepath.Join(dir, "password")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the password's mode is %v, %v", info.Mode(), err)
	}
}

// A folder whose making was cut short is made anew.
func TestUpAfterAHalfMadeCluster(t *testing.T) {
	if _, err := binaries(); err != nil {
		t.Skip("PostgreSQL is not installed")
	}
	dir := t.TempDir()
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "making", "base"), 0o700), os.WriteFile(filepath.Join(dir, "making", "PG_VERSION"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	s, err := Up(t.Context(), Options{Dir: dir, Tied: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Down(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestUpRefusesAClusterOfAnotherVersion(t *testing.T) {
	if _, err := binaries(); err != nil {
		t.Skip("PostgreSQL is not installed")
	}
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "data"), 0o700), os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("9\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := Up(t.Context(), Options{Dir: dir}); !notice.Is(err, notice.Unsupported) {
		t.Errorf("got %v", err)
	}
}
