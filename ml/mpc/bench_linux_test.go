package mpc

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"manx/credit"
	"manx/ml"
	"manx/ml/consumertrees"
	"manx/privacy/mpc"
	"manx/privacy/mpc/mpctest"
	"manx/privacy/reveal"
)

func TestMain(m *testing.M) { os.Exit(mpctest.Main(m, prepare)) }

// small is the network of the benchmarks, with random weights: a convolution of
// 5x5 with stride 2, ReLU, 100 units, ReLU, 10 units on 28x28.
func small() ml.Graph {
	rng := rand.New(rand.NewPCG(6, 6))
	return ml.Graph{Name: "small", Input: []int{1, 28, 28}, Output: 6, Nodes: []ml.Node{
		{Op: ml.Conv{Out: 5, In: 1, Kernel: 5, Stride: 2, Pad: 1, Weights: random(rng, 125, 0.3), Bias: random(rng, 5, 0.1)}, Args: []int{0}},
		{Op: ml.Activation{Kind: ml.ReLU}, Args: []int{1}}, {Op: ml.Flatten{}, Args: []int{2}},
		{Op: ml.Linear{Out: 100, In: 845, Weights: random(rng, 84500, 0.1), Bias: random(rng, 100, 0.1)}, Args: []int{3}},
		{Op: ml.Activation{Kind: ml.ReLU}, Args: []int{4}},
		{Op: ml.Linear{Out: 10, In: 100, Weights: random(rng, 1000, 0.2), Bias: random(rng, 10, 0.1)}, Args: []int{5}},
	}}
}

// prepare makes a job of n rows at a party.
func prepare(s *mpc.Session, job string, n int) (func() error, error) {
	// shared returns shares whose components look random.
	shared := func(values []uint64) (mpc.Share, error) {
		ones := make([]uint64, len(values))
		for i := range ones {
			ones[i] = 1
		}
		return s.Mul(s.Public(values), s.Public(ones))
	}
	end := func(z mpc.Share, err error) error {
		if err == nil {
			_, err = s.Output(z)
		}
		return err
	}
	switch job {
	case "score", "forest":
		trees, rows, err := forest(job, n)
		if err != nil {
			return nil, err
		}
		x, err := shared(rows)
		return func() error { return end(trees.Run(s, x, n)) }, err
	case "hidden forest":
		m, rows, err := grow(100, 6, 23)
		if err != nil {
			return nil, err
		}
		f, err := filled(m, true)
		if err != nil {
			return nil, err
		}
		var flat []uint64
		for i := range n {
			k, err := f.h.Keys(rows[i%len(rows)])
			if err != nil {
				return nil, err
			}
			flat = append(flat, k...)
		}
		model := HiddenModel{Leaves: s.Public(f.leaves), Base: s.Public(f.base)} // their components' looks cost nothing
		if model.Choices, err = shared(f.choices); err != nil {
			return nil, err
		}
		if model.Thresholds, err = shared(f.thresholds); err != nil {
			return nil, err
		}
		trees, err := f.h.Compile()
		if err != nil {
			return nil, err
		}
		x, err := shared(flat)
		return func() error { return end(trees.Run(s, model, x, n)) }, err
	case "network":
		g := small()
		net, err := CompileNetwork(g, []ml.Range{{Low: 0, High: 1}})
		if err != nil {
			return nil, err
		}
		x, err := shared(make([]uint64, n*net.Inputs()))
		return func() error { return end(net.Run(s, x, n)) }, err
	}
	return nil, fmt.Errorf("no job %q", job)
}

// forest returns compiled trees and n rows of their keys: consumer-risk-trees
// with reasons, or 100 trees of depth 6 over 23 features.
func forest(job string, n int) (*Trees, []uint64, error) {
	var trees *Trees
	var rows [][]float64
	if job == "score" {
		m, _, err := consumertrees.Model()
		if err != nil {
			return nil, nil, err
		}
		p, err := consumertrees.Points(m)
		if err != nil {
			return nil, nil, err
		}
		if trees, err = CompilePoints(p, creditBits(), 4); err != nil {
			return nil, nil, err
		}
		for seed := range uint64(min(n, 1000)) {
			rows = append(rows, consumertrees.Input(credit.Sample(seed).Features().Reveal(reveal.Token{})))
		}
	} else {
		m, x, err := grow(100, 6, 23)
		if err != nil {
			return nil, nil, err
		}
		if trees, err = CompileMargins(m); err != nil {
			return nil, nil, err
		}
		rows = x
	}
	var flat []uint64
	for i := range n {
		k, err := trees.Keys(rows[i%len(rows)])
		if err != nil {
			return nil, nil, err
		}
		flat = append(flat, k...)
	}
	return trees, flat, nil
}

// BenchmarkModels measures models with three processes: time of a call, rows a
// second, CPU time and bytes of a party, rounds.
func BenchmarkModels(b *testing.B) {
	type job struct {
		name string
		rows int
	}
	for _, set := range []struct {
		name      string
		security  mpc.Security
		roundTrip time.Duration
		jobs      []job
	}{
		{"loopback", mpc.SemiHonest, 0, []job{{"forest", 1}, {"forest", 10000}, {"score", 1}, {"score", 10000}, {"hidden forest", 1}, {"hidden forest", 256}, {"network", 1}, {"network", 64}}},
		{"with-abort", mpc.WithAbort, 0, []job{{"forest", 1}, {"score", 1}, {"score", 1000}, {"network", 1}}},
		{"20ms", mpc.SemiHonest, 20 * time.Millisecond, []job{{"forest", 1}, {"score", 1}, {"network", 1}}},
	} {
		b.Run(set.name, func(b *testing.B) {
			t := mpctest.Start(b, set.security, set.roundTrip)
			for _, j := range set.jobs {
				b.Run(fmt.Sprintf("%s/%d", j.name, j.rows), func(b *testing.B) {
					t.Do(b, j.name, j.rows, 1) // buffers grow
					a := t.Do(b, j.name, j.rows, b.N)
					times := float64(b.N)
					b.ReportMetric(0, "ns/op")
					b.ReportMetric(a.Wall.Seconds()/times*1e3, "ms")
					b.ReportMetric(float64(j.rows)*times/a.Wall.Seconds(), "rows/s")
					b.ReportMetric(a.CPU.Seconds()/times*1e3, "cpu-ms/party")
					b.ReportMetric(float64(a.Stats.Online.Sent+a.Stats.Checks.Sent)/mpc.Parties/float64(j.rows)/1e3, "kB/party/row")
					b.ReportMetric(float64(a.Stats.Online.Rounds+a.Stats.Checks.Rounds), "rounds")
				})
			}
		})
	}
}
