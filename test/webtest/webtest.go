// Package webtest is a node's HTTP interface over an embedded ledger, blobs in
// memory and release services in a temporary folder, in one process: what tests
// of clients and owners talk to. It starts no workers and is for tests only.
package webtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"manx/ledger"
	"manx/ledger/contract"
	"manx/ledger/embedded"
	"manx/ledger/ledgertest"
	"manx/ledger/receipt"
	"manx/privacy/notice"
	"manx/storage"
	"manx/storage/memory"
	"manx/storage/wraps"
	"manx/test/apicheck"
	"manx/web"
	"manx/web/api"
	"manx/web/index"
	"manx/web/oidc"
)

// Nodes is how many storage nodes a network has.
const Nodes = 6

// A Network is running until its test ends.
type Network struct {
	URL     string
	Handler http.Handler // what URL serves, before Options.Front; held against the interface's description
	Plain   http.Handler // the same without that
	Ledger  *embedded.Ledger
	World   ledgertest.World
	Blobs   [Nodes]*memory.Blobs
	Log     *Log

	again func() http.Handler
}

// Again returns another node's handler on the same ledger, storage and database.
func (n *Network) Again() http.Handler { return n.again() }

// Options change a network. The zero value is a plain one.
type Options struct {
	Quota int64                                      // bytes a party may store; 0 means 1 GiB
	Index index.Source                               // of the node's lists; none means a SQLite file
	Front func(http.Handler) http.Handler            // put before the interface, to break it
	Serve func(l ledger.Ledger) ledger.Ledger        // put between interface and ledger
	Staff *oidc.Issuers                              // of organisations' staff
	Store func(n int, b storage.Blobs) storage.Blobs // put between interface and storage

	PerSession, PerAddress web.Rate // of requests; zero is the node's default
}

// A Log keeps what a node logs.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// String returns all that was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Start starts a network of three organisations whose clock the test moves.
func Start(t testing.TB, o Options) *Network {
	t.Helper()
	genesis, orgs := ledgertest.NewGenesis(3, rand.Reader)
	var mu sync.Mutex
	clock := time.Unix(1_780_000_000, 0)
	now := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return clock
	}
	n := &Network{Log: &Log{}, World: ledgertest.World{Genesis: genesis, Organisations: orgs,
		Now: func() ledger.Time { return ledger.Time(now().Unix()) },
		Advance: func(s ledger.Time) {
			mu.Lock()
			defer mu.Unlock()
			clock = clock.Add(time.Duration(s) * time.Second)
		}}}
	dir := t.TempDir()
	log := slog.New(slog.NewTextHandler(n.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if n.Ledger, err = embedded.New(embedded.Config{Dir: filepath.Join(dir, "ledger"), Genesis: genesis, Node: orgs[0], Contract: contract.New(genesis), Now: now}); err != nil {
		t.Fatal(err)
	}
	if o.Index == (index.Source{}) {
		o.Index.File = filepath.Join(dir, "index.db")
	}
	x, err := o.Index.Open(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(context.Background())
	group, running := errgroup.WithContext(running)
	ledgertest.Begin(t, n.Ledger, n.World)
	var served ledger.Ledger = n.Ledger
	if o.Serve != nil {
		served = o.Serve(served)
	}
	releases := map[ledger.PartyID]web.Releases{}
	for _, org := range orgs {
		kept, err := wraps.NewFolder(filepath.Join(dir, string(org.Party())))
		if err != nil {
			t.Fatal(err)
		}
		s := &wraps.Service{Org: org.Party(), Network: genesis.ID(), Ledger: n.Ledger, Store: kept, Log: log}
		releases[org.Party()] = s
		group.Go(func() error { return s.Watch(running) })
	}
	group.Go(func() error { return x.Follow(running, n.Ledger) })
	stores := make([]storage.Blobs, Nodes)
	for i := range stores {
		n.Blobs[i] = &memory.Blobs{}
		stores[i] = n.Blobs[i]
		if o.Store != nil {
			stores[i] = o.Store(i, n.Blobs[i])
		}
	}
	if o.Quota == 0 {
		o.Quota = 1 << 30
	}
	node := web.Node{Genesis: genesis, Kind: "embedded: a test's word", Version: "test", Ledger: served, Height: n.Ledger.Height, Stores: stores,
		Releases: releases, Clerk: clerk{n}, Index: x, Pool: nobody{}, Ready: func(context.Context) error { return running.Err() }, Log: log, Quota: o.Quota, Staff: o.Staff, PerSession: o.PerSession, PerAddress: o.PerAddress}
	report := t.Errorf
	if _, ok := t.(*testing.F); ok { // whose methods a target must not call
		report = func(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
	}
	n.Plain = web.New(node)
	n.again = func() http.Handler { return apicheck.Wrap(web.New(node), report) }
	n.Handler = apicheck.Wrap(n.Plain, report)
	front := n.Handler
	if o.Front != nil {
		front = o.Front(front)
	}
	server := httptest.NewServer(front)
	n.URL = server.URL
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		stop()
		if err := errors.Join(ignoreCanceled(group.Wait()), x.Close(), n.Ledger.Close()); err != nil {
			t.Error(err)
		}
	})
	return n
}

func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Story returns a story on the ledger itself, past the interface.
func (n *Network) Story(t testing.TB) *ledgertest.Story {
	return &ledgertest.Story{T: t, Ledger: n.Ledger, World: n.World}
}

// clerk is the organisations at their desk: it admits everybody.
// nobody is a pool without workers, where there is always room: a test says itself what
// a worker would.
type nobody struct{}

func (nobody) Room(ledger.PartyID) error    { return nil }
func (nobody) Status() api.Pool             { return api.Pool{} }
func (nobody) WriteMetrics(io.Writer) error { return nil }

type clerk struct{ n *Network }

// Admit implements web.Clerk.
func (k clerk) Admit(_ context.Context, c ledger.Command) (ledger.Command, error) {
	if c.Name != (ledger.RegisterParty{}).Command() {
		return c, notice.New(notice.Invalid, "only a registration can be admitted", "use `manx keys new`")
	}
	for _, o := range k.n.World.Organisations {
		c.Cosign(o)
	}
	return c, nil
}

// Give implements web.Clerk: 100 MAN as often as asked.
func (k clerk) Give(ctx context.Context, to ledger.PartyID) (ledger.Amount, error) {
	a, orgs := ledger.MAN(100), k.n.World.Organisations
	c, err := ledger.NewCommand(k.n.World.Genesis.ID(), orgs[0], k.n.World.Now()+600, ledger.IssueCoins{Out: []ledger.Output{{To: to, Amount: a}}, Reason: "test"})
	if err != nil {
		return a, err
	}
	for _, o := range orgs[1:] {
		c.Cosign(o)
	}
	_, err = k.n.Ledger.Submit(ctx, c)
	return a, err
}

// Receipt implements web.Clerk, for receipts that a checkpoint covers.
func (k clerk) Receipt(ctx context.Context, j ledger.JobID) ([]byte, error) {
	b, err := receipt.Prove(ctx, k.n.Ledger, k.n.World.Genesis, j)
	if err != nil {
		return nil, notice.Because(err, notice.NotFound, "this job has no receipt yet", "`manx job show` says where it stands")
	}
	return json.Marshal(b)
}

// Ticket implements web.Clerk.
func (clerk) Ticket(context.Context, ledger.PartyID) (string, error) { return "a ticket", nil }
