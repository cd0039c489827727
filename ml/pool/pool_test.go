package pool_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"manx/ledger"
	"manx/ledger/faulty"
	"manx/ledger/ledgertest"
	"manx/ml/pool"
	"manx/ml/pool/engine"
	"manx/privacy/notice"
	"manx/storage"
)

func TestAJobIsDone(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.dispatch()
	w := s.worker()
	var steps atomic.Int32
	w.Progress = func(_ ledger.JobID, step, of int) { steps.Store(int32(100*step + of)) }
	s.start(w.Run)
	id := s.ask(s.model)
	if job := s.done(id); job.Worker != w.Signer.Party() {
		t.Error("another worker is on record")
	}
	if steps.Load() != 202 {
		t.Errorf("progress ended at %d", steps.Load())
	}
	s.eventually("the queue is empty", func() bool { return s.waiting() == 0 })
	s.done(s.ask(s.model)) // plan and keys from the cache
}

// die ends a worker as SIGKILL does: no word to the queue, no more heartbeats.
func die(ledger.JobID, int, int) { runtime.Goexit() }

func TestAWorkerIsKilledAndAnotherFinishes(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.dispatch()
	first := s.worker()
	first.Progress = die
	s.start(first.Run)
	id := s.ask(s.model)
	s.eventually("the first worker claims", func() bool { return s.Job(id).Stage == ledger.Claimed })
	second := s.worker()
	s.start(second.Run)
	s.eventually("the message goes to the second, which has nothing to do yet", func() bool { return s.waiting() == 0 })
	if s.Job(id).Worker != first.Signer.Party() {
		t.Error("a live claim was taken over")
	}
	s.Wait(601) // the lease lapses
	if job := s.done(id); job.Worker != second.Signer.Party() {
		t.Error("the first worker is on record")
	}
	if n := s.count(id, ledger.Done); n != 1 {
		t.Errorf("the job was done %d times", n)
	}
}

func TestAWorkerGoesOnWhereItWasKilled(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.dispatch()
	w := s.worker()
	w.Progress = die
	s.start(w.Run)
	id := s.ask(s.model)
	s.eventually("the claim", func() bool { return s.Job(id).Stage == ledger.Claimed })
	again := *w // the same party in a new process
	again.Progress = nil
	s.start(again.Run)
	s.done(id) // without waiting for the lease
}

func TestInvariant8_LostRepliesOfClaimAndResult(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.dispatch()
	w := s.worker()
	var n atomic.Int32
	w.Ledger = faulty.New(s.Ledger, func(ledger.Command) faulty.Fault {
		return []faulty.Fault{faulty.Reply, faulty.Lost, faulty.None}[n.Add(1)%3]
	})
	s.start(w.Run)
	id := s.ask(s.model)
	s.done(id)
	if c, d := s.count(id, ledger.Claimed), s.count(id, ledger.Done); c != 1 || d != 1 {
		t.Errorf("%d claims and %d results", c, d)
	}
}

func TestALongJobKeepsItsLease(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.dispatch()
	w := s.worker()
	began, goOn := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	w.Progress = func(ledger.JobID, int, int) {
		if once.CompareAndSwap(false, true) {
			close(began)
			<-goOn
		}
	}
	s.start(w.Run)
	id := s.ask(s.model)
	<-began
	s.start(s.worker().Run)
	for range 4 { // 1600 seconds; a lease has 600
		lease := s.Job(id).Lease
		s.Wait(400)
		s.eventually("the lease is renewed", func() bool { return s.Job(id).Lease > lease })
	}
	close(goOn)
	if job := s.done(id); job.Worker != w.Signer.Party() {
		t.Error("another worker took a job that was being computed")
	}
}

func TestOnlyWorkersStart(t *testing.T) {
	t.Parallel()
	s := begin(t)
	w := s.worker()
	w.Signer = s.patient
	if err := w.Run(t.Context()); !notice.Is(err, notice.Denied) {
		t.Errorf("a patient as a worker gave %v", err)
	}
}

func TestRevokingStopsARunningJob(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.dispatch()
	lender, furnisher, borrower := s.Party(ledger.Credit, ledger.Lender), s.Party(ledger.Credit, ledger.Furnisher), s.Party(ledger.Credit, ledger.Person)
	body := ledgertest.Scorecard("credit_limit")
	body.Plan, body.PlanHash = s.planRef, s.plan.Hash()
	model := ledger.NewModelID(ledger.Credit, s.Do(s.Party(ledger.Credit, ledger.Scientist), body))
	file := s.File(borrower, furnisher)
	id := s.AskScore(lender, borrower, model, s.Fund(lender, ledger.MAN(2)), 24*3600)
	grant := s.Grant(borrower, id, file)
	w := s.worker()
	began, revoked := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	w.Progress = func(ledger.JobID, int, int) {
		if once.CompareAndSwap(false, true) {
			close(began)
			<-revoked
			time.Sleep(200 * time.Millisecond) // the worker looks every 20 ms
		}
	}
	s.start(w.Run)
	s.Do(borrower, ledger.PostInput{Job: id, Grant: grant, Record: file, Version: 1, EvalKeys: s.keys,
		Inputs: []storage.Ref{s.encrypt(1, 1, 1, 1), s.encrypt(0, 0, 0, 2)}})
	<-began
	s.Do(borrower, ledger.RevokeGrant{Grant: grant})
	close(revoked)
	s.eventually("the queue is empty", func() bool { return s.waiting() == 0 })
	if job := s.Job(id); job.Stage != ledger.Refunded || !job.Result.IsZero() {
		t.Errorf("the job is %s", job.Stage)
	}
	if a := s.asides(); len(a) != 0 {
		t.Errorf("set aside: %v", a)
	}
}

func TestPoisonJobsAreSetAside(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.dispatch()
	s.start(s.worker().Run)
	id := s.ask(s.publish(ledger.Hash{9})) // the plan's bytes hash to something else
	var asides []pool.Aside
	s.eventually("the job is set aside", func() bool { asides = s.asides(); return len(asides) > 0 })
	if a := asides[0]; a.Job != id || !strings.Contains(a.Cause, "not the one that its owner published") {
		t.Errorf("set aside: %+v", a)
	}
	s.eventually("its message is gone", func() bool { return s.waiting() == 0 })
}

func TestAMessageNobodyAnswersIsSetAside(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.dispatch()
	id := s.ask(s.model)
	var dead atomic.Int32
	for range 2 { // as often as a message is tried
		w := s.worker()
		w.Ledger = deadly{s.Ledger, &dead}
		s.start(w.Run)
	}
	s.eventually("both workers died of the job", func() bool { return dead.Load() == 2 })
	s.start(s.worker().Run)
	s.eventually("the job is set aside", func() bool {
		all := s.asides()
		return len(all) == 1 && all[0].Job == id && strings.Contains(all[0].Cause, "none came back") && s.waiting() == 0
	})
}

// deadly kills the worker that submits, before anything reaches the ledger.
type deadly struct {
	ledger.Ledger
	dead *atomic.Int32
}

func (d deadly) Submit(context.Context, ledger.Command) (ledger.Height, error) {
	d.dead.Add(1)
	runtime.Goexit()
	return 0, nil
}

func TestJobsAskedWhileTheNodeWasDown(t *testing.T) {
	t.Parallel()
	s := begin(t)
	before := s.ask(s.model)
	stop := s.dispatch()
	s.eventually("a job from before is queued", func() bool { return s.waiting() == 1 })
	s.Wait(1)
	stop()
	check(t, s.queue.Close())
	during := s.ask(s.model)
	// The disk of the queue is lost too: the ledger is enough.
	check(t, os.RemoveAll(filepath.Join(s.cfg.Dir, "streams")))
	s.openQueue()
	s.dispatch()
	s.eventually("both are queued", func() bool { return s.waiting() == 2 })
	s.start(s.worker().Run)
	s.done(before)
	s.done(during)
}

func TestWorkersOutliveTheNode(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.start(s.worker().Run)
	check(t, s.queue.Close())
	time.Sleep(ackWait)
	s.openQueue()
	s.dispatch()
	s.done(s.ask(s.model))
}

func TestARestartedDispatcherRepeatsNothing(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.start(s.worker().Run)
	stop := s.dispatch()
	id := s.ask(s.model)
	s.done(id)
	stop()
	s.dispatch()
	s.Wait(1)
	s.done(s.ask(s.model))
	if n := s.count(id, ledger.Claimed); n != 1 {
		t.Errorf("%d claims", n)
	}
}

func TestARunningJobEndsBeforeTheWorkerStops(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.dispatch()
	w := s.worker()
	began := make(chan struct{})
	stopping := make(chan struct{})
	var once atomic.Bool
	w.Progress = func(ledger.JobID, int, int) {
		if once.CompareAndSwap(false, true) {
			close(began)
			<-stopping
		}
	}
	stop := s.start(w.Run)
	id := s.ask(s.model)
	<-began
	go func() { time.Sleep(50 * time.Millisecond); close(stopping) }()
	stop()
	if st := s.Job(id).Stage; st != ledger.Done {
		t.Errorf("the job is %s", st)
	}
}

func TestAWorkerThatMustStopGivesTheJobUp(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.dispatch()
	w := s.worker()
	w.Drain = 10 * time.Millisecond
	w.Engine = endless{}
	stop := s.start(w.Run)
	id := s.ask(s.model)
	s.eventually("the claim", func() bool { return s.Job(id).Stage == ledger.Claimed })
	stop()
	again := *w
	again.Engine = engine.CKKS{}
	s.start(again.Run)
	s.done(id)
}

// endless loads for ever, but listens to its context.
type endless struct{}

func (endless) Load(ctx context.Context, _ []byte) (pool.Program, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func TestInvariant1_TheQueueHoldsIdsOnly(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.dispatch()
	id := s.ask(s.model)
	s.eventually("the job is queued", func() bool { return s.waiting() == 1 })
	s.Wait(1)
	w := s.Party(ledger.Common, ledger.Worker)
	ticket := s.ticket(w.Party())
	if got := fmt.Sprintf("%v %+v %s %#v", ticket, ticket, ticket, struct{ T pool.Ticket }{ticket}); strings.Contains(got, "tls://") {
		t.Errorf("a ticket prints: %s", got)
	}
	conn, err := pool.Dial(ticket, w)
	check(t, err)
	defer conn.Close()
	m, err := conn.Request("$JS.API.CONSUMER.MSG.NEXT.JOBS.ckks-normal", []byte(`{"batch":1}`), time.Second)
	check(t, err)
	if string(m.Data) != fmt.Sprintf(`{"job":%q}`, id) || len(m.Header) > 1 {
		t.Errorf("the message says %s with %d headers", m.Data, len(m.Header))
	}
}

func TestWorkersMayOnlyTakeAndAnswer(t *testing.T) {
	t.Parallel()
	s := begin(t)
	w := s.Party(ledger.Common, ledger.Worker)
	refused := make(chan error, 16)
	conn, err := pool.Dial(s.ticket(w.Party()), w, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	check(t, err)
	defer conn.Close()
	for _, to := range []string{"jobs.ckks.urgent", "state.dispatched", "aside.x", "$JS.API.STREAM.PURGE.JOBS", "$JS.API.STREAM.DELETE.JOBS",
		"$JS.API.STREAM.MSG.GET.JOBS", "$JS.API.CONSUMER.DELETE.JOBS.ckks-normal", "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.JOBS.x",
		"$JS.API.CONSUMER.MSG.NEXT.JOBS.to-" + string(s.patient.Party()), "$JS.ACK.JOBS.to-" + string(s.patient.Party()) + ".1.1.1.1.1", "jobs.to." + string(w.Party()), "pool.advert." + string(s.patient.Party())} {
		check(t, conn.Publish(to, []byte("{}")))
		check(t, conn.Flush())
		select {
		case <-refused:
		case <-time.After(2 * time.Second):
			t.Errorf("a worker may publish to %s", to)
		}
	}
	for _, from := range []string{">", "jobs.>", "_INBOX.>", "_INBOX-x.>"} {
		sub, err := conn.SubscribeSync(from)
		check(t, err)
		check(t, conn.Flush())
		select {
		case <-refused:
		case <-time.After(2 * time.Second):
			t.Errorf("a worker may listen to %s", from)
		}
		_ = sub.Unsubscribe()
	}
	if s.waiting() != 0 {
		t.Error("a worker put a message into the queue")
	}
}

func TestUrgentJobsGoFirst(t *testing.T) {
	t.Parallel()
	s := begin(t)
	slow, fast := s.ask(s.model), s.ask(s.model)
	check(t, s.queue.Publish(t.Context(), pool.CKKS, pool.Normal, slow, "try", 0))
	for range 3 { // one message
		check(t, s.queue.Publish(t.Context(), pool.CKKS, pool.Urgent, fast, "try", 0))
	}
	if n := s.waiting(); n != 2 {
		t.Errorf("%d messages", n)
	}
	w := s.worker()
	var order []ledger.JobID
	w.Progress = func(id ledger.JobID, _, _ int) { order = append(order, id) }
	stop := s.start(w.Run)
	s.done(slow)
	stop()
	if order[0] != fast {
		t.Error("the normal job went first")
	}
}
