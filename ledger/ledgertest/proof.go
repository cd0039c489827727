package ledgertest

import (
	"crypto/rand"
	"slices"
	"time"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage"
)

// A Chance is the beacon in a story: every organisation's chain.
type Chance struct {
	s     *Story
	links [][]ledger.Hash // by organisation, the next one last
}

// Chance commits every organisation to a chain of n links.
func (s *Story) Chance(n int) *Chance {
	s.T.Helper()
	c := &Chance{s: s}
	for _, o := range s.World.Organisations {
		links := []ledger.Hash{digest()}
		for range n - 1 {
			links = append(links, ledger.NextLink(links[len(links)-1]))
		}
		s.Do(o, ledger.CommitBeacon{Link: ledger.NextLink(links[n-1]), Length: n})
		c.links = append(c.links, links)
	}
	return c
}

// Epoch waits for the next epoch. On a ledger by the machine's clock it waits.
func (c *Chance) Epoch() {
	c.s.T.Helper()
	next := ledger.Time(ledger.EpochOf(Read[ledger.Clock](c.s, ledger.NowKey).Now)+1) * ledger.Epoch
	if c.s.World.Advance != nil {
		c.s.World.Advance(next - c.s.World.Now())
	}
	for c.s.World.Now() < next {
		select {
		case <-c.s.T.Context().Done():
			c.s.T.Fatal("the next epoch did not come")
		case <-time.After(100 * time.Millisecond):
		}
	}
	c.s.Tick()
}

// Reveal has the organisations at some places show their next link.
func (c *Chance) Reveal(places ...int) {
	c.s.T.Helper()
	for _, i := range places {
		c.s.Do(c.s.World.Organisations[i], ledger.RevealBeacon{Link: c.Next(i)})
		c.links[i] = c.links[i][:len(c.links[i])-1]
	}
}

// Next returns the next link of the organisation at a place.
func (c *Chance) Next(i int) ledger.Hash { return c.links[i][len(c.links[i])-1] }

// Roll waits for the next epoch, has all reveal, and returns the value.
func (c *Chance) Roll() ledger.BeaconValue {
	c.s.T.Helper()
	c.Epoch()
	for i := range c.links {
		c.Reveal(i)
	}
	return Read[ledger.Beacon](c.s, ledger.BeaconKey).Latest
}

// Staked registers a worker with a stake of its own.
func (s *Story) Staked(a ledger.Amount) *Key {
	s.T.Helper()
	w := s.Party(ledger.Common, ledger.Worker)
	s.Do(w, ledger.LockStake{Worker: w.Party(), Amount: a, Fund: []ledger.CoinID{s.Fund(w, a)}})
	return w
}

// AskProved has a patient ask for a model over her study, with proof.
func (s *Story) AskProved(patient *Key, m ledger.ModelID, r ledger.RecordID, p ledger.Proof) ledger.JobID {
	s.T.Helper()
	return ledger.NewJobID(ledger.Health, s.Do(patient, s.AskingProof(patient, m, r, p)))
}

// AskingProof is the body that AskProved signs.
func (s *Story) AskingProof(patient *Key, m ledger.ModelID, r ledger.RecordID, p ledger.Proof) ledger.RequestJob {
	s.T.Helper()
	return ledger.RequestJob{Model: m, Subject: patient.Party(), Purpose: ledger.Diagnosis, Fund: []ledger.CoinID{s.Fund(patient, ledger.MAN(3))}, Fee: ledger.MAN(3),
		Deadline: s.World.Now() + p.Life() + 600, Record: r, Version: 1, Inputs: []storage.Ref{Ref(rand.Text())}, EvalKeys: Ref("keys"), Proof: &p}
}

// Draw draws a job's replicas, and returns those of workers that were drawn, in the
// order of the draw.
func (s *Story) Draw(j ledger.JobID, v ledger.BeaconValue, workers ...*Key) (drawn []*Key) {
	s.T.Helper()
	s.Do(s.World.Organisations[0], ledger.DrawJob{Job: j, Value: v.Number})
	for _, r := range s.Job(j).Proving.Replicas {
		at := slices.IndexFunc(workers, func(k *Key) bool { return k.Party() == r.Worker })
		if at < 0 {
			s.T.Fatal("a stranger was drawn")
		}
		drawn = append(drawn, workers[at])
	}
	return drawn
}

// A Reply is what one replica says.
type Reply struct {
	By   *Key
	Hash ledger.Hash
	Salt ledger.Salt
}

// Replying makes one replica's reply.
func Replying(by *Key, result ledger.Hash) Reply { return Reply{by, result, digest()} }

// Commit returns its commitment.
func (r Reply) Commit(j ledger.JobID) ledger.CommitReplica {
	return ledger.CommitReplica{Job: j, Commitment: ledger.CommitmentTo(j, r.By.Party(), r.Hash, r.Salt)}
}

// Reveal returns what opens the commitment.
func (r Reply) Reveal(j ledger.JobID) ledger.RevealReplica {
	return ledger.RevealReplica{Job: j, Result: Ref(r.Hash.String()), Hash: r.Hash, Salt: r.Salt}
}

// Reply has replicas commit, then reveal, and the organisations find all results.
func (s *Story) Reply(j ledger.JobID, replies ...Reply) {
	s.T.Helper()
	for _, r := range replies {
		s.Do(r.By, r.Commit(j))
	}
	for _, r := range replies {
		s.Do(r.By, r.Reveal(j))
	}
	orgs := s.World.Organisations
	s.Do(orgs[0], ledger.FindResults{Job: j}, orgs[1:]...)
}

// StakeOf returns what a worker's stake holds.
func (s *Story) StakeOf(w *Key) ledger.Amount {
	s.T.Helper()
	for _, x := range Read[[]ledger.Stake](s, ledger.StakesKey) {
		if x.Worker == w.Party() {
			return x.Amount
		}
	}
	return ledger.Amount{}
}

// proved tells of two jobs that three replicas compute: they agree, and one lies.
func proved(s *Story) {
	chance := s.Chance(8)
	patient, scientist := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Scientist)
	model, study := s.HealthModel(scientist), s.Study(patient)
	var workers []*Key
	for range 3 {
		workers = append(workers, s.Staked(ledger.MAN(20)))
	}
	three, orgs := ledger.Proof{Replicas: 3}, s.World.Organisations
	jobs := []ledger.JobID{s.AskProved(patient, model, study, three), s.AskProved(patient, model, study, three)}
	v := chance.Roll()
	if !v.First(s.Job(jobs[0]).At[ledger.Ready]) || !v.First(s.Job(jobs[1]).At[ledger.Ready]) {
		v = chance.Roll() // the chains began to count when the jobs were there
	}
	right, wrong := digest(), digest()
	drawn := s.Draw(jobs[0], v, workers...)
	s.Reply(jobs[0], Replying(drawn[0], right), Replying(drawn[1], right), Replying(drawn[2], right))
	if j := s.Job(jobs[0]); j.Stage != ledger.Done || j.Hash != right || j.Worker != drawn[0].Party() {
		s.T.Fatalf("three agree, and the job is %s", j.Stage)
	}
	accepted := s.Do(patient, ledger.AcceptJob{Job: jobs[0]})
	for _, e := range s.Happened(s.began) { // a statement names a payment by the first of these
		if e.Cause == accepted && e.Name != ledger.CoinMade {
			if e.Name != ledger.JobSettled {
				s.T.Errorf("what was paid is told as %s", e.Name)
			}
			break
		}
	}
	r := s.Proved(jobs[0])
	want := map[ledger.PartyID]string{drawn[0].Party(): "0.6", drawn[1].Party(): "0.6", drawn[2].Party(): "0.6", scientist.Party(): "0.9", orgs[0].Party(): "0.3"}
	for _, p := range r.Payments {
		if p.Amount.String() != want[p.To] {
			s.T.Errorf("paid %v, want %s", p.Amount, want[p.To])
		}
		delete(want, p.To)
	}
	if len(want) != 0 || r.Proving == nil || len(r.Proving.Replicas) != 3 || r.Plan.IsZero() || r.EvalKeys.IsZero() {
		s.T.Errorf("%d were not paid; the receipt says %+v", len(want), r.Proving)
	}

	drawn = s.Draw(jobs[1], v, workers...)
	s.Reply(jobs[1], Replying(drawn[0], wrong), Replying(drawn[1], right), Replying(drawn[2], right))
	if j := s.Job(jobs[1]); j.Stage != ledger.Disputed || !j.Hash.IsZero() {
		s.T.Fatalf("one lies, and the job is %s", j.Stage)
	}
	if err := s.Try(drawn[0], ledger.JudgeJob{Job: jobs[1], Right: true, Hash: wrong}); !notice.Is(err, notice.Denied) {
		s.T.Errorf("a replica judges: %v", err)
	}
	s.Do(orgs[0], ledger.JudgeJob{Job: jobs[1], Right: true, Hash: right}, orgs[1:]...)
	if j := s.Job(jobs[1]); j.Stage != ledger.Done || j.Hash != right || j.Worker != drawn[1].Party() {
		s.T.Fatalf("the right are found, and the job is %s", j.Stage)
	}
	s.Do(patient, ledger.AcceptJob{Job: jobs[1]})
	for i, want := range []string{"10", "20", "20"} {
		if got := s.StakeOf(drawn[i]); got.String() != want {
			s.T.Errorf("stake %d holds %s, want %s", i, got, want)
		}
	}
	earned := map[ledger.PartyID]ledger.Amount{}
	for _, c := range s.Coins() {
		earned[c.Owner], _ = earned[c.Owner].Add(c.Amount)
	}
	// 0.6 for the first job; for the second 0.9, and a quarter of what the liar lost.
	for i, want := range []string{"0.6", "4", "4"} {
		if got := earned[drawn[i].Party()]; got.String() != want {
			s.T.Errorf("worker %d has %s, want %s", i, got, want)
		}
	}
	for _, w := range workers {
		if st := Read[ledger.Standing](s, ledger.StandingKey(w.Party())); st.Open != 0 || st.Right+st.Wrong*2 != 2 {
			s.T.Errorf("standing %+v", st)
		}
		s.Do(w, ledger.FreeStake{Worker: w.Party()}) // nobody else's story draws it
	}
}
