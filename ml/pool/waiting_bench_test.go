package pool_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"iter"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/ml/pool"
	"manx/ml/pool/schedule"
	"manx/storage"
)

// A crowd is a ledger on which any number of jobs are ready, of 1,000 askers, but for
// those that are done. It makes them as it is asked.
type crowd struct {
	events chan ledger.Event
	job    ledger.Job
	askers []ledger.PartyID
	mu     sync.Mutex
	done   map[ledger.Key]bool
}

func newCrowd() *crowd {
	c := &crowd{events: make(chan ledger.Event, 1024), done: map[ledger.Key]bool{}}
	for i := range 1000 {
		c.askers = append(c.askers, ledger.NewPartyID(ledger.Health, binary.BigEndian.AppendUint64(make([]byte, 24), uint64(i))))
	}
	c.job = ledger.Job{Model: "health-model-0123456789abcdef0123456789abcdef", Purpose: ledger.Diagnosis, Fee: ledger.MAN(3), Deadline: 1 << 40, Version: 1,
		Inputs: []storage.Ref{ledgertest.Ref("in")}, EvalKeys: ledgertest.Ref("keys"), At: map[ledger.Stage]ledger.Time{ledger.Asked: 1, ledger.Ready: 1}}
	return c
}

// id is that of the n-th job.
func (c *crowd) id(n int) (id ledger.JobID) {
	var b ledger.CommandID
	binary.BigEndian.PutUint64(b[8:], uint64(n))
	return ledger.NewJobID(ledger.Health, b)
}

func (c *crowd) asks(n int) {
	c.events <- ledger.Event{Height: ledger.Height(n + 1), Name: ledger.JobAsked, Key: ledger.KeyOf(c.id(n))}
}

func (c *crowd) Read(_ context.Context, k ledger.Key) ([]byte, error) {
	if k == ledger.NowKey {
		return json.Marshal(ledger.Clock{Now: 1})
	}
	id, word := ledger.IDOf(k)
	if word != "job" {
		return nil, fs.ErrNotExist // its workers have no standing
	}
	n, err := strconv.ParseUint(id[len(id)-12:], 16, 64)
	if err != nil {
		return nil, err
	}
	j := c.job
	j.ID, j.Stage, j.Asker = ledger.JobID(id), ledger.Ready, c.askers[n%uint64(len(c.askers))]
	j.Subject = j.Asker
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done[k] {
		j.Stage, j.Hash = ledger.Done, ledger.Hash{1}
	}
	return json.Marshal(j)
}

func (c *crowd) Events(ctx context.Context, _ ledger.Height) iter.Seq2[ledger.Event, error] {
	return func(yield func(ledger.Event, error) bool) {
		for {
			select {
			case <-ctx.Done():
				return
			case e := <-c.events:
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// BenchmarkWaiting is a job's way through the dispatcher, its scheduler and the embedded
// queue while so many others wait: its event is read, it is put into the scheduler; one
// that is chosen goes on the worker's line, is taken and acknowledged; its result is seen.
// The worker has up to 64 at once, computes nothing, and the ledger is made up.
func BenchmarkWaiting(b *testing.B) {
	for _, waiting := range []int{1_000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint("waiting=", waiting), func(b *testing.B) {
			host := lone()
			q, err := pool.Open(b.Context(), pool.Config{Dir: b.TempDir(), Host: host})
			check(b, err)
			defer func() { check(b, q.Close()) }()
			c := newCrowd()
			d := &pool.Dispatcher{Queue: q, Ledger: c, Rules: schedule.Rules{Waiting: 2 * waiting, PerAsker: 2 * waiting}}
			ctx, stop := context.WithCancel(b.Context())
			var runs sync.WaitGroup
			defer runs.Wait()
			defer stop()
			runs.Go(func() { check(b, d.Run(ctx)) })
			take := idle(b, ctx, &runs, q, d, host)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			next := 0
			for ; next < waiting; next++ {
				c.asks(next)
			}
			for d.Status().Waiting < waiting {
				time.Sleep(50 * time.Millisecond)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			n, cpu, wall := 0, spent(), time.Now()
			for b.Loop() {
				for _, id := range take() {
					k := ledger.KeyOf(id)
					c.mu.Lock()
					c.done[k] = true
					c.mu.Unlock()
					c.events <- ledger.Event{Height: 1, Name: ledger.JobDone, Key: k}
					c.asks(next)
					next++
					n++
				}
			}
			b.ReportMetric(float64((spent()-cpu).Microseconds())/float64(n), "cpu-us/job")
			b.ReportMetric(float64(time.Since(wall).Microseconds())/float64(n), "us/job")
			b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/float64(waiting), "heap-bytes/waiting")
		})
	}
}

// idle is a worker that says that it lives, and takes what is on its line.
func idle(b *testing.B, ctx context.Context, runs *sync.WaitGroup, q *pool.Queue, d *pool.Dispatcher, host pool.Host) (take func() []ledger.JobID) {
	k := host.Ledger.(workerOf).Key
	text, err := q.Admit(ctx, k.Party())
	check(b, err)
	ticket, err := pool.ParseTicket(text, host.Genesis)
	check(b, err)
	conn, err := pool.Dial(ticket, k)
	check(b, err)
	js, err := jetstream.New(conn)
	check(b, err)
	advert, err := json.Marshal(pool.Advert{Worker: k.Party(), Lines: []pool.Class{pool.CKKS}, Rates: map[pool.Class]float64{pool.CKKS: 1e8}, Slots: 64})
	check(b, err)
	runs.Go(func() {
		defer conn.Close()
		for ctx.Err() == nil {
			_ = conn.Publish("pool.advert."+string(k.Party()), advert)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	})
	for len(d.Status().Workers) == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	line, err := js.Consumer(ctx, "JOBS", "to-"+string(k.Party()))
	check(b, err)
	return func() (ids []ledger.JobID) {
		for len(ids) == 0 {
			batch, err := line.FetchNoWait(64)
			check(b, err)
			for m := range batch.Messages() {
				var msg struct{ Job ledger.JobID }
				check(b, json.Unmarshal(m.Data(), &msg))
				check(b, m.Ack())
				ids = append(ids, msg.Job)
			}
			check(b, batch.Error())
			if len(ids) == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		return ids
	}
}
