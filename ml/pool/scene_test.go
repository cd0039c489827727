package pool_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/contract"
	"manx/ledger/embedded"
	"manx/ledger/ledgertest"
	"manx/ml"
	"manx/ml/ckks"
	"manx/ml/pool"
	"manx/ml/pool/engine"
	"manx/ml/pool/result"
	"manx/privacy"
	he "manx/privacy/ckks"
	"manx/privacy/reveal"
	"manx/storage"
	"manx/storage/memory"
	"manx/storage/vault"
)

// A scene has a ledger with the real contract, a vault, a queue with its
// dispatcher, a small linear model, and a patient with her own CKKS key.
type scene struct {
	*ledgertest.Story
	vault *vault.Vault
	queue *pool.Queue
	cfg   pool.Config
	open  atomic.Pointer[pool.Queue] // queue, for those who run beside the test

	owner, patient *ledgertest.Key
	plan           *ckks.Plan
	planRef        storage.Ref
	secret         *he.SecretKey
	keys           storage.Ref
	model          ledger.ModelID
	record         ledger.RecordID
}

const ackWait = 300 * time.Millisecond

func begin(t testing.TB) *scene {
	t.Helper()
	g, orgs := ledgertest.NewGenesis(3, rand.Reader)
	var now atomic.Int64
	now.Store(1_780_000_000)
	l, err := embedded.New(embedded.Config{Dir: t.TempDir(), Genesis: g, Node: orgs[0], Contract: contract.New(g), Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	check(t, err)
	t.Cleanup(func() { _ = l.Close() })
	s := &scene{cfg: pool.Config{Dir: t.TempDir(), Host: pool.Host{Genesis: g, Signer: orgs[0], Ledger: l}, AckWait: ackWait, MaxDeliver: 2}}
	s.Story = ledgertest.Begin(t, l, ledgertest.World{Genesis: g, Organisations: orgs,
		Now: func() ledger.Time { return ledger.Time(now.Load()) }, Advance: func(d ledger.Time) { now.Add(int64(d)) }})
	nodes := make([]vault.Node, vault.Nodes)
	for i := range nodes {
		nodes[i] = vault.Node{Name: strconv.Itoa(i), Blobs: new(memory.Blobs)}
	}
	s.vault, err = vault.New(nodes)
	check(t, err)
	s.openQueue()
	t.Cleanup(func() { _ = s.queue.Close() })

	graph := ml.Graph{Name: "sum", Input: []int{4}, Output: 1, Nodes: []ml.Node{{Op: ml.Linear{Out: 1, In: 4, Weights: []float64{1, 2, 3, 4}, Bias: []float64{.5}}, Args: []int{0}}}}
	s.plan, err = ckks.Compile(graph, [32]byte{1})
	check(t, err)
	s.planRef = s.store(func(w io.Writer) error { _, err := s.plan.WriteTo(w); return err })
	var seed [32]byte
	_, _ = rand.Read(seed[:])
	s.secret, err = he.NewSecretKey(s.plan.Set(), privacy.Hide(seed))
	check(t, err)
	s.keys = s.store(func(w io.Writer) error { return s.secret.WriteEvaluationKeys(t.Context(), w, s.plan.Needs(), nil) })
	s.owner, s.patient = s.Party(ledger.Health, ledger.Scientist), s.Party(ledger.Health, ledger.Person)
	s.record = s.Study(s.patient)
	s.model = s.publish(s.plan.Hash())
	return s
}

func (s *scene) openQueue() {
	s.T.Helper()
	var err error
	s.queue, err = pool.Open(s.T.Context(), s.cfg)
	check(s.T, err)
	s.open.Store(s.queue)
}

// store writes what write gives to a pack.
func (s *scene) store(write func(io.Writer) error) storage.Ref {
	s.T.Helper()
	var b bytes.Buffer
	check(s.T, write(&b))
	r, err := s.vault.Write(s.T.Context(), &b)
	check(s.T, err)
	return r
}

func (s *scene) publish(plan ledger.Hash) ledger.ModelID {
	s.T.Helper()
	return ledger.NewModelID(ledger.Health, s.Do(s.owner, ledger.PublishModel{
		Vertical: ledger.Health, Name: "sum", Version: "1", Hash: ledger.Hash{1}, Plan: s.planRef, PlanHash: plan, Card: ledgertest.Ref("card"),
		Accepts: []ledger.Kind{ledger.Study}, Features: []string{"ct-slice-64x64"}, Price: ledger.MAN(3),
	}))
}

// encrypt stores one encrypted input.
func (s *scene) encrypt(x ...float64) storage.Ref {
	s.T.Helper()
	in, err := s.plan.Encrypt(s.secret, privacy.Hide(x))
	check(s.T, err)
	return s.store(func(w io.Writer) error {
		for _, c := range in {
			if _, err := c.WriteTo(w); err != nil {
				return err
			}
		}
		return nil
	})
}

// ask has the patient ask for the model over two inputs.
func (s *scene) ask(m ledger.ModelID) ledger.JobID {
	s.T.Helper()
	return s.askOver(m, s.Fund(s.patient, ledger.MAN(3)), []storage.Ref{s.encrypt(1, 1, 1, 1), s.encrypt(0, 0, 0, 2)})
}

func (s *scene) askOver(m ledger.ModelID, fund ledger.CoinID, inputs []storage.Ref) ledger.JobID {
	s.T.Helper()
	return ledger.NewJobID(ledger.Health, s.Do(s.patient, s.wants(m, fund, inputs)))
}

// wants is what the patient signs to ask for a job.
func (s *scene) wants(m ledger.ModelID, fund ledger.CoinID, inputs []storage.Ref) ledger.RequestJob {
	return ledger.RequestJob{
		Model: m, Subject: s.patient.Party(), Purpose: ledger.Diagnosis, Fund: []ledger.CoinID{fund}, Fee: ledger.MAN(3),
		Deadline: s.World.Now() + 24*3600, Record: s.record, Version: 1, EvalKeys: s.keys, Inputs: inputs,
	}
}

// start runs something until the test ends or the returned function is called.
func (s *scene) start(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(s.T.Context())
	done := make(chan struct{})
	go func() {
		defer close(done) // also after runtime.Goexit
		if err := run(ctx); err != nil {
			s.T.Error(err)
		}
	}()
	stop = func() { cancel(); <-done }
	s.T.Cleanup(stop)
	return stop
}

func (s *scene) dispatch() (stop func()) {
	d := &pool.Dispatcher{Queue: s.queue, Ledger: s.Ledger}
	return s.start(d.Run)
}

func (s *scene) worker() *pool.Worker {
	s.T.Helper()
	k := s.Party(ledger.Common, ledger.Worker)
	return &pool.Worker{Ticket: s.ticket(k.Party()), Renew: s.renew(k.Party()), Network: s.World.Genesis.ID(), Signer: k, Ledger: s.Ledger, Packs: s.vault, Engine: engine.CKKS{}, Poll: 20 * time.Millisecond}
}

// ticket admits a worker.
func (s *scene) ticket(w ledger.PartyID) pool.Ticket {
	s.T.Helper()
	t, err := s.renew(w)(s.T.Context())
	check(s.T, err)
	return t
}

// renew admits a worker to the queue that was opened last.
func (s *scene) renew(w ledger.PartyID) func(context.Context) (pool.Ticket, error) {
	return func(ctx context.Context) (pool.Ticket, error) {
		text, err := s.open.Load().Admit(ctx, w)
		if err != nil {
			return pool.Ticket{}, err
		}
		return pool.ParseTicket(text, s.World.Genesis)
	}
}

func (s *scene) eventually(what string, ok func() bool) {
	s.T.Helper()
	for end := time.Now().Add(15 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.T.Fatal("in vain: ", what)
		}
	}
}

// done waits for a job's result and checks every number of it.
func (s *scene) done(id ledger.JobID) ledger.Job {
	s.T.Helper()
	s.eventually("the job is done", func() bool { return s.Job(id).Stage == ledger.Done })
	job := s.Job(id)
	p, err := s.vault.Open(s.T.Context(), job.Result)
	check(s.T, err)
	b := make([]byte, p.Size())
	_, err = p.ReadAt(b, 0)
	check(s.T, err)
	if sha256.Sum256(b) != job.Hash {
		s.T.Error("the result's bytes do not hash to what the ledger holds")
	}
	parts, err := result.Split(b)
	check(s.T, err)
	for i, want := range []float64{10.5, 8.5} {
		c, err := s.plan.ReadResult(bytes.NewReader(parts[i]))
		check(s.T, err)
		v, err := s.plan.Decrypt(s.secret, c)
		check(s.T, err)
		if got := v.Reveal(reveal.Token{})[0]; math.Abs(got-want) > 1e-3 {
			s.T.Errorf("result %d = %v, want %v", i, got, want)
		}
	}
	return job
}

// count returns how many events of a job's stage there were.
func (s *scene) count(id ledger.JobID, stage ledger.Stage) (n int) {
	s.T.Helper()
	ctx, cancel := context.WithTimeout(s.T.Context(), 300*time.Millisecond)
	defer cancel()
	for e, err := range s.Ledger.Events(ctx, 1) {
		if err != nil {
			return n
		}
		var j ledger.Job
		if e.Key == ledger.KeyOf(id) && json.Unmarshal(e.Body, &j) == nil && j.Stage == stage {
			n++
		}
	}
	return n
}

func (s *scene) waiting() uint64 {
	s.T.Helper()
	n, err := s.queue.Waiting(s.T.Context())
	check(s.T, err)
	return n
}

func (s *scene) asides() []pool.Aside {
	s.T.Helper()
	all, err := s.queue.Asides(s.T.Context())
	check(s.T, err)
	return all
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
