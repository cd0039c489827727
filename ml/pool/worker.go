package pool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage"
	"manx/storage/vault"
)

// An Engine readies plans.
type Engine interface {
	// Load readies a plan. Its bytes come from a stranger, and hash to what the
	// model's owner put on the ledger.
	Load(ctx context.Context, plan []byte) (Program, error)
}

// A Program is a readied plan.
type Program interface {
	// Bind reads one owner's evaluation keys for the plan, from a stranger.
	Bind(ctx context.Context, keys io.Reader) (Evaluator, error)
}

// An Evaluator runs a plan under one owner's evaluation keys.
type Evaluator interface {
	// Evaluate reads one encrypted input and writes its encrypted result. The
	// same input gives the same bytes on every machine. A cancelled ctx stops it
	// soon. progress is called after each step.
	Evaluate(ctx context.Context, in io.Reader, out io.Writer, progress func(step, of int)) error
}

// ErrGone says that a program or an evaluator is lost, with the process that held it:
// it must be readied again.
var ErrGone = errors.New("the engine has lost what it had readied")

// Submitter is what a worker needs of the ledger.
type Submitter interface {
	Submit(ctx context.Context, c ledger.Command) (ledger.Height, error)
	Read(ctx context.Context, k ledger.Key) ([]byte, error)
}

// Packs is where plans, keys, inputs and results lie; *vault.Vault is one.
type Packs interface {
	Open(ctx context.Context, r storage.Ref) (*vault.Pack, error)
	Write(ctx context.Context, r io.Reader) (storage.Ref, error)
}

// A Worker computes jobs one at a time, each on all cores; of short ones it claims many
// at once and gives their results together. Its fields are set before Run.
type Worker struct {
	Ticket Ticket
	// Renew, where not nil, gives the next ticket when the badge of the last one has less
	// than half its life left.
	Renew   func(ctx context.Context) (Ticket, error)
	Network ledger.NetworkID
	Signer  ledger.Signer // a party with the role of a worker
	Ledger  Submitter
	Packs   Packs
	Engine  Engine  // of CKKS, where Engines is empty
	Engines Engines // by the runtime whose jobs each runs

	Runtime Class // of the job that Rerun evaluates; empty means CKKS

	// Rates are the operations a second that were measured, by class of machine; without
	// any, the worker is given jobs that name no class of machine. Price is the least the worker works for, in
	// MAN for 10¹² operations.
	Rates map[Class]float64
	Price float64

	CacheBytes int64         // of readied plans and keys; 0 means 1 GiB
	Poll       time.Duration // how often a running job is checked; 0 means 500 ms
	Drain      time.Duration // how long a running job may go on after Run's ctx ends; 0 means 20 s
	Log        *slog.Logger  // nil discards
	// Progress, where not nil, hears of each step.
	Progress func(job ledger.JobID, step, of int)

	// Control, where not nil, is how others see and drain the worker.
	Control *Control

	cache   *cache
	tally   *Control
	engines Engines
	drawn   replicas
	long    int // bytes of the latest result
}

// Engines are what runs jobs, by runtime: a new one registers by its class, and
// touches no other.
type Engines map[Class]Engine

func (w *Worker) runtimes() Engines {
	if len(w.Engines) == 0 {
		return Engines{CKKS: w.Engine}
	}
	return w.Engines
}

const (
	idleWait = 150 * time.Millisecond
	keepKeys = 10 * time.Minute // evaluation keys that nobody uses are dropped
)

// Run takes and does jobs until ctx ends, lets a running one finish within
// Drain, and returns nil. A queue or a ledger that does not answer is waited
// for.
func (w *Worker) Run(ctx context.Context) error {
	w.engines = w.runtimes()
	w.CacheBytes = orElse(w.CacheBytes, 1<<30)
	w.Poll = orElse(w.Poll, 500*time.Millisecond)
	w.Drain = orElse(w.Drain, 20*time.Second)
	if w.Log == nil {
		w.Log = slog.New(slog.DiscardHandler)
	}
	w.cache, w.tally = newCache(w.CacheBytes), cmp.Or(w.Control, new(Control))
	if w.Ticket.get == nil {
		return notice.New(notice.Invalid, "the worker has no ticket for a queue", "start it with `manx worker run`, which asks the node for one")
	}
	if err := w.checkRole(ctx); err != nil {
		return err
	}
	// The job in hand outlives ctx by Drain.
	working, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() {
		select {
		case <-working.Done():
		case <-time.After(w.Drain):
			cancel(errDrained)
		}
	})()
	w.Log.InfoContext(ctx, "worker waits for jobs", "worker", w.Signer.Party())
	return w.reach(ctx, nats.ReconnectWait(250*time.Millisecond), func(here context.Context, conn *nats.Conn) error { return w.serve(here, working, conn) })
}

// serve takes and does jobs of one connection until ctx ends; the one in hand ends with
// working.
func (w *Worker) serve(ctx, working context.Context, conn *nats.Conn) error {
	js, err := jetstream.New(conn)
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	p, err := w.present(working, conn)
	if err != nil {
		return err
	}
	defer p.close()
	lines := w.lines(js)
	for tidied := time.Now(); ctx.Err() == nil; {
		w.replicate(working)
		var b batch
		err = nil
		if !w.tally.draining() {
			b, err = w.next(ctx, lines, w.tally.share())
		}
		switch {
		case err != nil && ctx.Err() == nil:
			w.Log.WarnContext(ctx, "worker does not reach the queue", "err", err)
			pause(ctx, 5*idleWait)
		case len(b.all) > 0 && w.tally.slots() == 1:
			w.tally.hold(1, w.cache)
			p.tell()
			w.handle(working, b.all[0], b.from, p)
			w.tally.hold(0, w.cache)
			p.tell()
		case len(b.all) > 0:
			until := time.Now().Add(manyFor)
			w.many(working, b, p, func(most int) (b batch) {
				if ctx.Err() == nil && !w.tally.draining() && time.Now().Before(until) {
					b, err = w.ready(ctx, lines, most)
				}
				return b
			})
		case lines[0].consumer == nil || w.tally.draining():
			pause(ctx, idleWait)
		}
		if slices.ContainsFunc(b.all, again) {
			w.tally.beWary()
		}
		if time.Since(tidied) > time.Second {
			tidied = time.Now()
			w.tidy(ctx)
		}
	}
	return nil
}

// checkRole refuses to start what the ledger knows to be no worker. A ledger
// that does not answer is asked again with the first job.
func (w *Worker) checkRole(ctx context.Context) error {
	p, err := readState[ledger.Party](ctx, w.Ledger, ledger.KeyOf(w.Signer.Party()))
	if errors.Is(err, fs.ErrNotExist) || err == nil && p.Role != ledger.Worker {
		return notice.Because(err, notice.Denied, "the ledger does not know this party as a worker", "register it: `manx keys new --role worker`")
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// A line is a consumer: the worker's own, or one class and priority's.
type line struct {
	js       jetstream.JetStream
	name     string
	class    Class // "" of the worker's own
	consumer jetstream.Consumer
	wait     time.Duration // the queue's patience with a silent worker
	most     int           // deliveries
	tried    time.Time
	joined   func(wait time.Duration, left bool) // left: a life before had messages in hand
}

// lines returns the worker's own line, and then those of its runtimes.
func (w *Worker) lines(js jetstream.JetStream) []*line {
	all := []*line{{js: js, name: ownConsumer(w.Signer.Party()), joined: w.tally.joined}}
	classes := slices.Sorted(maps.Keys(w.engines))
	for _, p := range priorities() {
		for _, c := range classes {
			all = append(all, &line{js: js, name: consumer(c, p), class: c, joined: w.tally.joined})
		}
	}
	return all
}

func (l *line) join(ctx context.Context) error {
	if l.consumer != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, err := l.js.Consumer(ctx, jobsStream, l.name)
	if err != nil {
		return fmt.Errorf("join %s: %w", l.name, err)
	}
	l.consumer, l.wait, l.most = c, c.CachedInfo().Config.AckWait, c.CachedInfo().Config.MaxDeliver
	l.joined(l.wait, l.class == "" && c.CachedInfo().NumAckPending > 0)
	return nil
}

// again reports whether a message was given out before.
func again(m jetstream.Msg) bool {
	meta, err := m.Metadata()
	return err == nil && meta.NumDelivered > 1
}

// next returns up to most messages, from the worker's own line first, then the most
// urgent ones. Where there is none it waits for one on its own line, once that is there.
func (w *Worker) next(ctx context.Context, lines []*line, most int) (batch, error) {
	mine := lines[0]
	if mine.consumer == nil && time.Since(mine.tried) > idleWait {
		mine.tried = time.Now()
		if err := mine.join(ctx); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return batch{}, err
		}
	}
	b, err := w.ready(ctx, lines, most)
	if len(b.all) > 0 || err != nil || mine.consumer == nil {
		return b, err
	}
	if b.from = mine; most == 1 {
		b.all, err = mine.take(1, idleWait)
		return b, err
	}
	if b.all, err = mine.take(1, idleWait); len(b.all) == 0 || err != nil {
		return b, err
	}
	others, err := mine.take(most-1, 0) // that came with it
	b.all = append(b.all, others...)
	if err != nil {
		w.Log.WarnContext(ctx, "worker does not reach the queue", "err", err)
	}
	return b, nil
}

// ready returns up to most messages of a line that has any now.
func (w *Worker) ready(ctx context.Context, lines []*line, most int) (batch, error) {
	for _, l := range lines {
		if l != lines[0] {
			if err := l.join(ctx); err != nil {
				return batch{}, err
			}
		}
		if l.consumer == nil {
			continue
		}
		if all, err := l.take(most, 0); len(all) > 0 || err != nil {
			return batch{all, l}, err
		}
	}
	return batch{}, nil
}

// take returns up to most of a line's messages: those that are there, or where wait is
// not 0 the first that comes within it.
func (l *line) take(most int, wait time.Duration) (all []jetstream.Msg, err error) {
	var got jetstream.MessageBatch
	if wait == 0 {
		got, err = l.consumer.FetchNoWait(most)
	} else {
		got, err = l.consumer.Fetch(most, jetstream.FetchMaxWait(wait))
	}
	if err == nil {
		for m := range got.Messages() {
			all = append(all, m)
		}
		err = got.Error()
	}
	if err == nil || errors.Is(err, nats.ErrTimeout) || len(all) > 0 {
		return all, nil
	}
	l.consumer = nil // it may have gone with the queue's disk
	return nil, fmt.Errorf("take from %s: %w", l.name, err)
}

// handle does the job that one message names.
func (w *Worker) handle(ctx context.Context, m jetstream.Msg, l *line, p *presence) {
	msg, err := readMessage(m.Data())
	if err != nil {
		w.say(m.TermWithReason("- the message is not a job's"))
		return
	}
	class := l.class
	if class == "" {
		class = msg.Class
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	p.working(msg.Job, stop)
	began := time.Now()
	err = w.do(ctx, msg.Job, class, func() { w.say(m.InProgress()) }, l.wait/3)
	p.working(msg.Job, nil)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errNothing) {
		err = cause
	}
	w.conclude(m, l, p, msg.Job, err, time.Since(began))
}

// conclude says to the queue what became of a job.
func (w *Worker) conclude(m jetstream.Msg, l *line, p *presence, job ledger.JobID, err error, took time.Duration) {
	n := notice.From(err)
	w.tally.ended(err, took)
	switch {
	case err == nil:
		w.Log.Info("job done", "job", job, "took", took.Round(time.Millisecond))
		w.say(m.Ack())
	case errors.Is(err, errNothing):
		w.Log.Info("nothing to do for a job", "job", job, "why", err)
		w.say(m.Ack())
	case errors.Is(err, errDrained):
		w.Log.Warn("worker stops before the job ended; another will take it", "job", job)
		w.say(m.Nak())
	default:
		w.Log.Warn("job failed", "job", job, "err", err, "cause", errors.Unwrap(n))
		if l.class == "" {
			p.back(job) // the dispatcher puts it before others; if it does not hear, the queue asks here again
		}
		if l.enough(m, n.Kind) {
			w.say(m.TermWithReason(string(job) + " " + n.Text))
			return
		}
		w.say(m.NakWithDelay(time.Second))
	}
}

// enough reports whether a message was tried often enough: as often as the queue
// tries it, or twice where the fault lies in what the job names. One worker's
// word is not enough, for the fault may be its own.
func (l *line) enough(m jetstream.Msg, k notice.Kind) bool {
	meta, err := m.Metadata()
	if err != nil {
		return false
	}
	switch k {
	case notice.Integrity, notice.Invalid, notice.Unsupported, notice.Exhausted:
		return meta.NumDelivered >= 2
	}
	return l.most > 0 && meta.NumDelivered >= uint64(l.most)
}

// say logs a word to the queue that was lost; the queue then asks again.
func (w *Worker) say(err error) {
	if err != nil {
		w.Log.Warn("the queue did not hear the worker", "err", err)
	}
}

// tidy drops evaluation keys that nobody used for long or whose grant ended.
func (w *Worker) tidy(ctx context.Context) {
	w.cache.dropIf(func(c *cached) bool {
		if c.key.keys.IsZero() {
			return false
		}
		if time.Since(c.used) > keepKeys {
			return true
		}
		if c.grant == "" {
			return false
		}
		live, err := w.live(ctx, c.grant)
		return err == nil && !live
	})
}
