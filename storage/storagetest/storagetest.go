// Package storagetest is the suite that every backend of storage.Blobs passes.
// It is for tests only and holds no backend.
package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"manx/privacy/notice"
	"manx/storage"
	"manx/storage/faulty"
)

// A Backend is what the suite needs of one.
type Backend struct {
	// Open returns the same blobs each time: the suite closes and opens again
	// where Close is given.
	Open  func(t *testing.T) storage.Blobs
	Close func(t *testing.T, b storage.Blobs)

	// Damage flips a bit of a stored blob behind the backend's back.
	Damage func(t *testing.T, b storage.Blobs, r storage.Ref)
}

// Run runs the suite.
func Run(t *testing.T, backend func(t *testing.T) Backend) {
	for name, test := range map[string]func(*testing.T, Backend, storage.Blobs){
		"round trip":             roundTrip,
		"too large":              tooLarge,
		"not there":              notThere,
		"corrupt":                corrupt,
		"caller keeps its bytes": callerKeeps,
		"cancel":                 cancel,
		"concurrent":             concurrent,
		"put as":                 putAs,
		"get into":               getInto,
		"get range":              getRange,
		"reopen":                 reopen,
		"Invariant8 the reply lost and the try repeated is one blob": replyLost,
	} {
		t.Run(name, func(t *testing.T) {
			b := backend(t)
			blobs := b.Open(t)
			test(t, b, blobs)
		})
	}
}

func blob(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

func put(t *testing.T, blobs storage.Blobs, b []byte) storage.Ref {
	t.Helper()
	r, err := blobs.Put(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if r != storage.RefOf(b) {
		t.Fatalf("%d bytes are named %v", len(b), r)
	}
	return r
}

func check(t *testing.T, blobs storage.Blobs, b []byte) {
	t.Helper()
	if got, err := blobs.Get(t.Context(), storage.RefOf(b)); err != nil || !bytes.Equal(got, b) || got == nil {
		t.Errorf("%d bytes: got %d: %v", len(b), len(got), err)
	}
}

func roundTrip(t *testing.T, _ Backend, blobs storage.Blobs) {
	for _, n := range []int{0, 1, 1000, 1024, 256 << 10, storage.MaxBlob} {
		b := blob(n)
		r := put(t, blobs, b)
		put(t, blobs, b)
		check(t, blobs, b)
		if ok, err := blobs.Has(t.Context(), r); !ok || err != nil {
			t.Errorf("has %d bytes: %v, %v", n, ok, err)
		}
		for range 2 {
			if err := blobs.Delete(t.Context(), r); err != nil {
				t.Errorf("delete: %v", err)
			}
		}
		missing(t, blobs, r)
	}
}

func missing(t *testing.T, blobs storage.Blobs, r storage.Ref) {
	t.Helper()
	if _, err := blobs.Get(t.Context(), r); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("get of what is not there: %v", err)
	}
	if ok, err := blobs.Has(t.Context(), r); ok || err != nil {
		t.Errorf("has what is not there: %v, %v", ok, err)
	}
}

func tooLarge(t *testing.T, _ Backend, blobs storage.Blobs) {
	b := blob(storage.MaxBlob + 1)
	if _, err := blobs.Put(t.Context(), b); !notice.Is(err, notice.Invalid) {
		t.Errorf("too large: %v", err)
	}
	missing(t, blobs, storage.RefOf(b))
}

func notThere(t *testing.T, _ Backend, blobs storage.Blobs) {
	missing(t, blobs, storage.RefOf([]byte("never stored")))
	missing(t, blobs, storage.Ref{})
	if err := blobs.Delete(t.Context(), storage.RefOf([]byte("never stored"))); err != nil {
		t.Errorf("delete of what is not there: %v", err)
	}
}

func corrupt(t *testing.T, backend Backend, blobs storage.Blobs) {
	for _, n := range []int{0, 1, 5000, storage.MaxBlob} {
		b := blob(n)
		r := put(t, blobs, b)
		backend.Damage(t, blobs, r)
		if got, err := blobs.Get(t.Context(), r); !errors.Is(err, storage.ErrCorrupt) || got != nil {
			t.Errorf("damaged blob of %d bytes: %d bytes, %v", n, len(got), err)
		}
		if err := blobs.Delete(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		put(t, blobs, b)
		check(t, blobs, b)
	}
}

func callerKeeps(t *testing.T, _ Backend, blobs storage.Blobs) {
	b := blob(1000)
	want := bytes.Clone(b)
	put(t, blobs, b)
	b[0] ^= 1
	check(t, blobs, want)
	got, err := blobs.Get(t.Context(), storage.RefOf(want))
	if err != nil {
		t.Fatal(err)
	}
	got[0] ^= 1
	check(t, blobs, want)
}

func cancel(t *testing.T, _ Backend, blobs storage.Blobs) {
	kept := blob(1000)
	r := put(t, blobs, kept)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	began := time.Now()
	if _, err := blobs.Put(ctx, blob(2000)); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	if _, err := blobs.Get(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("get: %v", err)
	}
	if _, err := blobs.Has(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("has: %v", err)
	}
	if err := blobs.Delete(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("delete: %v", err)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("cancelled calls took %v", d)
	}
	check(t, blobs, kept)
}

func concurrent(t *testing.T, _ Backend, blobs storage.Blobs) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 8 {
				b := []byte(fmt.Sprint(min(i, 3), j)) // some are put by several at once
				r, err := blobs.Put(t.Context(), b)
				if err != nil || r != storage.RefOf(b) {
					t.Errorf("put: %v", err)
					return
				}
				check(t, blobs, b)
			}
		})
	}
	wg.Wait()
}

func putAs(t *testing.T, _ Backend, blobs storage.Blobs) {
	b := blob(3000)
	if err := storage.PutAs(t.Context(), blobs, storage.RefOf(b), b); err != nil {
		t.Fatal(err)
	}
	check(t, blobs, b)
	// A wrong name is refused now or found later; it never becomes a result.
	wrong := storage.RefOf([]byte("another"))
	if err := storage.PutAs(t.Context(), blobs, wrong, b); err == nil {
		if _, err := blobs.Get(t.Context(), wrong); !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("a wrong name: %v", err)
		}
	}
}

func getInto(t *testing.T, k Backend, blobs storage.Blobs) {
	buf := make([]byte, storage.MaxBlob+1)
	for _, n := range []int{0, 1, 70_000, storage.MaxBlob} {
		b := blob(n)
		r := put(t, blobs, b)
		got, err := storage.GetInto(t.Context(), blobs, r, buf)
		if err != nil || !bytes.Equal(got, b) {
			t.Errorf("%d bytes: got %d: %v", n, len(got), err)
		}
		if n == 0 {
			continue
		}
		if got, err := storage.GetInto(t.Context(), blobs, r, buf[:n-1:n-1]); err == nil && !bytes.Equal(got, b) {
			t.Errorf("%d bytes came out of %d, and no error", n, len(got))
		}
	}
	if _, err := storage.GetInto(t.Context(), blobs, storage.RefOf([]byte("nowhere")), buf); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
	r := put(t, blobs, blob(1000))
	k.Damage(t, blobs, r)
	if got, err := storage.GetInto(t.Context(), blobs, r, buf); !errors.Is(err, storage.ErrCorrupt) || got != nil {
		t.Errorf("damaged: %d bytes, %v", len(got), err)
	}
}

func getRange(t *testing.T, backend Backend, blobs storage.Blobs) {
	b := blob(100_000)
	r := put(t, blobs, b)
	for _, at := range [][2]int{{0, 0}, {0, 1}, {99_999, 1}, {0, 100_000}, {1234, 4096}} {
		got, err := storage.GetRange(t.Context(), blobs, r, at[0], at[1])
		if err != nil || !bytes.Equal(got, b[at[0]:at[0]+at[1]]) {
			t.Errorf("%d bytes from %d: got %d, %v", at[1], at[0], len(got), err)
		}
	}
	for _, at := range [][2]int{{-1, 5}, {0, -1}, {0, 100_001}, {99_999, 2}, {100_001, 1}, {1 << 40, 1}, {1, 1 << 40}} {
		if got, err := storage.GetRange(t.Context(), blobs, r, at[0], at[1]); err == nil {
			t.Errorf("%d bytes from %d: got %d", at[1], at[0], len(got))
		}
	}
	if _, err := storage.GetRange(t.Context(), blobs, storage.RefOf([]byte("never stored")), 0, 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("range of what is not there: %v", err)
	}
	// A flipped bit is an error or comes back as it is; other bytes never do.
	backend.Damage(t, blobs, r)
	got, err := storage.GetRange(t.Context(), blobs, r, 0, len(b))
	if diff := differing(got, b); err == nil && diff != 1 {
		t.Errorf("range of a damaged blob: %d of %d bytes differ", diff, len(got))
	}
}

func differing(a, b []byte) (n int) {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			n++
		}
	}
	return n + max(len(a), len(b)) - min(len(a), len(b))
}

func reopen(t *testing.T, backend Backend, blobs storage.Blobs) {
	if backend.Close == nil {
		t.Skip("this backend does not outlive its process")
	}
	b := blob(5000)
	put(t, blobs, b)
	backend.Close(t, blobs)
	check(t, backend.Open(t), b)
}

func replyLost(t *testing.T, _ Backend, blobs storage.Blobs) {
	b := blob(4000)
	f := faulty.New(blobs)
	for _, fault := range []faulty.Fault{faulty.Failed, faulty.ReplyLost} {
		f.Decide(faulty.Nth(faulty.Put, 1, fault))
		if _, err := f.Put(t.Context(), b); !errors.Is(err, faulty.ErrInjected) {
			t.Fatal(err)
		}
		if ok, err := blobs.Has(t.Context(), storage.RefOf(b)); err != nil || ok != (fault == faulty.ReplyLost) {
			t.Errorf("fault %d: has %v, %v", fault, ok, err)
		}
		r := put(t, f, b)
		check(t, blobs, b)
		f.Decide(faulty.Nth(faulty.Delete, 1, faulty.ReplyLost))
		if err := f.Delete(t.Context(), r); !errors.Is(err, faulty.ErrInjected) {
			t.Fatal(err)
		}
		if err := f.Delete(t.Context(), r); err != nil {
			t.Error(err)
		}
		missing(t, blobs, r)
	}
}
