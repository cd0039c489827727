package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/storage"
	"manx/test/webtest"
	"manx/web"
	"manx/web/api"
	"manx/web/client"
)

// get makes one request with some headers.
func get(t *testing.T, h http.Handler, method, path, token string, header map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// What has an ETag is not sent again to who has it, and is once it changed.
func TestWhatStandsIsNotSentAgain(t *testing.T) {
	n := webtest.Start(t, webtest.Options{})
	s := n.Story(t)
	me := s.Party(ledger.Health, ledger.Person)
	coin := s.Fund(me, ledger.MAN(3))
	token := signIn(t, n, me)
	b := []byte("sealed bytes")
	blob := fmt.Sprintf("%s/0/blobs/%v", api.Nodes, storage.RefOf(b))
	call{"put", "PUT", blob, token, b, 201, nil, nil, nil}.run(t, n.Handler)
	for _, path := range []string{api.Document, api.Network, api.Mine + "/coin", api.Movements, api.Models, api.Mints, api.Uses, api.Workers, api.State + "?key=" + string(ledger.KeyOf(coin)), blob, blob + "?offset=1&length=3"} {
		w := get(t, n.Handler, "GET", path, token, nil)
		tag := w.Header().Get("ETag")
		if w.Code != 200 || tag == "" {
			t.Fatalf("%s: %d, ETag %q", path, w.Code, tag)
		}
		for list, want := range map[string]int{tag: 304, `"x", W/` + tag: 304, "*": 304, `"x"`: 200} {
			if again := get(t, n.Handler, "GET", path, token, map[string]string{"If-None-Match": list}); again.Code != want || want == 304 && again.Body.Len() != 0 {
				t.Errorf("%s with %s: %d, want %d: %s", path, list, again.Code, want, again.Body)
			}
		}
	}
	tag := get(t, n.Handler, "GET", api.Mine+"/coin", token, nil).Header().Get("ETag")
	s.Fund(me, ledger.MAN(1))
	if w := get(t, n.Handler, "GET", api.Mine+"/coin", token, map[string]string{"If-None-Match": tag}); w.Code != 200 {
		t.Errorf("a list that changed: %d", w.Code)
	}
}

// Every list is read to its end by the addresses that it gives, nothing twice and
// nothing left out.
func TestListsGoOnByTheirLinks(t *testing.T) {
	n := webtest.Start(t, webtest.Options{})
	s := n.Story(t)
	me := s.Party(ledger.Health, ledger.Person)
	want := map[string]bool{}
	for range 12 {
		want[string(s.Fund(me, ledger.MAN(1)))] = true
	}
	token := signIn(t, n, me)
	for path, key := range map[string]string{api.Mine + "/coin?limit=5": "items", api.Mints + "?limit=5": "items", api.Movements: "movements"} {
		seen, pages := map[string]bool{}, 0
		for at := path; at != ""; pages++ {
			w := get(t, n.Handler, "GET", at, token, nil)
			var p map[string]json.RawMessage
			var items []struct{ ID, Coin string }
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatal(err, w.Body)
			}
			if err := json.Unmarshal(p[key], &items); err != nil {
				t.Fatal(err)
			}
			for _, i := range items {
				if seen[i.ID+i.Coin] {
					t.Errorf("%s gives %s twice", path, i.ID+i.Coin)
				}
				seen[i.ID+i.Coin] = true
			}
			link := w.Header().Get("Link")
			if _, more := p["next"]; more != (link != "") {
				t.Errorf("%s: next %s, Link %q", at, p["next"], link)
			}
			at, _ = strings.CutSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
		}
		if len(seen) != len(want) || path != api.Movements && pages != 3 {
			t.Errorf("%s: %d of %d, on %d pages", path, len(seen), len(want), pages)
		}
	}
}

// Who asks too much at once is told when to go on, by session and by address; others
// are not held up, and the owner's client waits.
func TestRatesAreLimited(t *testing.T) {
	n := webtest.Start(t, webtest.Options{PerSession: web.Rate{PerSecond: 2, Burst: 5}, PerAddress: web.Rate{PerSecond: 1, Burst: 12}})
	s := n.Story(t)
	mine, yours := signIn(t, n, s.Party(ledger.Health, ledger.Person)), signIn(t, n, s.Party(ledger.Health, ledger.Person))
	for i := range 5 {
		w := get(t, n.Handler, "GET", api.Models, mine, nil)
		if w.Code != 200 || w.Header().Get("RateLimit-Policy") != `"session";q=5;w=3` || !strings.HasPrefix(w.Header().Get("RateLimit"), fmt.Sprintf(`"session";r=%d;t=`, 4-i)) {
			t.Fatalf("%d: %d, %v", i, w.Code, w.Header())
		}
	}
	w := call{"one too many", "GET", api.Models, mine, nil, 429, []string{"exhausted", "too many requests", "go on in"}, nil, nil}.run(t, n.Handler)
	if after, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || after < 1 {
		t.Errorf("Retry-After: %q", w.Header().Get("Retry-After"))
	}
	call{"another's session", "GET", api.Models, yours, nil, 200, nil, nil, nil}.run(t, n.Handler)
	// Guessing tokens and asking for what is open come off one bucket: two sign-ins did.
	for i := range 10 {
		token, want := "", 200
		if i%2 == 0 {
			token, want = strings.Repeat("0", 64), 401
		}
		path := map[int]string{200: api.Network, 401: api.Models}[want]
		call{"by address", "GET", path, token, nil, want, nil, nil, nil}.run(t, n.Handler)
	}
	call{"guessing on", "GET", api.Models, strings.Repeat("0", 64), nil, 429, nil, nil, nil}.run(t, n.Handler)
	call{"nowhere", "GET", "/v1/nowhere", "", nil, 429, nil, nil, nil}.run(t, n.Handler)
	call{"no method", "DELETE", api.Network, "", nil, 429, nil, nil, nil}.run(t, n.Handler)
	call{"open", "POST", api.Commands, "", []byte("{}"), 429, nil, nil, nil}.run(t, n.Handler)
	if w := get(t, n.Handler, "GET", api.Network, "", map[string]string{"X-Forwarded-For": "203.0.113.9"}); w.Code != 429 { // not from a proxy: a test's address is no loopback
		t.Errorf("who says to come from elsewhere: %d", w.Code)
	}
	call{"the process itself is asked as ever", "GET", "/healthz", "", nil, 200, nil, nil, nil}.run(t, n.Handler)
}

// What a key was given for is done once; what is not the same is refused.
func TestInvariant8_AKeyDoesAThingOnce(t *testing.T) {
	n := webtest.Start(t, webtest.Options{})
	s := n.Story(t)
	me := s.Party(ledger.Common, ledger.Worker)
	mine, yours := signIn(t, n, me), signIn(t, n, s.Party(ledger.Health, ledger.Person))
	coins := func() int {
		var p api.Page
		if err := json.Unmarshal(get(t, n.Handler, "GET", api.Mine+"/coin", mine, nil).Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		return len(p.Items)
	}
	key := map[string]string{"Idempotency-Key": `"a-key-of-mine"`}
	first := get(t, n.Handler, "POST", api.Faucet, mine, key)
	if first.Code != 200 || first.Header().Get("Idempotency-Replayed") != "" {
		t.Fatalf("%d %s", first.Code, first.Body)
	}
	for range 3 { // the faucet of these tests gives as often as it is asked
		again := get(t, n.Handler, "POST", api.Faucet, mine, key)
		if again.Code != 200 || again.Body.String() != first.Body.String() || again.Header().Get("Idempotency-Replayed") != "true" {
			t.Errorf("again: %d %s", again.Code, again.Body)
		}
	}
	if got := coins(); got != 1 {
		t.Errorf("%d coins were given", got)
	}
	if w := get(t, n.Handler, "POST", api.Tickets, mine, key); w.Code != 422 || !strings.Contains(w.Body.String(), "another request") {
		t.Errorf("another request: %d %s", w.Code, w.Body)
	}
	if w := get(t, n.Handler, "POST", api.Faucet, yours, key); w.Code != 200 || w.Header().Get("Idempotency-Replayed") != "" {
		t.Errorf("another's key: %d %s", w.Code, w.Body)
	}
	for _, bad := range []string{"short", strings.Repeat("k", 65), "with space", "ümlaut-und-mehr"} {
		if w := get(t, n.Handler, "POST", api.Faucet, mine, map[string]string{"Idempotency-Key": bad}); w.Code != 400 {
			t.Errorf("%q: %d", bad, w.Code)
		}
	}
	if get(t, n.Handler, "POST", api.Faucet, mine, map[string]string{"Idempotency-Key": "another-key"}); coins() != 2 {
		t.Errorf("%d coins after another key", coins())
	}
	call{"a body", "POST", api.Faucet, mine, []byte(`{"amount":"1000"}`), 400, []string{"no body"}, nil, nil}.run(t, n.Handler)
}

// A job is begun with 202, is a resource, and tells of itself until it is over.
func TestAJobIsFollowedToItsEnd(t *testing.T) {
	n := webtest.Start(t, webtest.Options{})
	s := n.Story(t)
	d := s.Diagnosis(3600) // of which there is a model
	study, coin := s.Study(d.Patient), s.Fund(d.Patient, ledger.MAN(3))
	cmd := s.Sign(d.Patient, ledger.RequestJob{Model: d.Model, Subject: d.Patient.Party(), Purpose: ledger.Diagnosis, Fund: []ledger.CoinID{coin}, Fee: ledger.MAN(3),
		Deadline: s.World.Now() + 3600, Record: study, Version: 1, Inputs: []storage.Ref{ledgertest.Ref("i")}, EvalKeys: ledgertest.Ref("k")})
	open := &client.Client{Base: n.URL}
	if _, err := open.Applied(t.Context(), client.CommandID(fmt.Sprintf("%x", cmd.ID))); err == nil {
		t.Error("a command is applied that was not sent")
	}
	a, err := open.Submit(t.Context(), generated(t, cmd))
	if err != nil || a.Status != http.StatusAccepted || a.Header.Get("Location") != api.Jobs+"/"+string(a.Value.Job) {
		t.Fatalf("%+v, %v", a, err)
	}
	if again, err := open.Submit(t.Context(), generated(t, cmd)); err != nil || again.Value != a.Value {
		t.Errorf("the same command again: %+v, %v", again, err)
	}
	if done, err := open.Applied(t.Context(), client.CommandID(fmt.Sprintf("%x", cmd.ID))); err != nil || string(done.Value.ID) != fmt.Sprintf("%x", cmd.ID) {
		t.Errorf("%+v, %v", done, err)
	}
	me := &client.Client{Base: n.URL, Token: signIn(t, n, d.Patient)}
	j, err := me.Job(t.Context(), a.Value.Job, client.JobParams{})
	if err != nil || j.Value.Stage != "ready" {
		t.Fatalf("%+v, %v", j.Value, err)
	}
	if _, err := me.Job(t.Context(), "health-job-00000000000000000000000000000000", client.JobParams{}); err == nil {
		t.Error("a job that is not there")
	}
	stream, err := me.JobEvents(t.Context(), a.Value.Job)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Value.Close()
	id := ledger.JobID(a.Value.Job)
	s.Compute(d.Worker, id)
	s.Do(d.Patient, ledger.AcceptJob{Job: id})
	all, err := io.ReadAll(stream.Value) // it ends by itself
	if err != nil {
		t.Fatal(err)
	}
	var stages []string
	for line := range strings.Lines(string(all)) {
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			var j client.Job
			if err := json.Unmarshal([]byte(data), &j); err != nil {
				t.Fatal(err)
			}
			stages = append(stages, j.Stage)
		}
	}
	if got := strings.Join(stages, " "); got != "ready claimed done settled" {
		t.Errorf("it was %s", got)
	}
	after, err := me.JobEvents(t.Context(), a.Value.Job)
	if err != nil {
		t.Fatal(err)
	}
	defer after.Value.Close()
	if all, err := io.ReadAll(after.Value); err != nil || strings.Count(string(all), "data: ") != 1 {
		t.Errorf("of a job that is over: %q, %v", all, err)
	}
}

// A sign-in command opens one session, though the node was started again between.
func TestInvariant2_ASignInIsTakenOnceByTheDatabase(t *testing.T) {
	n := webtest.Start(t, webtest.Options{})
	me := n.Story(t).Party(ledger.Health, ledger.Person)
	once := session(t, n, me, 300)
	call{"the first", "POST", api.Sessions, "", once, 200, nil, nil, nil}.run(t, n.Handler)
	call{"at another node of the database", "POST", api.Sessions, "", once, 403, []string{"could not be recognised"}, []string{"token"}, nil}.run(t, n.Again())
}

// The reference page asks nobody but its node, and the portal's files stay the portal's.
func TestTheReferencePage(t *testing.T) {
	n := webtest.Start(t, webtest.Options{})
	w := get(t, n.Handler, "GET", api.Reference, "", nil)
	policy := w.Header().Get("Content-Security-Policy")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "/v1/reference/reference.js") || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "connect-src 'self'") || strings.Contains(policy, "unsafe") {
		t.Errorf("%d, policy %q", w.Code, policy)
	}
	for path, want := range map[string]int{"/reference.js": 200, "/reference.css": 200, "/index.html": 404, "/nothing.js": 404, "/..": 404} {
		f := get(t, n.Handler, "GET", api.Reference+path, "", nil)
		if f.Code != want {
			t.Errorf("%s: %d", path, f.Code)
		}
		if b := f.Body.String(); strings.Contains(b, "https://") || strings.Contains(b, "http://") && want == 200 {
			t.Errorf("%s names another origin", path)
		}
	}
	if w := get(t, n.Handler, "DELETE", api.Reference, "", nil); w.Code != 405 || w.Header().Get("Allow") == "" {
		t.Errorf("%d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

// A stream ends with its session, and not before.
func TestAStreamEndsWithItsClient(t *testing.T) {
	var ended atomic.Int32
	n := webtest.Start(t, webtest.Options{Serve: func(l ledger.Ledger) ledger.Ledger { return &counted{l, &ended} }})
	mine := signIn(t, n, n.Story(t).Party(ledger.Health, ledger.Person))
	ctx, stop := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, "GET", api.Events, nil)
	r.Header.Set("Authorization", "Bearer "+mine)
	over := make(chan struct{})
	go func() {
		defer close(over)
		n.Handler.ServeHTTP(httptest.NewRecorder(), r)
	}()
	time.AfterFunc(50*time.Millisecond, stop)
	<-over
	if ended.Load() != 1 {
		t.Error("the handler returned before its source had ended")
	}
}

// counted counts streams of events that have ended.
type counted struct {
	ledger.Ledger
	ended *atomic.Int32
}

func (c *counted) Events(ctx context.Context, from ledger.Height) iter.Seq2[ledger.Event, error] {
	return func(yield func(ledger.Event, error) bool) {
		defer c.ended.Add(1)
		c.Ledger.Events(ctx, from)(yield)
	}
}
