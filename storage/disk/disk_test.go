package disk_test

import (
	"os"
	"path/filepath"
	"testing"

	"manx/storage"
	"manx/storage/disk"
	"manx/storage/storagetest"
)

func open(t *testing.T, dir string) storage.Blobs {
	t.Helper()
	b, err := disk.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func damage(t *testing.T, dir string, r storage.Ref) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", r.String()))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(b) == 0 {
		b = []byte{0}
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSuite(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storagetest.Backend {
		dir := t.TempDir()
		return storagetest.Backend{
			Open:   func(t *testing.T) storage.Blobs { return open(t, dir) },
			Close:  func(*testing.T, storage.Blobs) {},
			Damage: func(t *testing.T, _ storage.Blobs, r storage.Ref) { damage(t, dir, r) },
		}
	})
}

func TestAnInterruptedPutIsRemoved(t *testing.T) {
	dir := t.TempDir()
	torn := filepath.Join(dir, "put-123.tmp")
	if err := os.WriteFile(torn, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	if _, err := os.Stat(torn); !os.IsNotExist(err) {
		t.Error(err)
	}
}

func TestAPutHealsDamage(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	r, err := b.Put(t.Context(), []byte("abc"))
	if err != nil {
		t.Fatal(err)
	}
	damage(t, dir, r)
	if _, err := b.Put(t.Context(), []byte("abc")); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Get(t.Context(), r); err != nil || string(got) != "abc" {
		t.Error(got, err)
	}
}
