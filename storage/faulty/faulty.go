// Package faulty wraps blobs so that chosen calls fail, in the two ways a remote
// call can: it did not happen, or it happened and the reply was lost. It is for
// tests, and keeps nothing itself.
package faulty

import (
	"context"
	"errors"
	"sync"

	"manx/storage"
)

// ErrInjected is what a call that was made to fail returns.
var ErrInjected = errors.New("injected fault")

// An Op is a method of storage.Blobs.
type Op int

// The methods.
const (
	Put Op = iota
	Get
	Has
	Delete
)

// A Fault says how a call fails.
type Fault int

// The faults.
const (
	None      Fault = iota
	Failed          // nothing happened
	ReplyLost       // it happened, and the caller is told that it failed
)

// Blobs implements storage.Blobs over another.
type Blobs struct {
	under storage.Blobs

	mu     sync.Mutex
	decide func(op Op, nth int) Fault
	calls  [4]int
}

// New returns blobs that pass everything to under until Decide is called.
func New(under storage.Blobs) *Blobs { return &Blobs{under: under} }

// Decide sets what happens to each call from now on; nth counts the calls of
// that op since Decide, from 1. A nil decide means no faults.
func (f *Blobs) Decide(decide func(op Op, nth int) Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.decide, f.calls = decide, [4]int{}
}

// Always makes every call of one op fail.
func Always(which Op, fault Fault) func(Op, int) Fault {
	return func(op Op, _ int) Fault {
		if op == which {
			return fault
		}
		return None
	}
}

// Nth makes one call of one op fail.
func Nth(which Op, n int, fault Fault) func(Op, int) Fault {
	return func(op Op, nth int) Fault {
		if op == which && nth == n {
			return fault
		}
		return None
	}
}

// Down makes every call fail, as if the node were off.
func Down(Op, int) Fault { return Failed }

func (f *Blobs) fault(op Op) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[op]++
	if f.decide == nil {
		return None
	}
	return f.decide(op, f.calls[op])
}

func call[T any](f *Blobs, op Op, do func() (T, error)) (T, error) {
	var zero T
	switch f.fault(op) {
	case Failed:
		return zero, ErrInjected
	case ReplyLost:
		if _, err := do(); err != nil {
			return zero, err
		}
		return zero, ErrInjected
	}
	return do()
}

// Put implements storage.Blobs.
func (f *Blobs) Put(ctx context.Context, b []byte) (storage.Ref, error) {
	return call(f, Put, func() (storage.Ref, error) { return f.under.Put(ctx, b) })
}

// Get implements storage.Blobs.
func (f *Blobs) Get(ctx context.Context, r storage.Ref) ([]byte, error) {
	return call(f, Get, func() ([]byte, error) { return f.under.Get(ctx, r) })
}

// GetInto is Get into memory that the caller has, where the backend can.
func (f *Blobs) GetInto(ctx context.Context, r storage.Ref, buf []byte) ([]byte, error) {
	return call(f, Get, func() ([]byte, error) { return storage.GetInto(ctx, f.under, r, buf) })
}

// Has implements storage.Blobs.
func (f *Blobs) Has(ctx context.Context, r storage.Ref) (bool, error) {
	return call(f, Has, func() (bool, error) { return f.under.Has(ctx, r) })
}

// Delete implements storage.Blobs.
func (f *Blobs) Delete(ctx context.Context, r storage.Ref) error {
	_, err := call(f, Delete, func() (struct{}, error) { return struct{}{}, f.under.Delete(ctx, r) })
	return err
}
