package vault

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// flights fetch what several ask for once, and keep the last few results.
type flights[T any] struct {
	max   int
	mu    sync.Mutex
	all   map[int]*flight[T]
	order []int // of all, oldest first
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
			h = &flight[T]{landed: make(chan struct{})}
			f.keep(key, h)
		}
		f.mu.Unlock()
		if !ok {
			if h.data, h.err = fetch(); h.err != nil {
				f.drop(key, h)
			}
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

// keep adds h and forgets the oldest. f.mu is held.
func (f *flights[T]) keep(key int, h *flight[T]) {
	if f.all == nil {
		f.all = make(map[int]*flight[T])
	}
	f.all[key] = h
	f.order = append(f.order, key)
	for len(f.order) > f.max {
		delete(f.all, f.order[0])
		f.order = f.order[1:]
	}
}

func (f *flights[T]) drop(key int, h *flight[T]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all[key] == h {
		delete(f.all, key)
		f.order = slices.DeleteFunc(f.order, func(k int) bool { return k == key })
	}
}

// forget drops what is kept under some keys.
func (f *flights[T]) forget(which func(key int) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.order = slices.DeleteFunc(f.order, func(key int) bool {
		if which(key) {
			delete(f.all, key)
			return true
		}
		return false
	})
}
