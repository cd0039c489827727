package pool_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/ml"
	"manx/ml/ckks"
	"manx/ml/pool"
	"manx/ml/pool/engine"
	"manx/privacy"
	he "manx/privacy/ckks"
	"manx/storage"
)

// A buyer asks for scores: she has records, evaluation keys and an input of her own.
type buyer struct {
	*ledgertest.Key
	records     [8]ledger.RecordID
	keys, input storage.Ref
	done        chan ledger.JobID
}

// scorecards turns a scene into one of a scorecard of 400 entries and some buyers.
func (s *scene) scorecards(buyers int) (all []*buyer) {
	s.T.Helper()
	weights := make([]float64, 400)
	for i := range weights {
		weights[i] = float64(i%7) / 7
	}
	var err error
	s.plan, err = ckks.Compile(ml.Graph{Name: "scorecard", Input: []int{400}, Output: 1,
		Nodes: []ml.Node{{Op: ml.Linear{Out: 1, In: 400, Weights: weights, Bias: []float64{.5}}, Args: []int{0}}}}, [32]byte{1})
	check(s.T, err)
	s.planRef = s.store(func(w io.Writer) error { _, err := s.plan.WriteTo(w); return err })
	s.model = s.publish(s.plan.Hash())
	for range buyers {
		var seed [32]byte
		_, _ = rand.Read(seed[:])
		s.secret, err = he.NewSecretKey(s.plan.Set(), privacy.Hide(seed))
		check(s.T, err)
		k := &buyer{Key: s.Party(ledger.Health, ledger.Person), done: make(chan ledger.JobID, 1024), input: s.encrypt(make([]float64, 400)...)}
		k.keys = s.store(func(w io.Writer) error { return s.secret.WriteEvaluationKeys(s.T.Context(), w, s.plan.Needs(), nil) })
		for i := range k.records {
			k.records[i] = s.Study(k.Key)
		}
		all = append(all, k)
	}
	return all
}

// funds gives each buyer so many coins of 3 MAN.
func (s *scene) funds(all []*buyer, each int) map[*buyer][]ledger.CoinID {
	s.T.Helper()
	orgs, coins := s.World.Organisations, map[*buyer][]ledger.CoinID{}
	for _, k := range all {
		for left := each; left > 0; left -= ledger.MaxCoins {
			n := min(left, ledger.MaxCoins)
			id := s.Do(orgs[0], ledger.IssueCoins{Out: slices.Repeat([]ledger.Output{{To: k.Party(), Amount: ledger.MAN(3)}}, n), Reason: "bench"}, orgs[1:]...)
			for i := range n {
				coins[k] = append(coins[k], ledger.NewCoinID(id, i))
			}
		}
	}
	return coins
}

// together is how many jobs a buyer accepts by one command.
const together = 16

// buys has every buyer ask for so many jobs, and accept what is done, several by one
// command. It returns the times until all are settled.
func (s *scene) buys(all []*buyer, each int) (took, cpu time.Duration) {
	s.T.Helper()
	coins, whose := s.funds(all, each), map[ledger.Key]*buyer{}
	asks := map[*buyer][]ledger.Command{}
	for _, k := range all {
		for i := range each {
			c := s.Sign(k, ledger.RequestJob{Model: s.model, Subject: k.Party(), Purpose: ledger.Diagnosis, Fund: coins[k][i : i+1], Fee: ledger.MAN(3),
				Deadline: s.World.Now() + 24*3600, Record: k.records[i%len(k.records)], Version: 1, EvalKeys: k.keys, Inputs: []storage.Ref{k.input}})
			asks[k], whose[ledger.KeyOf(ledger.NewJobID(ledger.Health, c.ID))] = append(asks[k], c), k
		}
	}
	last := s.Do(all[0], ledger.RegisterRecord{Kind: ledger.Study, Manifest: ledgertest.Ref("mark"), Digest: ledger.Hash{1}})
	ctx, stop := context.WithCancel(s.T.Context())
	var wait, follow sync.WaitGroup
	defer follow.Wait()
	defer stop()
	from, err := s.Submit(s.Sign(all[0], ledger.RegisterRecord{Kind: ledger.Study, Manifest: ledgertest.Ref(fmt.Sprint(last)), Digest: ledger.Hash{1}}))
	check(s.T, err)
	follow.Go(func() {
		for e, err := range s.Ledger.Events(ctx, from) {
			if err != nil {
				return
			}
			if k := whose[e.Key]; k != nil && e.Name == ledger.JobDone {
				id, _ := ledger.IDOf(e.Key)
				k.done <- ledger.JobID(id)
			}
		}
	})
	began, had := time.Now(), spent()
	for _, k := range all {
		wait.Go(func() {
			for _, c := range asks[k] {
				if _, err := s.Submit(c); err != nil {
					s.T.Error(err)
				}
			}
		})
		wait.Go(func() {
			var ids []ledger.JobID
			for left := each - 1; left >= 0; left-- {
				if ids = append(ids, <-k.done); len(ids) < together && left > 0 {
					continue
				}
				if _, err := s.Submit(s.Sign(k, ledger.SettleJobs{Accept: ids})); err != nil {
					s.T.Error(err)
				}
				ids = nil
			}
		})
	}
	wait.Wait()
	took, cpu = time.Since(began), spent()-had
	for _, c := range asks {
		for _, c := range c {
			if st := s.Job(ledger.NewJobID(ledger.Health, c.ID)).Stage; st != ledger.Settled {
				s.T.Errorf("a job is %s", st)
			}
		}
	}
	return took, cpu
}

// BenchmarkJobs is how many jobs go through a second, from the commands that ask for
// them until their fees are settled: the embedded ledger on a disk, the dispatcher, the
// embedded queue, the worker, a result on six storage nodes in memory. 64 buyers ask for
// 32 each, and accept what is done for them, 16 by one command. What they send to
// ask is signed before, keys and inputs are stored before. Jobs are empty, or scorecards
// of 400 entries evaluated under their buyers' own keys.
func BenchmarkJobs(b *testing.B) {
	for _, of := range []struct {
		name string
		pool.Engine
	}{{"empty", work{1}}, {"scorecards", engine.CKKS{}}} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/workers=%d", of.name, workers), func(b *testing.B) {
				s := bench(b, workers, of.Engine)
				all := s.scorecards(64)
				s.buys(all, 4) // keys are bound, and the worker knows how long a job takes
				const each = 32
				jobs, took, cpu := 0, time.Duration(0), time.Duration(0)
				for b.Loop() {
					w, c := s.buys(all, each)
					took, cpu, jobs = took+w, cpu+c, jobs+each*len(all)
				}
				b.ReportMetric(float64(jobs)/took.Seconds(), "jobs/s")
				b.ReportMetric(float64(cpu.Microseconds())/float64(jobs), "cpu-us/job")
				b.ReportMetric(cpu.Seconds()/took.Seconds(), "cores-had")
				b.ReportMetric(float64(jobs)/cpu.Seconds(), "jobs/core-s")
			})
		}
	}
}

// BenchmarkLimits are what the machine allows: synced writes of this disk, one after the
// other and each of a block's length; and Ed25519 verifications of one core.
func BenchmarkLimits(b *testing.B) {
	b.Run("fdatasync", func(b *testing.B) {
		f, err := os.Create(filepath.Join(b.TempDir(), "f"))
		check(b, err)
		defer func() { check(b, f.Close()) }()
		page, began, n := make([]byte, 256<<10), time.Now(), 0
		for b.Loop() {
			_, err := f.WriteAt(page, int64(n%64)*int64(len(page)))
			check(b, err)
			check(b, f.Sync())
			n++
		}
		b.ReportMetric(float64(n)/time.Since(began).Seconds(), "syncs/s")
	})
	b.Run("verify", func(b *testing.B) {
		k := ledgertest.NewKey(ledger.Health, rand.Reader)
		m := make([]byte, 700)
		sig := k.Sign(m)
		began, n := spent(), 0
		for b.Loop() {
			if !ed25519.Verify(k.Public(), m, sig) {
				b.Fatal("not signed")
			}
			n++
		}
		b.ReportMetric(float64(n)/(spent()-began).Seconds(), "verifies/core-s")
	})
}
