package ckks

import (
	"syscall"
	"testing"
	"time"

	"manx/ml"
	"manx/ml/lungct"
	"manx/privacy"
	he "manx/privacy/ckks"
)

// mnist is the network that published systems are compared on: a convolution
// 5x5 of stride 2, a square, 100 values, a square, 10 results, on 28x28.
func mnist(d dice) ml.Graph {
	square := ml.Poly{Coeffs: [][]float64{{0, 0, 1}}}
	return chain("conv5x5s2-square-fc100-square-fc10", []int{1, 28, 28}, d.conv(5, 1, 5, 2, 1), square, ml.Flatten{}, d.linear(100, 845), square, d.linear(10, 100))
}

// TestPlansStayWithinTheirBudgets counts what the models cost, in transforms of a
// limb and in bytes: no timing takes part.
func TestPlansStayWithinTheirBudgets(t *testing.T) {
	lung, _, err := lungct.Model()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		g               ml.Graph
		transforms      float64
		keys, input, up int64
	}{
		{lung, 30000, 64e6, 1, 700e3},
		{mnist(roll(1)), 3000, 30e6, 1, 500e3},
		{chain("scorecard", []int{400}, roll(1).linear(1, 400)), 120, 400e3, 1, 35e3},
	} {
		p := compile(t, c.g)
		q := p.Quote(time.Millisecond, 1)
		var transforms float64
		for _, s := range p.sumSteps() {
			transforms += s.time
		}
		if transforms > c.transforms || q.Keys > c.keys || int64(p.Inputs()) != c.input || q.InputUp > c.up {
			t.Errorf("%s: %.0f transforms, %d bytes of keys, %d ciphertexts of %d bytes", c.g.Name, transforms, q.Keys, p.Inputs(), q.InputUp)
		}
	}
}

// used returns the processor time of this process.
func used() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMNIST measures one image of the network with random weights.
func BenchmarkMNIST(b *testing.B) { inference(b, mnist(roll(1))) }

// BenchmarkLungCTInference measures one slice of the model as it ships.
func BenchmarkLungCTInference(b *testing.B) {
	g, _, err := lungct.Model()
	if err != nil {
		b.Fatal(err)
	}
	inference(b, g)
}

// BenchmarkScorecardInference measures one row of a scorecard of 400 entries.
func BenchmarkScorecardInference(b *testing.B) {
	inference(b, chain("scorecard", []int{400}, roll(1).linear(1, 400)))
}

// inference reports medians of processor and wall time, what Quote says of them,
// and sizes.
func inference(b *testing.B, g ml.Graph) {
	p := compile(b, g)
	k := secretKey(b, p.Set())
	e := evaluator(b, k, p)
	w, err := NewWorker(b.Context(), p)
	if err != nil {
		b.Fatal(err)
	}
	cts, err := p.Encrypt(k, privacy.Hide(roll(2).vector(size(g.Input), .7)))
	if err != nil {
		b.Fatal(err)
	}
	run := func() {
		if _, err := w.Evaluate(b.Context(), e, cts, nil); err != nil {
			b.Fatal(err)
		}
	}
	run()
	const batch = 4 // so that short ones are above the clock's grain
	var cpu, wall, units []time.Duration
	for b.Loop() {
		unit, err := he.Calibrate(p.Set())
		if err != nil {
			b.Fatal(err)
		}
		at, began := used(), time.Now()
		for range batch {
			run()
		}
		cpu, wall, units = append(cpu, (used()-at)/batch), append(wall, time.Since(began)/batch), append(units, unit)
	}
	ms := func(v []time.Duration) float64 { return float64(median(v)) / 1e6 }
	q := p.Quote(median(units), 2)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(cpu), "cpu-ms")
	b.ReportMetric(ms(wall), "wall-ms")
	b.ReportMetric(float64(q.CPU)/1e6, "quoted-ms")
	b.ReportMetric(float64(q.Keys)/1e6, "key-MB")
	b.ReportMetric(float64(len(p.Needs())), "keys")
	b.ReportMetric(float64(q.InputUp)/1e6, "input-MB")
}
