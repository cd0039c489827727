package contract

import (
	"maps"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// TestManyRefuses: what may not be in one command, and who may not send it.
func TestManyRefuses(t *testing.T) {
	s, _ := begin(t)
	d, c := s.Diagnosis(3600), s.Scoring(3600)
	s.Consent(c.Borrower, c.Job, c.Record)
	both := []ledger.JobID{d.Job, c.Job}
	long := make([]ledger.JobID, ledger.MaxSteps+1)
	for i := range long {
		long[i] = ledger.NewJobID(ledger.Health, ledger.NewCommandID())
	}
	result := ledger.PostResult{Job: d.Job, Result: ledgertest.Ref("r"), Hash: ledger.Hash{1}}
	denied(t, "both sides, worked", s.Try(d.Worker, ledger.WorkJobs{Claims: both}), notice.Denied)
	denied(t, "both sides, settled", s.Try(d.Worker, ledger.SettleJobs{Close: both}), notice.Denied)
	denied(t, "nothing", s.Try(d.Worker, ledger.WorkJobs{}), notice.Invalid)
	denied(t, "too many", s.Try(d.Worker, ledger.WorkJobs{Claims: long}), notice.Invalid)
	denied(t, "one twice", s.Try(d.Worker, ledger.WorkJobs{Claims: []ledger.JobID{d.Job, d.Job}}), notice.Invalid)
	denied(t, "a result and a claim of one", s.Try(d.Worker, ledger.WorkJobs{Results: []ledger.PostResult{result}, Claims: []ledger.JobID{d.Job}}), notice.Invalid)
	denied(t, "a result without bytes", s.Try(d.Worker, ledger.WorkJobs{Results: []ledger.PostResult{{Job: d.Job}}}), notice.Invalid)
	denied(t, "not a job", s.Try(d.Worker, ledger.SettleJobs{Close: []ledger.JobID{"health-rec-1"}}), notice.Invalid)
	denied(t, "not a worker", s.Try(d.Patient, ledger.WorkJobs{Claims: []ledger.JobID{d.Job}}), notice.Denied)
	denied(t, "no such job", s.Try(d.Worker, ledger.SettleJobs{Close: long[:2]}), notice.NotFound)
	s.Do(d.Worker, ledger.WorkJobs{Claims: both[:1]})
	s.Do(d.Worker, ledger.WorkJobs{Results: []ledger.PostResult{result}, Claims: long[:3]})
	denied(t, "another's", s.Try(c.Lender, ledger.SettleJobs{Accept: both[:1]}), notice.Denied)
	denied(t, "early", s.Try(d.Worker, ledger.SettleJobs{Close: both[:1]}), notice.Conflict)
	s.Do(d.Patient, ledger.SettleJobs{Accept: both[:1], Close: long[:3]})
	if st := s.Job(d.Job).Stage; st != ledger.Settled {
		t.Errorf("the job is %s", st)
	}
}

// TestProofsAreSettledAlone: a job that asked for proof moves stakes, which are kept for
// all of them together.
func TestProofsAreSettledAlone(t *testing.T) {
	f := newTroupe(t, 5)
	j, _ := f.ask(ledger.Proof{Replicas: 3})
	denied(t, "closed with others", f.Try(f.patient, ledger.SettleJobs{Close: []ledger.JobID{j}}), notice.Conflict)
	denied(t, "claimed with others", f.Try(f.workers[0], ledger.WorkJobs{Claims: []ledger.JobID{j}}), notice.Conflict)
}

// TestInvariant3_ManyIsEachByItself: the same jobs, singly and by commands for many,
// leave everybody the same money, the same stages, and receipts with the same payments.
func TestInvariant3_ManyIsEachByItself(t *testing.T) {
	type end struct {
		stages   map[int]ledger.Stage
		payments map[int]string
		money    map[string]string
	}
	run := func(many bool) end {
		s, m := begin(t)
		owner, hospital, person := s.Party(ledger.Health, ledger.Hospital), s.Party(ledger.Health, ledger.Hospital), s.Party(ledger.Health, ledger.Person)
		patient, worker := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Common, ledger.Worker)
		model := s.SharedModel(owner, hospital, person, ledger.Limit{})
		study := s.Study(patient)
		var jobs []ledger.JobID
		var done []ledger.PostResult
		for range 7 {
			id := s.Diagnose(patient, model, study, s.Fund(patient, ledger.MAN(4)), 3600)
			jobs, done = append(jobs, id), append(done, ledger.PostResult{Job: id, Result: ledgertest.Ref("r"), Hash: ledger.Hash{1}})
		}
		done = done[:5] // two have no result, and two that have one are not accepted
		if many {
			s.Do(worker, ledger.WorkJobs{Claims: jobs})
			s.Do(worker, ledger.WorkJobs{Results: done})
			s.Do(patient, ledger.SettleJobs{Accept: jobs[:3]})
			s.Wait(4000)
			s.Do(worker, ledger.SettleJobs{Close: jobs})
		} else {
			for _, id := range jobs {
				s.Do(worker, ledger.ClaimJob{Job: id})
			}
			for _, r := range done {
				s.Do(worker, r)
			}
			for _, id := range jobs[:3] {
				s.Do(patient, ledger.AcceptJob{Job: id})
			}
			s.Wait(4000)
			for _, id := range jobs[3:] {
				s.Do(worker, ledger.CloseJob{Job: id})
			}
		}
		if m.money(t) != m.supply(t) {
			t.Errorf("there are %v of %v", m.money(t), m.supply(t))
		}
		out := end{map[int]ledger.Stage{}, map[int]string{}, map[string]string{}}
		s.Checkpoint()
		for i, id := range jobs {
			out.stages[i] = s.Job(id).Stage
			for _, p := range s.Verified(id).Payments {
				out.payments[i] += p.As + " " + p.Amount.String() + " "
			}
		}
		held := map[ledger.PartyID]ledger.Amount{}
		for _, c := range s.Coins() {
			held[c.Owner], _ = held[c.Owner].Add(c.Amount)
		}
		for who, k := range map[string]*ledgertest.Key{"owner": owner, "hospital": hospital, "person": person, "patient": patient, "worker": worker, "exchange": s.World.Organisations[0]} {
			out.money[who] = held[k.Party()].String()
		}
		return out
	}
	each, all := run(false), run(true)
	if !maps.Equal(each.stages, all.stages) || !maps.Equal(each.payments, all.payments) || !maps.Equal(each.money, all.money) {
		t.Errorf("singly %v, by one command %v", each, all)
	}
	if all.money["worker"] != "9" || all.stages[4] != ledger.Settled || all.stages[5] != ledger.Refunded {
		t.Errorf("it ended as %v", all)
	}
}
