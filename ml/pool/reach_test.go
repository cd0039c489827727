package pool_test

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"testing"

	"manx/ledger"
	"manx/ml/pool"
)

// A node that starts again finds the address of its queue taken, and listens elsewhere:
// its worker, and who announces itself, find it there without being started again.
func TestAQueueThatHasMovedIsFound(t *testing.T) {
	t.Parallel()
	s := begin(t)
	stop := s.dispatch()
	holder := s.Party(ledger.Common, ledger.Holder)
	at := s.ticket(holder.Party())
	s.start(s.worker().Run)
	s.start(func(ctx context.Context) error {
		return pool.Announce(ctx, at, s.renew(holder.Party()), holder, func(context.Context) []pool.Class { return []pool.Class{pool.Party} }, slog.New(slog.DiscardHandler))
	})
	s.done(s.ask(s.model))

	stop()
	check(t, s.queue.Close())
	u, err := url.Parse(pool.Address(at))
	check(t, err)
	squatter, err := net.Listen("tcp", u.Host)
	check(t, err)
	defer squatter.Close()
	go func() { // it knows nobody
		for c, err := squatter.Accept(); err == nil; c, err = squatter.Accept() {
			_ = c.Close()
		}
	}()
	s.openQueue()
	d := s.route(&pool.Dispatcher{})
	if now := pool.Address(s.ticket(holder.Party())); now == pool.Address(at) {
		t.Fatal("the queue has not moved")
	}
	s.done(s.ask(s.model))
	s.eventually("the holder is seen", func() bool {
		return slices.ContainsFunc(d.Status().Workers, func(w pool.WorkerStatus) bool { return w.Worker == holder.Party() })
	})
}
