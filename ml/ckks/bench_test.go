package ckks

import (
	"bytes"
	"io"
	"testing"

	"manx/ml"
	"manx/privacy"
)

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
