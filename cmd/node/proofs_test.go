package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"log/slog"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/contract"
	"manx/ledger/embedded"
	"manx/ledger/ledgertest"
	"manx/storage"
	"manx/storage/memory"
	"manx/storage/vault"
)

// proving is a clerk on a ledger of its own, and the actors of a story on it.
func proving(t *testing.T) (*clerk, *ledgertest.Story, *vault.Vault) {
	t.Helper()
	g, orgs, err := found(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var keys []*ledgertest.Key
	for _, o := range orgs {
		keys = append(keys, ledgertest.NewKey(ledger.Common, bytes.NewReader(o.key.Seed())))
	}
	now := ledger.Time(1_780_000_000)
	l, err := embedded.New(embedded.Config{Dir: t.TempDir(), Genesis: g, Node: orgs[0], Contract: contract.New(g), Now: func() time.Time { return time.Unix(int64(now), 0) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s := ledgertest.Begin(t, l, ledgertest.World{Genesis: g, Organisations: keys, Now: func() ledger.Time { return now }, Advance: func(d ledger.Time) { now += d }})
	stores := make([]storage.Blobs, storageNodes)
	for i := range stores {
		stores[i] = new(memory.Blobs)
	}
	packs, err := vault.Over(stores)
	if err != nil {
		t.Fatal(err)
	}
	return &clerk{genesis: g, orgs: orgs, ledger: l, stores: stores, log: slog.New(slog.DiscardHandler)}, s, packs
}

// The clerk rolls the beacon while a job waits, draws it, and finds what replicas
// stored, and what they did not.
func TestTheClerkProves(t *testing.T) {
	k, s, packs := proving(t)
	patient := s.Party(ledger.Health, ledger.Person)
	model, study := s.HealthModel(s.Party(ledger.Health, ledger.Scientist)), s.Study(patient)
	workers := map[ledger.PartyID]*ledgertest.Key{}
	for range 4 {
		w := s.Staked(ledger.MAN(20))
		workers[w.Party()] = w
	}
	id := s.AskProved(patient, model, study, ledger.Proof{Confidence: 9900})
	beat := func() {
		t.Helper()
		if err := k.prove(t.Context(), map[ledger.JobID]ledger.Job{id: s.Job(id)}); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; s.Job(id).Stage == ledger.Ready; i++ {
		if i == 4 {
			t.Fatal("the job is not drawn")
		}
		if i == 2 {
			k.chance = chance{} // a node that started again has other chains
		}
		beat()
		s.Wait(ledger.Epoch)
	}
	var replies []ledgertest.Reply
	for i, r := range s.Job(id).Proving.Replicas {
		b := []byte("result")
		if i == 3 {
			b = []byte("result that nobody stored")
		}
		replies = append(replies, ledgertest.Replying(workers[r.Worker], sha256.Sum256(b)))
		s.Do(workers[r.Worker], replies[i].Commit(id))
	}
	for i, r := range replies {
		b := r.Reveal(id)
		if i < 3 {
			ref, err := packs.Write(t.Context(), bytes.NewReader([]byte("result")))
			if err != nil {
				t.Fatal(err)
			}
			b.Result = ref
		}
		s.Do(r.By, b)
	}
	if err := k.prove(t.Context(), map[ledger.JobID]ledger.Job{id: s.Job(id)}); err == nil {
		t.Error("what is missing is not looked for again")
	}
	s.Wait(ledger.RevealWithin / 2)
	beat()
	j := s.Job(id)
	if j.Stage != ledger.Disputed {
		t.Fatalf("the job is %s", j.Stage)
	}
	for i, r := range j.Proving.Replicas {
		if r.Lost != (i == 3) {
			t.Errorf("replica %d is lost: %v", i, r.Lost)
		}
	}
	hash := replies[0].Hash
	judged := 0
	k.judge = func(context.Context, ledger.JobID) (ledger.Hash, error) { judged++; return hash, nil }
	if err := k.settleDispute(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	if j = s.Job(id); j.Stage != ledger.Done || j.Hash != hash {
		t.Fatalf("after the verdict the job is %s", j.Stage)
	}
	// A second doubt has a verdict of its own, in the same second too.
	s.Do(patient, ledger.DisputeJob{Job: id})
	if err := k.settleDispute(t.Context(), s.Job(id)); err != nil {
		t.Fatal(err)
	}
	if j = s.Job(id); j.Stage != ledger.Settled || judged != 2 {
		t.Errorf("after %d verdicts the job is %s", judged, j.Stage)
	}
}
