package wraps_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"manx/ledger"
	"manx/storage/wraps"
)

// noLedger knows the time and nothing else.
type noLedger struct{}

func (noLedger) Read(_ context.Context, k ledger.Key) ([]byte, error) {
	if k == ledger.NowKey {
		return []byte(`{"now":1,"ticks":{}}`), nil
	}
	return nil, fs.ErrNotExist
}

func (noLedger) Events(context.Context, ledger.Height) iter.Seq2[ledger.Event, error] {
	return func(func(ledger.Event, error) bool) {}
}

// Who still holds the file open after it was destroyed or replaced reads
// nothing of it.
func TestDestroyedBytesAreGone(t *testing.T) {
	dir := t.TempDir()
	f, err := wraps.NewFolder(dir)
	check(t, err)
	ctx := t.Context()
	secret := bytes.Repeat([]byte("secret"), 30000)
	held := func() *os.File {
		h, err := os.Open(filepath.Join(dir, "part", "a"))
		check(t, err)
		t.Cleanup(func() { _ = h.Close() })
		return h
	}
	check(t, f.Put(ctx, "part/a", secret))
	first := held()
	check(t, f.Put(ctx, "part/a", []byte("other")))
	if got, err := f.Get(ctx, "part/a"); err != nil || string(got) != "other" {
		t.Fatalf("got %q, %v", got, err)
	}
	second := held()
	check(t, f.Destroy(ctx, "part/a"))
	check(t, f.Destroy(ctx, "part/a"))
	for i, h := range []*os.File{first, second} {
		if b, err := io.ReadAll(h); err != nil || len(b) != 0 {
			t.Errorf("file %d still gives %d bytes, %v", i, len(b), err)
		}
	}
	if _, err := f.Get(ctx, "part/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a destroyed name gave %v", err)
	}
	if names, err := f.Names(ctx, "part"); err != nil || len(names) != 0 {
		t.Errorf("names %v, %v", names, err)
	}
}

func TestACrashWhilePuttingLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	f, err := wraps.NewFolder(dir)
	check(t, err)
	check(t, f.Put(t.Context(), "wrap/a", []byte("kept")))
	check(t, os.WriteFile(filepath.Join(dir, "wrap", ".put-123"), []byte("half"), 0o600))
	f, err = wraps.NewFolder(dir)
	check(t, err)
	entries, err := os.ReadDir(filepath.Join(dir, "wrap"))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files are left, %v", len(entries), err)
	}
	if b, err := f.Get(t.Context(), "wrap/a"); err != nil || string(b) != "kept" {
		t.Errorf("got %q, %v", b, err)
	}
}
