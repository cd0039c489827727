package desk_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"manx/cmd/manx-wasm/desk"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/seal/sealtest"
	"manx/test/webtest"
	"manx/web/owner"
)

func sit(t *testing.T, net *webtest.Network, account, name string) table {
	t.Helper()
	at := table{t, desk.New(filepath.Join(t.TempDir(), "homes"), net.URL)}
	at.must("join", map[string]any{"account": account, "name": name, "passphrase": pass}, nil)
	t.Cleanup(func() { at.must("lock", nil, nil) })
	return at
}

// TestInvariant5_AnAuditorReadsOneSide searches both sides' ledgers: each auditor finds
// her own side's events, and nobody who is none finds any.
func TestInvariant5_AnAuditorReadsOneSide(t *testing.T) {
	net := webtest.Start(t, webtest.Options{})
	s := net.Story(t)
	d := s.Diagnosis(3600)
	s.Compute(d.Worker, d.Job)
	s.Do(d.Patient, ledger.AcceptJob{Job: d.Job})
	borrower := s.Party(ledger.Credit, ledger.Person)
	var page struct {
		Events []desk.FoundEvent
		Next   ledger.Height
	}
	for account, side := range map[string]string{"auditor": "health", "auditor-credit": "credit"} {
		at := sit(t, net, account, "An auditor")
		other := map[string]string{"health": "credit/", "credit": "health/"}[side]
		seen := map[string]bool{}
		for before := ledger.Height(0); ; before = page.Next {
			at.must("events", map[string]any{"before": before}, &page)
			for _, e := range page.Events {
				if seen[string(e.Key)] = true; strings.HasPrefix(string(e.Key), other) {
					t.Errorf("%s is shown %s", account, e.Key)
				}
			}
			if page.Next == 0 {
				break
			}
		}
		if hers := seen[string(ledger.KeyOf(borrower.Party()))]; hers != (side == "credit") {
			t.Errorf("%s sees the borrower's registration: %v", account, hers)
		}
		if his := seen[string(ledger.KeyOf(d.Job))]; his != (side == "health") {
			t.Errorf("%s sees the patient's job: %v", account, his)
		}
		// Nor one by its place.
		if side == "credit" {
			h, n := placeOf(t, net, d.Job)
			at.refuses(notice.NotFound, "event", map[string]any{"height": h, "n": n})
		}
	}
	at := sit(t, net, "hospital", "Riverside Hospital")
	at.refuses(notice.Denied, "events", nil)
	at.refuses(notice.Denied, "event", map[string]any{"height": 1, "n": 0})
}

// placeOf returns where the first event of a job is.
func placeOf(t *testing.T, net *webtest.Network, j ledger.JobID) (h ledger.Height, n int) {
	t.Helper()
	for e, err := range net.Ledger.Events(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Height != h {
			h, n = e.Height, 0
		}
		if e.Key == ledger.KeyOf(j) {
			break
		}
		n++
	}
	return h, n
}

// TestInvariant2_WhatAnAuditorTakesAlongVerifiesOffline: evidence and extracts verify
// as they are, and by no byte otherwise.
func TestInvariant2_WhatAnAuditorTakesAlongVerifiesOffline(t *testing.T) {
	net := webtest.Start(t, webtest.Options{})
	s := net.Story(t)
	d := s.Diagnosis(3600)
	s.Compute(d.Worker, d.Job)
	s.Do(d.Patient, ledger.AcceptJob{Job: d.Job})
	s.Proved(d.Job)
	at := sit(t, net, "auditor", "An auditor")
	var page struct{ Events []desk.FoundEvent }
	at.must("events", map[string]any{"name": "job", "about": d.Job}, &page)
	if len(page.Events) < 3 || page.Events[0].Name != ledger.JobSettled {
		t.Fatalf("events of the job: %+v", page.Events)
	}
	var event desk.EventPage
	at.must("event", map[string]any{"height": page.Events[0].Height, "n": page.Events[0].N}, &event)
	if event.Author != d.Patient.Party() || event.Command != "job.accept" || event.Outcome == nil || event.Outcome.Job != d.Job {
		t.Errorf("the event is told as %s by %s, %+v", event.Command, event.Author, event.Outcome)
	}
	pinned := net.World.Genesis.ID()
	if v, err := desk.Verify(event.Evidence, nil, pinned); err != nil || v.Kind != "event" || v.By != d.Patient.Party() {
		t.Errorf("evidence: %+v, %v", v, err)
	}
	if v, err := desk.Verify(event.Receipt, nil, pinned); err != nil || v.Kind != "receipt" {
		t.Errorf("receipt: %+v, %v", v, err)
	}
	for what, forged := range map[string]string{
		"another author": strings.Replace(string(event.Evidence), `"author":"`+string(d.Patient.Party()), `"author":"`+string(d.Worker.Party()), 1),
		"another cause":  strings.Replace(string(event.Evidence), `"cause":"`, `"cause":"00`, 1),
		"nothing":        "{}",
	} {
		if _, err := desk.Verify([]byte(forged), nil, pinned); err == nil {
			t.Errorf("evidence with %s verifies", what)
		}
	}
	if _, err := desk.Verify(event.Evidence, nil, "another"); !notice.Is(err, notice.Integrity) {
		t.Errorf("evidence of another network: %v", err)
	}
	for _, form := range []string{"csv", "json"} {
		var x struct {
			desk.Extract
			Signature json.RawMessage `json:"signature"`
		}
		at.must("extract", map[string]any{"form": form, "name": "job"}, &x)
		if x.Events < 3 || !strings.Contains(x.Text, string(d.Job)) {
			t.Errorf("%s: %d events", form, x.Events)
		}
		if v, err := desk.Verify(x.Signature, []byte(x.Text), pinned); err != nil || v.Kind != "file" || v.ByName != "An auditor" {
			t.Errorf("%s: %+v, %v", form, v, err)
		}
		if _, err := desk.Verify(x.Signature, []byte(x.Text+" "), pinned); !notice.Is(err, notice.Integrity) {
			t.Errorf("%s: a changed extract: %v", form, err)
		}
	}
}

// TestAProcessServesItsDesk: over HTTP the desk answers its token on a loopback address,
// tells progress before the answer, and gives no key.
func TestAProcessServesItsDesk(t *testing.T) {
	net := webtest.Start(t, webtest.Options{})
	h, err := owner.Join(t.Context(), filepath.Join(t.TempDir(), "home"), sealtest.Passphrase(t, "a worker's"), net.URL, string(ledger.Common))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	p, err := h.As(ledger.Common)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Register(t.Context(), ledger.Worker, "a worker"); err != nil {
		t.Fatal(err)
	}
	d, err := desk.At(p, "provider", map[string]desk.Call{
		"machine": func(_ context.Context, _ json.RawMessage, show desk.Show) (any, error) {
			show(desk.Progress{Stage: "looking"})
			return "here", nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /desk/{name}", d.Handler("a token"))
	server := httptest.NewServer(mux)
	defer server.Close()
	for _, c := range []struct {
		name, token, host, want string
		status                  int
	}{
		{"machine", "a token", "", "looking", 200},
		{"machine", "a token", "", `"done":"here"`, 200},
		{"status", "a token", "", `"local":true`, 200},
		{"kit", "a token", "", "denied", 200},
		{"recover", "a token", "", "denied", 200},
		{"carry", "a token", "", "denied", 200},
		{"rotate", "a token", "", "denied", 200},
		{"event", "a token", "", `"request":"`, 200}, // that the node refused, for its operator
		{"demo", "a token", "", "denied", 200},
		{"nothing", "a token", "", "invalid", 200},
		{"machine", "another", "", "forbidden", 403},
		{"machine", "", "", "forbidden", 403},
		{"machine", "a token", "elsewhere.example:80", "forbidden", 403}, // as a page that has rebound its name
	} {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/desk/"+c.name, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Authorization", "Bearer "+c.token)
		if c.host != "" {
			q.Host = c.host
		}
		resp, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != c.status || !strings.Contains(string(b), c.want) {
			t.Errorf("%s with %q at %q: %d %s", c.name, c.token, c.host, resp.StatusCode, b)
		}
	}
}
