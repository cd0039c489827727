package holder

import (
	"context"
	"errors"
	"time"

	"manx/privacy/notice"
)

// What jobs on shares and sums have in common: they are computed in tries, each a
// session of its own, which the holder at place 0 begins.

// A run is a try under way or, where what it is of is not over, behind.
type run struct {
	try  int
	stop context.CancelCauseFunc
}

var errOver = errors.New("it is over")

// beside does what belongs to a try beside the other duties. The holder that leads
// forgets it afterwards; the others keep in mind which try they took part in.
func (h *Holder) beside(ctx context.Context, what, id string, try int, leads bool, do func(context.Context) error) {
	running, stop := context.WithCancelCause(ctx)
	r := &run{try, stop}
	h.mu.Lock()
	h.running[id] = r
	h.mu.Unlock()
	h.work.Go(func() {
		defer stop(nil)
		began := time.Now()
		err := do(running)
		switch cause := context.Cause(running); {
		case err == nil, errors.Is(cause, errOver):
			h.Log.InfoContext(ctx, "the holder has done its part", "of", what, "id", id, "took", time.Since(began).Round(time.Millisecond))
		case ctx.Err() == nil:
			h.Log.WarnContext(ctx, "the holder's part ended without a result", "of", what, "id", id, "err", errors.Join(err, cause))
		}
		if leads {
			h.forget(id, r)
		}
	})
}

func (h *Holder) forget(id string, r *run) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running[id] == r {
		delete(h.running, id)
	}
}

func (h *Holder) stopAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.running {
		r.stop(errors.New("the holder stops"))
	}
}

// again tries, one time after the other, until one succeeds or more are in vain.
func (h *Holder) again(ctx context.Context, what, id string, try func() error) error {
	for wait := retryAfter; ; wait += retryAfter {
		err := try()
		if err == nil || ctx.Err() != nil || final(err) {
			return err
		}
		h.Log.InfoContext(ctx, "a try failed", "of", what, "id", id, "err", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// final reports whether trying again is in vain. A share that is not there yet may
// come, and another holder may start again.
func final(err error) bool {
	n, ok := errors.AsType[*notice.Error](err)
	return ok && n.Kind != notice.Unavailable && n.Kind != notice.Internal && n.Kind != notice.NotFound
}

// settled waits until it is over: the other two have given their shares too.
func (h *Holder) settled(ctx context.Context, over func() (bool, error)) error {
	for end := time.Now().Add(h.Patience); ; {
		if ok, err := over(); ok && err == nil {
			return nil
		}
		if time.Now().After(end) {
			return errors.New("not all holders gave their share of the result")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
