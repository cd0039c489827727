//go:build linux && amd64

package ckks

import (
	"context"
	"testing"
	"time"

	"manx/privacy"
	"manx/privacy/ckks/gpu/gputest"
)

// BenchmarkGPU measures this machine's GPU beside its processor on all cores: values that
// follow one another, so neither waits for a copy. Without a GPU nothing is measured.
func BenchmarkGPU(b *testing.B) {
	g := gputest.Real(b)
	for _, s := range []Set{Medium, Deep, SharedDeep} {
		l, err := newLattice(s)
		if err != nil {
			b.Fatal(err)
		}
		k, err := l.secretKey(privacy.Hide([32]byte{1}))
		if err != nil {
			b.Fatal(err)
		}
		level := s.Levels()
		keys := evaluationKeys(b, k, Needs{{0, level}, {1, level}})
		a := NewAccelerator(g, g.Memory())
		on, err := a.Evaluator(keys, [32]byte{byte(s)})
		if err != nil {
			b.Fatal(err)
		}
		c, err := k.Encrypt(privacy.Hide(vector(s.Slots(), 1)), level)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(s.String()+"/transform", func(b *testing.B) {
			var gpu, cpu time.Duration
			for b.Loop() {
				x, err := a.Calibrate(b.Context(), s)
				if err != nil {
					b.Fatal(err)
				}
				y, err := Calibrate(s)
				if err != nil {
					b.Fatal(err)
				}
				gpu, cpu = gpu+x, cpu+y // of the processor, on one core
			}
			report(b, gpu, cpu)
		})
		for what, f := range map[string]func(context.Context, *Evaluator, *Value) (*Value, error){
			"multiply": func(ctx context.Context, e *Evaluator, v *Value) (*Value, error) { return e.Multiply(ctx, v, v) },
			"rotate":   func(ctx context.Context, e *Evaluator, v *Value) (*Value, error) { return e.Rotate(ctx, v, 1) },
		} {
			b.Run(s.String()+"/"+what, func(b *testing.B) {
				const times = 32 // then it is waited for
				var taken [2]time.Duration
				run := func(e *Evaluator) time.Duration {
					v, err := e.Load(b.Context(), c)
					if err != nil {
						b.Fatal(err)
					}
					defer e.Free(v)
					var last *Value
					began := time.Now()
					for range times {
						w, err := f(b.Context(), e, v)
						if err != nil {
							b.Fatal(err)
						}
						if last != nil {
							e.Free(last)
						}
						last = w
					}
					if e.gpu != nil {
						w := e.gpu.Begin(b.Context())
						w.Wait()
						if err := w.Done(); err != nil {
							b.Fatal(err)
						}
					}
					took := time.Since(began) / times
					e.Free(last)
					return took
				}
				here := NewEvaluator(keys)
				run(on)
				run(here)
				for b.Loop() {
					taken[0] += run(on)
					taken[1] += run(here)
				}
				report(b, taken[0], taken[1])
			})
		}
		if err := a.Forget(on); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("on %s", g.Name())
}

func report(b *testing.B, gpu, cpu time.Duration) {
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(gpu.Microseconds())/float64(b.N), "gpu-us")
	b.ReportMetric(float64(cpu.Microseconds())/float64(b.N), "cpu-us")
	b.ReportMetric(float64(cpu)/float64(gpu), "times")
}
