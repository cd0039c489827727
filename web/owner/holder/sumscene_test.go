package holder_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy"
	"manx/privacy/cohort"
	"manx/privacy/seal/sealtest"
	"manx/storage/wraps"
	"manx/test/webtest"
	"manx/web/api"
	"manx/web/owner"
	"manx/web/owner/holder"
)

// A sums is a network on which sites ask for sums and three holders compute them.
type sums struct {
	t     *testing.T
	n     *webtest.Network
	seats [ledger.Sharers]*seat
	sites []*owner.Party
}

// A seat is an organisation's holder in this process, which can be killed.
type seat struct {
	*holder.Holder
	key  ed25519.PrivateKey
	dir  string
	wire *holder.Switchboard
	log  webtest.Log
	stop func()
}

// onSums begins with sites of one side, and holders at a node.
func onSums(t *testing.T, v ledger.Vertical, sites int, node func(n *webtest.Network) string, o webtest.Options) *sums {
	t.Helper()
	s := &sums{t: t, n: webtest.Start(t, o)}
	role := ledger.Hospital
	if v == ledger.Credit {
		role = ledger.Lender
	}
	for range sites {
		p := s.party(v, s.n.URL)
		s.admit(p, role)
		s.sites = append(s.sites, p)
	}
	url := node(s.n)
	for i := range s.seats {
		p := s.party(ledger.Common, url)
		s.check(p.Register(t.Context(), ledger.Holder, "a holder"))
		_, key, err := ed25519.GenerateKey(rand.Reader)
		s.check(err)
		s.seats[i] = &seat{key: key, dir: t.TempDir(), Holder: &holder.Holder{Party: p, Organisation: s.n.World.Organisations[i].Party()}}
		s.start(i)
		t.Cleanup(func() { s.seats[i].stop() })
	}
	return s
}

func itself(n *webtest.Network) string { return n.URL }

func (s *sums) party(v ledger.Vertical, url string) *owner.Party {
	s.t.Helper()
	h, err := owner.Join(s.t.Context(), filepath.Join(s.t.TempDir(), "home"), sealtest.Passphrase(s.t, "passphrase of a site"), url, string(v))
	s.check(err)
	p, err := h.As(v)
	s.check(err)
	s.t.Cleanup(func() {
		p.Close()
		s.check(h.Close())
	})
	return p
}

func (s *sums) admit(p *owner.Party, r ledger.Role) {
	s.t.Helper()
	s.check(p.Register(s.t.Context(), r, "a "+string(r)))
}

// start runs a holder on what its folder holds, as after a restart.
func (s *sums) start(i int) {
	s.t.Helper()
	h := s.seats[i]
	address := "127.0.0.1:0"
	if h.wire != nil {
		address = h.wire.Address()
	}
	var err error
	h.wire, err = holder.Listen(s.t.Context(), address, h.key)
	s.check(err)
	store, err := wraps.NewFolder(filepath.Join(h.dir, "shares"))
	s.check(err)
	h.Holder = &holder.Holder{Party: h.Party, Organisation: h.Organisation, Wire: h.wire, Store: store, Journals: filepath.Join(h.dir, "journals"),
		Log: slog.New(slog.NewTextHandler(&h.log, nil)), Patience: 3 * time.Second,
		Now: func() time.Time { return time.Unix(int64(s.n.World.Now()), 0) }}
	if address == "127.0.0.1:0" {
		s.n.Story(s.t).Do(s.n.World.Organisations[i], ledger.TakeSeat{Holder: h.Party.ID(), Address: h.wire.Address(), Key: h.key.Public().(ed25519.PublicKey)})
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	running, wire := h.Holder, h.wire
	go func() { done <- running.Run(ctx) }()
	h.stop = func() {
		cancel()
		s.check(errors.Join(wire.Close(), <-done))
		h.stop = func() {}
	}
}

func (s *sums) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *sums) until(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			for _, h := range s.seats {
				s.t.Log(h.log.String())
			}
			s.t.Fatal("in vain: ", what)
		}
	}
}

// propose asks the first n sites for a sum: persons, smokers and nights in bed.
func (s *sums) propose(n int) ledger.SumID {
	s.t.Helper()
	body := ledger.ProposeSum{Title: "smoking and beds", Purpose: ledger.Research, Minimum: 10,
		Columns: []ledger.SumColumn{{Name: "smoker", Most: 1}, {Name: "nights", Most: 30}}}
	if s.sites[0].Vertical() == ledger.Credit {
		body.Purpose = ledger.AccountReview
	}
	for _, p := range s.sites[:n] {
		body.Sites = append(body.Sites, p.ID())
	}
	id, err := s.sites[0].ProposeSum(s.t.Context(), body, 3600)
	s.check(err)
	return id
}

// numbers are a site's: persons, smokers, and who lay how many nights.
func numbers(persons, smokers, lay, nights uint64) privacy.Secret[[]cohort.Row] {
	return privacy.Hide([]cohort.Row{{Persons: persons, Cells: []cohort.Cell{{Persons: smokers, Sum: smokers}, {Persons: lay, Sum: nights}}}})
}

// join has the i-th site take part with numbers that differ by site.
func (s *sums) join(id ledger.SumID, i int) {
	s.t.Helper()
	n := uint64(i)
	s.check(s.sites[i].JoinSum(s.t.Context(), id, numbers(40+n, 10+n, 20+n, 100+n)))
}

func (s *sums) at(id ledger.SumID) ledger.Sum {
	s.t.Helper()
	return ledgertest.Read[ledger.Sum](s.n.Story(s.t), ledger.KeyOf(id))
}

func (s *sums) over(id ledger.SumID) ledger.Sum {
	s.t.Helper()
	s.until("the sum is over", func() bool { return s.at(id).Stage.Over() })
	return s.at(id)
}

// wait lets time pass, which holders hear of.
func (s *sums) wait(seconds ledger.Time) { s.n.Story(s.t).Wait(seconds) }

// begun counts the sessions of a sum that a holder has begun.
func (s *sums) begun(i int, id ledger.SumID) int {
	s.t.Helper()
	found, err := filepath.Glob(filepath.Join(s.seats[i].dir, "shares", "sum", string(id), "session-*"))
	s.check(err)
	return len(found)
}

// A liar is a node that shows other state than there is.
type liar struct {
	node http.Handler
	mu   sync.Mutex
	lies map[ledger.Key]any
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	lie, lies := l.lies[ledger.Key(r.URL.Query().Get("key"))]
	l.mu.Unlock()
	if !lies || r.URL.Path != api.State {
		l.node.ServeHTTP(w, r)
		return
	}
	_ = json.NewEncoder(w).Encode(lie)
}

// tell replaces what it lies about.
func (l *liar) tell(lies map[ledger.Key]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lies = lies
}

// deceived starts a node that lies.
func (l *liar) deceived(t *testing.T) func(n *webtest.Network) string {
	return func(n *webtest.Network) string {
		l.node = n.Handler
		server := httptest.NewServer(l)
		t.Cleanup(func() {
			server.CloseClientConnections()
			server.Close()
		})
		return server.URL
	}
}
