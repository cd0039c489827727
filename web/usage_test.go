package web_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/storage"
	"manx/test/webtest"
	"manx/web/api"
)

// Everybody reads her own part in calls: who asked is told to a model's owner and to
// the subject, whose data it was about to nobody but herself.
func TestUsageIsToldToWhoTookPart(t *testing.T) {
	n := webtest.Start(t, webtest.Options{})
	s := n.Story(t)
	c := s.Scoring(3600)
	s.Consent(c.Borrower, c.Job, c.Record)
	s.Compute(c.Worker, c.Job)
	s.Answer(c.Borrower, c.Job)
	s.Do(c.Lender, ledger.AcceptJob{Job: c.Job})
	refused := s.AskScore(c.Lender, c.Borrower, c.Model, s.Fund(c.Lender, ledger.MAN(2)), 3600)
	s.Do(c.Borrower, ledger.DenyJob{Job: refused})
	other := s.Party(ledger.Credit, ledger.Lender)
	id := func(k *ledgertest.Key) string { return string(k.Party()) }
	for _, who := range []struct {
		name        string
		key         *ledgertest.Key
		want, never []string
	}{
		{"the lender", c.Lender, []string{`"role":"asker","calls":2,"settled":1,"earned":"2","spent":"4"`}, []string{"askers", id(c.Borrower)}},
		{"the borrower", c.Borrower, []string{`"role":"subject","calls":2,"settled":1,"earned":"0.4"`, id(c.Lender)}, nil},
		{"the model's owner", c.Scientist, []string{`"role":"model-owner","calls":2,"settled":1,"earned":"0.6"`, id(c.Lender)}, []string{id(c.Borrower)}},
		{"the worker", c.Worker, []string{`"role":"worker","calls":1,"settled":1,"earned":"0.8"`}, []string{"askers", id(c.Borrower), id(c.Lender)}},
		{"a stranger", other, []string{`"months":[]`}, []string{id(c.Borrower), id(c.Lender)}},
	} {
		token := signIn(t, n, who.key)
		call{who.name, "GET", api.Uses, token, nil, 200, who.want, who.never, nil}.run(t, n.Handler)
		call{who.name + ", before", "GET", api.Uses + fmt.Sprintf("?before=%d", s.World.Now()-3600), token, nil, 200, []string{`"months":[]`}, nil, nil}.run(t, n.Handler)
		call{who.name + ", of another model", "GET", api.Uses + "?model=" + string(ledger.NewModelID(ledger.Credit, ledger.NewCommandID())), token, nil, 200, []string{`"months":[]`}, nil, nil}.run(t, n.Handler)
		status := 403
		if who.key == c.Scientist {
			status = 200
		}
		call{who.name + " watches", "GET", api.Watch + "?model=" + string(c.Model), token, nil, status, nil, []string{id(c.Borrower)}, nil}.run(t, n.Handler)
	}
	token := signIn(t, n, c.Lender)
	for _, bad := range []string{"?from=x", "?before=1.5", "?model=none"} {
		call{bad, "GET", api.Uses + bad, token, nil, 400, []string{"seconds since 1970"}, nil, nil}.run(t, n.Handler)
	}
	call{"nobody signed in", "GET", api.Uses, "", nil, 401, nil, nil, nil}.run(t, n.Handler)
	call{"no model", "GET", api.Watch, token, nil, 404, nil, nil, nil}.run(t, n.Handler)
	call{"no such model", "GET", api.Watch + "?model=" + string(ledger.NewModelID(ledger.Credit, ledger.NewCommandID())), token, nil, 404, nil, nil, nil}.run(t, n.Handler)
}

// Who asks again and again over one study is pointed out to the model's owner.
func TestWatchPointsAtAnExtractor(t *testing.T) {
	n := webtest.Start(t, webtest.Options{})
	s := n.Story(t)
	owner, worker := s.Party(ledger.Health, ledger.Scientist), s.Party(ledger.Common, ledger.Worker)
	honest, thief := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Person)
	m := s.SharedModel(owner, honest, s.Party(ledger.Health, ledger.Hospital), ledger.Limit{})
	for _, who := range []struct {
		key   *ledgertest.Key
		calls int
	}{{honest, 2}, {thief, 9}} {
		study := s.Study(who.key)
		for range who.calls {
			j := s.Diagnose(who.key, m, study, s.Fund(who.key, ledger.MAN(3)), 3600)
			s.Compute(worker, j)
			s.Do(who.key, ledger.AcceptJob{Job: j})
		}
	}
	// Calls that told of nothing do not count.
	for range 9 {
		s.Do(honest, ledger.RequestJob{Model: m, Subject: honest.Party(), Purpose: ledger.Diagnosis, Fund: []ledger.CoinID{s.Fund(honest, ledger.MAN(3))}, Fee: ledger.MAN(3),
			Deadline: s.World.Now() + 8, Record: s.Study(honest), Version: 1, Inputs: []storage.Ref{ledgertest.Ref("i")}, EvalKeys: ledgertest.Ref("k")})
	}
	w := call{"the owner", "GET", api.Watch + "?model=" + string(m), signIn(t, n, owner), nil, 200, nil, nil, nil}.run(t, n.Handler)
	var got []api.Watched
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got) != 2 {
		t.Fatalf("%v, %s", err, w.Body)
	}
	if got[0].Asker != thief.Party() || !got[0].Report.Alarm || got[0].Report.Repeated != 6 || got[1].Report.Alarm || got[1].Report.Calls != 2 {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(w.Body.String(), `"repeats"`) {
		t.Errorf("no reason is given: %s", w.Body)
	}
}
