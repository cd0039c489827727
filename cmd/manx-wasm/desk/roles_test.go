package desk_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"manx/cmd/manx-wasm/desk"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/test/webtest"
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
