package canary

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"manx/health/chart"
	"manx/ledger"
	"manx/ledger/contract"
	"manx/ledger/embedded"
	"manx/ledger/ledgertest"
	"manx/ml/pool"
	"manx/ml/pool/result"
	"manx/storage"
	"manx/storage/memory"
	"manx/storage/vault"
)

// digest is a runtime whose results are hashes of what it is given.
type digest struct{ seen []byte }

func (d digest) Load(_ context.Context, plan []byte) (pool.Program, error) { return digest{plan}, nil }
func (d digest) Bind(_ context.Context, keys io.Reader) (pool.Evaluator, error) {
	b, err := io.ReadAll(keys)
	return digest{append(d.seen, b...)}, err
}
func (d digest) Evaluate(_ context.Context, in io.Reader, out io.Writer, _ func(step, of int)) error {
	b, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(append(d.seen, b...))
	_, err = out.Write(sum[:])
	return err
}

// Each job that a person asks is followed by one whose result is known. A worker that
// lies in it loses half its stake; one that does not is not told of it, and who asked can
// ask again.
func TestALiarIsCaughtByACanary(t *testing.T) {
	g, orgs := ledgertest.NewGenesis(3, rand.Reader)
	var now atomic.Int64
	now.Store(1_780_000_000)
	l, err := embedded.New(embedded.Config{Dir: t.TempDir(), Genesis: g, Node: orgs[0], Contract: contract.New(g), Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	check(t, err)
	t.Cleanup(func() { _ = l.Close() })
	s := ledgertest.Begin(t, l, ledgertest.World{Genesis: g, Organisations: orgs, Now: func() ledger.Time { return ledger.Time(now.Load()) }, Advance: func(d ledger.Time) { now.Add(int64(d)) }})
	stores := make([]storage.Blobs, vault.Nodes)
	for i := range stores {
		stores[i] = new(memory.Blobs)
	}
	packs, err := vault.Over(stores)
	check(t, err)
	store := func(what string) storage.Ref {
		r, err := packs.Write(t.Context(), bytes.NewReader([]byte(what)))
		check(t, err)
		return r
	}
	plan := store("plan")
	model := ledger.NewModelID(ledger.Health, s.Do(s.Party(ledger.Health, ledger.Scientist), ledger.PublishModel{
		Vertical: ledger.Health, Name: "digest", Version: "1", Hash: ledger.Hash{1}, Plan: plan, PlanHash: sha256.Sum256([]byte("plan")), Card: ledgertest.Ref("card"),
		Accepts: []ledger.Kind{ledger.Study}, Features: []string{"ct-slice"}, Price: ledger.MAN(3)}))
	right := func(in string) ledger.Hash {
		sum := sha256.Sum256([]byte("plan" + "keys" + in))
		b, err := result.Join([][]byte{sum[:]})
		check(t, err)
		return sha256.Sum256(b)
	}
	chance := s.Chance(8)
	spy, patient := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Person)
	ask := func(p *ledgertest.Key, in string, proof *ledger.Proof) ledger.RequestJob {
		return ledger.RequestJob{Model: model, Subject: p.Party(), Purpose: ledger.Diagnosis, Fund: []ledger.CoinID{s.Fund(p, ledger.MAN(3))}, Fee: ledger.MAN(3),
			Deadline: s.World.Now() + 24*3600, Record: s.Study(p), Version: 1, EvalKeys: store("keys"), Inputs: []storage.Ref{store(in)}, Proof: proof}
	}

	liked, asked := make(chan ledger.Job), make(chan ledger.JobID)
	var spent atomic.Int32
	var again atomic.Value
	again.Store(right("known"))
	a := &Asker{Dir: t.TempDir(), Share: 1, Within: time.Millisecond, Ledger: l, Packs: packs, Engine: digest{}, Log: slog.New(slog.DiscardHandler),
		Ask: func(ctx context.Context, like ledger.Job, before Before) error {
			liked <- like
			var proof *ledger.Proof
			if like.Proving != nil {
				proof = &like.Proving.Proof
			}
			body := ask(spy, "known", proof)
			c := s.Sign(spy, body)
			id := ledger.NewJobID(ledger.Health, c.ID)
			if err := before(ctx, id, body); err != nil {
				return err
			}
			_, err := s.Submit(c)
			asked <- id
			return err
		},
		Mine:  func(p ledger.PartyID) bool { return p == spy.Party() },
		Spent: func(p ledger.PartyID) error { spent.Add(1); return nil },
		Order: func(_ context.Context, b ledger.Body) error {
			_, err := s.Submit(s.Sign(orgs[0], b, orgs[1:]...))
			return err
		},
		Again: func(context.Context, ledger.JobID) (ledger.Hash, error) { return again.Load().(ledger.Hash), nil },
	}
	if h, err := l.Height(); err == nil {
		a.From = h + 1
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	defer func() { stop(); check(t, <-done) }()
	open := func() int {
		all, err := filepath.Glob(filepath.Join(a.Dir, "*.json"))
		check(t, err)
		return len(all)
	}
	// canary has a patient ask, and returns the canary that follows.
	canary := func(proof *ledger.Proof) ledger.JobID {
		id := ledger.NewJobID(ledger.Health, s.Do(patient, ask(patient, "hers", proof)))
		if like := <-liked; like.ID != id {
			t.Error("a canary is asked like another job")
		}
		return <-asked
	}
	// ends says the canary's result, has it end, and waits until that is tended to.
	disputes := false
	ends := func(id ledger.JobID, result ledger.Hash, w *ledgertest.Key) {
		s.Do(w, ledger.ClaimJob{Job: id})
		s.Do(w, ledger.PostResult{Job: id, Result: ledgertest.Ref("result"), Hash: result})
		if disputes {
			s.Do(spy, ledger.DisputeJob{Job: id})
			s.Do(orgs[0], ledger.JudgeJob{Job: id}, orgs[1:]...)
		} else {
			s.Do(spy, ledger.AcceptJob{Job: id})
		}
		for end := time.Now().Add(10 * time.Second); open() > 0; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("a canary that has ended is not tended to")
			}
			s.Wait(1)
		}
	}
	honest, liar := s.Staked(ledger.MAN(20)), s.Staked(ledger.MAN(20))
	ends(canary(nil), right("known"), honest)
	if got := s.StakeOf(honest); got != ledger.MAN(20) || spent.Load() != 0 {
		t.Errorf("who said what is right holds %s of 20, and %d persons are spent", got, spent.Load())
	}
	ends(canary(nil), ledger.Hash{7}, liar)
	if got := s.StakeOf(liar); got != ledger.MAN(10) || spent.Load() != 1 {
		t.Errorf("a liar holds %s of 20, and %d persons are spent", got, spent.Load())
	}

	// The same where the result did not open, so that the person disputed it.
	disputes = true
	ends(canary(nil), ledger.Hash{7}, liar)
	if got := s.StakeOf(liar); got != ledger.MAN(5) || spent.Load() != 2 {
		t.Errorf("a liar whose lie was disputed holds %s of 10, and %d persons are spent", got, spent.Load())
	}
	disputes = false

	// With proof a coalition that is drawn alone says the same lie.
	id := canary(&ledger.Proof{Replicas: 2})
	others := []*ledgertest.Key{s.Staked(ledger.MAN(20)), liar, honest}
	drawn := s.Draw(id, chance.Roll(), others...)
	s.Reply(id, ledgertest.Replying(drawn[0], ledger.Hash{7}), ledgertest.Replying(drawn[1], ledger.Hash{7}))
	s.Do(spy, ledger.AcceptJob{Job: id})
	was := map[*ledgertest.Key]ledger.Amount{}
	for _, d := range drawn {
		was[d] = s.StakeOf(d)
	}
	for end := time.Now().Add(10 * time.Second); open() > 0 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		s.Wait(1)
	}
	for _, d := range drawn {
		if got := s.StakeOf(d); got != was[d].Part(1, 2) {
			t.Errorf("one of a coalition holds %s of %s", got, was[d])
		}
	}

	// Where a second evaluation says otherwise, nobody is accused.
	again.Store(ledger.Hash{7})
	third := s.Staked(ledger.MAN(20))
	ends(canary(nil), ledger.Hash{7}, third)
	if got := s.StakeOf(third); got != ledger.MAN(20) {
		t.Errorf("who may have been right holds %s of 20", got)
	}
}

func TestPeopleAreRemembered(t *testing.T) {
	p := &People{Dir: filepath.Join(t.TempDir(), "people")}
	check(t, p.Open())
	home, err := p.choose()
	check(t, err)
	check(t, os.WriteFile(filepath.Join(home, partyFile), []byte("health-p-1"), 0o600))
	again := &People{Dir: p.Dir}
	check(t, again.Open())
	if !again.Mine("health-p-1") || again.Mine("health-p-2") {
		t.Error("who asks is not known after a restart")
	}
	check(t, again.Spent("health-p-1"))
	for range 20 {
		if next, err := again.choose(); err != nil || next == home {
			t.Fatalf("who is known to all asks again: %v", err)
		}
	}
}

func TestMadeUpChartsAreCharts(t *testing.T) {
	counts := map[int]bool{}
	for range 50 {
		c, err := someChart()
		check(t, err)
		if c.Count() < 1 || c.Count() > len(chart.Measures()) {
			t.Fatalf("%d measurements", c.Count())
		}
		counts[c.Count()] = true
	}
	if len(counts) < 2 {
		t.Error("all are alike: " + fmt.Sprint(counts))
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
