package pool_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"manx/ledger"
	"manx/ml/pool"
	"manx/storage"
)

// TestInvariant8_AStormOverTwoHundredJobs: while two hundred jobs wait and run, workers
// vanish without a word in the middle of an evaluation and come back, and the node, its
// queue and its dispatcher with it, ends and starts again. Each job is done once, its
// fee is paid once, and nothing is left in the queue.
func TestInvariant8_AStormOverTwoHundredJobs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	const jobs, workers, nodes = 200, 4, 5
	s := begin(t)
	check(t, s.queue.Close())
	s.cfg.MaxDeliver = 0 // as a node has it: five
	s.openQueue()
	inputs := []storage.Ref{s.encrypt(1, 1, 1, 1), s.encrypt(0, 0, 0, 2)}
	stop := s.dispatch()
	ids := make([]ledger.JobID, jobs)
	for i := range ids {
		ids[i] = s.askOver(s.model, s.Fund(s.patient, ledger.MAN(3)), inputs)
	}
	before := s.held()

	running, end := context.WithCancel(t.Context())
	var staff sync.WaitGroup
	defer staff.Wait()
	defer end() // first
	var deaths atomic.Int32
	random := rand.New(rand.NewPCG(8, 8))
	for range workers {
		w := s.worker()
		fates := rand.New(rand.NewPCG(random.Uint64(), 8))
		staff.Go(func() {
			for running.Err() == nil {
				s.liveOnce(running, w, fates, &deaths)
			}
		})
	}
	for range nodes {
		time.Sleep(time.Duration(200+random.IntN(600)) * time.Millisecond)
		stop()
		check(t, s.queue.Close())
		s.openQueue()
		stop = s.dispatch()
	}

	left := func() (n int) {
		for _, id := range ids {
			if s.Job(id).Stage != ledger.Done {
				n++
			}
		}
		return n
	}
	for until := time.Now().Add(50 * time.Second); left() > 0; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d of %d jobs are not done after %d deaths", left(), jobs, deaths.Load())
		}
		s.Wait(120) // leases of those that do not come back for theirs
	}
	s.eventually("the queue is empty", func() bool { s.Tick(); return s.waiting() == 0 }) // workers find nothing to do
	end()
	staff.Wait()
	if deaths.Load() < 10 {
		t.Errorf("only %d workers vanished: nothing is shown", deaths.Load())
	}
	done := map[ledger.JobID]int{}
	for _, e := range s.Happened(1) {
		for _, id := range ids {
			if e.Key == ledger.KeyOf(id) && e.Name == ledger.JobDone {
				done[id]++
			}
		}
	}
	for _, id := range ids {
		if done[id] != 1 {
			t.Errorf("job %s was done %d times", id, done[id])
		}
		s.Do(s.patient, ledger.AcceptJob{Job: id})
		if st := s.Job(id).Stage; st != ledger.Settled {
			t.Errorf("job %s is %s", id, st)
		}
	}
	if got, err := s.held().Sub(before); err != nil || got != ledger.MAN(3*jobs) {
		t.Errorf("%v is paid for %d jobs of 3", got, jobs)
	}
	if n := len(s.asides()); n > 0 {
		t.Errorf("%d jobs were set aside: %+v", n, s.asides())
	}
}

// held is all that anybody holds in coins; fees lie in escrow meanwhile.
func (s *scene) held() (sum ledger.Amount) {
	s.T.Helper()
	for _, c := range s.Coins() {
		var err error
		sum, err = sum.Add(c.Amount)
		check(s.T, err)
	}
	return sum
}

// liveOnce runs a worker until it vanishes in some step, as SIGKILL has it: no word to
// the queue or the ledger, no more heartbeats.
func (s *scene) liveOnce(ctx context.Context, w *pool.Worker, fates *rand.Rand, deaths *atomic.Int32) {
	life := *w
	steps := 1 + fates.IntN(30) // two a job
	life.Progress = func(ledger.JobID, int, int) {
		if steps--; steps == 0 {
			deaths.Add(1)
			runtime.Goexit()
		}
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		if err := life.Run(ctx); err != nil && ctx.Err() == nil {
			s.T.Error(err)
		}
	}()
	<-over
}
