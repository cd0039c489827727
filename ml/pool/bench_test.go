package pool_test

import (
	"testing"

	"manx/ledger"
	"manx/ml/pool"
)

// BenchmarkPublish puts jobs into the embedded queue.
func BenchmarkPublish(b *testing.B) {
	q, err := pool.Open(b.Context(), pool.Config{Dir: b.TempDir()})
	check(b, err)
	defer func() { check(b, q.Close()) }()
	for b.Loop() {
		check(b, q.Publish(b.Context(), pool.CKKS, pool.Normal, ledger.NewJobID(ledger.Health, ledger.NewCommandID()), 0))
	}
}
