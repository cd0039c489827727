package pool

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"

	"manx/ml/pool/badge"
	"manx/privacy/notice"
)

const (
	asking   = 5 * time.Second // the most for a ticket to take
	lookAway = time.Second     // between looks at a connection
	lost     = 2               // looks in a row that find none
)

// reach connects to the queue that the worker's ticket leads to and runs serve over the
// connection, until ctx ends or serve fails. A queue that does not answer is waited for,
// and meanwhile the node is asked where it is: one that starts again may have found its
// address taken. serve then ends by its ctx, and runs again over the next connection.
func (w *Worker) reach(ctx context.Context, wait nats.Option, serve func(ctx context.Context, conn *nats.Conn) error) error {
	for {
		conn, err := w.Ticket.connect(w.Signer, w.renew, w.complaints(), nats.Name(string(w.Signer.Party())),
			nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(), wait, nats.RetryOnFailedConnect(true))
		if err != nil {
			return notice.Because(err, notice.Unavailable, "the worker does not reach the queue of jobs", "is the node running? `manx up`")
		}
		here, leave := context.WithCancel(ctx)
		moved := make(chan Ticket, 1)
		go func() {
			defer leave()
			moved <- w.look(here, conn)
		}()
		err = serve(here, conn)
		leave()
		next := <-moved
		conn.Close()
		if err != nil || next.get == nil || ctx.Err() != nil {
			return err
		}
		w.Log.InfoContext(ctx, "the queue is somewhere else now")
		w.Ticket = next
	}
}

// look returns a ticket that leads elsewhere than the worker's, once its connection is
// lost and there is one, or none when ctx ends.
func (w *Worker) look(ctx context.Context, conn *nats.Conn) (none Ticket) {
	for away := 0; ; {
		if pause(ctx, lookAway); ctx.Err() != nil {
			return none
		}
		if away++; conn.IsConnected() {
			away = 0
		}
		if away < lost || w.Renew == nil {
			continue
		}
		if next, err := w.ask(ctx); err == nil && !next.leadsLike(w.Ticket) {
			return next
		}
	}
}

func (w *Worker) ask(ctx context.Context) (Ticket, error) {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	return w.Renew(ctx)
}

// renew returns a newer ticket where one is needed and to be had.
func (w *Worker) renew(t Ticket) Ticket {
	if w.Renew == nil || !badge.Stale(t.get().Badge, time.Now()) {
		return t
	}
	ctx := context.Background()
	next, err := w.ask(ctx)
	if err != nil {
		w.Log.WarnContext(ctx, "the worker gets no new ticket yet", "err", err)
		return t
	}
	return next
}

// complaints logs what the queue says, but that a badge has run out: the next is shown.
func (w *Worker) complaints() nats.Option {
	return nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if !errors.Is(err, nats.ErrAuthExpired) {
			w.Log.Warn("the queue complains", "err", err)
		}
	})
}
