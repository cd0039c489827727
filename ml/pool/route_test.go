package pool_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/ml/pool"
	"manx/ml/pool/schedule"
	"manx/privacy/notice"
	"manx/storage"
)

// route starts a dispatcher that can be looked at.
func (s *scene) route(d *pool.Dispatcher) *pool.Dispatcher {
	d.Queue, d.Ledger = s.queue, s.Ledger
	s.start(d.Run)
	return d
}

func onCPU(context.Context, ledger.Job) pool.Need {
	return pool.Need{Line: pool.CKKS, Classes: []pool.Class{pool.CPU, pool.CPUIFMA}, Priority: pool.Normal, Work: 1e6}
}

// joins starts a worker and waits until the dispatcher knows it.
func (s *scene) joins(d *pool.Dispatcher, w *pool.Worker) (stop func()) {
	s.T.Helper()
	stop = s.start(w.Run)
	s.eventually("the worker is known", func() bool {
		for _, x := range d.Status().Workers {
			if x.Worker == w.Signer.Party() {
				return true
			}
		}
		return false
	})
	return stop
}

func TestTheFasterWorkerGetsTheJob(t *testing.T) {
	t.Parallel()
	s := begin(t)
	d := s.route(&pool.Dispatcher{Route: onCPU})
	slow, fast := s.worker(), s.worker()
	slow.Rates, fast.Rates = map[pool.Class]float64{pool.CPU: 1e8}, map[pool.Class]float64{pool.CPUIFMA: 1e9}
	s.joins(d, slow)
	s.joins(d, fast)
	for range 3 {
		if j := s.done(s.ask(s.model)); j.Worker != fast.Signer.Party() {
			t.Error("the slower worker was chosen")
		}
		s.eventually("it is free again", func() bool { return d.Status().Running == 0 && s.waiting() == 0 })
	}
	for _, w := range d.Status().Workers {
		if w.Worker == fast.Signer.Party() && len(w.Keys) != 1 {
			t.Errorf("it advertises %d keys", len(w.Keys))
		}
	}
}

// A GPU of 8 GiB is not given what needs 24, whatever it promises; and what no machine
// there is of a class for waits on the open line.
func TestAJobGoesWhereItFits(t *testing.T) {
	t.Parallel()
	s := begin(t)
	d := s.route(&pool.Dispatcher{Route: func(context.Context, ledger.Job) pool.Need {
		return pool.Need{Line: pool.CKKS, Classes: pool.GPUs(20 << 30), Priority: pool.Normal, Work: 1e6}
	}})
	small, large := s.worker(), s.worker()
	small.Rates, large.Rates = map[pool.Class]float64{"gpu-8": 1e12}, map[pool.Class]float64{"gpu-24": 1e9}
	s.joins(d, small)
	s.joins(d, large)
	for range 2 {
		if s.done(s.ask(s.model)).Worker != large.Signer.Party() {
			t.Error("the small GPU was given it")
		}
	}
}

// The chosen worker advertises itself, and gets nowhere.
func TestASilentChoiceStrandsNoJob(t *testing.T) {
	t.Parallel()
	s := begin(t)
	d := s.route(&pool.Dispatcher{Route: onCPU})
	idle, other := s.worker(), s.worker()
	idle.Rates, other.Rates = map[pool.Class]float64{pool.CPU: 1e12}, map[pool.Class]float64{pool.CPU: 1e9}
	idle.Ledger, idle.Drain = stuck{s.Ledger}, 10*time.Millisecond
	s.joins(d, idle)
	s.joins(d, other)
	if j := s.done(s.ask(s.model)); j.Worker != other.Signer.Party() {
		t.Error("the worker that gets nowhere is on record")
	}
}

// A dispatcher that begins anew leaves no message behind on a line whose worker does not
// come back.
func TestANewDispatcherKnowsNoOldLine(t *testing.T) {
	t.Parallel()
	s := begin(t)
	d := &pool.Dispatcher{Queue: s.queue, Ledger: s.Ledger}
	stop := s.start(d.Run)
	gone := s.worker()
	gone.Ledger, gone.Drain = stuck{s.Ledger}, 10*time.Millisecond
	leave := s.joins(d, gone)
	id := s.ask(s.model)
	s.eventually("it is given", func() bool { all := d.Status().Workers; return len(all) == 1 && all[0].Given == 1 })
	stop()
	leave()
	if n := s.waiting(); n != 1 {
		t.Errorf("%d messages", n)
	}
	s.route(&pool.Dispatcher{})
	s.start(s.worker().Run)
	s.done(id)
	s.eventually("nothing is left", func() bool { return s.waiting() == 0 })
}

// Dispatcher and worker are killed in the middle of a job. The worker that comes back
// goes on with it at once, whichever of the two is there first, and waits for no lease.
func TestInvariant8_AWorkerThatComesBackGoesOn(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"dispatcher", "worker"} {
		t.Run(first+" first", func(t *testing.T) {
			t.Parallel()
			s := begin(t)
			d := &pool.Dispatcher{Queue: s.queue, Ledger: s.Ledger}
			stop := s.start(d.Run)
			killed := s.worker()
			killed.Progress = func(ledger.JobID, int, int) { runtime.Goexit() }
			s.joins(d, killed)
			id := s.ask(s.model)
			s.eventually("it is claimed", func() bool { return s.Job(id).Stage == ledger.Claimed })
			stop()
			back := s.worker()
			back.Signer, back.Ticket = killed.Signer, killed.Ticket
			if first == "worker" {
				s.start(back.Run)
				time.Sleep(2 * betweenLooks) // it has looked at its line, and said that it is there
			}
			d = s.route(&pool.Dispatcher{})
			if first == "dispatcher" {
				s.eventually("the dispatcher knows the job", func() bool { return d.Status().Running == 1 })
				s.start(back.Run)
			}
			if j := s.done(id); j.Worker != killed.Signer.Party() {
				t.Error("another did it")
			}
			s.eventually("nothing is left", func() bool { return s.waiting() == 0 })
		})
	}
}

const betweenLooks = 150 * time.Millisecond // between looks of a worker

// stuck is a ledger that takes no commands for as long as it is asked.
type stuck struct{ ledger.Ledger }

func (stuck) Submit(ctx context.Context, _ ledger.Command) (ledger.Height, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

func TestADrainingWorkerTakesNoMore(t *testing.T) {
	t.Parallel()
	s := begin(t)
	d := s.route(&pool.Dispatcher{})
	w := s.worker()
	w.Control = new(pool.Control)
	began, goOn := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	w.Progress = func(ledger.JobID, int, int) {
		if once.CompareAndSwap(false, true) {
			close(began)
			<-goOn
		}
	}
	s.joins(d, w)
	first := s.ask(s.model)
	<-began
	second := s.ask(s.model)
	w.Control.Drain(true)
	s.eventually("the node knows", func() bool { all := d.Status().Workers; return len(all) == 1 && all[0].Draining })
	if w.Control.Idle() {
		t.Error("it is idle with a job in hand")
	}
	close(goOn)
	s.done(first)
	s.eventually("it is idle", w.Control.Idle)
	time.Sleep(2 * ackWait)
	if st := s.Job(second).Stage; st != ledger.Ready {
		t.Errorf("the second job is %s", st)
	}
	w.Control.Drain(false)
	s.done(second)
}

func TestAWorkerThatHasWithdrawnIsForgotten(t *testing.T) {
	t.Parallel()
	s := begin(t)
	d := s.route(&pool.Dispatcher{})
	w := s.worker()
	w.Control = new(pool.Control)
	stop := s.joins(d, w)
	w.Control.Withdraw()
	stop()
	s.eventually("it is forgotten", func() bool { return len(d.Status().Workers) == 0 })
	s.start(s.worker().Run)
	s.done(s.ask(s.model))
}

// The node tells the worker, which looks by itself once an hour here.
func TestARevokedJobStopsWithinASecond(t *testing.T) {
	t.Parallel()
	s := begin(t)
	d := s.route(&pool.Dispatcher{})
	lender, furnisher, borrower := s.Party(ledger.Credit, ledger.Lender), s.Party(ledger.Credit, ledger.Furnisher), s.Party(ledger.Credit, ledger.Person)
	body := ledgertest.Scorecard("credit_limit")
	body.Plan, body.PlanHash = s.planRef, s.plan.Hash()
	model := ledger.NewModelID(ledger.Credit, s.Do(s.Party(ledger.Credit, ledger.Scientist), body))
	file := s.File(borrower, furnisher)
	id := s.AskScore(lender, borrower, model, s.Fund(lender, ledger.MAN(2)), 24*3600)
	grant := s.Grant(borrower, id, file)
	w := s.worker()
	stopped := make(chan time.Time, 1)
	w.Engine, w.Poll = waiting{stopped}, time.Hour
	s.joins(d, w)
	s.Do(borrower, ledger.PostInput{Job: id, Grant: grant, Record: file, Version: 1, EvalKeys: s.keys, Inputs: []storage.Ref{s.encrypt(1, 1, 1, 1)}})
	s.eventually("the claim", func() bool { return s.Job(id).Stage == ledger.Claimed })
	revoked := time.Now()
	s.Do(borrower, ledger.RevokeGrant{Grant: grant})
	select {
	case at := <-stopped:
		t.Logf("stopped %v after the grant was revoked", at.Sub(revoked))
	case <-time.After(time.Second):
		t.Error("the job still runs a second after its grant was revoked")
	}
	s.eventually("the queue is empty", func() bool { return s.waiting() == 0 })
}

// waiting loads until it is stopped, and says when that was.
type waiting struct{ stopped chan time.Time }

func (w waiting) Load(ctx context.Context, _ []byte) (pool.Program, error) {
	<-ctx.Done()
	w.stopped <- time.Now()
	return nil, context.Cause(ctx)
}

func TestAnAskersQuotaHoldsItsJobsBack(t *testing.T) {
	t.Parallel()
	s := begin(t)
	d := s.route(&pool.Dispatcher{Rules: schedule.Rules{InFlight: 1, PerAsker: 2}})
	goOn := make(chan struct{})
	var most, now atomic.Int32
	for range 2 {
		w := s.worker()
		w.Progress = func(_ ledger.JobID, step, of int) {
			if step == 1 {
				most.Store(max(most.Load(), now.Add(1)))
				<-goOn
			}
			if step == of {
				now.Add(-1)
			}
		}
		s.joins(d, w)
	}
	var all []ledger.JobID
	for range 4 {
		all = append(all, s.ask(s.model))
	}
	s.eventually("one runs and one is held back", func() bool { st := d.Status(); return st.Running == 1 && st.Held == 1 && st.Waiting == 3 })
	if err := d.Room(s.patient.Party()); !notice.Is(err, notice.Exhausted) || !strings.Contains(notice.From(err).Hint, "try again in ") {
		t.Errorf("a full queue says %v", err)
	}
	if err := d.Room(s.owner.Party()); err != nil {
		t.Errorf("another asker is refused: %v", err)
	}
	close(goOn)
	for _, id := range all {
		s.done(id)
	}
	if most.Load() != 1 {
		t.Errorf("%d ran at once", most.Load())
	}
}

// The same on a server of somebody else's, with its users: as `manx up --nats` does.
func TestAJobThroughACluster(t *testing.T) {
	t.Parallel()
	s := begin(t)
	check(t, s.queue.Close())
	certs := authority(t)
	serve := func(conf *tls.Config) *server.Server {
		t.Helper()
		other, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true, NoSystemAccount: true, TLSConfig: conf,
			Users: []*server.User{{Username: "exchange", Password: "a"}, {Username: "workers", Password: "b", Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{Allow: []string{"pool.advert.*", "pool.back.*", "$JS.API.CONSUMER.INFO.JOBS.*", "$JS.API.CONSUMER.MSG.NEXT.JOBS.*", "$JS.ACK.JOBS.>"}},
				// Each worker's inbox is a first word of its own, which no pattern names alone.
				Subscribe: &server.SubjectPermission{Allow: []string{">"}, Deny: []string{"jobs.>", "state.>", "pool.>"}},
			}}}})
		check(t, err)
		other.Start()
		t.Cleanup(other.Shutdown)
		if !other.ReadyForConnections(10 * time.Second) {
			t.Fatal("the other server does not start")
		}
		return other
	}
	own, err := tls.LoadX509KeyPair(filepath.Join(certs, "tls.crt"), filepath.Join(certs, "tls.key"))
	check(t, err)
	text, err := os.ReadFile(filepath.Join(certs, "workers", "ca.crt"))
	check(t, err)
	badges := x509.NewCertPool()
	badges.AppendCertsFromPEM(text)
	file := filepath.Join(t.TempDir(), "users")
	check(t, os.WriteFile(file, []byte("exchange:a\nworkers:b\n"), 0o600))
	at := func(o *server.Server) string { return "tls://" + o.Addr().String() }
	s.cfg = pool.Config{Host: s.cfg.Host, Credentials: file, Authority: filepath.Join(certs, "workers", "authority.pem"), Roots: filepath.Join(certs, "ca.crt"), AckWait: ackWait, MaxDeliver: 2}
	for what, conf := range map[string]*tls.Config{"plain text": nil, "who shows no badge": {Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS13}} {
		s.cfg.URL = at(serve(conf))
		if q, err := pool.Open(t.Context(), s.cfg); !notice.Is(err, notice.Unavailable) {
			t.Errorf("a cluster that takes %s is joined: %v", what, errors.Join(err, q.Close()))
		}
	}
	other := serve(&tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: badges})
	s.cfg.URL = at(other)
	s.openQueue()
	d := s.route(&pool.Dispatcher{})
	s.joins(d, s.worker())
	s.done(s.ask(s.model))
	s.eventually("the queue is empty", func() bool { return s.waiting() == 0 })
	other.Shutdown()
	s.cfg.Credentials = filepath.Join(t.TempDir(), "none")
	if _, err := pool.Open(t.Context(), s.cfg); !notice.Is(err, notice.Unavailable) {
		t.Errorf("no credentials gave %v", err)
	}
}

func TestAFullLineHoldsJobsBack(t *testing.T) {
	t.Parallel()
	s := begin(t)
	d := s.route(&pool.Dispatcher{OpenLines: 2})
	var all []ledger.JobID
	for range 5 {
		all = append(all, s.ask(s.model))
	}
	s.eventually("two are on the line", func() bool { st := d.Status(); return st.Held == 3 && st.Waiting == 5 })
	if n := s.waiting(); n != 2 {
		t.Errorf("%d messages", n)
	}
	s.start(s.worker().Run)
	for _, id := range all {
		s.done(id)
	}
	s.eventually("nothing is left", func() bool { st := d.Status(); return st.Waiting+st.Running == 0 && s.waiting() == 0 })
}

func TestMetricsNameNobody(t *testing.T) {
	t.Parallel()
	s := begin(t)
	d := s.route(&pool.Dispatcher{})
	w := s.worker()
	w.Control = new(pool.Control)
	s.joins(d, w)
	job := s.done(s.ask(s.model))
	var b strings.Builder
	s.eventually("both have counted it", func() bool {
		b.Reset()
		check(t, d.WriteMetrics(&b))
		check(t, w.Control.WriteMetrics(&b))
		return strings.Contains(b.String(), `manx_pool_jobs_total{outcome="done"} 1`) && strings.Contains(b.String(), `manx_worker_jobs_total{outcome="done"} 1`)
	})
	for _, want := range []string{"manx_pool_queue_depth{class=", "manx_pool_wait_seconds_count 1", "manx_worker_evaluation_seconds_count 2", "# TYPE manx_worker_cache_bytes gauge"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	for _, id := range []string{string(job.ID), string(job.Asker), string(job.Worker), string(job.Model), fmt.Sprint(s.keys)} {
		if strings.Contains(b.String(), id) {
			t.Errorf("the figures name %s", id)
		}
	}
}
