package ledgertest

import (
	"crypto/rand"

	"manx/ledger"
	"manx/storage"
)

// HealthModel publishes a model that runs on studies for 3 MAN.
func (s *Story) HealthModel(owner *Key) ledger.ModelID {
	s.T.Helper()
	id := s.Do(owner, ledger.PublishModel{
		Vertical: ledger.Health, Name: "lung-ct", Version: "1", Hash: digest(), Plan: Ref("plan"), PlanHash: digest(), Card: Ref("card"),
		Accepts: []ledger.Kind{ledger.Study, ledger.Deidentified}, Features: []string{"ct-slice-64x64"}, Price: ledger.MAN(3),
	})
	return ledger.NewModelID(ledger.Health, id)
}

// CreditModel publishes a scorecard for 2 MAN. Features names those it uses.
func (s *Story) CreditModel(owner *Key, features ...string) ledger.ModelID {
	s.T.Helper()
	id := s.Do(owner, Scorecard(features...))
	return ledger.NewModelID(ledger.Credit, id)
}

// Scorecard is the body that CreditModel signs.
func Scorecard(features ...string) ledger.PublishModel {
	return ledger.PublishModel{
		Vertical: ledger.Credit, Name: "consumer-risk", Version: "1", Hash: digest(), Plan: Ref("plan"), PlanHash: digest(), Card: Ref("card"),
		Joint:   ledger.PlanRef{Plan: Ref("joint plan"), Hash: digest()},
		Accepts: []ledger.Kind{ledger.File}, Features: features, Price: ledger.MAN(2),
	}
}

// inputs is the encrypted input of a job, by name.
func inputs() []storage.Ref { return []storage.Ref{Ref(rand.Text())} }

func digest() (h ledger.Hash) {
	_, _ = rand.Read(h[:])
	return h
}

// Study registers an identified study.
func (s *Story) Study(owner *Key) ledger.RecordID {
	s.T.Helper()
	id := s.Do(owner, ledger.RegisterRecord{Kind: ledger.Study, Manifest: Ref(rand.Text()), Digest: digest()})
	return ledger.NewRecordID(ledger.Health, id)
}

// File has a furnisher commit to a borrower's file, which she registers.
func (s *Story) File(borrower, furnisher *Key) ledger.RecordID {
	s.T.Helper()
	s.Commit(furnisher, borrower, 1)
	id := s.Do(borrower, ledger.RegisterRecord{Kind: ledger.File, Manifest: Ref(rand.Text()), Digest: digest(), Furnisher: furnisher.Party()})
	return ledger.NewRecordID(ledger.Credit, id)
}

// Commit signs a furnisher's n-th word on a file.
func (s *Story) Commit(furnisher, subject *Key, n uint64) {
	s.T.Helper()
	s.Do(furnisher, ledger.CommitFile{Subject: subject.Party(), Value: digest(), Sequence: n, Date: 20260101})
}

// Diagnose asks a model over the author's own study and returns the job.
func (s *Story) Diagnose(owner *Key, m ledger.ModelID, r ledger.RecordID, coin ledger.CoinID, life ledger.Time) ledger.JobID {
	s.T.Helper()
	id := s.Do(owner, ledger.RequestJob{
		Model: m, Subject: owner.Party(), Purpose: ledger.Diagnosis, Fund: []ledger.CoinID{coin}, Fee: ledger.MAN(3),
		Deadline: s.World.Now() + life, Record: r, Version: 1, Inputs: inputs(), EvalKeys: Ref("keys"),
	})
	return ledger.NewJobID(ledger.Health, id)
}

// AskScore has a lender ask for a borrower's score and returns the job.
func (s *Story) AskScore(lender, borrower *Key, m ledger.ModelID, coin ledger.CoinID, life ledger.Time) ledger.JobID {
	s.T.Helper()
	id := s.Do(lender, ledger.RequestJob{
		Model: m, Subject: borrower.Party(), Purpose: ledger.CreditTransaction, Fund: []ledger.CoinID{coin}, Fee: ledger.MAN(2),
		Deadline: s.World.Now() + life,
	})
	return ledger.NewJobID(ledger.Credit, id)
}

// Consent grants a lender's request for a day and posts the input.
func (s *Story) Consent(borrower *Key, j ledger.JobID, r ledger.RecordID) ledger.GrantID {
	s.T.Helper()
	g := s.Grant(borrower, j, r)
	s.Do(borrower, ledger.PostInput{Job: j, Grant: g, Record: r, Version: 1, Inputs: inputs(), EvalKeys: Ref("keys")})
	return g
}

// Grant grants a lender's request for a day.
func (s *Story) Grant(borrower *Key, j ledger.JobID, r ledger.RecordID) ledger.GrantID {
	s.T.Helper()
	job := Read[ledger.Job](s, ledger.KeyOf(j))
	id := s.Do(borrower, ledger.GiveGrant{
		Record: r, To: job.Asker, Purpose: job.Purpose, Access: ledger.Compute, Model: job.Model, Job: j, Until: s.World.Now() + 24*3600,
	})
	return ledger.NewGrantID(ledger.Credit, id)
}

// Compute has a worker claim a job and post a result.
func (s *Story) Compute(worker *Key, j ledger.JobID) {
	s.T.Helper()
	s.Do(worker, ledger.ClaimJob{Job: j})
	s.Do(worker, ledger.PostResult{Job: j, Result: Ref("result"), Hash: digest()})
}

// Answer releases a score to who asked.
func (s *Story) Answer(borrower *Key, j ledger.JobID) {
	s.T.Helper()
	s.Do(borrower, ledger.AnswerJob{Job: j, Answer: Ref("answer"), Digest: digest()})
}

// Job reads a job.
func (s *Story) Job(j ledger.JobID) ledger.Job {
	s.T.Helper()
	return Read[ledger.Job](s, ledger.KeyOf(j))
}
