package ledgertest

import (
	"slices"
	"sync"

	"manx/ledger"
	"manx/ledger/faulty"
	"manx/privacy/notice"
)

// many tells of jobs that are claimed, done and settled by commands for many of them,
// in which some steps cannot be taken.
func many(s *Story) {
	orgs := s.World.Organisations
	scientist, worker, other := s.Party(ledger.Health, ledger.Scientist), s.Party(ledger.Common, ledger.Worker), s.Party(ledger.Common, ledger.Worker)
	model := s.HealthModel(scientist)
	type asker struct {
		*Key
		jobs []ledger.JobID
	}
	var askers []asker
	var jobs []ledger.JobID
	for range 3 {
		a := asker{Key: s.Party(ledger.Health, ledger.Person)}
		study := s.Study(a.Key)
		for range 3 {
			a.jobs = append(a.jobs, s.Diagnose(a.Key, model, study, s.Fund(a.Key, ledger.MAN(3)), 1600))
		}
		askers, jobs = append(askers, a), append(jobs, a.jobs...)
	}
	unknown := ledger.NewJobID(ledger.Health, ledger.NewCommandID())
	s.Do(other, ledger.ClaimJob{Job: jobs[8]})
	s.Do(worker, ledger.WorkJobs{Claims: append([]ledger.JobID{unknown}, jobs...)})
	result := func(id ledger.JobID) ledger.PostResult {
		return ledger.PostResult{Job: id, Result: Ref("result"), Hash: digest()}
	}
	// Jobs 0 to 6 are done; the claim of 0 comes too late, and 8 is another's.
	var done []ledger.PostResult
	for _, i := range []int{8, 1, 2, 3, 4, 5, 6} {
		done = append(done, result(jobs[i]))
	}
	s.Do(worker, ledger.PostResult{Job: jobs[0], Result: Ref("result"), Hash: digest()})
	s.Do(worker, ledger.WorkJobs{Results: done, Claims: jobs[:1]})
	for i, id := range jobs {
		want, by := ledger.Done, worker
		if i > 6 {
			want = ledger.Claimed
		}
		if i == 8 {
			by = other
		}
		if j := s.Job(id); j.Stage != want || j.Worker != by.Party() {
			s.T.Errorf("job %d is %s", i, j.Stage)
		}
	}
	if err := s.Try(worker, ledger.WorkJobs{Results: []ledger.PostResult{result(jobs[8])}, Claims: []ledger.JobID{unknown}}); !notice.Is(err, notice.Denied) {
		s.T.Errorf("no step can be taken: %v", err)
	}
	// Each accepts hers, and tries another's and what is not done.
	before := s.owned(worker)
	for i, a := range askers {
		if i == 2 {
			s.Do(a.Key, ledger.AcceptJob{Job: a.jobs[0]})
			continue
		}
		s.Do(a.Key, ledger.SettleJobs{Accept: append(slices.Clone(jobs[6:]), a.jobs...)})
	}
	if n := len(s.owned(worker)) - len(before); n != 3 {
		s.T.Errorf("the worker was paid %d coins by three commands", n)
	}
	for i, id := range jobs {
		if want := map[bool]ledger.Stage{true: ledger.Settled, false: ledger.Claimed}[i < 7]; s.Job(id).Stage != want {
			s.T.Errorf("job %d is %s, not %s", i, s.Job(id).Stage, want)
		}
	}
	// What is left is closed by anybody when its time has passed, and goes back.
	close := ledger.SettleJobs{Close: jobs}
	if err := s.Try(other, close); !notice.Is(err, notice.Conflict) {
		s.T.Errorf("closed early: %v", err)
	}
	if s.World.Advance == nil {
		return // its clock is the machine's
	}
	s.Wait(1700)
	s.Do(other, close)
	sum := ledger.Amount{}
	for _, c := range s.Coins() {
		sum, _ = sum.Add(c.Amount)
	}
	if sum != ledger.MAN(27) {
		s.T.Errorf("27 MAN were issued, and %v are held", sum)
	}
	for who, want := range map[*Key]string{worker: "12.6", scientist: "6.3", orgs[0]: "2.1", other: "0", askers[0].Key: "0", askers[2].Key: "6"} {
		sum := ledger.Amount{}
		for _, c := range s.owned(who) {
			sum, _ = sum.Add(c.Amount)
		}
		if sum.String() != want {
			s.T.Errorf("paid %v, want %s", sum, want)
		}
	}
	s.Checkpoint()
	for i, id := range jobs {
		r := s.Verified(id)
		if want := map[bool]ledger.Stage{true: ledger.Settled, false: ledger.Refunded}[i < 7]; r.Outcome != want || i < 7 && (len(r.Payments) != 3 || r.Payments[0].Amount.String() != "1.8") {
			s.T.Errorf("the receipt of job %d says %s, %v", i, r.Outcome, r.Payments)
		}
	}
}

// owned are the coins that the story has brought somebody.
func (s *Story) owned(k *Key) (out []ledger.Coin) {
	s.T.Helper()
	for _, c := range s.Coins() {
		if c.Owner == k.Party() {
			out = append(out, c)
		}
	}
	return out
}

// manyBroken is many where the first try of each command fails and is repeated.
func manyBroken(s *Story, how faulty.Fault) {
	s.breaks(how)
	many(s)
}

// breaks has every first try of a command fail in one way, and be repeated.
func (s *Story) breaks(how faulty.Fault) {
	var mu sync.Mutex
	tried := map[ledger.CommandID]bool{}
	s.Ledger = retrying{faulty.New(s.Ledger, func(c ledger.Command) faulty.Fault {
		mu.Lock()
		defer mu.Unlock()
		if tried[c.ID] {
			return faulty.None
		}
		tried[c.ID] = true
		return how
	})}
}
