package embedded

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/storage"
)

const manyFolder = "MANX_TEST_MANY_FOLDER"

// TestManyChild is not a test of its own: it is the process that
// TestInvariant3_8_KilledWhileSettlingMany kills. Four workers claim, answer and settle
// eight jobs by one command each, over and over.
func TestManyChild(t *testing.T) {
	dir := os.Getenv(manyFolder)
	if dir == "" {
		t.Skip("runs only as a child")
	}
	cfg, w := steady(dir)
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := ledgertest.Begin(t, l, w)
	model := s.HealthModel(s.Party(ledger.Health, ledger.Scientist))
	var mu sync.Mutex
	do := func(by ledger.Signer, b ledger.Body, cosigners ...*ledgertest.Key) (ledger.CommandID, bool) {
		c, err := ledger.NewCommand(w.Genesis.ID(), by, w.Now()+3600, b)
		if err != nil {
			t.Error(err)
			return c.ID, false
		}
		for _, k := range cosigners {
			c.Cosign(k)
		}
		h, err := l.Submit(t.Context(), c)
		if err != nil {
			t.Error(err)
			return c.ID, false
		}
		j, err := json.Marshal(acknowledged{c, h})
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf("ack %s\n", j)
		return c.ID, err == nil
	}
	var wait sync.WaitGroup
	for range 4 {
		patient, worker := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Common, ledger.Worker)
		wait.Go(func() {
			for {
				study, ok := do(patient, ledger.RegisterRecord{Kind: ledger.Study, Manifest: ledgertest.Ref("m"), Digest: ledger.Hash{1}})
				var done []ledger.PostResult
				var jobs []ledger.JobID
				for range 8 {
					coins, funded := do(w.Organisations[0], ledger.IssueCoins{Out: []ledger.Output{{To: patient.Party(), Amount: ledger.MAN(3)}}, Reason: "test"}, w.Organisations[1:]...)
					id, asked := do(patient, ledger.RequestJob{Model: model, Subject: patient.Party(), Purpose: ledger.Diagnosis, Fund: []ledger.CoinID{ledger.NewCoinID(coins, 0)},
						Fee: ledger.MAN(3), Deadline: w.Now() + 3600, Record: ledger.NewRecordID(ledger.Health, study), Version: 1,
						Inputs: []storage.Ref{ledgertest.Ref("x")}, EvalKeys: ledgertest.Ref("keys")})
					ok = ok && funded && asked
					jobs = append(jobs, ledger.NewJobID(ledger.Health, id))
					done = append(done, ledger.PostResult{Job: jobs[len(jobs)-1], Result: ledgertest.Ref("r"), Hash: ledger.Hash{1}})
				}
				for _, step := range []struct {
					by *ledgertest.Key
					b  ledger.Body
				}{{worker, ledger.WorkJobs{Claims: jobs}}, {worker, ledger.WorkJobs{Results: done}}, {patient, ledger.SettleJobs{Accept: jobs}}} {
					_, did := do(step.by, step.b)
					ok = ok && did
				}
				if !ok {
					return
				}
			}
		})
	}
	wait.Wait()
}

// A process is killed while it settles many jobs at once: what it acknowledged is there,
// whole; no job is settled twice; no money is made or lost; the chain verifies.
func TestInvariant3_8_KilledWhileSettlingMany(t *testing.T) {
	settled := 0
	for _, after := range []int{60, 103, 150} {
		l := killed(t, "TestManyChild", manyFolder, after)
		settled += wholeSettlements(t, l)
		whole(t, l)
	}
	if settled == 0 {
		t.Error("nothing was settled before a kill: nothing is shown")
	}
}

// wholeSettlements checks that every settlement is of eight jobs, with a receipt each,
// that coins and fees held are the supply, and returns how many settlements there are.
func wholeSettlements(t *testing.T, l *Ledger) int {
	t.Helper()
	sum, settled, receipts := ledger.Amount{}, map[ledger.CommandID]int{}, 0
	jobs, coins := map[ledger.Key]ledger.Stage{}, map[ledger.Key]ledger.Amount{}
	add := func(a ledger.Amount) {
		var err error
		if sum, err = sum.Add(a); err != nil {
			t.Fatal(err)
		}
	}
	for next := (place{height: 1}); ; {
		some, err := l.eventsFrom(next)
		if err != nil {
			t.Fatal(err)
		}
		if len(some) == 0 {
			break
		}
		next = place{some[len(some)-1].height, some[len(some)-1].n + 1}
		for _, e := range some {
			switch e.Name {
			case ledger.CoinMade:
				var c ledger.Coin
				if err := json.Unmarshal(e.Body, &c); err != nil {
					t.Fatal(err)
				}
				coins[e.Key] = c.Amount
			case ledger.CoinSpent:
				delete(coins, e.Key)
			case ledger.ReceiptWritten:
				receipts++
			case ledger.JobAsked, ledger.JobClaimed, ledger.JobDone:
				jobs[e.Key] = ledger.Ready
			case ledger.JobSettled:
				if jobs[e.Key] == ledger.Settled {
					t.Error("a job was settled twice")
				}
				jobs[e.Key] = ledger.Settled
				settled[e.Cause]++
			}
		}
	}
	for _, a := range coins {
		add(a)
	}
	ended := 0
	for _, st := range jobs {
		if st == ledger.Settled {
			ended++
		} else {
			add(ledger.MAN(3)) // its fee is held
		}
	}
	for _, n := range settled {
		if n != 8 {
			t.Errorf("a settlement is of %d jobs", n)
		}
	}
	if receipts != ended {
		t.Errorf("%d receipts of %d settled jobs", receipts, ended)
	}
	b, err := l.Read(t.Context(), ledger.SupplyKey)
	var supply ledger.Amount
	if err != nil || json.Unmarshal(b, &supply) != nil || supply != sum {
		t.Errorf("coins and fees are %v of a supply of %v, %v", sum, supply, err)
	}
	return len(settled)
}
