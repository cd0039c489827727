package pool

import (
	"context"

	"manx/ledger"
	"manx/privacy/notice"
)

// Rerun evaluates a job again, wherever it stands, and returns the hash of the
// result: evaluation is exact, so it is the hash a right worker signed. It
// submits nothing.
func (w *Worker) Rerun(ctx context.Context, id ledger.JobID) (ledger.Hash, error) {
	job, err := readState[ledger.Job](ctx, w.Ledger, ledger.KeyOf(id))
	if err != nil {
		return ledger.Hash{}, notice.Because(err, notice.NotFound, "there is no such job", "`manx job list` shows yours")
	}
	if len(job.Inputs) == 0 {
		return ledger.Hash{}, notice.New(notice.Conflict, "the job has no encrypted input yet", "`manx job show "+string(id)+"` says where it stands")
	}
	w.engines = w.runtimes()
	class := orElse(w.Runtime, CKKS)
	w.cache, w.tally = newCache(orElse(w.CacheBytes, 1<<30)), new(Control)
	_, hash, err := w.compute(ctx, job, class)
	return hash, err
}
