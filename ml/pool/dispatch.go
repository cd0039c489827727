package pool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"time"

	"manx/ledger"
	"manx/ml/pool/schedule"
)

// Watched is what the dispatcher sees of the ledger.
type Watched interface {
	Read(ctx context.Context, k ledger.Key) ([]byte, error)
	Events(ctx context.Context, from ledger.Height) iter.Seq2[ledger.Event, error]
}

// A Need is what a job asks of who runs it.
type Need struct {
	Line     Class   // the runtime's, on which any worker of it may take the job
	Classes  []Class // of machines that can run it; none means whoever serves the line
	Priority Priority
	Work     float64 // operations, in the unit of workers' rates; 0 where it is not known
	KeyBytes float64 // of its evaluation keys
	Pays     float64 // what its worker earns, in MAN; 0 where workers' prices do not matter
}

// A Dispatcher brings jobs to workers: those that are ready, and those whose worker's
// claim lapsed. It runs on the node. A job goes to the worker that the scheduler
// chooses, on that worker's own line; where no worker advertises itself for it, or the
// chosen one is silent or fails, it goes on the line of its runtime, from which any
// takes it. Its methods may be called at once; its fields are set before.
type Dispatcher struct {
	Queue  *Queue
	Ledger Watched
	// Route says what a job needs; nil means CKKS, Normal.
	Route     func(ctx context.Context, j ledger.Job) Need
	Rules     schedule.Rules
	OpenLines int          // jobs on open lines at most, the rest waits here and on the ledger; 0 means 4096
	Log       *slog.Logger // nil discards

	mu      sync.Mutex
	try     string // another at each beginning
	open    map[ledger.JobID]*openJob
	askers  map[ledger.PartyID]int // of open
	given   map[ledger.JobID]*openJob
	held    []*openJob // in the order they came; some have moved on since
	market  int        // jobs on open lines
	plan    *schedule.Scheduler
	workers map[ledger.PartyID]*hand
	counts  counts
	began   time.Time
}

// where a job that nobody has claimed stands.
type where string

const (
	waits  where = "waits" // in the scheduler
	given  where = "given" // to a worker, on its own line
	market where = "open"  // on its runtime's line
	held   where = "held"  // here alone: too many wait elsewhere
	taken  where = "taken" // claimed, or set aside: there is nothing to bring
)

// openLines is how many jobs are on open lines at most. The queue's cost of a message
// grows with its length (BenchmarkDepth).
const openLines = 4096

// openJob is a job that is ready or claimed.
type openJob struct {
	id       ledger.JobID
	asker    ledger.PartyID
	keys     string
	inputs   int
	need     Need
	since    ledger.Height // the first event that told of it
	seen     time.Time     // when that was
	lease    ledger.Time   // 0 while nobody has claimed it
	by       ledger.PartyID
	attempts int // messages that were made for it
	lost     int // workers that took it and vanished

	at     where
	worker ledger.PartyID // that it is given to
	class  Class
	seq    uint64    // of its message there
	due    time.Time // when the worker should have claimed it
}

// maxAttempts is how often one dispatcher gives a job to the queue. The
// deadline refunds what still does not end.
const maxAttempts = 8

// Run follows the ledger until ctx ends, and returns nil then; any other
// trouble is logged and tried again. It begins where all jobs that were open
// when the node stopped are seen again.
func (d *Dispatcher) Run(ctx context.Context) error {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	d.begin()
	stop, err := d.Queue.hear(func(a Advert) { d.advertised(ctx, a) }, func(w ledger.PartyID, id ledger.JobID) { d.returned(ctx, w, id) })
	if err != nil {
		return err
	}
	var sweeping sync.WaitGroup
	defer sweeping.Wait()
	defer stop()
	sweeping.Go(func() {
		for ctx.Err() == nil {
			pause(ctx, every(d.Queue.cfg.AckWait))
			d.sweep(ctx)
		}
	})
	for {
		err := d.follow(ctx)
		if ctx.Err() != nil {
			return nil // it was told to end
		}
		d.Log.ErrorContext(ctx, "the dispatcher lost the ledger or the queue; it begins again", "err", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

func (d *Dispatcher) follow(ctx context.Context) error {
	d.begin()
	if err := d.Queue.clear(ctx); err != nil {
		return err
	}
	from, err := d.Queue.height(ctx)
	if err != nil {
		return err
	}
	saved := from
	for e, err := range d.Ledger.Events(ctx, from) {
		if err != nil {
			return err
		}
		if id, ok := jobOf(e.Key); ok && !d.past(e.Name, id) {
			if err := d.see(ctx, id, e.Height); err != nil {
				return err
			}
		}
		if e.Name == ledger.PartyRotated || e.Name == ledger.PartyRecovered {
			var p ledger.Party
			if err := json.Unmarshal(e.Body, &p); err != nil {
				return fmt.Errorf("party on the ledger: %w", err)
			}
			d.Queue.expel(p.ID) // its badge is of a key that is no more
		}
		if e.Name == ledger.StandingChanged {
			var s ledger.Standing
			if err := json.Unmarshal(e.Body, &s); err != nil {
				return fmt.Errorf("standing on the ledger: %w", err)
			}
			d.restand(ctx, s)
		}
		if e.Name != ledger.TimeTicked {
			continue
		}
		if err := d.lapse(ctx); err != nil {
			return err
		}
		if h := d.oldest(e.Height); h > saved {
			if err := d.Queue.setHeight(ctx, h); err != nil {
				return err
			}
			saved = h
		}
	}
	return errors.New("events ended")
}

// past reports whether an event tells of a job that needs no worker, and that is known to
// need none.
func (d *Dispatcher) past(event string, id ledger.JobID) bool {
	switch event {
	case ledger.JobDone, ledger.JobAnswered, ledger.JobSettled, ledger.JobRefunded:
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.open[id] == nil
	}
	return false
}

// jobOf returns the job whose state k is.
func jobOf(k ledger.Key) (ledger.JobID, bool) {
	parts := strings.Split(string(k), "/")
	if len(parts) != 3 || parts[1] != "job" {
		return "", false
	}
	id := ledger.JobID(strings.Join(parts, "-"))
	return id, ledger.CheckID(id, "job") == nil
}

// see reads the job again and acts on where it stands.
func (d *Dispatcher) see(ctx context.Context, id ledger.JobID, at ledger.Height) error {
	job, err := readState[ledger.Job](ctx, d.Ledger, ledger.KeyOf(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.open[id]
	var need Need
	if o == nil && !job.Stage.Over() {
		d.mu.Unlock() // it may read a plan; this goroutine alone adds jobs
		need = d.route(ctx, job)
		d.mu.Lock()
	}
	switch job.Stage {
	case ledger.Ready, ledger.Claimed:
		if !job.Evaluated() || job.Proving != nil {
			return nil // three organisations compute it, or workers that are drawn
		}
		fresh := o == nil
		if fresh {
			o = &openJob{id: id, asker: job.Asker, inputs: len(job.Inputs), since: at, seen: time.Now(), need: need}
			if !job.EvalKeys.IsZero() {
				o.keys = job.EvalKeys.String()
			}
			d.open[id] = o
			d.askers[o.asker]++
		}
		o.lease = 0
		if job.Stage == ledger.Claimed {
			d.claimed(o, job)
			if fresh && d.workers[o.by] != nil {
				d.resume(ctx, o) // it may have come back before its job was read again
			}
			return nil
		}
		if o.attempts > 0 || o.at != "" {
			return nil
		}
		return d.place(ctx, o)
	default:
		if o != nil {
			d.over(ctx, o, job)
		}
		return nil
	}
}

// lapse gives jobs to the queue again whose claim ran out without a result.
func (d *Dispatcher) lapse(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var now ledger.Time
	for id, o := range d.open {
		if o.lease == 0 || o.attempts >= maxAttempts {
			continue
		}
		if now == 0 {
			clock, err := readState[ledger.Clock](ctx, d.Ledger, ledger.NowKey)
			if err != nil {
				return err
			}
			now = clock.Now
		}
		if now < o.lease {
			continue
		}
		job, err := readState[ledger.Job](ctx, d.Ledger, ledger.KeyOf(id))
		if err != nil {
			return err
		}
		if job.Stage != ledger.Claimed || now < job.Lease {
			continue // its event comes
		}
		o.attempts = max(o.attempts, 1) // the first was somebody else's or before a restart
		o.lease = 0
		d.Log.WarnContext(ctx, "a worker's claim lapsed; the job is queued again", "job", id, "worker", job.Worker)
		d.withdraw(ctx, o)
		if err := d.place(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// oldest returns from where events must be read after a restart to see every
// open job again.
func (d *Dispatcher) oldest(now ledger.Height) ledger.Height {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range d.open {
		now = min(now, o.since)
	}
	return now
}

// reader is the part of a ledger that reads.
type reader interface {
	Read(ctx context.Context, k ledger.Key) ([]byte, error)
}

func readState[T any](ctx context.Context, l reader, k ledger.Key) (v T, err error) {
	b, err := l.Read(ctx, k)
	if err != nil {
		return v, fmt.Errorf("read %T: %w", v, err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return v, fmt.Errorf("read %T: %w", v, err)
	}
	return v, nil
}
