package owner_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
	"manx/storage"
	"manx/storage/memory"
	"manx/storage/storagetest"
	"manx/test/webtest"
	"manx/web"
	"manx/web/api"
	"manx/web/owner"
)

// client returns a worker's client, which hears every event.
func client(t *testing.T, n *webtest.Network) *owner.Client {
	t.Helper()
	c := owner.NewClient(n.URL, n.World.Genesis.ID(), n.Story(t).Party(ledger.Common, ledger.Worker))
	t.Cleanup(c.Close)
	return c
}

// The client is a ledger like any other.
func TestLedgerSuite(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) (ledger.Ledger, ledgertest.World) {
		n := webtest.Start(t, webtest.Options{})
		c := client(t, n)
		n.World.Advance(1)
		return c, n.World
	})
}

// Each of its stores is a storage node like any other.
func TestStorageSuite(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storagetest.Backend {
		n := webtest.Start(t, webtest.Options{})
		blobs := client(t, n).Stores(webtest.Nodes)[2]
		return storagetest.Backend{
			Open:   func(*testing.T) storage.Blobs { return blobs },
			Damage: func(_ *testing.T, _ storage.Blobs, r storage.Ref) { n.Blobs[2].Damage(r) },
		}
	})
}

// A fault of the connection: of a pair, a caller cannot tell one from the other.
type fault int

const (
	none      fault = iota
	lost            // the request never arrived
	replyLost       // it was done; the reply never arrived
)

// front breaks connections as choose says; choose is asked once a request.
func front(choose func(r *http.Request) fault) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch choose(r) {
			case lost:
				panic(http.ErrAbortHandler)
			case replyLost:
				h.ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			}
			h.ServeHTTP(w, r)
		})
	}
}

// first breaks the first request to a path, and each one after it that differs.
func first(f fault, path string) func(*http.Request) fault {
	var mu sync.Mutex
	seen := map[string]bool{}
	return func(r *http.Request) fault {
		mu.Lock()
		defer mu.Unlock()
		if !strings.HasPrefix(r.URL.Path, path) {
			return none
		}
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return none
		}
		r.Body = io.NopCloser(bytes.NewReader(b))
		if key := r.Method + r.URL.String() + string(b); !seen[key] {
			seen[key] = true
			return f
		}
		return none
	}
}

func TestInvariant8_CommandLost(t *testing.T)      { command(t, lost) }
func TestInvariant8_CommandReplyLost(t *testing.T) { command(t, replyLost) }

// A payment whose first try breaks is made once.
func command(t *testing.T, f fault) {
	n := webtest.Start(t, webtest.Options{Front: front(first(f, api.Commands))})
	s := n.Story(t)
	me, you := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Person)
	coin := s.Fund(me, ledger.MAN(5))
	c := owner.NewClient(n.URL, n.World.Genesis.ID(), me)
	defer c.Close()
	cmd, err := c.Do(t.Context(), ledger.SendCoins{In: []ledger.CoinID{coin}, Out: []ledger.Output{{To: you.Party(), Amount: ledger.MAN(2)}, {To: me.Party(), Amount: ledger.MAN(3)}}})
	if err != nil {
		t.Fatal(err)
	}
	h1, err1 := c.Submit(t.Context(), cmd)
	h2, err2 := n.Ledger.Submit(t.Context(), cmd)
	if err1 != nil || err2 != nil || h1 != h2 {
		t.Errorf("again: height %d, %v; at the ledger %d, %v", h1, err1, h2, err2)
	}
	if coins := s.Coins(); len(coins) != 2 {
		t.Errorf("%d coins, want 2", len(coins))
	}
}

func TestInvariant8_SessionLost(t *testing.T)      { signIn(t, lost) }
func TestInvariant8_SessionReplyLost(t *testing.T) { signIn(t, replyLost) }

// A sign-in whose reply is lost is tried anew: its command opens no second
// session.
func signIn(t *testing.T, f fault) {
	var broken atomic.Int32
	n := webtest.Start(t, webtest.Options{Front: front(func(r *http.Request) fault {
		if r.URL.Path == api.Sessions && broken.Add(1) <= 2 {
			return f
		}
		return none
	})})
	c := client(t, n)
	if _, err := c.Models(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestInvariant8_BlobLost(t *testing.T)      { put(t, lost) }
func TestInvariant8_BlobReplyLost(t *testing.T) { put(t, replyLost) }

func put(t *testing.T, f fault) {
	n := webtest.Start(t, webtest.Options{Front: front(first(f, api.Nodes))})
	b := client(t, n).Stores(1)[0]
	r, err := b.Put(t.Context(), []byte("sealed"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.Get(t.Context(), r); err != nil || string(got) != "sealed" {
		t.Errorf("%q, %v", got, err)
	}
	if err := b.Delete(t.Context(), r); err != nil {
		t.Error(err)
	}
	if held, err := b.Has(t.Context(), r); held || err != nil {
		t.Errorf("after deleting: %v, %v", held, err)
	}
}

// A stream that breaks again and again is taken up where it broke: no event is
// lost and none comes twice, also where several share a height.
func TestEventsGoOnWhereTheyBroke(t *testing.T) {
	var streams atomic.Int32
	n := webtest.Start(t, webtest.Options{Front: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == api.Events {
				w = &brittle{ResponseWriter: w, left: int(streams.Add(1))}
			}
			h.ServeHTTP(w, r)
		})
	}})
	s := n.Story(t)
	me := s.Party(ledger.Health, ledger.Person)
	coin := s.Fund(me, ledger.MAN(6))
	out := make([]ledger.Output, 6)
	for i := range out {
		out[i] = ledger.Output{To: me.Party(), Amount: ledger.MAN(1)}
	}
	s.Do(me, ledger.SendCoins{In: []ledger.CoinID{coin}, Out: out}) // seven events of one height
	c := client(t, n)
	var want []ledger.Event
	last := s.Do(me, ledger.RegisterRecord{Kind: ledger.Study, Manifest: ledgertest.Ref("m"), Digest: [32]byte{1}})
	for e, err := range n.Ledger.Events(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		if want = append(want, e); e.Cause == last && e.Last {
			break
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), 60*time.Second)
	defer stop()
	var got []ledger.Event
	for e, err := range c.Events(ctx, 1) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, e); len(got) == len(want) {
			break
		}
	}
	for i := range got {
		if got[i].Key != want[i].Key || got[i].Height != want[i].Height || got[i].Name != want[i].Name {
			t.Fatalf("event %d is %s at %d, want %s at %d", i, got[i].Name, got[i].Height, want[i].Name, want[i].Height)
		}
	}
	if streams.Load() < 3 {
		t.Errorf("the stream broke only %d times", streams.Load()-1)
	}
}

// brittle is an answer that breaks after some events.
type brittle struct {
	http.ResponseWriter
	left int
}

func (b *brittle) Flush() { b.ResponseWriter.(http.Flusher).Flush() }

func (b *brittle) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte("id: ")) {
		if b.left--; b.left < 0 {
			_, _ = b.ResponseWriter.Write(p[:len(p)/2]) // half an event
			b.Flush()
			panic(http.ErrAbortHandler)
		}
	}
	return b.ResponseWriter.Write(p)
}

// answers is a node that answers everything alike.
func answers(t *testing.T, h http.HandlerFunc) *owner.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c := owner.NewClient(s.URL, "00000000000000000000000000000000", nil)
	t.Cleanup(c.Close)
	return c
}

// Invariant 9 on the client's side: a hostile or broken node gets it a clear
// error, in bounded memory and time.
func TestInvariant9_HostileNode(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   notice.Kind
	}{
		"no JSON":       {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, notice.Integrity},
		"empty":         {func(http.ResponseWriter, *http.Request) {}, notice.Integrity},
		"no genesis":    {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }, notice.Integrity},
		"without end":   {func(w http.ResponseWriter, r *http.Request) { endless(w, r) }, notice.Integrity},
		"a made-up 500": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, notice.Unavailable},
		"a problem": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(403)
			_, _ = io.WriteString(w, `{"type":"urn:manx:notice:denied","detail":"no"}`)
		}, notice.Denied},
		"a problem of a kind to come": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"type":"urn:manx:notice:sparkling","detail":"no"}`)
		}, notice.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := answers(t, c.answer).Info(t.Context())
			if !notice.Is(err, c.kind) {
				t.Errorf("%v", err)
			}
		})
	}
}

func endless(w http.ResponseWriter, r *http.Request) {
	chunk := bytes.Repeat([]byte(" "), 1<<20)
	for r.Context().Err() == nil {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// A storage node that lies is found out: its bytes are never a result.
func TestInvariant6_LyingStore(t *testing.T) {
	var m memory.Blobs
	n := webtest.Start(t, webtest.Options{Front: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, api.Nodes) {
				_, _ = io.WriteString(w, "other bytes")
				return
			}
			h.ServeHTTP(w, r)
		})
	}})
	r, err := m.Put(t.Context(), []byte("sealed"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := client(t, n).Stores(1)[0].Get(t.Context(), r); !errors.Is(err, storage.ErrCorrupt) || got != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// A client that has pinned a network speaks to no other.
func TestAnotherNetworkIsRefused(t *testing.T) {
	n, other := webtest.Start(t, webtest.Options{}), webtest.Start(t, webtest.Options{})
	c := owner.NewClient(other.URL, n.World.Genesis.ID(), n.Story(t).Party(ledger.Health, ledger.Person))
	defer c.Close()
	if _, err := c.Info(t.Context()); !notice.Is(err, notice.Integrity) {
		t.Errorf("info: %v", err)
	}
	if _, err := c.Models(t.Context()); !notice.Is(err, notice.Integrity) {
		t.Errorf("a list: %v", err)
	}
}

// A client that asks too fast waits for as long as the node says, and is answered; its
// session, ended by another, is opened again.
func TestAClientWaitsAndSignsInAgain(t *testing.T) {
	n := webtest.Start(t, webtest.Options{PerSession: web.Rate{PerSecond: 3, Burst: 3}})
	c := client(t, n)
	began := time.Now()
	for range 5 {
		if _, err := c.Models(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took < 900*time.Millisecond {
		t.Errorf("five requests at three a second took %v", took)
	}
	all, err := c.Sessions(t.Context())
	if err != nil || len(all) != 1 || !all[0].Current {
		t.Fatalf("%+v, %v", all, err)
	}
	other, err := c.NewSession(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{other.ID, "current"} {
		if err := c.EndSession(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	again, err := c.Sessions(t.Context())
	if err != nil || len(again) != 1 || again[0].ID == all[0].ID {
		t.Errorf("%+v, %v", again, err)
	}
}
