package memory_test

import (
	"testing"

	"manx/storage"
	"manx/storage/faulty"
	"manx/storage/memory"
	"manx/storage/storagetest"
)

func TestSuite(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storagetest.Backend {
		var m memory.Blobs
		return storagetest.Backend{
			Open:   func(*testing.T) storage.Blobs { return &m },
			Damage: func(_ *testing.T, _ storage.Blobs, r storage.Ref) { m.Damage(r) },
		}
	})
}

// Faulty blobs without faults are as good as what they stand over.
func TestSuiteThroughFaulty(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storagetest.Backend {
		var m memory.Blobs
		f := faulty.New(&m)
		return storagetest.Backend{
			Open:   func(*testing.T) storage.Blobs { return f },
			Damage: func(_ *testing.T, _ storage.Blobs, r storage.Ref) { m.Damage(r) },
		}
	})
}
