package pool_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/ml/pool"
	"manx/storage"
)

// BenchmarkPublish puts jobs into the embedded queue.
func BenchmarkPublish(b *testing.B) {
	q, err := pool.Open(b.Context(), pool.Config{Dir: b.TempDir(), Host: lone()})
	check(b, err)
	defer func() { check(b, q.Close()) }()
	for b.Loop() {
		check(b, q.Publish(b.Context(), pool.CKKS, pool.Normal, ledger.NewJobID(ledger.Health, ledger.NewCommandID()), "try", 0))
	}
}

// work is a runtime that computes for a time of processor, in a fixed number of hashes,
// and looks at no input.
type work struct{ hashes int }

func (w work) Load(context.Context, []byte) (pool.Program, error)      { return w, nil }
func (w work) Bind(context.Context, io.Reader) (pool.Evaluator, error) { return w, nil }
func (w work) Evaluate(ctx context.Context, _ io.Reader, out io.Writer, progress func(step, of int)) error {
	var h [32]byte
	for i := range w.hashes {
		h = sha256.Sum256(h[:])
		if i%4096 == 0 {
			progress(i, w.hashes)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
	}
	_, err := out.Write(h[:])
	return err
}

// calibrated returns the hashes that take a time of processor.
func calibrated(b *testing.B, d time.Duration) work {
	const probe = 2_000_000
	began := spent()
	check(b, work{probe}.Evaluate(b.Context(), nil, io.Discard, func(int, int) {}))
	return work{int(float64(probe) * d.Seconds() / (spent() - began).Seconds())}
}

// spent is the processor time of this process.
func spent() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// bench is a scene with a node's patience, and workers on the loopback queue.
func bench(b *testing.B, workers int, e pool.Engine) *scene {
	s := begin(b)
	check(b, s.queue.Close())
	s.cfg.AckWait, s.cfg.MaxDeliver = 30*time.Second, 5
	s.openQueue()
	d := s.route(&pool.Dispatcher{})
	for range workers {
		w := s.worker()
		w.Engine, w.Poll = e, 0
		s.joins(d, w)
	}
	return s
}

// ended waits until jobs have been done, which is when their fees can be settled.
func (s *scene) ended(jobs []ledger.JobID) {
	s.T.Helper()
	for _, id := range jobs {
		for end := time.Now().Add(5 * time.Minute); s.Job(id).Stage != ledger.Done; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				s.T.Fatal("a job does not end")
			}
		}
	}
}

// BenchmarkOverhead compares jobs of a second of processor, asked one after another,
// with the same computing alone, in turn, by medians: processor time of everything, with
// ledger, queue, dispatcher, storage and worker in this process; and wall time from the
// command that asks until the result is on the ledger, against what of it was computing.
func BenchmarkOverhead(b *testing.B) {
	e := &timed{work: calibrated(b, 500*time.Millisecond), done: make(chan struct{}, 2)} // a job has two inputs
	s := bench(b, 1, e)
	inputs := []storage.Ref{s.encrypt(1, 1, 1, 1), s.encrypt(0, 0, 0, 2)}
	ask := func(coin ledger.CoinID) {
		id := s.askOver(s.model, coin, inputs)
		<-e.done
		<-e.done // looking all the while would be counted
		s.ended([]ledger.JobID{id})
	}
	ask(s.Fund(s.patient, ledger.MAN(3)))
	var bareCPU, poolCPU, wait []float64
	for b.Loop() {
		coin := s.Fund(s.patient, ledger.MAN(3))
		cpu := spent()
		for range 2 {
			check(b, e.work.Evaluate(b.Context(), nil, io.Discard, func(int, int) {}))
		}
		bareCPU = append(bareCPU, (spent() - cpu).Seconds())
		e.took = 0
		wall, cpu := time.Now(), spent()
		ask(coin)
		wait, poolCPU = append(wait, 100*(time.Since(wall).Seconds()/e.took.Seconds()-1)), append(poolCPU, (spent()-cpu).Seconds())
	}
	b.ReportMetric(median(bareCPU), "bare-cpu-s")
	b.ReportMetric(100*(median(poolCPU)/median(bareCPU)-1), "cpu-overhead-%")
	b.ReportMetric(median(wait), "wall-overhead-%")
}

// timed sums the wall time of a runtime's evaluations, one at a time.
type timed struct {
	work
	took time.Duration
	done chan struct{}
}

func (w *timed) Load(context.Context, []byte) (pool.Program, error)      { return w, nil }
func (w *timed) Bind(context.Context, io.Reader) (pool.Evaluator, error) { return w, nil }
func (w *timed) Evaluate(ctx context.Context, in io.Reader, out io.Writer, progress func(step, of int)) error {
	began := time.Now()
	err := w.work.Evaluate(ctx, in, out, progress)
	w.took += time.Since(began)
	w.done <- struct{}{}
	return err
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// BenchmarkScale is jobs of a quarter second of one core each, by one worker and by two.
func BenchmarkScale(b *testing.B) {
	e := calibrated(b, 125*time.Millisecond)
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprint("workers=", workers), func(b *testing.B) {
			s := bench(b, workers, e)
			s.ended([]ledger.JobID{s.ask(s.model), s.ask(s.model)})
			const batch = 16
			var rates, cores []float64
			for b.Loop() {
				var all []ledger.JobID
				for range batch {
					all = append(all, s.ask(s.model))
				}
				began, cpu := time.Now(), spent()
				s.ended(all)
				wall := time.Since(began).Seconds()
				rates = append(rates, batch/wall)
				cores = append(cores, (spent()-cpu).Seconds()/wall)
			}
			b.ReportMetric(median(rates), "jobs/s")
			b.ReportMetric(median(cores), "cores-had") // other load takes the rest
			b.ReportMetric(median(rates)/median(cores), "jobs/core-s")
		})
	}
}

// away is a runtime that takes a time and no processor of this machine, as one on another
// machine does. It looks at no input.
type away struct{ takes time.Duration }

func (w away) Load(context.Context, []byte) (pool.Program, error)      { return w, nil }
func (w away) Bind(context.Context, io.Reader) (pool.Evaluator, error) { return w, nil }
func (w away) Evaluate(ctx context.Context, _ io.Reader, out io.Writer, _ func(step, of int)) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(w.takes):
	}
	_, err := out.Write(make([]byte, 32))
	return err
}

// BenchmarkAway is jobs of a second by workers whose computing takes no processor here,
// as if each had a machine of its own: what ledger, dispatcher and queue allow.
func BenchmarkAway(b *testing.B) {
	for _, workers := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprint("workers=", workers), func(b *testing.B) {
			s := bench(b, workers, away{500 * time.Millisecond}) // a job has two inputs
			s.ended(s.asks(2 * workers))
			var rates []float64
			for b.Loop() {
				began := time.Now()
				all := s.asks(8 * workers)
				s.ended(all)
				rates = append(rates, float64(len(all))/time.Since(began).Seconds())
			}
			b.ReportMetric(median(rates), "jobs/s")
			b.ReportMetric(100*median(rates)/float64(workers), "%-of-jobs-of-a-second")
		})
	}
}

// BenchmarkDepth puts one job into the embedded queue and takes one out while so many
// wait on a line.
func BenchmarkDepth(b *testing.B) {
	for _, waiting := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint("waiting=", waiting), func(b *testing.B) {
			host := lone()
			q, err := pool.Open(b.Context(), pool.Config{Dir: b.TempDir(), Host: host})
			check(b, err)
			defer func() { check(b, q.Close()) }()
			take, stop := drawer(b, q, host)
			defer stop()
			for i := range waiting {
				check(b, q.Publish(b.Context(), pool.CKKS, pool.Normal, ledger.NewJobID(ledger.Health, ledger.NewCommandID()), "try", i))
			}
			began, n := spent(), 0
			for b.Loop() {
				check(b, q.Publish(b.Context(), pool.CKKS, pool.Normal, ledger.NewJobID(ledger.Health, ledger.NewCommandID()), "try", 0))
				take()
				n++
			}
			b.ReportMetric(float64((spent()-began).Microseconds())/float64(n), "cpu-us/job")
		})
	}
}

// lone is a host whose ledger knows one worker.
func lone() pool.Host {
	g, orgs := ledgertest.NewGenesis(1, rand.Reader)
	return pool.Host{Genesis: g, Signer: orgs[0], Ledger: workerOf{ledgertest.NewKey(ledger.Common, rand.Reader)}}
}

type workerOf struct{ *ledgertest.Key }

func (w workerOf) Read(context.Context, ledger.Key) ([]byte, error) {
	return json.Marshal(ledger.Party{ID: w.Party(), Role: ledger.Worker, Key: w.Public()})
}

// drawer takes messages off the open line as a worker does, and acknowledges them.
func drawer(b *testing.B, q *pool.Queue, host pool.Host) (take, stop func()) {
	k := host.Ledger.(workerOf).Key
	text, err := q.Admit(b.Context(), k.Party())
	check(b, err)
	ticket, err := pool.ParseTicket(text, host.Genesis)
	check(b, err)
	conn, err := pool.Dial(ticket, k)
	check(b, err)
	js, err := jetstream.New(conn)
	check(b, err)
	c, err := js.Consumer(b.Context(), "JOBS", "ckks-normal")
	check(b, err)
	return func() {
		batch, err := c.Fetch(1, jetstream.FetchMaxWait(10*time.Second))
		check(b, err)
		for m := range batch.Messages() {
			check(b, m.Ack())
		}
		check(b, batch.Error())
	}, conn.Close
}
