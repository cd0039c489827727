package gateway

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"manx/health/phantom"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/seal/sealtest"
	"manx/test/webtest"
	"manx/web/owner"
)

const (
	who   = "Zqxplant^Wanjiru"
	whoID = "ZQX-55-0917"
)

// files returns slices of a made-up CT; of a modality that often has text in its
// pictures, where other is not "".
func files(t *testing.T, seed uint64, count int, other string) (out [][]byte) {
	t.Helper()
	dir := t.TempDir()
	s, err := phantom.New(phantom.Options{Seed: seed, Slices: 40, PatientName: who, PatientID: whoID, BirthDate: "19470811", StudyDate: "20261103"})
	if err == nil {
		err = s.WriteFolder(t.Context(), dir, 10, count)
	}
	if err != nil {
		t.Fatal(err)
	}
	all, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, f := range all {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if other != "" {
			b = bytes.Replace(b, []byte("\x08\x00\x60\x00CS\x02\x00CT"), []byte("\x08\x00\x60\x00CS\x02\x00"+other), 1)
			b = bytes.Replace(b, []byte("\x28\x00\x01\x03CS\x02\x00NO"), []byte("\x28\x00\x01\x03CS\x02\x00  "), 1)
		}
		out = append(out, b)
	}
	return out
}

type scene struct {
	*testing.T
	party *owner.Party
	dir   string
	down  atomic.Bool
}

func begin(t *testing.T) *scene {
	t.Helper()
	s := &scene{T: t, dir: filepath.Join(t.TempDir(), "gateway")}
	net := webtest.Start(t, webtest.Options{Front: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if s.down.Load() {
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, `{"type":"urn:manx:notice:exhausted","title":"exhausted","status":429,"detail":"the quota is used up"}`)
				return
			}
			h.ServeHTTP(w, r)
		})
	}})
	h, err := owner.Join(t.Context(), filepath.Join(t.TempDir(), "home"), sealtest.Passphrase(t, "a hospital's"), net.URL, string(ledger.Health))
	if err != nil {
		t.Fatal(err)
	}
	if s.party, err = h.As(ledger.Health); err == nil {
		err = s.party.Register(t.Context(), ledger.Hospital, "Riverside Hospital")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.party.Close(); _ = h.Close() })
	return s
}

// open starts a gateway on what the folder holds.
func (s *scene) open() (*Gateway, string, func()) {
	s.Helper()
	g := &Gateway{Party: s.party, Dir: s.dir, Settle: 300 * time.Millisecond}
	if err := g.Open(); err != nil {
		s.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST "+Path, g)
	server := httptest.NewServer(mux)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	return g, server.URL, func() {
		cancel()
		server.Close()
		if err := <-done; err != nil {
			s.Error(err)
		}
	}
}

func (s *scene) await(g *Gateway, what string, ok func(Item) bool) Item {
	s.Helper()
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(30 * time.Millisecond) {
		if all := g.Items(); len(all) > 0 && ok(all[0]) {
			return all[0]
		}
	}
	s.Fatalf("in vain: %s; %+v", what, g.Items())
	return Item{}
}

// TestInvariant1_AStudyThroughTheGateway: what a PACS sends is sealed, uploaded and
// copied without who it is of; the pseudonym is found again here, and nothing in the
// folder or on the wire tells it.
func TestInvariant1_AStudyThroughTheGateway(t *testing.T) {
	s := begin(t)
	g, at, stop := s.open()
	if took, err := Try(t.Context(), at); err != nil || took <= 0 || len(g.Items()) != 0 {
		t.Errorf("a test instance: %v, %d items", err, len(g.Items()))
	}
	all := files(t, 3, 4, "")
	if err := Send(t.Context(), at, all[:3]...); err != nil {
		t.Fatal(err)
	}
	it := s.await(g, "the study is copied", func(i Item) bool { return i.Stage == Deidentified })
	if it.Files != 3 || len(it.Records) != 1 || len(it.Copies) != 1 || it.Held != 0 || g.Heard() == 0 {
		t.Errorf("the study: %+v", it)
	}
	// A late slice goes to the same record and the same copy.
	if err := Send(t.Context(), at, all[3]); err != nil {
		t.Fatal(err)
	}
	late := s.await(g, "the late slice is copied", func(i Item) bool { return i.Stage == Deidentified && i.Files == 4 })
	if !slices.Equal(late.Records, it.Records) || !slices.Equal(late.Copies, it.Copies) {
		t.Errorf("a late slice made %+v out of %+v", late, it)
	}
	found := g.LookUp(strings.ToLower(whoID))
	if len(found) != 1 || found[0].Name != who || found[0].Copy != it.Copies[0] || !strings.HasPrefix(found[0].Pseudonym, "MANX-") {
		t.Fatalf("look-up by id: %+v", found)
	}
	if back := g.LookUp(found[0].Pseudonym); len(back) != 1 || back[0].ID != whoID {
		t.Errorf("look-up by pseudonym: %+v", back)
	}
	if len(g.LookUp("zq")) != 0 || len(g.LookUp("")) != 0 || len(g.LookUp("wanj")) != 1 {
		t.Error("parts of names of two letters find somebody, or of four nobody")
	}
	stop()
	err := filepath.WalkDir(s.dir, func(p string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		if bytes.Contains(b, []byte("Wanjiru")) || bytes.Contains(b, []byte(whoID)) {
			t.Errorf("%s tells who it is of", filepath.Base(p))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// After a restart all is known.
	g, _, stop = s.open()
	defer stop()
	if len(g.Items()) != 1 || len(g.LookUp(whoID)) != 1 {
		t.Errorf("after a restart: %+v", g.Items())
	}
}

// TestWhatFailsIsTriedAgain: the exchange is away; then the study waits with a reason,
// and a retry finishes it.
func TestWhatFailsIsTriedAgain(t *testing.T) {
	s := begin(t)
	g, _, stop := s.open()
	defer stop()
	s.down.Store(true)
	drop := filepath.Join(t.TempDir(), "drop")
	if err := os.MkdirAll(drop, 0o700); err != nil {
		t.Fatal(err)
	}
	for i, b := range files(t, 5, 2, "") {
		if err := os.WriteFile(filepath.Join(drop, string(rune('a'+i))+".dcm"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(drop, filepath.Join(s.dir, "in", "from a disc")); err != nil {
		t.Fatal(err)
	}
	it := s.await(g, "it fails", func(i Item) bool { return i.Stage == Failed })
	if it.Problem == nil || it.Problem.Text == "" || it.From != "folder" {
		t.Errorf("without a reason: %+v", it)
	}
	s.down.Store(false)
	if err := g.Retry("another"); !notice.Is(err, notice.NotFound) {
		t.Errorf("retry of another: %v", err)
	}
	if err := g.Retry(it.ID); err != nil {
		t.Fatal(err)
	}
	it = s.await(g, "the retry ends", func(i Item) bool { return i.Stage == Deidentified })
	if it.Problem != nil || len(it.Copies) != 1 {
		t.Errorf("after the retry: %+v", it)
	}
}

// TestHeldFilesWaitForALook: they are in the record and not in the copy, until a person
// releases them.
func TestHeldFilesWaitForALook(t *testing.T) {
	s := begin(t)
	g, at, stop := s.open()
	defer stop()
	clean, risky := files(t, 7, 2, ""), files(t, 7, 3, "US")[2]
	if err := Send(t.Context(), at, append(clean, risky)...); err != nil {
		t.Fatal(err)
	}
	it := s.await(g, "two of three are copied", func(i Item) bool { return i.Stage == Deidentified })
	held := g.Waiting()
	if it.Held != 1 || len(held) != 1 || !held[0].May || held[0].Record != it.Records[0] {
		t.Fatalf("held: %+v of %+v", held, it)
	}
	if err := g.Release(t.Context(), held[0].Record, "another"); !notice.Is(err, notice.NotFound) {
		t.Errorf("another file: %v", err)
	}
	if err := g.Release(t.Context(), held[0].Record, held[0].File); err != nil {
		t.Fatal(err)
	}
	if left := g.Waiting(); len(left) != 0 || g.Items()[0].Held != 0 {
		t.Errorf("after the look: %+v, %+v", left, g.Items()[0])
	}
}

// TestInvariant9_WhatTheGatewayDoesNotTake: each ends in a status, and no item.
func TestInvariant9_WhatTheGatewayDoesNotTake(t *testing.T) {
	s := begin(t)
	g, at, stop := s.open()
	defer stop()
	if err := Send(t.Context(), at, []byte("no DICOM")); err == nil {
		t.Error("what is no DICOM is taken")
	}
	for name, c := range map[string]struct {
		kind, origin, host, body string
		want                     int
	}{
		"a page elsewhere": {`multipart/related; boundary=x`, "http://elsewhere", "", "", http.StatusForbidden},
		"another host":     {`multipart/related; boundary=x`, "", "hospital.example:80", "", http.StatusForbidden},
		"not of parts":     {"application/dicom", "", "", "x", http.StatusUnsupportedMediaType},
		"parts that end":   {`multipart/related; boundary=x`, "", "", "--x\r\n\r\nabc", http.StatusConflict},
		"a wrong boundary": {`multipart/related; boundary=x`, "", "", "--y--", http.StatusBadRequest},
	} {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at+Path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Content-Type", c.kind)
		if c.origin != "" {
			q.Header.Set("Origin", c.origin)
		}
		if c.host != "" {
			q.Host = c.host
		}
		resp, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s: status %d, want %d", name, resp.StatusCode, c.want)
		}
	}
	if len(g.Items()) != 0 {
		t.Errorf("items: %+v", g.Items())
	}
	if left, _ := filepath.Glob(filepath.Join(s.dir, "spool", "*")); len(left) != 0 {
		t.Errorf("left in the spool: %q", left)
	}
}
