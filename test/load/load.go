// Package load asks a node's interface at a steady rate and tells how long answers take.
// It is for tests and benchmarks only.
package load

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Drive starts n requests at random moments that come to a rate a second on the mean
// (Poisson), whether or not earlier ones were answered: an open loop. What each took is
// counted from the moment it was due, so that a node which stands still is charged for
// all that were to be asked meanwhile, and none is left out (coordinated omission).
// Requests that failed are counted apart.
func Drive(ctx context.Context, seed uint64, rate float64, n int, ask func(ctx context.Context, i int) error) (took []time.Duration, failed []error) {
	r := rand.New(rand.NewPCG(seed, 9)) //nolint:gosec // the same moments for the same seed
	took = make([]time.Duration, n)
	errs := make([]error, n)
	var all sync.WaitGroup
	due := time.Now()
	for i := range n {
		due = due.Add(time.Duration(r.ExpFloat64() / rate * float64(time.Second)))
		select { // one whose time has come is asked after the end too, and fails
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
		}
		at := due
		all.Go(func() {
			errs[i] = ask(ctx, i)
			took[i] = time.Since(at)
		})
	}
	all.Wait()
	return took, slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// Part returns the time within which a part of answers came, 0 to 1: the smallest that
// is not exceeded by more than the rest.
func Part(took []time.Duration, part float64) time.Duration {
	sorted := slices.Sorted(slices.Values(took))
	if len(sorted) == 0 {
		return 0
	}
	i := int(part*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}
