package deid

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"manx/health/dicom"
)

// orthanc starts Debian's Orthanc for a test and returns its address. It
// listens on all interfaces, and is told to answer local clients only.
func orthanc(t *testing.T) string {
	t.Helper()
	bin, err := exec.LookPath("Orthanc")
	if err != nil {
		if bin, err = exec.LookPath("/usr/sbin/Orthanc"); err != nil {
			t.Skip("Orthanc is absent: apt-get install --no-install-recommends orthanc")
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	conf, err := json.Marshal(map[string]any{
		"StorageDirectory": dir, "IndexDirectory": dir, "HttpPort": port, "RemoteAccessAllowed": false, "AuthenticationEnabled": false,
		"DicomServerEnabled": false, "DefaultEncoding": "Utf8", "OverwriteInstances": true, "Plugins": []string{},
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "orthanc.json")
	if err := os.WriteFile(path, conf, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, bin, path)
	if err := cmd.Start(); err != nil {
		t.Skipf("Orthanc does not start: %v", err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	for range 150 {
		if r, err := http.Get(base + "/system"); err == nil {
			_ = r.Body.Close()
			return base
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Skip("Orthanc does not answer")
	return ""
}

// anonymised is Orthanc's own copy of a file; false where it refuses the file.
func anonymised(t *testing.T, base string, in []byte) ([]byte, bool) {
	t.Helper()
	post := func(path string, body []byte) ([]byte, bool) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Body.Close() }()
		b, err := io.ReadAll(r.Body)
		return b, err == nil && r.StatusCode == http.StatusOK
	}
	b, ok := post("/instances", in)
	var stored struct{ ID string }
	if !ok || json.Unmarshal(b, &stored) != nil || stored.ID == "" {
		return nil, false
	}
	return post("/instances/"+stored.ID+"/anonymize", []byte("{}"))
}

// seen lists the values of a file by path of tags, without item numbers.
func seen(f *dicom.File) map[string][]string {
	out := map[string][]string{}
	_ = f.Walk(func(path []*dicom.Element, e *dicom.Element) error {
		if e.Sequence() || bulk[e.Tag] || e.Length > dicom.MaxValue || e.Tag.Element() == 0 {
			return nil
		}
		key := ""
		for _, p := range path {
			key += p.Tag.String() + "."
		}
		v := ""
		if e.VR.Text() {
			text, _ := f.Text(e)
			for i := range text {
				text[i] = strings.TrimSpace(text[i])
			}
			v = strings.Join(text, `\`)
		} else {
			b, _ := f.Value(e)
			v = string(b)
		}
		key += e.Tag.String()
		out[key] = append(out[key], v)
		return nil
	})
	return out
}

// excused are attributes that Orthanc changes and this package may keep.
var excused = map[string]string{
	dicom.SpecificCharacterSet.String(): "both write the character set they use",
	"(0008,2112).(0008,1150)":           "the class of a source image: a segmentation or map keeps its references, mapped (action U*)",
	"(0008,1140).(0008,1150)":           "the same of referenced images",
}

// Whatever Orthanc removes or replaces is removed or replaced here too.
func TestDifferentialOrthanc(t *testing.T) {
	t.Parallel()
	base := orthanc(t)
	p := profile(t, Options{}, 5)
	compared, values, refused := 0, 0, 0
	compare := func(name string, in []byte, f *dicom.File) {
		theirs, ok := anonymised(t, base, in)
		if !ok {
			refused++
			return
		}
		compared++
		before, orth, ours := seen(f), seen(scan(t, theirs)), seen(scan(t, forced(t, p, f)))
		for key, vals := range before {
			for _, v := range vals {
				if v == "" || has(orth[key], v) {
					continue
				}
				values++
				if has(ours[key], v) && excused[key] == "" && v != "000000" { // a dummy time, which one original has
					t.Errorf("%s: Orthanc changes %s, this package keeps it (%d bytes)", name, key, len(v))
				}
			}
		}
	}
	for i, edit := range []map[dicom.Tag]string{nil, {dicom.SOPClassUID: storage + "4", dicom.Modality: "MR", dicom.SOPInstanceUID: "1.2.826.4711.3.9"}} {
		in := image(t, edit)
		compare(fmt.Sprintf("made %d", i), in, scan(t, in))
	}
	in := plantedFile(dictionary(), storage+"2", 0)
	compare("planted", in, scan(t, in))
	if _, err := os.Stat(filepath.Join("..", "..", "..", "shared", "data", "dicom")); err == nil {
		n := 0
		accepted(t, func(name string, in []byte, f *dicom.File) {
			if n++; n%5 == 0 || *every {
				compare(name, in, f)
			}
		})
	}
	t.Logf("%d files, %d changed values, %d refused by Orthanc", compared, values, refused)
	if compared < 2 || values < 20 {
		t.Errorf("only %d files and %d values were compared", compared, values)
	}
}

func has(all []string, v string) bool {
	for _, x := range all {
		if x == v {
			return true
		}
	}
	return false
}
