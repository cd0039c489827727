package vault

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// flights fetch what several ask for once, and keep a few results: those that
// lie nearest to the last. Keys are places that are read mostly one after another,
// but do not land so. What is neither kept nor used any more goes to free.
type flights[T any] struct {
	max  int
	free func(T)
	mu   sync.Mutex
	all  map[int]*flight[T]
	kept []int // of those that have landed
}

type flight[T any] struct {
	landed chan struct{}
	data   T
	err    error
	users  int  // who asked for it and has not called done
	gone   bool // from all
}

// do returns what is kept under a key, or what fetch gives, to be given back with
// done. An error is not kept.
func (f *flights[T]) do(ctx context.Context, key int, fetch func() (T, error)) (*flight[T], error) {
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
		h.users++
		f.mu.Unlock()
		if !ok {
			h.data, h.err = fetch()
			f.land(key, h)
			close(h.landed)
			return h, h.err
		}
		select {
		case <-h.landed:
		case <-ctx.Done():
			f.done(h)
			return nil, ctx.Err()
		}
		// Where the one who fetched gave up, try for ourselves.
		if !errors.Is(h.err, context.Canceled) && !errors.Is(h.err, context.DeadlineExceeded) {
			return h, h.err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// held returns what is kept under a key, to be given back with done, or nil.
func (f *flights[T]) held(key int) *flight[T] {
	f.mu.Lock()
	defer f.mu.Unlock()
	h, ok := f.all[key]
	if ok {
		select {
		case <-h.landed:
			if h.err == nil {
				h.users++
				return h
			}
		default:
		}
	}
	return nil
}

// done gives back what do or held returned without an error.
func (f *flights[T]) done(h *flight[T]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h.users--
	f.end(h)
}

// drop forgets what is under a key. The caller holds the lock.
func (f *flights[T]) drop(key int) {
	h := f.all[key]
	h.gone = true
	delete(f.all, key)
	f.end(h)
}

// end frees what nobody has and nobody can get. One that has not landed has a
// user. The caller holds the lock.
func (f *flights[T]) end(h *flight[T]) {
	if h.gone && h.users == 0 && h.err == nil {
		f.free(h.data)
	}
}

// land keeps h, unless it is an error or forgotten, and drops what is farthest away.
func (f *flights[T]) land(key int, h *flight[T]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all[key] != h {
		return
	}
	if h.err != nil {
		f.drop(key)
		return
	}
	f.kept = append(f.kept, key)
	if len(f.kept) > f.max {
		away := func(k int) int { return max(k-key, key-k) }
		far := slices.MaxFunc(f.kept, func(a, b int) int { return away(a) - away(b) })
		f.drop(far)
		f.kept = slices.DeleteFunc(f.kept, func(k int) bool { return k == far })
	}
}

// forget drops what is kept under some keys, and what is on its way there.
func (f *flights[T]) forget(which func(key int) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range f.all {
		if which(key) {
			f.drop(key)
		}
	}
	f.kept = slices.DeleteFunc(f.kept, which)
}
