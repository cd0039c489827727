package web_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
	"manx/storage"
	"manx/storage/faulty"
	"manx/test/webtest"
	"manx/web/api"
	"manx/web/owner"
)

// cause is text of an inner error, which must never reach a client.
const cause = "disk /dev/secret7 of Eva Muster failed"

// A call is one request and what must come back, and what must not.
type call struct {
	name         string
	method, path string
	token        string // "" for none
	body         []byte
	status       int
	want         []string // in the body
	never        []string // in the body, beside cause
	header       map[string]string
}

func (c call) run(t *testing.T, h http.Handler) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), c.method, c.path, bytes.NewReader(c.body))
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	got := w.Body.String()
	if w.Code != c.status {
		t.Errorf("%s: status %d, want %d: %s", c.name, w.Code, c.status, got)
	}
	for _, s := range c.want {
		if !strings.Contains(got, s) {
			t.Errorf("%s: %q lacks %q", c.name, got, s)
		}
	}
	for _, s := range append(c.never, cause, "goroutine", ".go:") {
		if strings.Contains(got, s) {
			t.Errorf("%s: %q holds %q", c.name, got, s)
		}
	}
	for k, v := range c.header {
		if w.Header().Get(k) != v {
			t.Errorf("%s: header %s is %q, want %q", c.name, k, w.Header().Get(k), v)
		}
	}
	if w.Header().Get("X-Request-ID") == "" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s: no request id, or content may be sniffed", c.name)
	}
	if w.Code >= 400 && c.method != http.MethodHead {
		problem(t, c.name, w)
	}
	return w
}

// problem checks that an error is one of RFC 9457.
func problem(t *testing.T, name string, w *httptest.ResponseRecorder) {
	t.Helper()
	var p api.Problem
	err := json.Unmarshal(w.Body.Bytes(), &p)
	if err != nil || w.Header().Get("Content-Type") != "application/problem+json" || !strings.HasPrefix(p.Type, "urn:manx:notice:") ||
		p.Status != w.Code || p.Detail == "" || p.RequestID != w.Header().Get("X-Request-ID") {
		t.Errorf("%s: no problem of RFC 9457: %v, %q, %s", name, err, w.Header().Get("Content-Type"), w.Body)
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// signIn opens a session of a party's and returns its token.
func signIn(t *testing.T, n *webtest.Network, k *ledgertest.Key) string {
	t.Helper()
	w := call{"sign in", "POST", api.Sessions, "", session(t, n, k, 300), 200, []string{"token"}, nil, nil}.run(t, n.Handler)
	var s api.Session
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || s.Token == "" {
		t.Fatalf("no session: %v, %s", err, w.Body)
	}
	return s.Token
}

func session(t *testing.T, n *webtest.Network, k ledger.Signer, life ledger.Time) []byte {
	t.Helper()
	c, err := ledger.NewCommand(n.World.Genesis.ID(), k, n.World.Now()+life, api.OpenSession{})
	if err != nil {
		t.Fatal(err)
	}
	return encode(t, c)
}

func TestAddresses(t *testing.T) {
	n := webtest.Start(t, webtest.Options{})
	s := n.Story(t)
	me, you := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Person)
	worker := s.Party(ledger.Common, ledger.Worker)
	coin := s.Fund(me, ledger.MAN(3))
	mine, yours, works := signIn(t, n, me), signIn(t, n, you), signIn(t, n, worker)
	key := func(k ledger.Key) string { return api.State + "?key=" + string(k) }
	signed := func(by ledger.Signer, b ledger.Body) []byte { return encode(t, s.Sign(by, b)) }
	altered := s.Sign(me, ledger.SendCoins{In: []ledger.CoinID{coin}, Out: []ledger.Output{{To: you.Party(), Amount: ledger.MAN(3)}}})
	altered.Body = bytes.Replace(altered.Body, []byte(you.Party()), []byte(worker.Party()), 1)
	other := s.Sign(me, ledger.SendCoins{In: []ledger.CoinID{coin}, Out: []ledger.Output{{To: you.Party(), Amount: ledger.MAN(3)}}})
	other.Network = "00000000000000000000000000000000"
	stale, err := ledger.NewCommand(n.World.Genesis.ID(), me, n.World.Now()-1, ledger.SendCoins{In: []ledger.CoinID{coin}, Out: []ledger.Output{{To: you.Party(), Amount: ledger.MAN(3)}}})
	if err != nil {
		t.Fatal(err)
	}
	org := string(n.World.Organisations[0].Party())
	const job = "health-job-00000000000000000000000000000000"
	for _, c := range []call{
		{"alive", "GET", "/healthz", "", nil, 200, []string{"ok"}, nil, nil},
		{"ready", "GET", "/readyz", "", nil, 200, []string{"ready"}, nil, nil},
		{"network", "GET", api.Network, "", nil, 200, []string{`"nodes":6`, "a test's word", "age1test"}, nil, map[string]string{"Cache-Control": "no-store"}},
		{"nowhere", "GET", "/v1/nowhere", "", nil, 404, []string{"not-found", "nothing at this address"}, nil, nil},
		{"nowhere deep", "GET", "/v1/%2e%2e/%2e%2e/etc/passwd", mine, nil, 404, []string{"not-found"}, []string{"root:"}, nil},
		{"wrong method", "DELETE", api.Network, "", nil, 405, nil, nil, nil},

		{"state without a session", "GET", key(ledger.KeyOf(coin)), "", nil, 401, []string{"denied", "session"}, nil, map[string]string{"Www-Authenticate": "Bearer"}},
		{"state with a made-up session", "GET", key(ledger.KeyOf(coin)), strings.Repeat("0", 64), nil, 401, []string{"unknown or has ended"}, nil, nil},
		{"state", "GET", key(ledger.KeyOf(coin)), mine, nil, 200, []string{string(me.Party())}, nil, nil},
		{"a party's public keys without a session", "GET", key(ledger.KeyOf(me.Party())), "", nil, 200, []string{"age1"}, nil, nil},
		{"a key that only looks like a party's", "GET", key("health/coin/p/" + ledger.KeyOf(coin)), "", nil, 401, nil, nil, nil},
		{"absent state", "GET", key("health/rec/0"), mine, nil, 404, []string{"nothing of that name"}, nil, nil},
		{"no key", "GET", api.State, mine, nil, 400, []string{"invalid"}, nil, nil},
		{"a long key", "GET", key(ledger.Key(strings.Repeat("k", 301))), mine, nil, 400, []string{"invalid"}, nil, nil},

		{"my coins", "GET", api.Mine + "/coin", mine, nil, 200, []string{string(coin)}, nil, nil},
		{"another's coins", "GET", api.Mine + "/coin", yours, nil, 200, []string{`"items":[]`}, []string{string(coin), string(me.Party())}, nil},
		{"a list of another word", "GET", api.Mine + "/p", mine, nil, 400, []string{"lists are"}, nil, nil},
		{"a list of too many", "GET", api.Mine + "/coin?limit=501", mine, nil, 400, []string{"1 to 500"}, nil, nil},
		{"a list before nothing", "GET", api.Mine + "/coin?before=-1", mine, nil, 400, nil, nil, nil},
		{"a list without a session", "GET", api.Mine + "/coin", "", nil, 401, nil, []string{string(coin)}, nil},
		{"my movements", "GET", api.Movements, mine, nil, 200, []string{string(coin), "issued"}, nil, nil},
		{"another's movements", "GET", api.Movements, yours, nil, 200, []string{`"movements":[]`}, []string{string(coin), string(me.Party())}, nil},
		{"movements after nothing", "GET", api.Movements + "?after=-1", mine, nil, 400, []string{"height"}, nil, nil},
		{"movements without a session", "GET", api.Movements, "", nil, 401, nil, []string{string(coin)}, nil},
		{"models", "GET", api.Models, mine, nil, 200, []string{"items"}, nil, nil},
		{"events from nowhere", "GET", api.Events + "?from=x", mine, nil, 400, []string{"height"}, nil, nil},
		{"events without a session", "GET", api.Events, "", nil, 401, nil, nil, nil},

		{"no command", "POST", api.Commands, "", []byte("{}"), 400, []string{"not a command"}, nil, nil},
		{"no JSON", "POST", api.Commands, "", []byte("\x00\xff"), 400, []string{"not a command"}, nil, nil},
		{"nothing", "POST", api.Commands, "", nil, 400, []string{"not a command"}, nil, nil},
		{"a command that is too long", "POST", api.Commands, "", bytes.Repeat([]byte(" "), ledger.MaxCommand+2), 400, []string{"not a command"}, nil, nil},
		{"a command of another network", "POST", api.Commands, "", encode(t, other), 400, []string{"not a command for this network"}, nil, nil},
		{"Invariant2: an altered command", "POST", api.Commands, "", encode(t, altered), 403, []string{"denied"}, nil, nil},
		{"Invariant2: a stale command", "POST", api.Commands, "", encode(t, stale), 410, []string{"expired"}, nil, nil},
		{"Invariant2: a command with another's coin", "POST", api.Commands, "", signed(you, ledger.SendCoins{In: []ledger.CoinID{coin}, Out: []ledger.Output{{To: you.Party(), Amount: ledger.MAN(3)}}}), 403, []string{"denied"}, nil, nil},
		{"a command about what is not there", "POST", api.Commands, "", signed(me, ledger.RevokeGrant{Grant: "health-grant-00000000000000000000000000000000"}), 404, []string{"not-found", "hint"}, nil, nil},
		{"too much money", "POST", api.Commands, "", signed(me, ledger.SendCoins{In: []ledger.CoinID{coin}, Out: []ledger.Output{{To: you.Party(), Amount: ledger.MAN(4)}}}), 400, nil, nil, nil},

		{"admission of something else", "POST", api.Admissions, "", encode(t, other), 400, nil, nil, nil},
		{"admission of a payment", "POST", api.Admissions, "", signed(me, ledger.RevokeGrant{Grant: "health-grant-00000000000000000000000000000000"}), 400, []string{"only a registration"}, nil, nil},
		{"a ticket for a patient", "POST", api.Tickets, mine, nil, 403, []string{"only a worker"}, []string{"a ticket"}, nil},
		{"a ticket for a worker", "POST", api.Tickets, works, nil, 200, []string{"a ticket"}, nil, nil},
		{"test MAN", "POST", api.Faucet, mine, nil, 200, []string{`"amount":"100"`}, nil, nil},
		{"test MAN for nobody", "POST", api.Faucet, "", nil, 401, nil, nil, nil},
		{"a receipt of no job", "GET", api.Receipts + "/nonsense", mine, nil, 400, []string{"not the id of a job"}, nil, nil},
		{"no receipt", "GET", api.Receipts + "/" + job, mine, nil, 404, []string{"no receipt yet"}, nil, nil},
		{"a receipt without a session", "GET", api.Receipts + "/" + job, "", nil, 401, nil, nil, nil},

		{"no such organisation", "POST", api.Organisations + "/nobody/wraps", "", []byte("{}"), 404, []string{"no release service"}, nil, nil},
		{"no request", "POST", api.Organisations + "/" + org + "/wraps", "", []byte("[]"), 400, []string{"not a well-formed request"}, nil, nil},
		{"a request of no network", "POST", api.Organisations + "/" + org + "/wraps", "", []byte("{}"), 400, []string{"another network"}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, n.Handler) })
	}
}

// A session is opened by a signed command, once, and by nobody else.
func TestInvariant2_Sessions(t *testing.T) {
	n := webtest.Start(t, webtest.Options{})
	s := n.Story(t)
	me := s.Party(ledger.Health, ledger.Person)
	stranger := s.Party(ledger.Health, ledger.Person)
	once := session(t, n, me, 300)
	foreign := s.Sign(me, api.OpenSession{})
	foreign.Network = "00000000000000000000000000000000"
	const refused = "could not be recognised"
	for _, c := range []call{
		{"a session", "POST", api.Sessions, "", once, 200, []string{"token", "expires"}, nil, nil},
		{"the same command again", "POST", api.Sessions, "", once, 403, []string{refused}, []string{"token"}, nil},
		{"too long a life", "POST", api.Sessions, "", session(t, n, me, 601), 403, []string{refused}, nil, nil},
		{"its life is over", "POST", api.Sessions, "", session(t, n, me, -1), 403, []string{refused}, nil, nil},
		{"another network's", "POST", api.Sessions, "", encode(t, foreign), 400, []string{"this network"}, nil, nil},
		{"another's key", "POST", api.Sessions, "", session(t, n, stranger.For(me.Party()), 300), 403, []string{refused}, nil, nil},
		{"somebody unknown", "POST", api.Sessions, "", session(t, n, ledgertest.NewKey(ledger.Health, bytes.NewReader(make([]byte, 32))), 300), 403, []string{refused}, nil, nil},
		{"another command", "POST", api.Sessions, "", encode(t, s.Sign(me, ledger.RevokeGrant{Grant: "health-grant-00000000000000000000000000000000"})), 403, []string{refused}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, n.Handler) })
	}
	next := ledgertest.NewKey(ledger.Health, rand.Reader)
	s.Do(me, ledger.RotateKey{Key: next.Public(), Sealing: "age1new"})
	call{"the key before the last", "POST", api.Sessions, "", session(t, n, me, 300), 403, []string{refused}, nil, nil}.run(t, n.Handler)
	call{"the newest key", "POST", api.Sessions, "", session(t, n, next.For(me.Party()), 300), 200, []string{"token"}, nil, nil}.run(t, n.Handler)
}

func TestBlobs(t *testing.T) {
	n := webtest.Start(t, webtest.Options{Quota: 2 << 20})
	s := n.Story(t)
	mine, yours := signIn(t, n, s.Party(ledger.Health, ledger.Person)), signIn(t, n, s.Party(ledger.Health, ledger.Person))
	blob, big := []byte("sealed bytes"), make([]byte, storage.MaxBlob+1)
	at := func(node int, b []byte) string {
		return fmt.Sprintf("%s/%d/blobs/%v", api.Nodes, node, storage.RefOf(b))
	}
	fill := bytes.Repeat([]byte{7}, storage.MaxBlob)
	fill2 := bytes.Repeat([]byte{8}, storage.MaxBlob)
	for _, c := range []call{
		{"absent", "GET", at(0, blob), mine, nil, 404, []string{"not-found"}, nil, nil},
		{"has none", "HEAD", at(0, blob), mine, nil, 404, nil, nil, nil},
		{"delete nothing", "DELETE", at(0, blob), mine, nil, 204, nil, nil, nil},
		{"put without a session", "PUT", at(0, blob), "", blob, 401, nil, nil, nil},
		{"put under another name", "PUT", at(0, []byte("other")), mine, blob, 422, []string{"integrity", "digest in its address"}, nil, nil},
		{"put too much", "PUT", at(0, big), mine, big, 400, []string{"invalid", "bytes"}, nil, nil},
		{"no such node", "PUT", at(6, blob), mine, blob, 404, []string{"no such storage node"}, nil, nil},
		{"a node before the first", "GET", at(-1, blob), mine, nil, 404, []string{"no such storage node"}, nil, nil},
		{"no CID", "GET", api.Nodes + "/0/blobs/nonsense", mine, nil, 400, []string{"not the CID"}, nil, nil},
		{"put", "PUT", at(0, blob), mine, blob, 201, nil, nil, nil},
		{"put again", "PUT", at(0, blob), mine, blob, 201, nil, nil, nil},
		{"get", "GET", at(0, blob), yours, nil, 200, []string{"sealed bytes"}, nil, map[string]string{"Content-Type": "application/vnd.ipld.raw"}},
		{"a range", "GET", at(0, blob) + "?offset=7&length=3", yours, nil, 200, []string{"byt"}, []string{"bytes", "sealed"}, nil},
		{"a range beyond it", "GET", at(0, blob) + "?offset=7&length=30", yours, nil, 422, nil, []string{"byt"}, nil},
		{"half a range", "GET", at(0, blob) + "?offset=7", yours, nil, 400, []string{"no range"}, nil, nil},
		{"no range", "GET", at(0, blob) + "?offset=-1&length=9999999999", yours, nil, 400, []string{"no range"}, nil, nil},
		{"has", "HEAD", at(0, blob), yours, nil, 200, nil, nil, nil},
		{"get without a session", "GET", at(0, blob), "", nil, 401, nil, []string{"sealed bytes"}, nil},
		{"another's to delete", "DELETE", at(0, blob), yours, nil, 403, []string{"only the party that stored"}, nil, nil},
		{"still there", "GET", at(0, blob), mine, nil, 200, []string{"sealed bytes"}, nil, nil},
		{"another puts it too", "PUT", at(0, blob), yours, blob, 201, nil, nil, nil},
		{"and does not come to own it", "DELETE", at(0, blob), yours, nil, 403, []string{"only the party that stored"}, nil, nil},
		{"delete mine", "DELETE", at(0, blob), mine, nil, 204, nil, nil, nil},
		{"gone", "GET", at(0, blob), yours, nil, 404, nil, nil, nil},
		{"fill the quota", "PUT", at(1, fill), mine, fill, 201, nil, nil, nil},
		{"to the last byte", "PUT", at(1, fill2), mine, fill2, 201, nil, nil, nil},
		{"further over it", "PUT", at(2, fill2), mine, fill2, 429, []string{"exhausted", "quota"}, nil, nil},
		{"what is there costs nothing", "PUT", at(1, fill), mine, fill, 201, nil, nil, nil},
		{"another has a quota of her own", "PUT", at(2, fill2), yours, fill2, 201, nil, nil, nil},
		{"make room", "DELETE", at(1, fill), mine, nil, 204, nil, nil, nil},
		{"and use it", "PUT", at(3, fill2), mine, fill2, 201, nil, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, n.Handler) })
	}
	n.Blobs[3].Damage(storage.RefOf(fill2))
	call{"damaged", "GET", at(3, fill2), mine, nil, 422, []string{"integrity", "damaged"}, nil, nil}.run(t, n.Handler)
}

// A part that fails is answered for without its own words.
func TestFaultsStayInside(t *testing.T) {
	var storeDown atomic.Bool
	n := webtest.Start(t, webtest.Options{
		Store: func(i int, b storage.Blobs) storage.Blobs {
			f := faulty.New(b)
			f.Decide(func(faulty.Op, int) faulty.Fault {
				if storeDown.Load() {
					return faulty.Failed
				}
				return faulty.None
			})
			return f
		},
		Serve: func(l ledger.Ledger) ledger.Ledger { return broken{l} },
	})
	s := n.Story(t)
	me := s.Party(ledger.Health, ledger.Person)
	mine := signIn(t, n, me)
	storeDown.Store(true)
	b := []byte("x")
	path := fmt.Sprintf("%s/0/blobs/%v", api.Nodes, storage.RefOf(b))
	for _, c := range []call{
		{"put", "PUT", path, mine, b, 503, []string{"unavailable", "storage node 0"}, []string{"injected"}, nil},
		{"get", "GET", path, mine, nil, 503, []string{"does not answer"}, []string{"injected"}, nil},
		{"has", "HEAD", path, mine, nil, 503, nil, nil, nil},
		{"a ledger that cannot read", "GET", api.State + "?key=health/rec/broken", mine, nil, 500, []string{`"detail":"internal error"`}, nil, nil},
		{"a ledger that panics", "GET", api.State + "?key=health/rec/panic", mine, nil, 500, []string{"internal"}, []string{"panic"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := c.run(t, n.Handler)
			if c.status == 500 && !strings.Contains(n.Log.String(), "id="+w.Header().Get("X-Request-ID")) {
				t.Error("the log does not know the request's id")
			}
		})
	}
	if !strings.Contains(n.Log.String(), "/dev/secret7") {
		t.Error("the log does not say what went wrong")
	}
}

// broken fails where its keys say so.
type broken struct{ ledger.Ledger }

func (b broken) Read(ctx context.Context, k ledger.Key) ([]byte, error) {
	switch k {
	case "health/rec/broken":
		return nil, errors.New(cause)
	case "health/rec/panic":
		panic(cause)
	}
	return b.Ledger.Read(ctx, k)
}

// A kind of notice has one status, there and back.
func TestProblems(t *testing.T) {
	for kind, status := range map[notice.Kind]int{notice.Invalid: 400, notice.Denied: 403, notice.NotFound: 404, notice.Conflict: 409, notice.Expired: 410,
		notice.Exhausted: 429, notice.Unavailable: 503, notice.Integrity: 422, notice.Unsupported: 422} {
		p := api.ProblemOf(fmt.Errorf("wrapped: %w", notice.Because(errors.New(cause), kind, "text", "hint")), "id")
		if p.Status != status || p.Detail != "text" || p.Hint != "hint" || strings.Contains(fmt.Sprint(p), cause) {
			t.Errorf("%v: %+v", kind, p)
		}
		if back := p.Notice(); back.Kind != kind || back.Text != "text" {
			t.Errorf("%v came back as %v", kind, back)
		}
	}
	p := api.ProblemOf(errors.New(cause), "the id")
	if back := p.Notice(); p.Status != 500 || strings.Contains(fmt.Sprint(p), cause) || !strings.Contains(back.Text, "the id") {
		t.Errorf("%+v", p)
	}
	for _, typ := range []string{"", "urn:manx:notice:", "https://example.org/x"} {
		if n := (api.Problem{Type: typ, Detail: cause}).Notice(); n.Kind != notice.Internal || strings.Contains(n.Text, cause) {
			t.Errorf("%q became %v", typ, n)
		}
	}
}

// Everybody hears what names her; a worker hears all.
func TestEventsAreFiltered(t *testing.T) {
	n := webtest.Start(t, webtest.Options{})
	s := n.Story(t)
	me, you := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Person)
	worker := s.Party(ledger.Common, ledger.Worker)
	clients := map[string]*owner.Client{}
	for name, k := range map[string]*ledgertest.Key{"me": me, "worker": worker} {
		clients[name] = owner.NewClient(n.URL, n.World.Genesis.ID(), k)
		defer clients[name].Close()
	}
	record := ledger.RegisterRecord{Kind: ledger.Study, Manifest: ledgertest.Ref("m"), Digest: [32]byte{1}}
	theirs := s.Do(you, record)
	own := s.Do(me, record)
	until := func(name string) (causes []ledger.CommandID) {
		for e, err := range clients[name].Events(t.Context(), 1) {
			if err != nil {
				t.Fatal(err)
			}
			if name == "me" && !bytes.Contains(e.Body, []byte(me.Party())) {
				t.Errorf("I heard %s, which does not name me", e.Name)
			}
			if causes = append(causes, e.Cause); e.Cause == own {
				return causes
			}
		}
		return causes
	}
	heard := func(l []ledger.CommandID) (n int) {
		for _, c := range l {
			if c == theirs {
				n++
			}
		}
		return n
	}
	if n := heard(until("me")); n != 0 {
		t.Errorf("I heard another's record %d times", n)
	}
	if n := heard(until("worker")); n != 1 {
		t.Errorf("the worker heard a record %d times", n)
	}
}

// firstEvents is a ledger whose stream ends.
type firstEvents struct{ ledger.Ledger }

func (firstEvents) Events(context.Context, ledger.Height) iter.Seq2[ledger.Event, error] {
	return func(yield func(ledger.Event, error) bool) { yield(ledger.Event{}, errors.New(cause)) }
}

// A stream whose ledger fails ends; it neither hangs nor tells why.
func TestEventsEndWithTheirLedger(t *testing.T) {
	n := webtest.Start(t, webtest.Options{Serve: func(l ledger.Ledger) ledger.Ledger { return firstEvents{l} }})
	mine := signIn(t, n, n.Story(t).Party(ledger.Health, ledger.Person))
	w := call{"events", "GET", api.Events, mine, nil, 200, nil, nil, map[string]string{"Content-Type": "text/event-stream"}}.run(t, n.Handler)
	if w.Body.Len() != 0 {
		t.Errorf("it says %q", w.Body)
	}
}

// FuzzRequest sends any request to the interface: whatever comes is answered,
// with a problem where it is refused, and never with an error of ours.
func FuzzRequest(f *testing.F) {
	n := webtest.Start(f, webtest.Options{})
	s := n.Story(f)
	me := s.Party(ledger.Health, ledger.Person)
	c := s.Sign(me, api.OpenSession{})
	body, err := json.Marshal(c)
	if err != nil {
		f.Fatal(err)
	}
	w := httptest.NewRecorder()
	n.Handler.ServeHTTP(w, httptest.NewRequest("POST", api.Sessions, bytes.NewReader(body)))
	var opened api.Session
	if err := json.Unmarshal(w.Body.Bytes(), &opened); err != nil {
		f.Fatal(err)
	}
	f.Add("GET", api.State, "key=health/rec/0", []byte{}, true)
	f.Add("GET", api.Mine+"/coin", "limit=1&before=2", []byte{}, true)
	f.Add("POST", api.Commands, "", body, false)
	f.Add("PUT", api.Nodes+"/0/blobs/"+storage.RefOf([]byte("x")).String(), "", []byte("x"), true)
	f.Add("POST", api.Organisations+"/"+string(n.World.Organisations[0].Party())+"/wraps", "", []byte(`{"command":{}}`), false)
	f.Fuzz(func(t *testing.T, method, path, query string, body []byte, signedIn bool) {
		if strings.HasPrefix(path, api.Events) {
			return // streams until its client leaves
		}
		r, err := http.NewRequestWithContext(t.Context(), method, "http://node/", bytes.NewReader(body))
		if err != nil {
			return
		}
		r.URL.Path, r.URL.RawQuery = path, query
		if signedIn {
			r.Header.Set("Authorization", "Bearer "+opened.Token)
		}
		w := httptest.NewRecorder()
		n.Handler.ServeHTTP(w, r)
		if w.Code == 500 {
			t.Fatalf("%s %q?%q gives %s", method, path, query, w.Body)
		}
		if w.Code >= 400 && method != http.MethodHead && w.Header().Get("Content-Type") == "application/problem+json" {
			problem(t, path, w)
		}
		_, _ = io.Copy(io.Discard, w.Body)
	})
}
