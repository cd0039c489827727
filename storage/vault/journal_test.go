package vault_test

import (
	"os"
	"path/filepath"
	"testing"

	"manx/storage/vault"
)

func TestAFileJournalDropsATornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := vault.NewFileJournal(path)
	if b, err := j.Load(t.Context()); err != nil || len(b) != 0 {
		t.Fatalf("no file: %q, %v", b, err)
	}
	for _, s := range []string{"one\n", "two\n", "tor"} {
		if err := j.Append(t.Context(), []byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := j.Load(t.Context()); err != nil || string(b) != "one\ntwo\n" {
		t.Fatalf("torn: %q, %v", b, err)
	}
	if err := j.Append(t.Context(), []byte("three\n")); err != nil {
		t.Fatal(err)
	}
	if b, err := j.Load(t.Context()); err != nil || string(b) != "one\ntwo\nthree\n" {
		t.Fatalf("after: %q, %v", b, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: %v, %v", info.Mode(), err)
	}
	for range 2 {
		if err := j.Clear(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
