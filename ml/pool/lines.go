package pool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"manx/ledger"
	"manx/privacy/notice"
)

// give puts a job on one worker's own line, and returns the message's number. The same
// attempt of one try of a dispatcher's is one message. Another try is another: the queue
// remembers for two minutes what clear deleted, and would take a message for it.
func (q *Queue) give(ctx context.Context, w ledger.PartyID, c Class, job ledger.JobID, try string, attempt int) (uint64, error) {
	b, err := message{Job: job, Class: c}.encode()
	if err != nil {
		return 0, err
	}
	ack, err := q.js.Publish(ctx, ownSubject(w), b, jetstream.WithMsgID(fmt.Sprintf("%s/%s/%d/%s", job, try, attempt, w)))
	if err != nil {
		return 0, notice.Because(err, notice.Unavailable, "the queue of jobs takes nothing now", "the job is on the ledger and will be queued later: `manx job show`")
	}
	return ack.Sequence, nil
}

// takeBack deletes a message, which may be gone already.
func (q *Queue) takeBack(ctx context.Context, seq uint64) error {
	s, err := q.js.Stream(ctx, jobsStream)
	if err == nil {
		err = s.DeleteMsg(ctx, seq)
	}
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		return fmt.Errorf("queue: %w", err)
	}
	return nil
}

// line makes a worker's own line.
func (q *Queue) line(ctx context.Context, w ledger.PartyID) error {
	_, err := q.js.CreateOrUpdateConsumer(ctx, jobsStream, jetstream.ConsumerConfig{
		Durable: ownConsumer(w), FilterSubject: ownSubject(w), AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: q.cfg.AckWait, MaxDeliver: q.cfg.MaxDeliver, MaxAckPending: 4096, InactiveThreshold: 24 * time.Hour,
	})
	if err != nil {
		return fmt.Errorf("line of a worker: %w", err)
	}
	return nil
}

// clear empties all lines: a dispatcher that begins places every open job again, and
// knows of no message of before. Who works on one goes on. A queue that was ended in
// the middle may also hold a message that it gives to nobody, since it has noted that
// it was done and not yet deleted it.
func (q *Queue) clear(ctx context.Context) error { return q.purge(ctx) }

// clearLine empties a worker's own line, of messages too that tell of jobs that it has
// done without saying so to the queue.
func (q *Queue) clearLine(ctx context.Context, w ledger.PartyID) error {
	return q.purge(ctx, jetstream.WithPurgeSubject(ownSubject(w)))
}

func (q *Queue) purge(ctx context.Context, what ...jetstream.StreamPurgeOpt) error {
	s, err := q.js.Stream(ctx, jobsStream)
	if err == nil {
		err = s.Purge(ctx, what...)
	}
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return nil
}

// unline deletes the line of a worker that has left for good.
func (q *Queue) unline(ctx context.Context, w ledger.PartyID) error {
	if err := q.js.DeleteConsumer(ctx, jobsStream, ownConsumer(w)); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fmt.Errorf("line of a worker: %w", err)
	}
	return nil
}

// halt tells a worker that nobody wants a job any more. It looks by itself too, later.
func (q *Queue) halt(w ledger.PartyID, job ledger.JobID) error {
	if err := q.conn.Publish(stopSubject(w), []byte(job)); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return nil
}

// hear calls advert with what workers say of themselves and back with the jobs that
// they could not do, one at a time each, until the returned function is called.
func (q *Queue) hear(advert func(Advert), back func(ledger.PartyID, ledger.JobID)) (stop func(), err error) {
	adverts, err := q.conn.Subscribe(advertSubject("*"), func(m *nats.Msg) {
		if a, err := readAdvert(m.Data); err == nil && m.Subject == advertSubject(string(a.Worker)) {
			advert(a)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	backs, err := q.conn.Subscribe(backSubject("*"), func(m *nats.Msg) {
		w := ledger.PartyID(m.Subject[len(backSubject("")):])
		if msg, err := readMessage(m.Data); err == nil && ledger.CheckID(w, "p") == nil {
			back(w, msg.Job)
		}
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("queue: %w", err), adverts.Unsubscribe())
	}
	return func() { _ = errors.Join(adverts.Unsubscribe(), backs.Unsubscribe()) }, nil
}
