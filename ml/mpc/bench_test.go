package mpc

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"manx/privacy/mpc"
	"manx/privacy/mpc/link"
)

// spent is this process's processor time.
func spent() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// sessions opens three parties in memory and runs f at each.
func sessions(b *testing.B, f func(s *mpc.Session) error) {
	links := link.Memory()
	var g errgroup.Group
	for i := range mpc.Parties {
		g.Go(func() error {
			s, err := mpc.Open(b.Context(), mpc.Config{Session: [32]byte{1}, Party: i, Next: links[i].Next, Previous: links[i].Previous, Patience: time.Minute})
			if err != nil {
				return err
			}
			if err := f(s); err != nil {
				return err
			}
			return s.Close()
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkForest runs 100 trees of depth 6 over 23 features, three parties in
// one process: processor time of all three. test/bench has them in three.
func BenchmarkForest(b *testing.B) {
	m, x := grown(b, 100, 6, 23)
	trees, err := CompileMargins(m)
	if err != nil {
		b.Fatal(err)
	}
	flat, _ := rowsOf(b, trees, x)
	for _, rows := range []int{1, 4000} {
		b.Run(fmt.Sprintf("%d rows", rows), func(b *testing.B) {
			shares, err := mpc.Deal(flat[:rows*trees.Inputs()])
			if err != nil {
				b.Fatal(err)
			}
			ands, rounds := trees.Gates()
			var before time.Duration
			sessions(b, func(s *mpc.Session) error {
				for i := range b.N + 1 {
					if i == 1 && s.Party() == 0 {
						b.ResetTimer()
						before = spent()
					}
					if _, err := trees.Run(s, shares[s.Party()], rows); err != nil {
						return err
					}
				}
				return nil
			})
			cpu := (spent() - before) / time.Duration(b.N)
			b.ReportMetric(float64(cpu.Microseconds())/1000, "cpu-ms/op")
			b.ReportMetric(float64(rows)/cpu.Seconds(), "rows/cpu-s")
			b.ReportMetric(float64(ands), "ANDs/row")
			b.ReportMetric(float64(rounds), "rounds")
		})
	}
}
