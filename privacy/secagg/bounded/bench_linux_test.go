package bounded

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"manx/privacy/mpc"
)

// BenchmarkAdmit is a round on shares: updates are tried against their bound and
// added, with abort, three parties in one process. Processor time is of all three
// together; bytes are what one party sends, and what a hospital sends, beside the 4
// a value of a plain update.
func BenchmarkAdmit(b *testing.B) {
	for _, n := range []int{4, 10} {
		for _, length := range []int{1000, 10_000, 100_000, 1_000_000} {
			if n == 10 && length > 100_000 {
				continue // as the growth in hospitals is told by the shorter ones
			}
			b.Run(fmt.Sprintf("hospitals=%d/parameters=%d", n, length), func(b *testing.B) {
				rnd := rand.New(rand.NewPCG(1, 1))
				l := Layout{Sites: n, Length: length, Bound: 1, Most: 1, Minimum: 1, Least: 2}
				var sites [][mpc.Parties][]byte
				sent := 0
				for range n {
					d := dealt(b, l, Update{random(rnd, length, 0.9), 1})
					sites, sent = append(sites, d), len(d[0])+len(d[1])+len(d[2])
				}
				var before, after syscall.Rusage
				var stats mpc.Stats
				_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
				for b.Loop() {
					if _, err := parties(b, l, sites, func(s *mpc.Session, updates []mpc.Share) (mpc.Share, error) {
						a, err := l.Admit(s, updates)
						if err != nil {
							return mpc.Share{}, err
						}
						if len(a.Out()) > 0 {
							b.Errorf("out: %v", a.Out())
						}
						x, err := a.Output(s, mpc.Share{})
						if s.Party() == 0 {
							stats = s.Stats()
						}
						return x, err
					}); err != nil {
						b.Fatal(err)
					}
				}
				_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
				cpu := float64(after.Utime.Nano()+after.Stime.Nano()-before.Utime.Nano()-before.Stime.Nano()) / 1e6
				b.ReportMetric(cpu/float64(b.N), "cpu-ms")
				b.ReportMetric(float64(sent)/float64(4*length), "bytes-ratio")
				b.ReportMetric(float64(stats.Online.Sent+stats.Checks.Sent)/1e6, "MB-party")
				b.ReportMetric(float64(stats.Online.Rounds+stats.Checks.Rounds), "rounds")
			})
		}
	}
}

// BenchmarkShapley is the Shapley value of four hospitals, of the loss of a logistic
// model on 200 rows: 15 sets.
func BenchmarkShapley(b *testing.B) {
	c := newCohort(b)
	for len(c.model.Rows) < 200 {
		c.model.Rows, c.model.Labels = append(c.model.Rows, c.model.Rows...), append(c.model.Labels, c.model.Labels...)
	}
	c.model.Rows, c.model.Labels = c.model.Rows[:200], c.model.Labels[:200]
	sets, _, err := Shapley([]int{0, 1, 2, 3})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := parties(b, c.layout, c.sites, func(s *mpc.Session, updates []mpc.Share) (mpc.Share, error) {
			a, err := c.layout.Admit(s, updates)
			if err != nil {
				return mpc.Share{}, err
			}
			x, err := a.Losses(s, sets, c.model)
			if err != nil {
				return x, err
			}
			return s.Output(x)
		}); err != nil {
			b.Fatal(err)
		}
	}
}
