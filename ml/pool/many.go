package pool

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"manx/ledger"
	"manx/privacy/notice"
)

// atOnce is how many jobs a worker claims, and of how many it gives the results, by one
// command.
const atOnce = ledger.MaxSteps / 2

// manyFor is for how long a worker takes short jobs in a row before it looks after
// other things.
const manyFor = time.Second

// A hold is a message in a worker's hands, and the job that it names.
type hold struct {
	m      jetstream.Msg
	l      *line
	id     ledger.JobID
	class  Class
	ctx    context.Context // ends when nobody wants the job any more
	stop   context.CancelCauseFunc
	job    ledger.Job        // once it is claimed
	result ledger.PostResult // once it is computed
	err    error             // why there is nothing more to do for it
	took   time.Duration     // computing it
}

// many does short jobs in rounds. In each, one command gives the results of the round
// before and claims those that have come, while those that the last one claimed are
// computed: the worker waits for the ledger no longer than it computes. It ends when no
// more come, or after manyFor.
func (w *Worker) many(ctx context.Context, first batch, p *presence, more func(most int) batch) {
	defer p.tell()
	defer func() { w.tally.hold(0, w.cache) }()
	hands := &hands{all: map[ledger.JobID]*hold{}}
	running, stop := context.WithCancel(ctx)
	var beating sync.WaitGroup
	defer beating.Wait()
	defer stop()
	beating.Go(func() { w.beat(running, func() { hands.alive(w) }, first.from.wait/3) })
	for came, claimed, done := w.take(ctx, first, hands, p), []*hold(nil), []*hold(nil); len(came)+len(claimed)+len(done) > 0; {
		w.tally.hold(len(came)+len(claimed)+len(done), w.cache)
		var telling sync.WaitGroup
		telling.Go(func() { w.tell(ctx, came, done) })
		func() {
			defer telling.Wait()
			w.computeAll(ctx, claimed)
		}()
		w.drop(append(done, failed(&claimed, &came)...), hands, p)
		claimed, done = came, claimed
		came = nil
		slots := w.tally.slots()
		if room := slots - len(claimed) - len(done); room > 0 && slots > 1 { // or they go one by one from now on
			came = w.take(ctx, more(min(room, w.tally.share())), hands, p)
		}
	}
}

// failed takes those for which there is nothing more to do out of lists.
func failed(lists ...*[]*hold) (out []*hold) {
	for _, l := range lists {
		var keep []*hold
		for _, h := range *l {
			if h.err != nil {
				out = append(out, h)
			} else {
				keep = append(keep, h)
			}
		}
		*l = keep
	}
	return out
}

// drop says to the queue what became of jobs, and lets go of them.
func (w *Worker) drop(all []*hold, hands *hands, p *presence) {
	for _, h := range all {
		hands.drop(h, p)
		if cause := context.Cause(h.ctx); h.err != nil && (errors.Is(cause, errNothing) || errors.Is(cause, errDrained)) {
			h.err = cause
		}
		w.conclude(h.m, h.l, p, h.id, h.err, h.took)
		h.stop(nil)
	}
}

// computeAll computes jobs that are claimed, one after the other.
func (w *Worker) computeAll(ctx context.Context, claimed []*hold) {
	if len(claimed) == 0 {
		return
	}
	first := time.Now()
	now, err := w.now(ctx)
	for _, h := range claimed {
		if h.err = cmp.Or(err, context.Cause(h.ctx)); h.err != nil {
			continue
		}
		began, err := time.Now(), error(nil)
		if now+ledger.Time(began.Sub(first).Seconds())+renew > h.job.Lease { // it has waited for long ones before it
			err = w.submit(h.ctx, ledger.ClaimJob{Job: h.id})
		}
		h.result.Job = h.id
		if err == nil {
			h.result.Result, h.result.Hash, err = w.run(h.ctx, h.job, h.class)
		}
		h.err, h.took = err, time.Since(began)
	}
}

// tell brings results and claims to the ledger, of each vertical by one command, and
// notes what became of each.
func (w *Worker) tell(ctx context.Context, came, done []*hold) {
	said := map[ledger.Vertical]*ledger.WorkJobs{}
	of := func(id ledger.JobID) *ledger.WorkJobs {
		v := ledger.VerticalOf(id)
		if said[v] == nil {
			said[v] = &ledger.WorkJobs{}
		}
		return said[v]
	}
	for _, h := range came {
		of(h.id).Claims = append(of(h.id).Claims, h.id)
	}
	for _, h := range done {
		of(h.id).Results = append(of(h.id).Results, h.result)
	}
	errs := map[ledger.Vertical]error{}
	for v, b := range said {
		if errs[v] = w.submit(ctx, *b); notice.Is(errs[v], notice.Unsupported) { // an older network's contract
			w.Log.WarnContext(ctx, "the network takes no commands for many jobs; they go one by one")
			w.tally.alone()
			errs[v] = notice.Because(errs[v], notice.Unavailable, "the network takes jobs one by one", "the job is tried again")
		}
	}
	for _, h := range came {
		h.job, h.err = w.claimed(ctx, h.id, errs[ledger.VerticalOf(h.id)])
	}
	for _, h := range done {
		if ok, err := w.posted(ctx, h.id, h.result.Hash); err != nil || !ok {
			h.err = errors.Join(w.refused(errs[ledger.VerticalOf(h.id)]), err)
			if h.err == nil {
				h.err = nothing("its result was refused")
			}
		}
	}
}

// claimed reads a job that was claimed with others, which ended as err says, and tells
// why it is not the worker's.
func (w *Worker) claimed(ctx context.Context, id ledger.JobID, err error) (ledger.Job, error) {
	job, readErr := readState[ledger.Job](ctx, w.Ledger, ledger.KeyOf(id))
	switch {
	case errors.Is(readErr, fs.ErrNotExist):
		return job, notice.Because(readErr, notice.Unavailable, "the ledger here does not know the job yet", "wait a moment")
	case readErr != nil:
		return job, readErr
	case job.Stage == ledger.Claimed && job.Worker == w.Signer.Party():
		return job, nil
	case job.Stage == ledger.Claimed:
		return job, nothing("another worker has claimed the job")
	case job.Stage != ledger.Ready:
		return job, nothing("the job is " + string(job.Stage))
	case err != nil:
		return job, w.refused(err)
	}
	return job, nothing("its claim was refused")
}

// hands are the messages that a worker has, which it keeps from going to others.
type hands struct {
	mu  sync.Mutex
	all map[ledger.JobID]*hold
}

// A batch is messages of one line.
type batch struct {
	all  []jetstream.Msg
	from *line
}

// take takes messages in hand. One that names no job is answered, and one whose job is in
// hand too.
func (w *Worker) take(ctx context.Context, b batch, hands *hands, p *presence) (out []*hold) {
	hands.mu.Lock()
	defer hands.mu.Unlock()
	for _, m := range b.all {
		msg, err := readMessage(m.Data())
		switch {
		case err != nil:
			w.say(m.TermWithReason("- the message is not a job's"))
			continue
		case hands.all[msg.Job] != nil:
			w.conclude(m, b.from, p, msg.Job, nothing("it is in hand"), 0)
			continue
		}
		h := &hold{m: m, l: b.from, id: msg.Job, class: cmp.Or(b.from.class, msg.Class)}
		h.ctx, h.stop = context.WithCancelCause(ctx)
		hands.all[h.id] = h
		p.working(h.id, h.stop)
		out = append(out, h)
	}
	return out
}

func (s *hands) drop(h *hold, p *presence) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, h.id)
	p.working(h.id, nil)
}

func (s *hands) alive(w *Worker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.all {
		w.say(h.m.InProgress())
	}
}
