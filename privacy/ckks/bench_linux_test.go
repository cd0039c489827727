package ckks

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tuneinsight/lattigo/v5/ring"
	"golang.org/x/sys/unix"

	"manx/privacy"
	"manx/privacy/ckks/internal/limb"
	"manx/privacy/ckks/rns"
)

// cpu returns what f takes of this thread's processor, so that other load on the
// machine counts less.
func cpu(f func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	at := func() time.Duration {
		var t unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
		return time.Duration(t.Nano())
	}
	began := at()
	f()
	return at() - began
}

// beside measures ours and theirs in turn and reports medians and their ratio.
func beside(b *testing.B, unit float64, name string, ours, theirs func() time.Duration) {
	var mine, other []time.Duration
	ours()
	theirs()
	for b.Loop() {
		mine, other = append(mine, ours()), append(other, theirs())
	}
	slices.Sort(mine)
	slices.Sort(other)
	m, o := float64(mine[len(mine)/2]), float64(other[len(other)/2])
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(m/unit, name)
	b.ReportMetric(o/unit, "lattigo-"+name)
	b.ReportMetric(o/m, "times")
}

// rated is a spec of the shape that published figures use.
func rated(logN int) spec {
	sp := spec{name: "rated", logN: logN, input: 1 << 38, work: 1 << 38, drop: 1}
	q, p := []int{50, 38, 38, 38, 38, 38, 38, 38}, []int{50}
	if logN == 15 {
		q, p = append([]int{50}, slices.Repeat([]int{48}, 13)...), []int{50, 50, 50}
	}
	all := primesOf(logN, append(append([]int(nil), q...), p...))
	sp.q, sp.p = all[:len(q)], all[len(q):]
	return sp
}

// BenchmarkBesideLattigo runs ours and stock lattigo in turn: processor time on
// one thread, and on two threads the wall time of two at once.
func BenchmarkBesideLattigo(b *testing.B) {
	for _, logN := range []int{14, 15} {
		sp := rated(logN)
		bench := newBench(b, sp, 0, 1)
		g := rand.New(rand.NewPCG(1, 1))
		level := len(sp.q) - 1
		x, lx := bench.draw(g, level)
		name := fmt.Sprintf("logN=%d,%d+%d", logN, len(sp.q), len(sp.p))
		ops := []struct {
			name         string
			ours, theirs func()
		}{
			{"multiply", func() {
				v, err := bench.e.Multiply(b.Context(), x, x)
				if err != nil {
					b.Fatal(err)
				}
				bench.e.Free(v)
			}, func() { bench.multiply(lx, lx) }},
			{"rotate", func() {
				v, err := bench.e.Rotate(b.Context(), x, 1)
				if err != nil {
					b.Fatal(err)
				}
				bench.e.Free(v)
			}, func() { bench.rotate(b, lx, 1, 5) }},
		}
		for _, op := range ops {
			b.Run(op.name+"/"+name+"/1 thread", func(b *testing.B) {
				bench.e.places = make(chan struct{}, 1)
				beside(b, 1e6, "ms", func() time.Duration { return cpu(op.ours) }, func() time.Duration { return cpu(op.theirs) })
			})
			b.Run(op.name+"/"+name+"/2 threads", func(b *testing.B) {
				bench.e.places = make(chan struct{}, 2)
				lattigo := [2]func(){op.theirs, nil}
				second := *bench
				second.theirs = bench.theirs.ShallowCopy()
				lattigo[1] = func() { second.multiply(lx, lx) }
				if op.name == "rotate" {
					lattigo[1] = func() { second.rotate(b, lx, 1, 5) }
				}
				beside(b, 1e6, "ms", func() time.Duration {
					began := time.Now()
					op.ours()
					op.ours()
					return time.Since(began)
				}, func() time.Duration {
					began := time.Now()
					var both sync.WaitGroup
					for _, f := range lattigo {
						both.Go(f)
					}
					both.Wait()
					return time.Since(began)
				})
			})
		}
	}
}

// BenchmarkPolynomialBesideLattigo evaluates one of degree 7, in Chebyshev's
// basis, at 2^14 and level 6 with one special prime, on one thread.
func BenchmarkPolynomialBesideLattigo(b *testing.B) {
	p := newPolynomialBench(b, 14)
	p.e.places = make(chan struct{}, 1)
	coeffs := coefficients(rand.New(rand.NewPCG(7, 8)), 7, 0, false)
	poly, err := p.ecd.Polynomial(Chebyshev, coeffs, p.x.level, p.l.input, p.l.work)
	if err != nil {
		b.Fatal(err)
	}
	ready, theirs := p.l.polynomial(poly), p.lattigo(b, Chebyshev, coeffs)
	beside(b, 1e6, "ms", func() time.Duration {
		return cpu(func() {
			y, err := p.e.Polynomial(b.Context(), ready, p.x)
			if err != nil {
				b.Fatal(err)
			}
			p.e.Free(y)
		})
	}, func() time.Duration { return cpu(func() { theirs() }) })
}

// BenchmarkTransform is one limb's transform and its inverse, ours and lattigo's,
// by the length of the prime: butterflies need no reduction below 2^(52-logN).
func BenchmarkTransform(b *testing.B) {
	for logN := 13; logN <= 16; logN++ {
		for _, length := range []int{50, 36} {
			q := primesOf(logN, []int{length})[0]
			r, err := ring.NewRing(1<<logN, []uint64{q})
			if err != nil {
				b.Fatal(err)
			}
			theirs := r.SubRings[0]
			ours, err := rns.NewModulus(q, logN, ring.ModExp(theirs.PrimitiveRoot, (q-1)>>(logN+1), q))
			if err != nil {
				b.Fatal(err)
			}
			v := make([]uint64, 1<<logN)
			limb.NewStream([32]byte{1}).Uniform(q, v)
			many := func(f func()) func() time.Duration {
				return func() time.Duration {
					return cpu(func() {
						for range 100 {
							f()
						}
					}) / 100
				}
			}
			b.Run(fmt.Sprintf("forward/logN=%d/bits=%d", logN, length), func(b *testing.B) {
				beside(b, 1e3, "us", many(func() { ours.NTT(v, v) }), many(func() { theirs.NTT(v, v) }))
			})
			b.Run(fmt.Sprintf("inverse/logN=%d/bits=%d", logN, length), func(b *testing.B) {
				beside(b, 1e3, "us", many(func() { ours.INTT(v, v) }), many(func() { theirs.INTT(v, v) }))
			})
		}
	}
}

// BenchmarkSumsOfFeatures is a scorecard's encrypted part over a batch: each of
// 32 features in a ciphertext of its own, one row a slot.
func BenchmarkSumsOfFeatures(b *testing.B) {
	const features = 32
	k := key(b, Small)
	tr := &Transform{Level: 1}
	for i := range features {
		c := make([]int64, 2*Small.Slots())
		c[0] = int64(i+1) << 10
		tr.Terms = append(tr.Terms, Term{Input: i, Plain: PackIntegers(c)})
	}
	e := NewEvaluator(evaluationKeys(b, k, Needs{{1, 0}}))
	e.places = make(chan struct{}, 1)
	prepared, err := Prepare(b.Context(), Small, []*Transform{tr}, []int{features})
	if err != nil {
		b.Fatal(err)
	}
	in := make([]*Ciphertext, features)
	for i := range in {
		if in[i], err = k.Encrypt(privacy.Hide(vector(Small.Slots(), uint64(i))), 1); err != nil {
			b.Fatal(err)
		}
	}
	var taken time.Duration
	for b.Loop() {
		taken += cpu(func() {
			values := make([]*Value, features)
			for i, c := range in {
				if values[i], err = e.Load(b.Context(), c); err != nil {
					b.Fatal(err)
				}
			}
			v, err := e.Apply(b.Context(), prepared[0], values)
			if err != nil {
				b.Fatal(err)
			}
			stored(b, e, v)
			for _, v := range append(values, v) {
				e.Free(v)
			}
		})
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(b.N*Small.Slots())/taken.Seconds(), "rows/s/core")
}
