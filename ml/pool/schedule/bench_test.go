package schedule

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// BenchmarkNext gives one job to a worker, ends it and takes in another, while so many
// wait of a thousand askers: what a decision costs must not grow with the queue.
func BenchmarkNext(b *testing.B) {
	for _, waiting := range []int{1_000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint("waiting=", waiting), func(b *testing.B) {
			s := New(Rules{Waiting: 2_000_000})
			for i := range 100 {
				s.Advertise(worker1(fmt.Sprint("w", i), 1e9+float64(i)))
			}
			ids := make([]string, 0, waiting+1<<20)
			add := func(i int) {
				ids = append(ids, fmt.Sprint("job-", i))
				j := job(ids[len(ids)-1], askers[i%len(askers)], 1e9+float64(i%7))
				j.Key, j.KeyBytes = askers[i*31%len(askers)], 1e8
				if err := s.Offer(j, 0); err != nil {
					b.Fatal(err)
				}
			}
			before := inUse()
			for i := range waiting {
				add(i)
			}
			held := float64(inUse()-before) / float64(waiting)
			i, cpu := waiting, spent()
			for b.Loop() {
				a, ok := s.Next(0)
				if !ok {
					b.Fatal("nothing goes")
				}
				s.End(a.Job.ID)
				add(i)
				i++
			}
			b.ReportMetric(float64((spent()-cpu).Nanoseconds())/float64(i-waiting), "cpu-ns/job")
			b.ReportMetric(held, "B/waiting-job")
		})
	}
}

// inUse is the bytes in use, and spent the processor time, of this process.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func spent() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var askers = func() (out []string) {
	for i := range 1000 {
		out = append(out, fmt.Sprint("asker-", i))
	}
	return out
}()

// BenchmarkWorkers is a decision among so many free workers of different speed.
func BenchmarkWorkers(b *testing.B) {
	for _, workers := range []int{10, 100, 1_000, 10_000} {
		b.Run(fmt.Sprint("workers=", workers), func(b *testing.B) {
			s := New(Rules{})
			for i := range workers {
				w := worker1(fmt.Sprint("w", i), 1e9+1e5*float64(i*7919%workers))
				w.Keys = []string{askers[i*31%len(askers)]}
				s.Advertise(w)
			}
			for i := 0; b.Loop(); i++ {
				j := job("j", "a", 1e9)
				j.Key, j.KeyBytes = askers[i%len(askers)], 1e8
				if err := s.Offer(j, 0); err != nil {
					b.Fatal(err)
				}
				if _, ok := s.Next(0); !ok {
					b.Fatal("nothing goes")
				}
				s.End("j")
			}
		})
	}
}

// BenchmarkAdvertise is one of ten thousand workers that tells of 256 keys: the same as
// before, and one that is new.
func BenchmarkAdvertise(b *testing.B) {
	for _, fresh := range []int{0, 1} {
		b.Run(fmt.Sprint("new=", fresh), func(b *testing.B) {
			s := New(Rules{})
			keys := make([]string, 256)
			for i := range keys {
				keys[i] = fmt.Sprintf("key-%064d", i)
			}
			w := worker1("w", 1e9)
			for i := range 10_000 {
				s.Advertise(worker1(fmt.Sprint("w", i), 1e9+1e5*float64(i)))
			}
			w.Keys = keys
			s.Advertise(w)
			for i := 0; b.Loop(); i++ {
				if fresh > 0 {
					w.Keys = append(keys[1:], fmt.Sprintf("fresh-%064d", i))
					keys = w.Keys
				}
				s.Advertise(w)
			}
		})
	}
}
