package vault

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
)

// flights fetch what several ask for once, and keep a few results: those that
// lie nearest to the last. Keys are places that are read mostly one after another,
// but do not land so.
type flights[T any] struct {
	max  int
	mu   sync.Mutex
	all  map[int]*flight[T]
	kept []int // of those that have landed
}

type flight[T any] struct {
	landed chan struct{}
	data   T
	err    error
}

// do returns what is kept under a key, or what fetch gives. An error is not kept.
func (f *flights[T]) do(ctx context.Context, key int, fetch func() (T, error)) (none T, _ error) {
	for {
		f.mu.Lock()
		h, ok := f.all[key]
		if !ok {
			if f.all == nil {
				f.all = make(map[int]*flight[T])
			}
			h = &flight[T]{landed: make(chan struct{})}
			f.all[key] = h
		}
		f.mu.Unlock()
		if !ok {
			h.data, h.err = fetch()
			f.land(key, h)
			close(h.landed)
			return h.data, h.err
		}
		select {
		case <-h.landed:
		case <-ctx.Done():
			return none, ctx.Err()
		}
		// Where the one who fetched gave up, try for ourselves.
		if !errors.Is(h.err, context.Canceled) && !errors.Is(h.err, context.DeadlineExceeded) {
			return h.data, h.err
		}
		if err := ctx.Err(); err != nil {
			return none, err
		}
	}
}

// held returns what is kept under a key, if it is there already.
func (f *flights[T]) held(key int) (none T, _ bool) {
	f.mu.Lock()
	h, ok := f.all[key]
	f.mu.Unlock()
	if ok {
		select {
		case <-h.landed:
			return h.data, h.err == nil
		default:
		}
	}
	return none, false
}

// land keeps h, unless it is an error or forgotten, and drops what is farthest away.
func (f *flights[T]) land(key int, h *flight[T]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all[key] != h {
		return
	}
	if h.err != nil {
		delete(f.all, key)
		return
	}
	f.kept = append(f.kept, key)
	if len(f.kept) > f.max {
		away := func(k int) int { return max(k-key, key-k) }
		far := slices.MaxFunc(f.kept, func(a, b int) int { return away(a) - away(b) })
		delete(f.all, far)
		f.kept = slices.DeleteFunc(f.kept, func(k int) bool { return k == far })
	}
}

// forget drops what is kept under some keys, and what is on its way there.
func (f *flights[T]) forget(which func(key int) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.all, func(key int, _ *flight[T]) bool { return which(key) })
	f.kept = slices.DeleteFunc(f.kept, which)
}
