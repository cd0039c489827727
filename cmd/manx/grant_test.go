package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"manx/health/phantom"
	"manx/ledger"
	"manx/test/webtest"
	"manx/web/api"
)

// A permission whose giving was interrupted when it was on the ledger already is
// given no second time, and what commands print is what is there.
func TestGrantAddPrintsWhatIsOnTheLedger(t *testing.T) {
	var cut atomic.Pointer[context.CancelFunc]
	n := webtest.Start(t, webtest.Options{Front: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			r.Body = io.NopCloser(bytes.NewReader(b))
			if stop := cut.Load(); stop != nil && r.URL.Path == api.Commands && bytes.Contains(b, []byte((ledger.GiveGrant{}).Command())) {
				h.ServeHTTP(httptest.NewRecorder(), r) // it happens, and nobody hears of it
				(*stop)()
				panic(http.ErrAbortHandler)
			}
			h.ServeHTTP(w, r)
		})
	}})
	dir := t.TempDir()
	t.Setenv("MANX_NODE", n.URL)
	t.Setenv("MANX_PASSPHRASE_FILE", filepath.Join(dir, "pass"))
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("pass", []byte("correct horse battery\n"))
	manx := func(ctx context.Context, who, args string) (code int, said map[string]any) {
		t.Setenv("MANX_DATA", filepath.Join(dir, who))
		var out, told bytes.Buffer
		code = run(ctx, append(strings.Fields(args), "--json"), &terminal{out: &out, err: &told, lock: quick{t}.passphrase})
		first, _, _ := strings.Cut(out.String(), "\n")
		if err := json.Unmarshal([]byte(first), &said); err != nil && code == 0 {
			t.Fatalf("manx %s: %v: %s %s", args, err, &out, &told)
		}
		return code, said
	}
	do := func(who, args string) map[string]any {
		code, said := manx(t.Context(), who, args)
		if code != 0 {
			t.Fatalf("manx %s: exit code %d: %v", args, code, said)
		}
		return said
	}
	study, err := phantom.New(phantom.Options{Seed: 1, PatientName: "Made^Up", PatientID: "1", BirthDate: "19610412", Sex: "F", StudyDate: "20261103"})
	if err != nil {
		t.Fatal(err)
	}
	var slice bytes.Buffer
	if err := study.WriteSlice(&slice, 0); err != nil {
		t.Fatal(err)
	}
	write("1.dcm", slice.Bytes())

	do("patient", "keys new")
	do("hospital", "keys new --role hospital --name Lakeside")
	do("patient", "study add "+filepath.Join(dir, "1.dcm"))
	add := fmt.Sprintf("grant add %v %v --days 7", at(t, do("patient", "study list"), "records", "id"), at(t, do("hospital", "keys show"), "parties", "party"))

	interrupted, stop := context.WithCancel(t.Context())
	cut.Store(&stop)
	if code, said := manx(interrupted, "patient", add); code == 0 {
		t.Fatalf("a command whose reply was lost is done: %v", said)
	}
	cut.Store(nil)
	n.Story(t).Wait(100)
	said := do("patient", add)
	given := do("patient", "grant list")
	if all, _ := given["grants"].([]any); len(all) != 1 {
		t.Errorf("%d permissions were given, want 1", len(all))
	}
	if id, until := at(t, given, "grants", "id"), at(t, given, "grants", "until"); said["grant"] != id || said["until"] != until {
		t.Errorf("it prints %v until %v; on the ledger is %v until %v", said["grant"], said["until"], id, until)
	}
	said = do("patient", fmt.Sprintf("grant revoke %v", said["grant"]))
	if when := at(t, do("patient", "grant list"), "grants", "revoked"); said["revoked_at"] != when {
		t.Errorf("it prints that it ended at %v; on the ledger it did at %v", said["revoked_at"], when)
	}
}

// at returns what stands under a name in the first of a list.
func at(t *testing.T, said map[string]any, list, name string) any {
	t.Helper()
	all, _ := said[list].([]any)
	if len(all) == 0 {
		t.Fatalf("no %s in %v", list, said)
	}
	first, _ := all[0].(map[string]any)
	if first[name] == nil {
		t.Fatalf("no %s in %v", name, first)
	}
	return first[name]
}
