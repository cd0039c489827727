package index_test

import (
	"path/filepath"
	"testing"

	"manx/web/index"
	"manx/web/index/indextest"
)

func sqlite(t testing.TB) index.Source {
	return index.Source{File: filepath.Join(t.TempDir(), "an index.db")}
}

func TestSQLite(t *testing.T) { indextest.Run(t, sqlite) }
