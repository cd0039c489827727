package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"manx/ledger"
	"manx/ledger/contract"
	"manx/ledger/embedded"
	"manx/ledger/ledgertest"
)

// lines is a log that is read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// The node's log tells of an extractor once, by ids and reasons, and of nobody else.
func TestTheLogTellsOfAnExtractor(t *testing.T) {
	dir := t.TempDir()
	g, orgs := ledgertest.NewGenesis(3, rand.Reader)
	var mu sync.Mutex
	clock := time.Unix(1_780_000_000, 0)
	now := func() time.Time { mu.Lock(); defer mu.Unlock(); return clock }
	l, err := embedded.New(embedded.Config{Dir: filepath.Join(dir, "ledger"), Genesis: g, Node: orgs[0], Contract: contract.New(g), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	log := &lines{}
	k := &clerk{genesis: g, ledger: l, index: open(t), log: slog.New(slog.NewTextHandler(log, nil))}
	running, stop := context.WithCancel(t.Context())
	group := errgroup.Group{}
	group.Go(func() error { return k.index.Follow(running, l) })
	group.Go(func() error { return (&watcher{k, mark{file: filepath.Join(dir, "mark")}}).run(running) })
	t.Cleanup(func() {
		stop()
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	s := ledgertest.Begin(t, l, ledgertest.World{Genesis: g, Organisations: orgs, Now: func() ledger.Time { return ledger.Time(now().Unix()) },
		Advance: func(d ledger.Time) { mu.Lock(); defer mu.Unlock(); clock = clock.Add(time.Duration(d) * time.Second) }})
	owner, worker := s.Party(ledger.Health, ledger.Scientist), s.Party(ledger.Common, ledger.Worker)
	honest, thief := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Person)
	m := s.SharedModel(owner, honest, s.Party(ledger.Health, ledger.Hospital), ledger.Limit{})
	for _, who := range []struct {
		key   *ledgertest.Key
		calls int
	}{{honest, 2}, {thief, 10}} {
		study := s.Study(who.key)
		for range who.calls {
			j := s.Diagnose(who.key, m, study, s.Fund(who.key, ledger.MAN(3)), 3600)
			s.Compute(worker, j)
			s.Do(who.key, ledger.AcceptJob{Job: j})
			s.Wait(10)
		}
	}
	const what = "look like extraction"
	for !strings.Contains(log.String(), what) {
		select {
		case <-t.Context().Done():
			t.Fatal("nothing is told")
		case <-time.After(10 * time.Millisecond):
		}
	}
	s.Wait(10)
	got := log.String()
	if !strings.Contains(got, string(thief.Party())) || strings.Contains(got, string(honest.Party())) || strings.Count(got, what) != 1 || !strings.Contains(got, "repeats") {
		t.Errorf("the log says %s", got)
	}
}
