package engine

import (
	"bytes"
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"manx/ml/ckks"
	"manx/ml/pool"
	he "manx/privacy/ckks"
)

// Runtime is CKKS among the pool's runtimes.
func Runtime() pool.Runtime {
	return pool.Runtime{Class: pool.CKKS, Engine: CKKS{}, Cost: CostOf, Takes: func(plan []byte) bool {
		return bytes.HasPrefix(plan, []byte("mxp")) || bytes.HasPrefix(plan, []byte("mxs"))
	}}
}

// CostOf estimates a plan from its quote, in butterflies as Bench counts them. Its bytes
// come from a stranger.
func CostOf(plan []byte) (pool.Cost, error) {
	p, err := ckks.ReadPlan(plan)
	if err != nil {
		return pool.Cost{}, err
	}
	const unit = time.Millisecond // of a transform; the estimate is in transforms
	q := p.Quote(unit, 1)
	return pool.Cost{
		Work:     q.CPU.Seconds() / unit.Seconds() * p.Set().Butterflies(),
		KeyBytes: float64(q.Keys),
		Classes:  append([]pool.Class{pool.CPU, pool.CPUIFMA}, pool.GPUs(p.Ready()+2*q.Keys+4*q.InputUp)...),
	}, nil
}

// BenchGPU is Bench for a GPU with so many bytes of memory. Its class is "" where it has
// too little to be of any.
func BenchGPU(ctx context.Context, g *he.Accelerator, memory int64) (pool.Class, float64, error) {
	const set = he.Deep
	unit, err := g.Calibrate(ctx, set)
	if err != nil {
		return "", 0, err
	}
	return pool.GPU(memory), set.Butterflies() / unit.Seconds(), nil
}

// Bench measures how many butterflies a second this machine computes, on all its cores
// together, within about a second, and returns the class it is of. The rate is that of
// transforms and sums of products in the proportion of he.Calibrate.
func Bench(ctx context.Context) (pool.Class, float64, error) {
	class := pool.CPU
	if he.IFMA() {
		class = pool.CPUIFMA
	}
	const set, runs = he.Deep, 5
	var rates []float64
	for range runs {
		if err := ctx.Err(); err != nil {
			return class, 0, err
		}
		var mu sync.Mutex
		var all sync.WaitGroup
		var rate float64
		var failed error
		for range runtime.GOMAXPROCS(0) {
			all.Go(func() {
				unit, err := he.Calibrate(set)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					failed = err
					return
				}
				rate += set.Butterflies() / unit.Seconds()
			})
		}
		all.Wait()
		if failed != nil {
			return class, 0, failed
		}
		rates = append(rates, rate)
	}
	slices.Sort(rates)
	return class, rates[runs/2], nil
}
