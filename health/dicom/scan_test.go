package dicom

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// A manifest is what three independent decoders made of the shared files.
type manifest struct {
	Files []struct {
		File     string
		Bytes    int64
		Features []string
		Syntax   string `json:"transfer_syntax_uid"`
		Header   map[string]string
		Pixels   struct {
			Agreement string
			Decoders  map[string]struct {
				SHA256      string
				DType       string
				Shape       []int
				Photometric string
			}
		}
	}
}

// shared returns the folder of shared DICOM files, or skips the test.
func shared(t testing.TB) (string, manifest) {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	dir = filepath.Join(dir, "..", "shared", "data", "dicom")
	b, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Skip("../shared/data is absent")
	}
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return dir, m
}

func TestScanAll(t *testing.T) {
	dir, m := shared(t)
	for _, x := range m.Files {
		b, err := os.ReadFile(filepath.Join(dir, x.File))
		if err != nil {
			t.Fatal(err)
		}
		f, err := ScanBytes(b)
		if err != nil {
			t.Log(x.File, x.Features, x.Pixels.Agreement, err)
			continue
		}
		// Copying every element gives a file that scans to the same bytes.
		var out bytes.Buffer
		e := NewEncoder(&out, f.WritableSyntax())
		e.Start(f.WritableSyntax(), f.String(SOPClassUID), f.String(SOPInstanceUID))
		for i := range f.Elements {
			e.Copy(f, &f.Elements[i])
		}
		if err := e.Close(); err != nil {
			t.Errorf("%s: %v", x.File, err)
			continue
		}
		g, err := ScanBytes(out.Bytes())
		if err != nil {
			t.Errorf("%s: written again: %v", x.File, err)
			continue
		}
		if len(g.Elements) != len(f.Elements) {
			t.Errorf("%s: %d elements, written again %d", x.File, len(f.Elements), len(g.Elements))
		}
	}
}
