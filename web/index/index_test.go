package index_test

import (
	"log/slog"
	"path/filepath"
	"testing"

	"manx/storage"
	"manx/storage/memory"
	"manx/web/index"
	"manx/web/index/indextest"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func sqlite(t testing.TB) index.Source {
	return index.Source{File: filepath.Join(t.TempDir(), "an index.db")}
}

func stores() (empty []storage.Blobs) {
	for range 6 {
		empty = append(empty, &memory.Blobs{})
	}
	return empty
}

func TestSQLite(t *testing.T) { indextest.Run(t, sqlite) }
