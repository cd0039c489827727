package web_test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/storage"
	"manx/test/apicheck"
	"manx/test/oidctest"
	"manx/test/webtest"
	"manx/web/api"
)

// bothSides plays a borrower's score and a patient's diagnosis to their ends.
func bothSides(s *ledgertest.Story) (ledgertest.Scored, ledgertest.Diagnosed) {
	c := s.Scoring(3600)
	s.Consent(c.Borrower, c.Job, c.Record)
	s.Compute(c.Worker, c.Job)
	s.Answer(c.Borrower, c.Job)
	s.Do(c.Lender, ledger.AcceptJob{Job: c.Job})
	d := s.Diagnosis(3600)
	s.Compute(d.Worker, d.Job)
	s.Do(d.Patient, ledger.AcceptJob{Job: d.Job})
	return c, d
}

// What each role reads of one story: a patient's diagnosis and a borrower's score. want
// must be in the answer, never must not: another's record, job, money or name, and, for
// who stands on one side of the wall, whatever stands on the other.
func TestWhatEachRoleReads(t *testing.T) {
	n := webtest.Start(t, webtest.Options{})
	s := n.Story(t)
	c, d := bothSides(s)
	hospital, stranger, holder := s.Party(ledger.Health, ledger.Hospital), s.Party(ledger.Credit, ledger.Lender), s.Party(ledger.Common, ledger.Holder)
	grant := ledger.NewGrantID(ledger.Health, s.Do(d.Patient, ledger.GiveGrant{Record: d.Record, To: hospital.Party(), Purpose: ledger.Care, Access: ledger.Read, Until: s.World.Now() + 3600}))

	id := func(k *ledgertest.Key) string { return string(k.Party()) }
	patient, borrower, lender := id(d.Patient), id(c.Borrower), id(c.Lender)
	health := []string{patient, string(d.Record), string(d.Job), string(grant)}
	credit := []string{borrower, lender, string(c.Record), string(c.Job), id(c.Furnisher)}
	type sees struct {
		path        string
		want, never []string
	}
	empty := []string{`"items":[]`}
	for _, role := range []struct {
		name  string
		key   *ledgertest.Key
		reads []sees
	}{
		{"patient", d.Patient, []sees{
			{api.Mine + "/rec", []string{string(d.Record)}, credit},
			{api.Mine + "/job", []string{string(d.Job)}, credit},
			{api.Mine + "/grant", []string{string(grant), id(hospital)}, credit},
			{api.Mine + "/escrow", empty, credit},
			{api.Movements, []string{`"movements"`}, append(credit, id(d.Worker))},
			{api.Uses, []string{`"asker"`}, credit},
		}},
		{"hospital with a grant", hospital, []sees{
			{api.Mine + "/grant", []string{string(grant)}, append([]string{string(d.Job)}, credit...)},
			{api.Mine + "/rec", empty, append(health, credit...)},
			{api.Mine + "/job", empty, append(health, credit...)},
			{api.Mine + "/coin", empty, append(health, credit...)},
			{api.Movements, []string{`"movements":[]`}, append(health, credit...)},
			{api.Uses, []string{`"months":[]`}, append(health, credit...)},
		}},
		{"borrower", c.Borrower, []sees{
			{api.Mine + "/rec", []string{string(c.Record)}, health},
			{api.Mine + "/job", []string{string(c.Job)}, health},
			{api.Movements, []string{`"movements"`}, append(health, id(c.Worker))},
			{api.Uses, []string{`"subject"`, lender}, health},
		}},
		{"lender", c.Lender, []sees{
			{api.Mine + "/job", []string{string(c.Job)}, health},
			{api.Mine + "/rec", empty, append(health, string(c.Record))},
			{api.Movements, []string{`"movements"`}, append(health, borrower)},
			{api.Uses, []string{`"asker"`}, append(health, borrower, "askers")},
		}},
		{"furnisher", c.Furnisher, []sees{
			{api.Mine + "/job", empty, append(health, borrower, lender)},
			{api.Movements, []string{`"movements":[]`}, append(health, credit...)},
			{api.Uses, []string{`"months":[]`}, append(health, borrower, lender)},
		}},
		{"scientist", c.Scientist, []sees{
			{api.Mine + "/rec", empty, append(health, string(c.Record))},
			{api.Movements, []string{`"movements"`}, append(health, borrower, lender)},
			{api.Uses, []string{`"model-owner"`, lender}, append(health, borrower)},
			{api.Watch + "?model=" + string(c.Model), []string{lender}, append(health, borrower)},
		}},
		{"worker", c.Worker, []sees{
			{api.Mine + "/rec", empty, append(health, string(c.Record))},
			{api.Movements, []string{`"movements"`}, append(health, borrower, lender)},
			{api.Uses, []string{`"worker"`}, append(health, borrower, lender)},
		}},
		{"holder of shares", holder, []sees{
			{api.Mine + "/job", empty, append(health, credit...)},
			{api.Movements, []string{`"movements":[]`}, append(health, credit...)},
			{api.Uses, []string{`"months":[]`}, append(health, credit...)},
		}},
		{"organisation", n.World.Organisations[0], []sees{
			{api.Mine + "/rec", empty, append(health, credit...)},
			{api.Mine + "/job", empty, append(health, credit...)},
			{api.Uses, []string{`"exchange"`}, append(health, append(credit, "askers")...)},
		}},
		{"a stranger", stranger, []sees{
			{api.Mine + "/rec", empty, append(health, credit...)},
			{api.Mine + "/job", empty, append(health, credit...)},
			{api.Mine + "/grant", empty, append(health, credit...)},
			{api.Mine + "/coin", empty, append(health, credit...)},
			{api.Movements, []string{`"movements":[]`}, append(health, credit...)},
			{api.Uses, []string{`"months":[]`}, append(health, credit...)},
		}},
	} {
		token := signIn(t, n, role.key)
		others := slices.DeleteFunc(slices.Concat(health, credit), func(s string) bool { return s == id(role.key) })
		for _, r := range append(role.reads,
			sees{api.Models, []string{string(c.Model)}, others},
			sees{api.Mints, []string{`"supply"`}, others},
			sees{api.Workers, []string{`"workers"`}, others},
			sees{api.Sessions, []string{`"current":true`}, append(others, token)}) {
			call{role.name + ", " + r.path, "GET", r.path, token, nil, 200, r.want, r.never, nil}.run(t, n.Handler)
		}
		if role.key != c.Scientist {
			call{role.name + " watches", "GET", api.Watch + "?model=" + string(c.Model), token, nil, 403, nil, []string{lender, borrower}, nil}.run(t, n.Handler)
		}
		if r := role.key; r != c.Worker && r != holder {
			call{role.name + " takes a ticket", "POST", api.Tickets, token, nil, 403, nil, []string{"a ticket"}, nil}.run(t, n.Handler)
		}
	}
}

// Staff reads what its role may, and changes nothing: of every address that needs a
// session, for every role, as the description says.
func TestInvariant2_StaffReadsByRoleAndSignsNothing(t *testing.T) {
	c := newClinic(t)
	patient := c.s.Party(ledger.Health, ledger.Person)
	record := c.s.Study(patient)
	coin := c.s.Fund(c.key, ledger.MAN(5))
	document, err := apicheck.Load()
	if err != nil {
		t.Fatal(err)
	}
	blob := storage.RefOf([]byte("sealed bytes")).String()
	fill := strings.NewReplacer("{job}", "health-job-00000000000000000000000000000000", "{session}", "0123456789abcdef", "{node}", "0", "{cid}", blob, "{height}", "1", "{n}", "0")
	tried := 0
	for role, group := range map[string]string{"auditor": "audit", "accounts": "finance", "operations": "ward"} {
		c.at.As(user(group), oidctest.Lie{})
		token := c.trade(t, c.begin(t), 200).Token
		for _, o := range document.Operations {
			if o.Open || o.ID == "events" || o.ID == "jobEvents" && slices.Contains(o.Staff, role) {
				continue
			}
			for _, word := range []string{"coin", "rec"} {
				path := fill.Replace(strings.Replace(o.Path, "{word}", word, 1))
				if o.ID == "state" {
					path += "?key=" + string(ledger.KeyOf(record))
				}
				may := slices.Contains(o.Staff, role)
				if o.ID == "mine" {
					may = (role == "accounts") == (word == "coin")
				}
				r := httptest.NewRequestWithContext(t.Context(), o.Method, path, strings.NewReader(""))
				r.Header.Set("Authorization", "Bearer "+token)
				w := httptest.NewRecorder()
				c.n.Handler.ServeHTTP(w, r)
				tried++
				if role := strings.Contains(w.Body.String(), "your role"); o.Method != "HEAD" && may == role || o.Method == "HEAD" && may == (w.Code == 403) {
					t.Errorf("%s: %s %s: %d %s", group, o.Method, path, w.Code, w.Body)
				}
				if !may && strings.Contains(w.Body.String(), string(coin)) {
					t.Errorf("%s: %s tells of the clinic's coin", group, path)
				}
			}
		}
		// A command needs no session; one that staff has is no signature.
		forged := c.s.Sign(patient, ledger.SendCoins{In: []ledger.CoinID{coin}, Out: []ledger.Output{{To: patient.Party(), Amount: ledger.MAN(5)}}})
		forged.Author = c.key.Party()
		call{"staff spends", "POST", api.Commands, token, encode(t, forged), 403, nil, nil, nil}.run(t, c.n.Handler)
		call{"staff puts a blob", "PUT", api.Nodes + "/0/blobs/" + blob, token, []byte("sealed bytes"), 403, []string{"your role"}, nil, nil}.run(t, c.n.Handler)
	}
	if tried < 90 {
		t.Errorf("%d addresses were tried", tried)
	}
	// One member sees and ends her own sessions, not another's; the account's key all.
	c.at.As(user("audit"), oidctest.Lie{})
	one := c.trade(t, c.begin(t), 200)
	c.at.As(oidctest.User{Subject: "sub-2", Claims: map[string]any{"groups": "audit"}}, oidctest.Lie{})
	two := c.trade(t, c.begin(t), 200)
	mine, hers, other := signIn(t, c.n, c.key), string(one.ID), string(two.ID)
	call{"hers", "GET", api.Sessions, one.Token, nil, 200, []string{hers}, []string{other, mine}, nil}.run(t, c.n.Handler)
	call{"all", "GET", api.Sessions, mine, nil, 200, []string{hers, other}, []string{one.Token, two.Token, mine}, nil}.run(t, c.n.Handler)
	call{"another's", "DELETE", api.Sessions + "/" + other, one.Token, nil, 204, nil, nil, nil}.run(t, c.n.Handler)
	call{"goes on", "GET", api.Models, two.Token, nil, 200, nil, nil, nil}.run(t, c.n.Handler)
	call{"by the account", "DELETE", api.Sessions + "/" + other, mine, nil, 204, nil, nil, nil}.run(t, c.n.Handler)
	call{"has ended", "GET", api.Models, two.Token, nil, 401, []string{"has ended"}, nil, nil}.run(t, c.n.Handler)
	call{"signs out", "DELETE", api.Sessions + "/current", mine, nil, 204, nil, nil, nil}.run(t, c.n.Handler)
	call{"is out", "GET", api.Sessions, mine, nil, 401, nil, nil, nil}.run(t, c.n.Handler)
	call{"no id", "DELETE", api.Sessions + "/all", one.Token, nil, 400, nil, nil, nil}.run(t, c.n.Handler)
}
