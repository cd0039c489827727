package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/evidence"
	"manx/test/webtest"
	"manx/web/api"
)

// readLog reads a whole log by pages of a length.
func readLog(t *testing.T, h http.Handler, token, query string, limit int) (out []api.Logged) {
	t.Helper()
	for path := fmt.Sprintf("%s?limit=%d%s", api.Log, limit, query); path != ""; {
		w := call{path, "GET", path, token, nil, 200, []string{`{"items":[`}, nil, nil}.run(t, h)
		var page struct{ Items []api.Logged }
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil {
			t.Fatal(err)
		}
		out = append(out, page.Items...)
		path, _, _ = strings.Cut(strings.TrimPrefix(w.Header().Get("Link"), "<"), ">")
	}
	return out
}

// TestInvariant5_AnAuditorReadsHerSideOfTheLog: an auditor reads every event of her side
// and of none, whatever she looks for, and no id of the other side; nobody else reads any.
func TestInvariant5_AnAuditorReadsHerSideOfTheLog(t *testing.T) {
	n := webtest.Start(t, webtest.Options{})
	s := n.Story(t)
	c, d := bothSides(s)
	sides := map[ledger.Vertical]string{ledger.Health: "", ledger.Credit: ""}
	for v := range sides {
		sides[v] = signIn(t, n, s.Party(v, ledger.Auditor))
	}
	head, err := n.Ledger.Height()
	if err != nil {
		t.Fatal(err)
	}
	var all []ledger.Event
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	for e, err := range n.Ledger.Events(ctx, 1) {
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, e); e.Last && e.Height == head {
			break
		}
	}
	slices.Reverse(all)
	worker, patient, borrower := string(d.Worker.Party()), string(d.Patient.Party()), string(c.Borrower.Party())
	found := 0
	for side, token := range sides {
		other := map[ledger.Vertical]string{ledger.Health: "credit", ledger.Credit: "health"}[side]
		for query, holds := range map[string]func(e ledger.Event) bool{
			"":                  func(e ledger.Event) bool { return e.Name != ledger.TimeTicked && e.Name != ledger.BeaconMoved },
			"&name=job":         func(e ledger.Event) bool { return strings.HasPrefix(e.Name, "job.") },
			"&name=job.settled": func(e ledger.Event) bool { return e.Name == ledger.JobSettled },
			"&name=time":        func(e ledger.Event) bool { return e.Name == ledger.TimeTicked },
			"&about=" + worker:  func(e ledger.Event) bool { return tells(e, worker) },
			"&about=" + patient: func(e ledger.Event) bool { return tells(e, patient) },
			"&about=" + string(ledger.KeyOf(ledger.PartyID(borrower))):            func(e ledger.Event) bool { return tells(e, borrower) },
			"&name=job&about=" + patient[9:19]:                                    func(e ledger.Event) bool { return strings.HasPrefix(e.Name, "job.") && tells(e, patient) },
			"&about=job-" + strings.TrimPrefix(string(c.Job), "credit-job-")[:12]: func(e ledger.Event) bool { return tells(e, string(c.Job)) },
			"&about=zzzzzz": func(ledger.Event) bool { return false },
			"&name=credit/": func(ledger.Event) bool { return false },
		} {
			var want []string
			for _, e := range all {
				if (strings.HasPrefix(string(e.Key), string(side)+"/") || strings.HasPrefix(string(e.Key), "common/")) && holds(e) {
					want = append(want, fmt.Sprint(e.Height, e.Name, e.Key, string(e.Body), e.Cause))
				}
			}
			found += len(want)
			for _, limit := range []int{3, 500} {
				var got []string
				for _, e := range readLog(t, n.Handler, token, query, limit) {
					got = append(got, fmt.Sprint(e.Height, e.Name, e.Key, string(e.Body), e.Cause))
					if strings.HasPrefix(string(e.Key), other) || e.Height > 2 && e.At == 0 {
						t.Errorf("%s%s: %+v", side, query, e)
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s%s by %d: %d events, want %d", side, query, limit, len(got), len(want))
				}
			}
		}
		w := call{"one", "GET", api.Log + "?name=job.settled&limit=1", token, nil, 200, nil, []string{other + "/job"}, nil}.run(t, n.Handler)
		var page struct{ Items []api.Logged }
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || len(page.Items) == 0 {
			t.Fatalf("%v, %s", err, w.Body)
		}
		e := page.Items[0]
		w = call{"its evidence", "GET", fmt.Sprintf("%s/%d/%d", api.Log, e.Height, e.N), token, nil, 200, nil, nil, nil}.run(t, n.Handler)
		var b evidence.Bundle
		if err := ledger.Decode(w.Body.Bytes(), &b); err != nil || b.Verify(n.World.Genesis.ID()) != nil || b.Event.Key != e.Key || b.Event.Cause != e.Cause {
			t.Errorf("evidence of %+v: %+v, %v", e, b, err)
		}
		for v, token := range sides {
			if v != side {
				call{"the other side's evidence", "GET", fmt.Sprintf("%s/%d/%d", api.Log, e.Height, e.N), token, nil, 404, nil, []string{string(side) + "/job"}, nil}.run(t, n.Handler)
			}
		}
		for _, bad := range []string{"?about=abc", "?about=sixsix%25", "?about=JOB-ABCDEF", "?limit=501", "?limit=0", "?before=x", "?name=" + strings.Repeat("x", 65)} {
			call{bad, "GET", api.Log + bad, token, nil, 400, nil, nil, nil}.run(t, n.Handler)
		}
	}
	if found < 100 {
		t.Errorf("all searches find %d events", found)
	}
	for _, k := range []struct {
		name  string
		token string
	}{{"the patient", signIn(t, n, d.Patient)}, {"the worker", signIn(t, n, d.Worker)}, {"the lender", signIn(t, n, c.Lender)}, {"an organisation", signIn(t, n, n.World.Organisations[0])}} {
		for _, path := range []string{api.Log, api.Log + "?about=" + patient, fmt.Sprintf("%s/%d/0", api.Log, head)} {
			call{k.name, "GET", path, k.token, nil, 403, []string{"auditor"}, []string{patient, borrower, string(d.Job), string(c.Job)}, nil}.run(t, n.Handler)
		}
	}
	call{"nobody", "GET", api.Log, "", nil, 401, nil, []string{patient, borrower}, nil}.run(t, n.Handler)
}

// tells reports whether an event's key or value holds an id.
func tells(e ledger.Event, id string) bool {
	return strings.Contains(strings.ReplaceAll(string(e.Key), "/", "-"), id) || strings.Contains(string(e.Body), id)
}
