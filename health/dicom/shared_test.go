package dicom

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"manx/test/realdata"
)

// A manifest is what three independent decoders made of the shared files.
type manifest struct {
	Files []struct {
		File     string
		Features []string
		Syntax   string `json:"transfer_syntax_uid"`
		Header   map[string]string
		Pixels   struct {
			Agreement string
			Decoders  map[string]struct{ SHA256 string }
		}
	}
}

// shared returns the folder of shared DICOM files, or skips the test.
func shared(t testing.TB) (string, manifest) {
	t.Helper()
	dir := realdata.Path(t, "dicom")
	b, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return dir, m
}

func load(t testing.TB, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// allocated runs f and returns the bytes it allocated in all, an upper bound of
// what it ever held.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

const memory = 64 << 20
