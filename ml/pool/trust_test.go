package pool_test

import (
	"math"
	"testing"

	"manx/ledger"
	"manx/ml/pool"
)

// A worker whose results were wrong is chosen where it is that much cheaper, and after a
// second lie for nothing; who was always right is chosen for what it was.
func TestALiarIsChosenLessAndThenNotAtAll(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		faster float64
		lies   int // until it is chosen no more
		trust  float64
	}{{2, 1, .125}, {1000, 2, .031}} {
		s := begin(t)
		d := s.route(&pool.Dispatcher{Route: onCPU})
		liar, honest := s.worker(), s.worker()
		liar.Engine = crooked(liar.Engine)
		liar.Rates, honest.Rates = map[pool.Class]float64{pool.CPU: 1e8 * c.faster}, map[pool.Class]float64{pool.CPU: 1e8}
		s.joins(d, liar)
		s.joins(d, honest)
		trust := func() float64 {
			for _, w := range d.Status().Workers {
				if w.Worker == liar.Signer.Party() {
					return w.Trust
				}
			}
			return math.NaN()
		}
		was := .5
		for i := range c.lies {
			if got := trust(); got != was {
				t.Errorf("after %d lies a worker is trusted with %v", i, got)
			}
			id := s.ask(s.model)
			s.eventually("a result is there", func() bool { return s.Job(id).Stage == ledger.Done })
			if s.Job(id).Worker != liar.Signer.Party() {
				t.Fatalf("%v times faster, it is not chosen after %d lies", c.faster, i)
			}
			s.Do(s.patient, ledger.DisputeJob{Job: id})
			orgs := s.World.Organisations
			s.Do(orgs[0], ledger.JudgeJob{Job: id}, orgs[1:]...)
			s.eventually("the lie is known", func() bool { return trust() < was })
			was = trust()
		}
		if was != c.trust {
			t.Errorf("after %d lies a worker is trusted with %v, want %v", c.lies, was, c.trust)
		}
		for range 3 {
			if j := s.done(s.ask(s.model)); j.Worker != honest.Signer.Party() {
				t.Errorf("%v times faster, a liar is chosen after %d lies", c.faster, c.lies)
			}
		}
	}
}
