package pool_test

import (
	"context"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/ml/pool"
	"manx/ml/pool/engine"
	"manx/privacy/notice"
	"manx/storage"
)

// staked is a worker that can be drawn.
func (s *scene) staked() *pool.Worker {
	s.T.Helper()
	w := s.worker()
	k := w.Signer.(*ledgertest.Key)
	s.Do(k, ledger.LockStake{Worker: k.Party(), Amount: ledger.MAN(20), Fund: []ledger.CoinID{s.Fund(k, ledger.MAN(20))}})
	return w
}

// askProved has the patient ask with proof, and draws.
func (s *scene) askProved(c *ledgertest.Chance, p ledger.Proof) ledger.JobID {
	s.T.Helper()
	b := s.AskingProof(s.patient, s.model, s.record, p)
	b.EvalKeys, b.Inputs = s.keys, nil
	b.Inputs = append(b.Inputs, s.encrypt(1, 1, 1, 1), s.encrypt(0, 0, 0, 2))
	id := ledger.NewJobID(ledger.Health, s.Do(s.patient, b))
	s.Do(s.patient, ledger.DrawJob{Job: id, Value: c.Roll().Number})
	return id
}

// find has the organisations find all results of a job that are revealed.
func (s *scene) find(id ledger.JobID) {
	s.T.Helper()
	s.eventually("all reveal", func() bool { return s.Job(id).Stage == ledger.Revealed })
	s.Do(s.World.Organisations[0], ledger.FindResults{Job: id}, s.World.Organisations[1:]...)
}

func TestReplicasProveAResult(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.dispatch()
	chance := s.Chance(8)
	packs := &counting{Packs: s.vault}
	var workers []*pool.Worker
	for range 4 {
		w := s.staked()
		w.Packs = packs
		workers = append(workers, w)
	}
	id := s.askProved(chance, ledger.Proof{Replicas: 3})
	drawn := s.Job(id).Proving.Replicas
	last := slices.IndexFunc(workers, func(w *pool.Worker) bool { return w.Signer.Party() == drawn[2].Worker })
	for i, w := range workers {
		if i != last {
			s.start(w.Run)
		}
	}
	s.eventually("two commit", func() bool {
		n := 0
		for _, r := range s.Job(id).Proving.Replicas {
			if !r.Commitment.IsZero() {
				n++
			}
		}
		return n == 2
	})
	if n := packs.n.Load(); n != 0 {
		t.Errorf("%d results were published before all had committed", n)
	}
	s.start(workers[last].Run)
	s.find(id)
	job := s.done(id)
	for _, r := range job.Proving.Replicas {
		if r.Result != job.Result || r.Hash != job.Hash {
			t.Error("replicas of one job store different packs")
		}
	}
	if n := packs.n.Load(); n != 3 {
		t.Errorf("%d results were published", n)
	}
	if n := s.waiting(); n != 0 {
		t.Errorf("%d messages wait in the queue for a job whose workers are drawn", n)
	}
}

type counting struct {
	pool.Packs
	n atomic.Int32
}

// Write implements pool.Packs.
func (c *counting) Write(ctx context.Context, r io.Reader) (storage.Ref, error) {
	c.n.Add(1)
	return c.Packs.Write(ctx, r)
}

// A replica that is killed at any step goes on in a new process with the same
// commitment, and nobody is punished.
func TestInvariant8_ReplicasAreKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		command string
		done    bool // it reached the ledger
	}{
		"while it computes": {}, "before its commitment": {"job.commit", false}, "after its commitment": {"job.commit", true},
		"before it reveals": {"job.reveal", false}, "after it reveals": {"job.reveal", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := begin(t)
			chance := s.Chance(8)
			first, second := s.staked(), s.staked()
			again := *first // the same party in a new process
			var died atomic.Bool
			if c.command == "" {
				first.Progress = func(ledger.JobID, int, int) { died.Store(true); runtime.Goexit() }
			} else {
				first.Ledger = mortal{s.Ledger, c.command, c.done, &died}
			}
			id := s.askProved(chance, ledger.Proof{Replicas: 2})
			s.start(first.Run)
			s.start(second.Run)
			s.eventually("it dies", died.Load)
			s.start(again.Run)
			s.find(id)
			s.done(id)
			s.Do(s.patient, ledger.AcceptJob{Job: id})
			for _, w := range []*pool.Worker{first, second} {
				if st := ledgertest.Read[ledger.Standing](s.Story, ledger.StandingKey(w.Signer.Party())); st.Right != 1 || st.Silent+st.Wrong != 0 {
					t.Errorf("standing %+v", st)
				}
			}
		})
	}
}

// mortal ends its worker as SIGKILL does, at a command.
type mortal struct {
	ledger.Ledger
	at   string
	done bool
	died *atomic.Bool
}

// Submit implements pool.Submitter.
func (m mortal) Submit(ctx context.Context, c ledger.Command) (ledger.Height, error) {
	if c.Name != m.at || m.died.Load() {
		return m.Ledger.Submit(ctx, c)
	}
	if m.done {
		if _, err := m.Ledger.Submit(ctx, c); err != nil {
			return 0, err
		}
	}
	m.died.Store(true)
	runtime.Goexit()
	return 0, nil
}

// Where one is silent the others close its windows, and the organisations judge what
// two of three say.
func TestSilentReplicasAreWaitedForNoLonger(t *testing.T) {
	t.Parallel()
	s := begin(t)
	chance := s.Chance(8)
	w := []*pool.Worker{s.staked(), s.staked(), s.staked()}
	id := s.askProved(chance, ledger.Proof{Replicas: 3})
	s.start(w[0].Run)
	s.start(w[1].Run)
	s.eventually("two commit", func() bool {
		n := 0
		for _, r := range s.Job(id).Proving.Replicas {
			if !r.Commitment.IsZero() {
				n++
			}
		}
		return n == 2
	})
	s.Wait(ledger.MinWindow)
	s.find(id)
	if j := s.Job(id); j.Stage != ledger.Disputed {
		t.Fatalf("the job is %s", j.Stage)
	}
	hash, err := w[2].Rerun(t.Context(), id)
	check(t, err)
	s.Do(s.World.Organisations[0], ledger.JudgeJob{Job: id, Hash: hash}, s.World.Organisations[1:]...)
	s.done(id)
	s.Do(s.patient, ledger.AcceptJob{Job: id})
	if got := s.StakeOf(w[2].Signer.(*ledgertest.Key)); got.String() != "19.8" {
		t.Errorf("the silent one's stake holds %s", got)
	}
}

// Anybody evaluates a job again from its receipt, without the ledger, and is told
// what was destroyed since.
func TestRerunFromAReceipt(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.dispatch()
	s.start(s.worker().Run)
	id := s.ask(s.model)
	job := s.done(id)
	s.Do(s.patient, ledger.AcceptJob{Job: id})
	r := s.Proved(id)
	h, err := pool.RerunReceipt(t.Context(), s.vault, engine.CKKS{}, r)
	check(t, err)
	if h != r.Hash || h != job.Hash {
		t.Errorf("the rerun gives %s, the receipt says %s", h, r.Hash)
	}
	swapped := r
	swapped.Inputs = []storage.Ref{r.Inputs[1], r.Inputs[0]}
	if h, err := pool.RerunReceipt(t.Context(), s.vault, engine.CKKS{}, swapped); err != nil || h == r.Hash {
		t.Errorf("other inputs give %s, %v", h, err)
	}
	gone := r
	gone.EvalKeys = ledgertest.Ref("destroyed")
	if _, err := pool.RerunReceipt(t.Context(), s.vault, engine.CKKS{}, gone); !notice.Is(err, notice.NotFound) || !strings.Contains(err.Error(), "evaluation keys") {
		t.Errorf("what was destroyed: %v", err)
	}
	if _, err := pool.RerunReceipt(t.Context(), s.vault, engine.CKKS{}, ledger.Receipt{}); !notice.Is(err, notice.Unsupported) {
		t.Errorf("a receipt of no evaluation: %v", err)
	}
}
