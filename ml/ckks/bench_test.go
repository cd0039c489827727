package ckks

import (
	"bytes"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"manx/ml"
	"manx/ml/lungct"
	"manx/privacy"
	he "manx/privacy/ckks"
	"manx/privacy/ckks/gpu/gputest"
	"manx/privacy/reveal"
)

// TestLongMeasure prints what one slice costs each side. It runs where
// MANX_LONG is set, for docs/benchmarks.md.
func TestLongMeasure(t *testing.T) {
	if os.Getenv("MANX_LONG") == "" {
		t.Skip("MANX_LONG is not set")
	}
	g, _, err := lungct.Model()
	if err != nil {
		t.Fatal(err)
	}
	var p *Plan
	measure(t, "compile", func() { p = compile(t, g) })
	measure(t, "plan written and read", func() { p = travel(t, p) })
	unit, err := he.Calibrate(p.Set())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("unit %v, quote %+v, ready %d bytes", unit, p.Quote(unit, runtime.GOMAXPROCS(0)), p.Ready())
	k := secretKey(t, p.Set())
	var kb bytes.Buffer
	measure(t, "evaluation keys made", func() {
		if err := k.WriteEvaluationKeys(t.Context(), &kb, p.Needs(), nil); err != nil {
			t.Fatal(err)
		}
	})
	var e *he.Evaluator
	measure(t, "evaluation keys read", func() {
		keys, err := he.ReadEvaluationKeys(t.Context(), &kb, p.Set(), p.Needs())
		if err != nil {
			t.Fatal(err)
		}
		e = he.NewEvaluator(keys)
	})
	kb = bytes.Buffer{}
	var w *Worker
	measure(t, "plan readied", func() {
		if w, err = NewWorker(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	})
	var off float64
	d := roll(3)
	for range 5 {
		in := make([]float64, size(g.Input))
		for i := range in {
			in[i] = d.Float64()
		}
		var cts []*he.Ciphertext
		measure(t, "encrypt", func() {
			if cts, err = p.Encrypt(k, privacy.Hide(in)); err != nil {
				t.Fatal(err)
			}
		})
		var c *he.Ciphertext
		measure(t, "evaluate", func() {
			if c, err = w.Evaluate(t.Context(), e, cts, nil); err != nil {
				t.Fatal(err)
			}
		})
		out, err := p.Decrypt(k, c)
		if err != nil {
			t.Fatal(err)
		}
		off = math.Max(off, worst(out.Reveal(reveal.Token{}), oracle(t, g, in)))
	}
	live(t)
	runtime.KeepAlive(w)
	runtime.KeepAlive(e)
	t.Logf("off by at most %.2g, stated %.2g", off, p.Precision())
}

// live prints what is held, and the most that ever was.
func live(t *testing.T) {
	t.Helper()
	debug.FreeOSMemory()
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("holds %d MB; peak resident %d MB, client, compiler and worker in one process", m.HeapAlloc>>20, u.Maxrss>>10)
}

func measure(t *testing.T, what string, f func()) {
	t.Helper()
	used := func() time.Duration {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	cpu, start := used(), time.Now()
	f()
	t.Logf("%s: %v wall, %v cpu", what, time.Since(start).Round(time.Millisecond), (used() - cpu).Round(time.Millisecond))
}

// BenchmarkLungCT measures one slice of the founding model's shape.
func BenchmarkLungCT(b *testing.B) { benchmark(b, lungCT(roll(1))) }

// BenchmarkScorecard measures one linear scorecard of 400 entries.
func BenchmarkScorecard(b *testing.B) {
	benchmark(b, chain("scorecard", []int{400}, roll(1).linear(1, 400)))
}

func benchmark(b *testing.B, g ml.Graph) {
	p := compile(b, g)
	k := secretKey(b, p.Set())
	in := roll(2).vector(size(g.Input), .7)
	cts, err := p.Encrypt(k, privacy.Hide(in))
	if err != nil {
		b.Fatal(err)
	}
	var plan, up, down bytes.Buffer
	_, _ = p.WriteTo(&plan)
	for _, c := range cts {
		_, _ = c.WriteTo(&up)
	}
	w, err := NewWorker(b.Context(), p)
	if err != nil {
		b.Fatal(err)
	}
	e := evaluator(b, k, p)
	b.Run("keys", func(b *testing.B) {
		for b.Loop() {
			if err := k.WriteEvaluationKeys(b.Context(), io.Discard, p.Needs(), nil); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(p.Needs().Size(p.Set())), "bytes")
	})
	b.Run("encrypt", func(b *testing.B) {
		for b.Loop() {
			if _, err := p.Encrypt(k, privacy.Hide(in)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(up.Len()), "bytes")
	})
	b.Run("prepare", func(b *testing.B) {
		for b.Loop() {
			if _, err := NewWorker(b.Context(), p); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(plan.Len()), "bytes")
	})
	b.Run("evaluate", func(b *testing.B) {
		for b.Loop() {
			c, err := w.Evaluate(b.Context(), e, cts, nil)
			if err != nil {
				b.Fatal(err)
			}
			down.Reset()
			_, _ = c.WriteTo(&down)
		}
		b.ReportMetric(float64(down.Len()), "bytes")
	})
}

// BenchmarkLungCTOnGPU measures one slice on this machine's GPU and on its processor: the
// first with keys and plan to copy there, and those after it.
func BenchmarkLungCTOnGPU(b *testing.B) {
	g := gputest.Real(b)
	p := compile(b, lungCT(roll(1)))
	k := secretKey(b, p.Set())
	cts, err := p.Encrypt(k, privacy.Hide(roll(2).vector(1<<12, .7)))
	if err != nil {
		b.Fatal(err)
	}
	w, err := NewWorker(b.Context(), p)
	if err != nil {
		b.Fatal(err)
	}
	var sent bytes.Buffer
	if err := k.WriteEvaluationKeys(b.Context(), &sent, p.Needs(), nil); err != nil {
		b.Fatal(err)
	}
	keys, err := he.ReadEvaluationKeys(b.Context(), &sent, p.Set(), p.Needs())
	if err != nil {
		b.Fatal(err)
	}
	a := he.NewAccelerator(g, g.Memory())
	on, err := a.Evaluator(keys, [32]byte{1})
	if err != nil {
		b.Fatal(err)
	}
	var result bytes.Buffer
	run := func(e *he.Evaluator) float64 {
		began := time.Now()
		c, err := w.Evaluate(b.Context(), e, cts, nil)
		took := time.Since(began)
		if err != nil {
			b.Fatal(err)
		}
		result.Reset()
		_, _ = c.WriteTo(&result)
		return took.Seconds() * 1e3
	}
	first, gpu, cpu, here := run(on), 0.0, 0.0, he.NewEvaluator(keys)
	theirs := bytes.Clone(result.Bytes())
	if run(here); !bytes.Equal(result.Bytes(), theirs) {
		b.Fatal("the GPU's result is not the processor's")
	}
	for b.Loop() {
		gpu += run(on)
		cpu += run(here)
	}
	_, held := a.Use()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(first, "first-ms")
	b.ReportMetric(gpu/float64(b.N), "gpu-ms")
	b.ReportMetric(cpu/float64(b.N), "cpu-ms")
	b.ReportMetric(cpu/gpu, "times")
	b.ReportMetric(float64(held), "resident-bytes")
	b.Logf("on %s", g.Name())
}
