package pool_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/faulty"
	"manx/ml/pool"
	"manx/privacy/notice"
	"manx/storage"
)

// asks has the patient ask for up to 64 jobs at once.
func (s *scene) asks(n int) (ids []ledger.JobID) {
	s.T.Helper()
	inputs := []storage.Ref{s.encrypt(1, 1, 1, 1), s.encrypt(0, 0, 0, 2)}
	orgs := s.World.Organisations
	coins := s.Do(orgs[0], ledger.IssueCoins{Out: slices.Repeat([]ledger.Output{{To: s.patient.Party(), Amount: ledger.MAN(3)}}, n), Reason: "test"}, orgs[1:]...)
	var wait sync.WaitGroup
	for i := range n {
		c := s.Sign(s.patient, s.wants(s.model, ledger.NewCoinID(coins, i), inputs))
		ids = append(ids, ledger.NewJobID(ledger.Health, c.ID))
		wait.Go(func() {
			if _, err := s.Submit(c); err != nil {
				s.T.Error(err)
			}
		})
	}
	wait.Wait()
	return ids
}

// paidOnce waits until every job is done, accepts them all by one command, and checks
// that each was done once and paid once, and that nothing is left in the queue.
func (s *scene) paidOnce(ids []ledger.JobID, before ledger.Amount) {
	s.T.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		left := 0
		for _, id := range ids {
			if s.Job(id).Stage != ledger.Done {
				left++
			}
		}
		if left == 0 {
			break
		}
		if time.Now().After(end) {
			s.T.Fatalf("%d of %d jobs are not done", left, len(ids))
		}
	}
	s.eventually("the queue is empty", func() bool { return s.waiting() == 0 })
	done := map[ledger.Key]int{}
	for _, e := range s.Happened(1) {
		if e.Name == ledger.JobDone {
			done[e.Key]++
		}
	}
	s.Do(s.patient, ledger.SettleJobs{Accept: ids})
	for _, id := range ids {
		if n := done[ledger.KeyOf(id)]; n != 1 {
			s.T.Errorf("a job was done %d times", n)
		}
		if st := s.Job(id).Stage; st != ledger.Settled {
			s.T.Errorf("a job is %s", st)
		}
	}
	if got, err := s.held().Sub(before); err != nil || got != ledger.MAN(uint32(3*len(ids))) {
		s.T.Errorf("%v is paid for %d jobs of 3", got, len(ids))
	}
	if n := len(s.asides()); n > 0 {
		s.T.Errorf("%d jobs were set aside", n)
	}
}

// rounds is a worker's ledger that sees the commands for many jobs, until it is cut off.
type rounds struct {
	ledger.Ledger
	see  func(ctx context.Context, c ledger.Command, b ledger.WorkJobs) (ledger.Height, error)
	dead atomic.Bool
}

var errDead = errors.New("the process is dead")

func (l *rounds) Read(ctx context.Context, k ledger.Key) ([]byte, error) {
	if l.dead.Load() {
		return nil, errDead
	}
	return l.Ledger.Read(ctx, k)
}

func (l *rounds) Submit(ctx context.Context, c ledger.Command) (ledger.Height, error) {
	if l.dead.Load() {
		return 0, errDead
	}
	var b ledger.WorkJobs
	if c.Name != b.Command() || ledger.Decode(c.Body, &b) != nil {
		return l.Ledger.Submit(ctx, c)
	}
	return l.see(ctx, c, b)
}

// cable leads to the queue until it is cut: a worker behind it is heard no more, as if its
// process had been killed.
func (s *scene) cable(t pool.Ticket) (through pool.Ticket, cut func()) {
	s.T.Helper()
	u, err := url.Parse(pool.Address(t))
	check(s.T, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(s.T, err)
	to := u.Host
	u.Host = l.Addr().String()
	through = pool.Through(t, u.String())
	var mu sync.Mutex
	var ends []net.Conn
	var copying sync.WaitGroup
	copying.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			mu.Lock()
			ends = append(ends, in, out)
			mu.Unlock()
			copying.Go(func() { _, _ = io.Copy(in, out) })
			copying.Go(func() { _, _ = io.Copy(out, in) })
		}
	})
	cut = sync.OnceFunc(func() {
		_ = l.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range ends {
			_ = c.Close()
		}
	})
	s.T.Cleanup(func() { cut(); copying.Wait() })
	return through, cut
}

// TestInvariant8_RoundsWithBrokenReplies: short jobs go in rounds, and every first try of
// a command fails, so that the command is lost, or is applied and its reply is.
func TestInvariant8_RoundsWithBrokenReplies(t *testing.T) {
	for name, how := range map[string]faulty.Fault{"lost": faulty.Lost, "lostReply": faulty.Reply} {
		t.Run(name, func(t *testing.T) {
			s := begin(t)
			ids := s.asks(48)
			before := s.held()
			var mu sync.Mutex
			tried, most := map[ledger.CommandID]bool{}, 0
			w := s.worker()
			w.Engine = work{1}
			broken := faulty.New(s.Ledger, func(c ledger.Command) faulty.Fault {
				mu.Lock()
				defer mu.Unlock()
				if tried[c.ID] {
					return faulty.None
				}
				tried[c.ID] = true
				return how
			})
			w.Ledger = &rounds{Ledger: broken, see: func(ctx context.Context, c ledger.Command, b ledger.WorkJobs) (ledger.Height, error) {
				mu.Lock()
				most = max(most, len(b.Claims)+len(b.Results))
				mu.Unlock()
				return broken.Submit(ctx, c)
			}}
			s.dispatch()
			s.start(w.Run)
			s.paidOnce(ids, before)
			mu.Lock()
			defer mu.Unlock()
			if most < 2 {
				t.Error("no command was for many jobs: nothing is shown")
			}
		})
	}
}

// TestInvariant8_KilledInTheMiddleOfARound: a worker vanishes while a command with its
// results and its next claims is on its way: it never arrives, or it is applied and
// nobody hears of it. The worker comes back, or another takes over when its leases lapse;
// each job is done once and paid once.
func TestInvariant8_KilledInTheMiddleOfARound(t *testing.T) {
	for name, c := range map[string]struct{ arrives, back bool }{
		"write failed":                    {false, true},
		"write happened, reply lost":      {true, true},
		"write failed, another goes on":   {false, false},
		"write happened, another goes on": {true, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t)
			second := s.worker()
			ids := s.asks(48)
			before := s.held()
			first := s.worker()
			first.Engine, first.Drain = work{1}, time.Millisecond
			w := *first // as it comes back
			var cut func()
			first.Ticket, cut = s.cable(first.Ticket)
			ctx, end := context.WithCancel(t.Context())
			defer end()
			l := &rounds{Ledger: s.Ledger}
			l.see = func(ctx context.Context, cmd ledger.Command, b ledger.WorkJobs) (h ledger.Height, err error) {
				if len(b.Results) < 2 {
					return s.Ledger.Submit(ctx, cmd)
				}
				defer end()
				defer cut()
				if c.arrives {
					_, err = s.Ledger.Submit(ctx, cmd)
					check(t, err)
				}
				l.dead.Store(true)
				return 0, errDead
			}
			first.Ledger = l
			stop := s.dispatch()
			check(t, first.Run(ctx))
			if !l.dead.Load() {
				t.Fatal("the worker did not die")
			}
			if !c.back {
				w.Signer, w.Ticket = second.Signer, second.Ticket
			}
			s.start(w.Run)
			time.Sleep(2 * ackWait)
			if !c.back {
				s.Wait(700)
			}
			s.paidOnce(ids, before)
			stop()
		})
	}
}

// TestAnOlderNetworkGetsJobsOneByOne: a contract that knows no command for many jobs
// refuses the first; nothing is set aside for it.
func TestAnOlderNetworkGetsJobsOneByOne(t *testing.T) {
	s := begin(t)
	ids := s.asks(24)
	before := s.held()
	w := s.worker()
	w.Engine = work{1}
	var refused atomic.Int32
	w.Ledger = &rounds{Ledger: s.Ledger, see: func(context.Context, ledger.Command, ledger.WorkJobs) (ledger.Height, error) {
		refused.Add(1)
		return 0, notice.New(notice.Unsupported, "this network knows no such command", "use a `manx` of the network's version")
	}}
	s.dispatch()
	s.start(w.Run)
	s.paidOnce(ids, before)
	if n := refused.Load(); n != 1 {
		t.Errorf("a command for many jobs was tried %d times", n)
	}
}

// TestARevokedJobOfARoundIsNotPaid: a record is erased while jobs on it wait their turn
// in a round; the others are done.
func TestARevokedJobOfARoundIsNotPaid(t *testing.T) {
	s := begin(t)
	kept := s.asks(24)
	other := s.Study(s.patient)
	was := s.record
	s.record = other
	gone := s.asks(24)
	s.record = was
	before := s.held()
	w := s.worker()
	var once sync.Once
	w.Ledger = &rounds{Ledger: s.Ledger, see: func(ctx context.Context, c ledger.Command, b ledger.WorkJobs) (ledger.Height, error) {
		h, err := s.Ledger.Submit(ctx, c)
		for _, id := range b.Claims {
			if slices.Contains(gone, id) {
				once.Do(func() { s.Do(s.patient, ledger.EraseRecord{Record: other}) })
			}
		}
		return h, err
	}}
	s.dispatch()
	s.start(w.Run)
	s.eventually("the kept jobs are done", func() bool {
		for _, id := range kept {
			if s.Job(id).Stage != ledger.Done {
				return false
			}
		}
		return true
	})
	s.eventually("the queue is empty", func() bool { return s.waiting() == 0 })
	s.Do(s.patient, ledger.SettleJobs{Accept: append(kept, gone...)})
	paid := 0
	for _, id := range gone {
		switch j := s.Job(id); j.Stage {
		case ledger.Settled: // it was done before the erasure, which pays
			paid++
		case ledger.Refunded:
			if !j.Hash.IsZero() {
				t.Error("a refunded job has a result")
			}
		default:
			t.Errorf("a job is %s", j.Stage)
		}
	}
	if paid == len(gone) {
		t.Error("every job was done before the record was erased: nothing is shown")
	}
	if got, err := s.held().Sub(before); err != nil || got != ledger.MAN(3*48) {
		t.Errorf("%v came out of 48 jobs of 3", got)
	}
}
