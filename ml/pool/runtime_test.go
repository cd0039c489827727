package pool_test

import (
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/ml/pool"
	"manx/ml/pool/engine"
)

// A new runtime is one entry in a list, from which lines, routes and engines follow: the
// others go on as they were.
func TestAPlugIn(t *testing.T) {
	t.Parallel()
	const toy pool.Class = "toy"
	plugin := pool.Runtime{Class: toy, Engine: echo{}, Takes: func(b []byte) bool { return strings.HasPrefix(string(b), "toy") },
		Cost: func(b []byte) (pool.Cost, error) { return pool.Cost{Work: float64(len(b))}, nil }}
	runtimes := pool.Runtimes{engine.Runtime(), plugin}
	check(t, runtimes.Check())
	s := begin(t)
	check(t, s.queue.Close())
	s.cfg.Classes = runtimes.Classes()
	s.openQueue()
	plan := []byte("toy plan")
	model := ledger.NewModelID(ledger.Health, s.Do(s.owner, ledger.PublishModel{
		Vertical: ledger.Health, Name: "toy", Version: "1", Hash: ledger.Hash{2}, Plan: s.store(func(w io.Writer) error { _, err := w.Write(plan); return err }), PlanHash: sha256.Sum256(plan), Card: ledgertest.Ref("card"),
		Accepts: []ledger.Kind{ledger.Study}, Features: []string{"ct-slice-64x64"}, Price: ledger.MAN(3),
	}))
	d := s.route(&pool.Dispatcher{Route: func(ctx context.Context, j ledger.Job) pool.Need {
		p, err := s.vault.Open(ctx, ledgertest.Read[ledger.Model](s.Story, ledger.KeyOf(j.Model)).Plan)
		check(t, err)
		b := make([]byte, p.Size())
		_, err = p.ReadAt(b, 0)
		check(t, err)
		n, err := runtimes.Needs(b, len(j.Inputs))
		check(t, err)
		if n.Line == pool.CKKS {
			n.Classes = nil // these workers have measured nothing
		}
		return n
	}})
	toys, others, both := s.worker(), s.worker(), s.worker()
	toys.Engines = pool.Runtimes{plugin}.Engines()
	both.Engines = runtimes.Engines()
	early := s.ask(model) // before anybody is there: on its runtime's line
	s.joins(d, others)
	s.joins(d, toys)
	over := func(id ledger.JobID) ledger.PartyID {
		s.eventually("the toy job is done", func() bool { return s.Job(id).Stage == ledger.Done })
		return s.Job(id).Worker
	}
	for _, id := range []ledger.JobID{early, s.ask(model), s.ask(model)} {
		if over(id) != toys.Signer.Party() {
			t.Error("another took a toy job")
		}
		if s.done(s.ask(s.model)).Worker != others.Signer.Party() {
			t.Error("another took an encrypted job")
		}
	}
	s.joins(d, both)
	over(s.ask(model))
	s.done(s.ask(s.model))
}

func TestRuntimesAreWholeAndDistinct(t *testing.T) {
	good := engine.Runtime()
	bare, misnamed := good, good
	bare.Takes, misnamed.Class = nil, "to"
	for what, r := range map[string]pool.Runtimes{"none": nil, "twice the same": {good, good}, "one that takes nothing": {bare}, "the name of workers' own lines": {misnamed}} {
		if r.Check() == nil {
			t.Errorf("%s: no complaint", what)
		}
	}
	if n, err := (pool.Runtimes{good}).Needs([]byte("what is that"), 1); err == nil || n.Line != pool.CKKS {
		t.Errorf("a plan of no runtime goes to %q, %v", n.Line, err)
	}
}

// Holders of shares say that they are there and in which classes, over the same mutual
// TLS; they are given no jobs, and can do nothing else there.
func TestHoldersAnnounceThemselves(t *testing.T) {
	t.Parallel()
	s := begin(t)
	check(t, s.queue.Close())
	s.cfg.AckWait = 5 * time.Second
	s.openQueue()
	d := s.route(&pool.Dispatcher{})
	k := s.Party(ledger.Common, ledger.Holder)
	var member atomic.Bool
	classes := func(context.Context) []pool.Class {
		if member.Load() {
			return []pool.Class{pool.Party, pool.Committee}
		}
		return []pool.Class{pool.Party}
	}
	stop := s.start(func(ctx context.Context) error {
		return pool.Announce(ctx, s.ticket(k.Party()), nil, k, classes, slog.New(slog.DiscardHandler))
	})
	serves := func(all ...pool.Class) func() bool {
		return func() bool {
			for _, w := range d.Status().Workers {
				if w.Worker == k.Party() {
					return slices.Equal(slices.Sorted(maps.Keys(w.Rates)), all)
				}
			}
			return len(all) == 0
		}
	}
	s.eventually("a holder is seen", serves(pool.Party))
	member.Store(true)
	s.eventually("it is in a committee", serves(pool.Committee, pool.Party))
	var b strings.Builder
	check(t, d.WriteMetrics(&b))
	for _, line := range []string{`manx_pool_workers{class="mpc-party"} 1`, `manx_pool_workers{class="committee"} 1`} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("the figures lack %s", line)
		}
	}
	s.joins(d, s.worker())
	s.done(s.ask(s.model))
	stop()
	s.eventually("it has left", serves())

	denied := make(chan error, 8)
	conn, err := pool.Dial(s.ticket(k.Party()), k, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied <- err }))
	check(t, err)
	defer conn.Close()
	for _, to := range []string{"$JS.API.CONSUMER.MSG.NEXT.JOBS.ckks-normal", "pool.back." + string(k.Party()), "jobs.ckks.urgent"} {
		check(t, conn.Publish(to, nil))
		check(t, conn.Flush())
		select {
		case <-denied:
		case <-time.After(2 * time.Second):
			t.Errorf("a holder may publish to %s", to)
		}
	}
}

// echo is a runtime whose result is the beginning of its input.
type echo struct{}

func (echo) Load(context.Context, []byte) (pool.Program, error)      { return echo{}, nil }
func (echo) Bind(context.Context, io.Reader) (pool.Evaluator, error) { return echo{}, nil }
func (echo) Evaluate(_ context.Context, in io.Reader, out io.Writer, progress func(step, of int)) error {
	_, err := io.Copy(out, io.LimitReader(in, 64))
	progress(1, 1)
	return err
}
