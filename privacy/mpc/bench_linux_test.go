package mpc_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/gonum/mat"

	"manx/privacy/mpc"
	"manx/privacy/mpc/mpctest"
)

func TestMain(m *testing.M) { os.Exit(mpctest.Main(m, prepare)) }

type order struct {
	Job string
	N   int
}

// prepare makes inputs; what it returns is measured. In sessions with abort it
// includes the checks, which Output makes.
func prepare(s *mpc.Session, job string, n int) (func() error, error) {
	values := make([]uint64, n)
	for i := range values {
		values[i] = uint64(i*2654435761) - 1<<40
	}
	x, err := s.Mul(s.Public(values), s.Public(values)) // components that look random
	if err != nil {
		return nil, err
	}
	run := func(f func() (mpc.Share, error)) func() error {
		return func() error {
			z, err := f()
			if err == nil && s.Security() == mpc.WithAbort {
				_, err = s.Output(z.Slice(0, 1))
			}
			return err
		}
	}
	way := mpc.ByCost
	switch {
	case strings.HasSuffix(job, " from bits"):
		way = mpc.FromBits
	case strings.HasSuffix(job, " by keys"):
		way = mpc.WithKeys
	}
	mpc.Force(s, way)
	switch job {
	case "comparisons", "comparisons from bits", "comparisons by keys":
		return run(func() (mpc.Share, error) { return s.Negative(x) }), nil
	case "ReLUs", "ReLUs from bits", "ReLUs by keys":
		return run(func() (mpc.Share, error) { return s.ReLU(x) }), nil
	case "products":
		return run(func() (mpc.Share, error) { return s.Mul(x, x) }), nil
	case "truncated products":
		return run(func() (mpc.Share, error) { return s.MulFixed(x, x) }), nil
	case "sigmoids", "sigmoids from bits", "sigmoids by keys":
		return run(func() (mpc.Share, error) { return s.Sigmoid(x) }), nil
	case "quotients", "quotients from bits", "quotients by keys":
		return run(func() (mpc.Share, error) { return s.Divide(x, x) }), nil
	case "matrix":
		d := side(n)
		return run(func() (mpc.Share, error) { return s.MatMul(x, x, d, d, d) }), nil
	case "gonum":
		d := side(n)
		data := make([]float64, n)
		for i := range data {
			data[i] = float64(i%1000) / 7
		}
		a, z := mat.NewDense(d, d, data), mat.NewDense(d, d, nil)
		return func() error { z.Mul(a, a); return nil }, nil
	}
	return nil, fmt.Errorf("no job %q", job)
}

func side(n int) int {
	d := 1
	for d*d < n {
		d++
	}
	return d
}

// BenchmarkParties measures jobs with three processes: per second, CPU time a
// party, bytes sent a party, rounds.
func BenchmarkParties(b *testing.B) {
	slow := []order{{Job: "comparisons", N: 1 << 18}, {Job: "ReLUs", N: 1 << 18}, {Job: "products", N: 1 << 18}, {Job: "comparisons", N: 1}}
	bothWays := []order{{"sigmoids from bits", 1 << 8}, {"sigmoids by keys", 1 << 8}, {"quotients from bits", 1 << 8}, {"quotients by keys", 1 << 8}}
	for _, n := range []int{1, 1 << 10, 1 << 14} {
		for _, way := range []string{" from bits", " by keys"} {
			bothWays = append(bothWays, order{"comparisons" + way, n}, order{"ReLUs" + way, n})
		}
	}
	for _, set := range []struct {
		name      string
		security  mpc.Security
		roundTrip time.Duration
		jobs      []order
	}{
		{"loopback", mpc.SemiHonest, 0, []order{
			{Job: "comparisons", N: 1 << 18}, {Job: "comparisons", N: 1 << 20}, {Job: "ReLUs", N: 1 << 18}, {Job: "ReLUs", N: 1 << 20},
			{Job: "products", N: 1 << 20}, {Job: "truncated products", N: 1 << 20}, {Job: "sigmoids", N: 1 << 14}, {Job: "quotients", N: 1 << 14},
			{Job: "comparisons", N: 1}, {Job: "matrix", N: 512 * 512}, {Job: "gonum", N: 512 * 512},
		}},
		{"with-abort", mpc.WithAbort, 0, []order{
			{Job: "comparisons", N: 1 << 18}, {Job: "ReLUs", N: 1 << 18}, {Job: "products", N: 1 << 18}, {Job: "truncated products", N: 1 << 18},
			{Job: "comparisons", N: 1}, {Job: "matrix", N: 512 * 512},
		}},
		{"both ways", mpc.SemiHonest, 0, bothWays},
		{"20ms", mpc.SemiHonest, 20 * time.Millisecond, append(slow, bothWays...)},
		{"80ms", mpc.SemiHonest, 80 * time.Millisecond, append(slow, bothWays...)},
	} {
		b.Run(set.name, func(b *testing.B) {
			t := mpctest.Start(b, set.security, set.roundTrip)
			for _, o := range set.jobs {
				b.Run(fmt.Sprintf("%s/%d", o.Job, o.N), func(b *testing.B) {
					t.Do(b, o.Job, o.N, 1) // buffers grow
					a := t.Do(b, o.Job, o.N, b.N)
					times := float64(b.N)
					b.ReportMetric(0, "ns/op")
					b.ReportMetric(a.Wall.Seconds()/times*1e3, "ms")
					b.ReportMetric(float64(o.N)*times/a.Wall.Seconds()/1e6, "M/s")
					b.ReportMetric(a.CPU.Seconds()/times*1e3, "cpu-ms/party")
					b.ReportMetric(float64(a.Stats.Online.Sent)/mpc.Parties/float64(o.N), "B/party")
					b.ReportMetric(float64(a.Stats.Online.Rounds), "rounds")
					if a.Stats.Preprocessing.Sent > 0 {
						b.ReportMetric(float64(a.Stats.Preprocessing.Sent)/mpc.Parties/float64(o.N), "keys-B/party")
					}
					if set.security == mpc.WithAbort {
						b.ReportMetric(float64(a.Stats.Checks.Sent)/mpc.Parties/1e3, "checks-kB/party")
						b.ReportMetric(float64(a.Stats.Checks.Rounds), "checks-rounds")
					}
				})
			}
		})
	}
}
