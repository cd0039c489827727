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
	"time"

	"manx/ledger"
)

// Watched is what the dispatcher sees of the ledger.
type Watched interface {
	Read(ctx context.Context, k ledger.Key) ([]byte, error)
	Events(ctx context.Context, from ledger.Height) iter.Seq2[ledger.Event, error]
}

// A Dispatcher puts jobs in the queue: those that are ready, and those whose
// worker's claim lapsed. It runs on the node.
type Dispatcher struct {
	Queue  *Queue
	Ledger Watched
	// Route says who can run a job; nil means CKKS, Normal.
	Route func(ledger.Job) (Class, Priority)
	Log   *slog.Logger // nil discards

	open map[ledger.JobID]*openJob
}

// openJob is a job that is ready or claimed.
type openJob struct {
	since    ledger.Height // the first event that told of it
	lease    ledger.Time   // 0 while nobody has claimed it
	attempts int
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
	for {
		err := d.follow(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end
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
	d.open = map[ledger.JobID]*openJob{}
	from, err := d.Queue.height(ctx)
	if err != nil {
		return err
	}
	saved := from
	for e, err := range d.Ledger.Events(ctx, from) {
		if err != nil {
			return err
		}
		if id, ok := jobOf(e.Key); ok {
			if err := d.see(ctx, id, e.Height); err != nil {
				return err
			}
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
	o := d.open[id]
	switch job.Stage {
	case ledger.Ready, ledger.Claimed:
		if !job.Evaluated() || job.Proving != nil {
			return nil // three organisations compute it, or workers that are drawn
		}
		if o == nil {
			o = &openJob{since: at}
			d.open[id] = o
		}
		o.lease = 0
		if job.Stage == ledger.Claimed {
			o.lease = job.Lease
			return nil
		}
		if o.attempts > 0 {
			return nil
		}
		return d.publish(ctx, job, o)
	default:
		delete(d.open, id)
		return nil
	}
}

func (d *Dispatcher) publish(ctx context.Context, job ledger.Job, o *openJob) error {
	class, priority := CKKS, Normal
	if d.Route != nil {
		class, priority = d.Route(job)
	}
	if err := d.Queue.Publish(ctx, class, priority, job.ID, o.attempts); err != nil {
		return err
	}
	o.attempts++
	return nil
}

// lapse gives jobs to the queue again whose claim ran out without a result.
func (d *Dispatcher) lapse(ctx context.Context) error {
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
		if err := d.publish(ctx, job, o); err != nil {
			return err
		}
	}
	return nil
}

// oldest returns from where events must be read after a restart to see every
// open job again.
func (d *Dispatcher) oldest(now ledger.Height) ledger.Height {
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
