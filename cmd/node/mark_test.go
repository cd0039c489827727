package node

import (
	"os"
	"path/filepath"
	"testing"

	"manx/ledger"
)

func TestMark(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mark")
	read := func(want ledger.Height) {
		t.Helper()
		if h, err := (&mark{file: file}).read(); err != nil || h != want {
			t.Errorf("read %d, %v, want %d", h, err, want)
		}
	}
	read(1)
	m := mark{file: file}
	for _, h := range []ledger.Height{7, 3, 1 << 40} { // it never goes back
		if err := m.keep(h); err != nil {
			t.Fatal(err)
		}
	}
	read(1 << 40)
	if err := m.keep(9); err != nil {
		t.Fatal(err)
	}
	read(1 << 40)
	if err := os.WriteFile(file, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	read(1)
}
