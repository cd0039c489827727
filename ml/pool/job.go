package pool

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"manx/ledger"
	"manx/ml/pool/result"
	"manx/privacy/notice"
	"manx/storage"
)

var (
	// errNothing ends a message whose job needs no worker any more.
	errNothing = errors.New("nothing to do")
	errDrained = errors.New("the worker stops")
)

func nothing(why string) error { return fmt.Errorf("%w: %s", errNothing, why) }

// Bounds of what a worker fetches, in bytes.
const (
	maxPlan  = 256 << 20
	maxKeys  = 2 << 30
	maxInput = 256 << 20
	maxPart  = 32 << 20 // of one input's result

	planCost = 8 // bytes in memory for a byte of a plan
	keysCost = 2 // for a byte of evaluation keys, whose uniform half is a seed
)

const (
	validity = ledger.Time(900) // seconds a worker's command is valid
	renew    = ledger.Time(240) // seconds before a lease's end at which it is renewed
)

// do brings one job from where the ledger says it stands to a posted result.
// It calls alive at least every beat.
func (w *Worker) do(ctx context.Context, id ledger.JobID, class Class, alive func(), beat time.Duration) error {
	job, err := readState[ledger.Job](ctx, w.Ledger, ledger.KeyOf(id))
	if errors.Is(err, fs.ErrNotExist) {
		return notice.Because(err, notice.Unavailable, "the ledger here does not know the job yet", "wait a moment")
	}
	if err != nil {
		return err
	}
	now, err := w.now(ctx)
	if err != nil {
		return err
	}
	me := w.Signer.Party()
	switch {
	case job.Stage != ledger.Ready && job.Stage != ledger.Claimed:
		return nothing("the job is " + string(job.Stage))
	case job.Stage == ledger.Claimed && job.Worker != me && now < job.Lease:
		// The dispatcher queues it again when the lease lapses.
		return nothing("another worker has claimed the job")
	}
	if ok, err := w.granted(ctx, job); err != nil {
		return err
	} else if !ok {
		return nothing("its grant has ended")
	}
	running, stop := context.WithCancel(ctx)
	var beating sync.WaitGroup
	defer beating.Wait()
	defer stop()
	beating.Go(func() { w.beat(running, alive, beat) })
	if job.Stage != ledger.Claimed || job.Worker != me || now+renew > job.Lease {
		if err := w.submit(ctx, ledger.ClaimJob{Job: id}); err != nil {
			return w.refused(err)
		}
	}
	ref, hash, err := w.run(ctx, job, class)
	if err != nil {
		return err
	}
	if err := w.submit(ctx, ledger.PostResult{Job: id, Result: ref, Hash: hash}); err != nil {
		if done, readErr := w.posted(ctx, id, hash); readErr == nil && done {
			return nil
		}
		return w.refused(err)
	}
	return nil
}

// run computes a job that the worker has claimed, and watches meanwhile whether anybody
// still wants it.
func (w *Worker) run(ctx context.Context, job ledger.Job, class Class) (storage.Ref, ledger.Hash, error) {
	running, stop := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop(nil)
	watching.Go(func() { w.watch(running, job.ID, stop) })
	began := time.Now()
	ref, hash, err := w.compute(running, job, class)
	if err == nil {
		w.tally.computed(time.Since(began))
	}
	if errors.Is(err, ErrGone) {
		w.cache.dropIf(func(*cached) bool { return true })
	}
	if cause := context.Cause(running); cause != nil && ctx.Err() == nil {
		w.forget(job)
		return ref, hash, cause
	}
	if err != nil {
		err = errors.Join(err, context.Cause(ctx))
	}
	return ref, hash, err
}

// posted reports whether the worker's own result is on the ledger: a reply to an
// earlier try may have been lost, and the job have moved on.
func (w *Worker) posted(ctx context.Context, id ledger.JobID, hash ledger.Hash) (bool, error) {
	job, err := readState[ledger.Job](ctx, w.Ledger, ledger.KeyOf(id))
	return err == nil && job.Worker == w.Signer.Party() && job.Hash == hash, err
}

// refused turns the contract's refusal into "nothing to do": the job moved on.
func (w *Worker) refused(err error) error {
	if n, ok := errors.AsType[*notice.Error](err); ok {
		switch n.Kind {
		case notice.Conflict, notice.Expired, notice.NotFound:
			return fmt.Errorf("%w: %w", errNothing, err)
		}
	}
	return err
}

// submit sends one signed command until the ledger has answered: the same
// bytes each time, so that a lost reply gives one effect.
func (w *Worker) submit(ctx context.Context, b ledger.Body) error {
	now, err := w.now(ctx)
	if err != nil {
		return err
	}
	c, err := ledger.NewCommand(w.Network, w.Signer, now+validity, b)
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		_, err := w.Ledger.Submit(ctx, c)
		n, refusal := errors.AsType[*notice.Error](err)
		if err == nil || refusal && n.Kind != notice.Unavailable && n.Kind != notice.Internal {
			return err
		}
		if try == 8 || ctx.Err() != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		pause(ctx, 50*time.Millisecond<<try)
	}
}

// beat keeps the queue from giving the message to another.
func (w *Worker) beat(ctx context.Context, alive func(), every time.Duration) {
	t := time.NewTicker(max(every, 10*time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			alive()
		}
	}
}

// watch stops the computation when the job is over or its grant has ended, and
// renews the lease of a long one. A ledger that does not answer is waited for.
func (w *Worker) watch(ctx context.Context, id ledger.JobID, stop context.CancelCauseFunc) {
	for {
		pause(ctx, w.Poll)
		if ctx.Err() != nil {
			return
		}
		job, err := readState[ledger.Job](ctx, w.Ledger, ledger.KeyOf(id))
		if err != nil {
			continue
		}
		if job.Stage != ledger.Claimed || job.Worker != w.Signer.Party() {
			stop(nothing("the job is " + string(job.Stage)))
			return
		}
		if ok, err := w.granted(ctx, job); err == nil && !ok {
			stop(nothing("its grant has ended"))
			return
		}
		if now, err := w.now(ctx); err == nil && now+renew > job.Lease && job.At[ledger.Claimed] != now {
			if err := w.submit(ctx, ledger.ClaimJob{Job: id}); err != nil && ctx.Err() == nil {
				w.Log.WarnContext(ctx, "a lease could not be renewed", "job", id, "err", err)
			}
		}
	}
}

// compute fetches what the job needs, evaluates every input and stores the
// result.
func (w *Worker) compute(ctx context.Context, job ledger.Job, class Class) (ref storage.Ref, hash ledger.Hash, err error) {
	model, err := readState[ledger.Model](ctx, w.Ledger, ledger.KeyOf(job.Model))
	if err != nil {
		return ref, hash, err
	}
	plan := planOf(model, job)
	program, err := w.program(ctx, plan, class)
	if err != nil {
		return ref, hash, err
	}
	evaluator, err := w.evaluator(ctx, plan, program, job)
	if err != nil {
		return ref, hash, err
	}
	results := make([][]byte, len(job.Inputs))
	for i, in := range job.Inputs {
		if results[i], err = w.evaluate(ctx, job, evaluator, i, in); err != nil {
			return ref, hash, err
		}
	}
	b, err := result.Join(results)
	if err != nil {
		return ref, hash, err
	}
	if ref, err = w.Packs.Write(ctx, bytes.NewReader(b)); err != nil {
		return ref, hash, err
	}
	return ref, sha256.Sum256(b), nil
}

// planOf returns the plan that a job runs: the model's for its subject's own key, or
// for a committee's.
func planOf(m ledger.Model, j ledger.Job) ledger.PlanRef {
	if j.Committee != "" {
		return m.Joint
	}
	return ledger.PlanRef{Plan: m.Plan, Hash: m.PlanHash}
}

func (w *Worker) program(ctx context.Context, m ledger.PlanRef, class Class) (Program, error) {
	key := cacheKey{plan: m.Plan}
	engine := w.engines[class]
	if engine == nil {
		return nil, notice.New(notice.Unsupported, "this worker cannot run jobs of that class", "the job goes to another")
	}
	if p, ok := w.cache.get(key); ok {
		return p.(Program), nil
	}
	b, err := w.fetch(ctx, m.Plan, maxPlan, planCost)
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(b) != m.Hash {
		return nil, notice.New(notice.Integrity, "the model's plan is not the one that its owner published", "the model's owner must publish it again")
	}
	p, err := engine.Load(ctx, b)
	if err != nil {
		return nil, err
	}
	w.cache.put(&cached{key: key, value: p, cost: planCost * int64(len(b))})
	return p, nil
}

func (w *Worker) evaluator(ctx context.Context, m ledger.PlanRef, p Program, job ledger.Job) (Evaluator, error) {
	key := cacheKey{m.Plan, job.EvalKeys}
	if e, ok := w.cache.get(key); ok {
		return e.(Evaluator), nil
	}
	pack, err := w.open(ctx, job.EvalKeys, maxKeys)
	if err != nil {
		return nil, err
	}
	defer pack.Close()
	w.cache.room(keysCost * pack.Size())
	began := time.Now()
	e, err := p.Bind(ctx, pack)
	if err != nil {
		return nil, err
	}
	w.tally.fetchedKeys(pack.Size(), time.Since(began))
	w.cache.put(&cached{key: key, value: e, cost: keysCost * pack.Size(), grant: job.Grant})
	return e, nil
}

// forget drops the evaluation keys of a job whose permission ended.
func (w *Worker) forget(job ledger.Job) {
	w.cache.dropIf(func(c *cached) bool { return c.key.keys == job.EvalKeys })
}

func (w *Worker) evaluate(ctx context.Context, job ledger.Job, e Evaluator, i int, in storage.Ref) ([]byte, error) {
	pack, err := w.open(ctx, in, maxInput)
	if err != nil {
		return nil, err
	}
	defer pack.Close()
	out := bounded{most: maxPart, b: make([]byte, 0, w.long)} // results of a model are as long as one another
	began := time.Now()
	err = e.Evaluate(ctx, pack, &out, func(step, of int) {
		if w.Progress != nil {
			w.Progress(job.ID, i*of+step, len(job.Inputs)*of)
		}
	})
	w.tally.evaluated(time.Since(began))
	w.long = len(out.b)
	return out.b, err
}

// A pack is a stored pack that is open.
type pack interface {
	io.ReadCloser
	Size() int64
}

func (w *Worker) open(ctx context.Context, r storage.Ref, most int64) (pack, error) {
	p, err := w.Packs.Open(ctx, r)
	if err != nil {
		return nil, err
	}
	if p.Size() > most {
		return nil, errors.Join(notice.New(notice.Exhausted, "something that the job names is larger than a worker takes", "ask the model's owner for a smaller plan"), p.Close())
	}
	return p, nil
}

func (w *Worker) fetch(ctx context.Context, r storage.Ref, most, cost int64) ([]byte, error) {
	p, err := w.open(ctx, r, most)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	w.cache.room(cost * p.Size())
	b := make([]byte, p.Size())
	if _, err := io.ReadFull(p, b); err != nil {
		return nil, err
	}
	return b, nil
}

// bounded keeps what is written, up to a bound.
type bounded struct {
	b    []byte
	most int
}

func (w *bounded) Write(p []byte) (int, error) {
	if len(p) > w.most-len(w.b) {
		return 0, notice.New(notice.Exhausted, "the encrypted result is longer than any", "the model's owner must publish another plan")
	}
	w.b = append(w.b, p...)
	return len(p), nil
}

func (w *Worker) now(ctx context.Context) (ledger.Time, error) {
	c, err := readState[ledger.Clock](ctx, w.Ledger, ledger.NowKey)
	return c.Now, err
}

// granted reports whether a job may run: it rests on a live grant, or its asker
// is its subject.
func (w *Worker) granted(ctx context.Context, job ledger.Job) (bool, error) {
	if job.Asker == job.Subject && job.Grant == "" {
		return true, nil
	}
	return w.live(ctx, job.Grant)
}

func (w *Worker) live(ctx context.Context, id ledger.GrantID) (bool, error) {
	g, err := readState[ledger.Grant](ctx, w.Ledger, ledger.KeyOf(id))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	now, err := w.now(ctx)
	return g.Access == ledger.Compute && g.Live(now), err
}
