package pool

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"time"

	"manx/ledger"
	"manx/storage"
)

// replicas is what a worker keeps of the jobs it is drawn for. Nothing of it is
// needed again after a kill: salts follow from the worker's key, and results from
// the jobs.
type replicas struct {
	next    time.Time // when to look again
	results map[ledger.JobID][]byte
	later   map[ledger.JobID]time.Time // of jobs that failed
}

const (
	undrawn = 5 * time.Second  // between looks of a worker that owes nothing
	retry   = 10 * time.Second // before a job that failed is tried again
	maxHeld = 256 << 20        // bytes of results that wait to be revealed; others are computed again
)

// replicate does what the worker owes the jobs it is drawn for, a word each. The queue has no part in it: who is drawn
// stands on the ledger.
func (w *Worker) replicate(ctx context.Context) {
	if time.Now().Before(w.drawn.next) {
		return
	}
	w.drawn.next = time.Now().Add(w.Poll)
	var open []ledger.JobID
	for _, side := range []ledger.Vertical{ledger.Health, ledger.Credit} {
		jobs, err := readState[[]ledger.JobID](ctx, w.Ledger, ledger.DrawnKey(side, w.Signer.Party()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.Log.WarnContext(ctx, "worker does not reach the ledger", "err", err)
			return
		}
		open = append(open, jobs...)
	}
	w.drawn.keep(open)
	if len(open) == 0 {
		w.drawn.next = time.Now().Add(max(w.Poll, min(undrawn, 10*w.Poll)))
		return
	}
	for _, id := range open {
		if ctx.Err() != nil || time.Now().Before(w.drawn.later[id]) {
			continue
		}
		if err := w.replica(ctx, id); err != nil && !errors.Is(err, errNothing) {
			w.Log.WarnContext(ctx, "a job that drew this worker failed", "job", id, "err", err)
			w.drawn.later[id] = time.Now().Add(min(retry, 20*w.Poll))
		}
	}
}

// keep drops what belongs to jobs that have ended.
func (r *replicas) keep(open []ledger.JobID) {
	results, later := map[ledger.JobID][]byte{}, map[ledger.JobID]time.Time{}
	for _, id := range open {
		if b, ok := r.results[id]; ok {
			results[id] = b
		}
		if t, ok := r.later[id]; ok {
			later[id] = t
		}
	}
	r.results, r.later = results, later
}

// replica says the worker's next word in a job: its commitment, what opens it, that
// a window has ended, or that the others are wrong.
func (w *Worker) replica(ctx context.Context, id ledger.JobID) error {
	job, err := readState[ledger.Job](ctx, w.Ledger, ledger.KeyOf(id))
	if err != nil {
		return err
	}
	at := job.Proving.Place(w.Signer.Party())
	if at < 0 {
		return nothing("the worker was not drawn")
	}
	me := job.Proving.Replicas[at]
	now, err := w.now(ctx)
	if err != nil {
		return err
	}
	var word ledger.Body
	switch {
	case job.Proving.Until != 0 && now >= job.Proving.Until:
		word = ledger.CloseJob{Job: id} // the others had their time
	case job.Stage == ledger.Drawn && me.Commitment.IsZero():
		b, err := w.resultOf(ctx, job)
		if err != nil {
			return err
		}
		hash := ledger.Hash(sha256.Sum256(b))
		word = ledger.CommitReplica{Job: id, Commitment: ledger.CommitmentTo(id, me.Worker, hash, w.salt(id))}
	case job.Stage == ledger.Committed && !me.Commitment.IsZero() && me.Hash.IsZero():
		b, err := w.resultOf(ctx, job)
		if err != nil {
			return err
		}
		ref, err := w.Packs.Write(ctx, bytes.NewReader(b))
		if err != nil {
			return err
		}
		word = ledger.RevealReplica{Job: id, Result: ref, Hash: sha256.Sum256(b), Salt: w.salt(id)}
	case (job.Stage == ledger.Done || job.Stage == ledger.Answered) && me.Found() && me.Hash != job.Hash:
		word = ledger.DisputeJob{Job: id} // evaluation is exact: let the organisations see
	default:
		return nil
	}
	if err := w.submit(ctx, word); err != nil {
		return w.refused(err)
	}
	return nil
}

// salt is 256 bits that only this worker can know, the same in every process of it.
func (w *Worker) salt(id ledger.JobID) ledger.Salt {
	return sha256.Sum256(w.Signer.Sign([]byte("manx/replica/salt/v1\x00" + string(id))))
}

// resultOf returns the bytes of a job's result and publishes nothing.
func (w *Worker) resultOf(ctx context.Context, job ledger.Job) ([]byte, error) {
	if b, ok := w.drawn.results[job.ID]; ok {
		return b, nil
	}
	if ok, err := w.granted(ctx, job); err != nil {
		return nil, err
	} else if !ok {
		return nil, nothing("its grant has ended")
	}
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		w.watchReplica(running, job.ID, stop)
	}()
	held := &holding{Packs: w.Packs}
	aside := *w
	aside.Packs = held
	_, _, err := aside.compute(running, job, CKKS)
	cause := context.Cause(running)
	stop(nil)
	<-watched
	switch {
	case cause != nil && ctx.Err() == nil:
		w.forget(job)
		return nil, cause
	case err != nil:
		return nil, errors.Join(err, context.Cause(ctx))
	}
	sum := len(held.b)
	for _, b := range w.drawn.results {
		sum += len(b)
	}
	if sum <= maxHeld {
		w.drawn.results[job.ID] = held.b
	}
	return held.b, nil
}

// watchReplica stops a computation whose job moved on or whose grant has ended.
func (w *Worker) watchReplica(ctx context.Context, id ledger.JobID, stop context.CancelCauseFunc) {
	for {
		pause(ctx, w.Poll)
		if ctx.Err() != nil {
			return
		}
		job, err := readState[ledger.Job](ctx, w.Ledger, ledger.KeyOf(id))
		if err != nil {
			continue
		}
		if job.Stage != ledger.Drawn && job.Stage != ledger.Committed {
			stop(nothing("the job is " + string(job.Stage)))
			return
		}
		if ok, err := w.granted(ctx, job); err == nil && !ok {
			stop(nothing("its grant has ended"))
			return
		}
	}
}

// holding is packs that keep what is written: nothing leaves the worker.
type holding struct {
	Packs
	b []byte
}

func (h *holding) Write(_ context.Context, r io.Reader) (storage.Ref, error) {
	b, err := io.ReadAll(r)
	h.b = b
	return storage.Ref{}, err
}
