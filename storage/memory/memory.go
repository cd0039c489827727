// Package memory keeps blobs in memory. It is for tests and short-lived caches:
// nothing survives the process.
package memory

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"manx/storage"
)

// Blobs implements storage.Blobs. The zero value is empty and ready.
type Blobs struct {
	mu    sync.RWMutex
	blobs map[storage.Ref][]byte
}

// Put implements storage.Blobs.
func (m *Blobs) Put(ctx context.Context, b []byte) (storage.Ref, error) {
	if err := storage.Check(b); err != nil {
		return storage.Ref{}, err
	}
	if err := ctx.Err(); err != nil {
		return storage.Ref{}, err
	}
	r := storage.RefOf(b)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.blobs == nil {
		m.blobs = make(map[storage.Ref][]byte)
	}
	m.blobs[r] = slices.Clone(b)
	return r, nil
}

// Get implements storage.Blobs.
func (m *Blobs) Get(ctx context.Context, r storage.Ref) ([]byte, error) {
	return m.GetInto(ctx, r, []byte{})
}

// GetInto is Get into memory that the caller has, if the blob fits.
func (m *Blobs) GetInto(ctx context.Context, r storage.Ref, buf []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	b, ok := m.blobs[r]
	b = append(buf[:0], b...)
	m.mu.RUnlock()
	if !ok {
		return nil, fmt.Errorf("blob %v: %w", r, fs.ErrNotExist)
	}
	if storage.RefOf(b) != r {
		return nil, fmt.Errorf("blob %v: %w", r, storage.ErrCorrupt)
	}
	return b, nil
}

// Has implements storage.Blobs.
func (m *Blobs) Has(ctx context.Context, r storage.Ref) (bool, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	_, ok := m.blobs[r]
	return ok, ctx.Err()
}

// Delete implements storage.Blobs.
func (m *Blobs) Delete(ctx context.Context, r storage.Ref) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.blobs, r)
	return nil
}

// Len returns how many blobs are held.
func (m *Blobs) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.blobs)
}

// Damage flips a bit of the blob named r, as a failing disk would, and reports
// whether it is held. An empty blob gets a byte.
func (m *Blobs) Damage(r storage.Ref) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.blobs[r]
	if !ok {
		return false
	}
	b = append(slices.Clone(b), 0)
	if len(b) > 1 {
		b = b[:len(b)-1]
		b[len(b)/2] ^= 1
	}
	m.blobs[r] = b
	return true
}

// Refs lists what is held, in no order.
func (m *Blobs) Refs() []storage.Ref {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Collect(maps.Keys(m.blobs))
}
