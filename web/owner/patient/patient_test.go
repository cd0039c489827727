package patient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"manx/health/deid"
	"manx/health/phantom"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/seal/sealtest"
	"manx/test/webtest"
	"manx/web/api"
	"manx/web/owner"
)

const patientName = "ZZQuill^Marvellous"

func someone(t *testing.T, n *webtest.Network) *owner.Party {
	t.Helper()
	h, err := owner.Join(t.Context(), t.TempDir(), sealtest.Passphrase(t, "the patient's passphrase"), n.URL, string(ledger.Health))
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.As(ledger.Health)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := p.Register(t.Context(), ledger.Person, ""); err != nil {
		t.Fatal(err)
	}
	return p
}

// scans writes slices of a made-up study into a new folder.
func scans(t *testing.T, seed uint64, first, count int) string {
	t.Helper()
	s, err := phantom.New(phantom.Options{Seed: seed, PatientName: patientName, PatientID: fmt.Sprint(seed), BirthDate: "19610412", Sex: "F", StudyDate: "20261103"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i := first; i < first+count; i++ {
		var b bytes.Buffer
		if err := s.WriteSlice(&b, i); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d-%03d.dcm", seed, i)), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func silent(string, int64, int64) {}

func TestAdd(t *testing.T) {
	p := someone(t, webtest.Start(t, webtest.Options{}))
	ctx := t.Context()
	one, late, other := scans(t, 1, 0, 4), scans(t, 1, 4, 2), scans(t, 2, 0, 1)
	if err := os.WriteFile(filepath.Join(late, "readme.txt"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(late, "cut.dcm"), append(make([]byte, 128), "DICM"...), 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := Add(ctx, p, silent, one)
	if err != nil || len(first) != 1 || first[0].Version != 1 || first[0].Instances != 4 || first[0].New != 4 || first[0].Rejected == nil {
		t.Fatalf("%+v, %v", first, err)
	}
	next, err := Add(ctx, p, silent, late)
	if err != nil || len(next) != 1 || next[0].Record != first[0].Record || next[0].Version != 2 || next[0].Instances != 6 || next[0].New != 2 || len(next[0].Ignored)+len(next[0].Rejected) != 2 {
		t.Errorf("late slices: %+v, %v", next, err)
	}
	again, err := Add(ctx, p, silent, one)
	if err != nil || again[0].Version != 2 || again[0].Instances != 6 || again[0].New != 0 || again[0].Stored != 0 {
		t.Errorf("nothing new: %+v, %v", again, err)
	}
	mixed, err := Add(ctx, p, silent, one, other)
	if !notice.Is(err, notice.Conflict) || len(mixed) != 1 || mixed[0].Record != "" || len(mixed[0].Rejected) != 1 || mixed[0].Rejected[0].Path != "2-000.dcm" {
		t.Errorf("two patients: %+v, %v", mixed, err)
	}
	if _, err := Add(ctx, p, silent, filepath.Join(one, "absent")); !notice.Is(err, notice.NotFound) {
		t.Errorf("a path that is not there: %v", err)
	}
	none, err := Add(ctx, p, silent, filepath.Join(late, "readme.txt"))
	if !notice.Is(err, notice.Invalid) || len(none) != 1 || len(none[0].Ignored) != 1 {
		t.Errorf("no study: %+v, %v", none, err)
	}
	if records, err := p.Records(ctx); err != nil || len(records) != 1 {
		t.Errorf("%d records, %v", len(records), err)
	}
}

// Interrupted again and again, the same Add goes on and ends with one record.
func TestInvariant8_AddInterrupted(t *testing.T) {
	var left atomic.Int64
	var stop atomic.Pointer[context.CancelFunc]
	n := webtest.Start(t, webtest.Options{Front: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if cancel := stop.Load(); r.Method != http.MethodGet && !strings.HasPrefix(r.URL.Path, api.Sessions) && left.Add(-1) == 0 && cancel != nil {
				h.ServeHTTP(w, r) // it happens, and nobody hears of it
				(*cancel)()
				return
			}
			h.ServeHTTP(w, r)
		})
	}})
	p := someone(t, n)
	dir := scans(t, 1, 0, 6)
	tries := 0
	for after := int64(3); ; after += 9 {
		tries++
		ctx, cancel := context.WithCancel(t.Context())
		left.Store(after)
		stop.Store(&cancel)
		added, err := Add(ctx, p, silent, dir)
		cancel()
		if err == nil {
			if added[0].Version != 1 || added[0].Instances != 6 {
				t.Errorf("%+v", added)
			}
			break
		}
		if tries == 40 {
			t.Fatal(err)
		}
	}
	if tries < 3 {
		t.Errorf("it was interrupted only %d times", tries-1)
	}
	stop.Store(nil)
	records, err := p.Records(t.Context())
	if err != nil || len(records) != 1 || len(records[0].Versions) != 1 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	same(t, p, records[0].ID, dir)
}

// same opens a record into a folder and compares it with another.
func same(t *testing.T, p *owner.Party, id ledger.RecordID, dir string) {
	t.Helper()
	r, _, err := p.OpenOwn(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if _, _, err := Write(t.Context(), r, out); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Write(t.Context(), r, out); !notice.Is(err, notice.Conflict) {
		t.Errorf("over files that are there: %v", err)
	}
	want, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range want {
		a, err1 := os.ReadFile(filepath.Join(dir, e.Name()))
		b, err2 := os.ReadFile(filepath.Join(out, e.Name()))
		if err := errors.Join(err1, err2); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs: %v", e.Name(), err)
		}
	}
}

func TestDeidentifyAndErase(t *testing.T) {
	p := someone(t, webtest.Start(t, webtest.Options{}))
	ctx := t.Context()
	added, err := Add(ctx, p, silent, scans(t, 1, 0, 3))
	if err != nil {
		t.Fatal(err)
	}
	id := added[0].Record
	d, err := Deidentify(ctx, p, id, deid.Options{}, silent)
	if err != nil || d.Version != 1 || d.Instances != 3 || d.Record == id {
		t.Fatalf("%+v, %v", d, err)
	}
	opened, r, err := p.OpenOwn(ctx, d.Record, 0)
	if err != nil || r.Kind != ledger.Deidentified || r.Derived != id {
		t.Fatalf("%+v, %v", r, err)
	}
	out := t.TempDir()
	if _, _, err := Write(ctx, opened, out); err != nil {
		t.Fatal(err)
	}
	err = fs.WalkDir(os.DirFS(out), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(out, name))
		if bytes.Contains(b, []byte("ZZQuill")) || strings.Contains(name, "1-00") {
			t.Errorf("%s names the patient or her file", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Deidentify(ctx, p, id, deid.Options{}, silent); err != nil || again.Record != d.Record || again.Version != 1 || again.New != 0 {
		t.Errorf("again: %+v, %v", again, err)
	}
	if _, err := Deidentify(ctx, p, d.Record, deid.Options{}, silent); !notice.Is(err, notice.Invalid) {
		t.Errorf("a derivative of a derivative: %v", err)
	}
	for range 2 {
		if err := Erase(ctx, p, d.Record); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := p.OpenOwn(ctx, d.Record, 0); !notice.Is(err, notice.Denied) {
		t.Errorf("an erased record: %v", err)
	}
	if anew, err := Deidentify(ctx, p, id, deid.Options{}, silent); err != nil || anew.Record == d.Record || anew.Instances != 3 {
		t.Errorf("anew: %+v, %v", anew, err)
	}
	if _, err := QuoteFor(ctx, p, id, "lung-ct"); !notice.Is(err, notice.NotFound) {
		t.Errorf("a model that nobody offers: %v", err)
	}
}
