package ledgertest

import (
	"crypto/rand"

	"manx/ledger"
)

// Committee has the holders of sharers make a key together, and evaluation keys
// for a model, and returns who they are.
func (s *Story) Committee(sharers [ledger.Sharers]Sharer, m ledger.ModelID) ledger.Committee {
	s.T.Helper()
	c := s.Found(sharers)
	s.Do(sharers[0].Holder, s.Commission(sharers, m))
	hash := digest()
	for i := range c.Need {
		b := ledger.PostKeys{Model: m, Committee: c.ID, Hash: hash}
		if i == 0 {
			b.Keys = Ref("evaluation keys")
		}
		s.Do(sharers[i].Holder, b)
	}
	return c
}

// Founding proposes a committee of sharers' holders, two of whom serve.
func Founding(sharers [ledger.Sharers]Sharer) ledger.ProposeCommittee {
	b := ledger.ProposeCommittee{Need: 2, Charter: []byte("charter")}
	for _, o := range sharers {
		b.Organisations = append(b.Organisations, o.Organisation.Party())
	}
	return b
}

// Found has sharers' holders make a key together.
func (s *Story) Found(sharers [ledger.Sharers]Sharer) ledger.Committee {
	s.T.Helper()
	id := ledger.NewCommitteeID(s.Do(sharers[0].Holder, Founding(sharers)))
	key := digest()
	for i, o := range sharers {
		b := ledger.JoinCommittee{Committee: id, Key: key, Charter: Read[ledger.Committee](s, ledger.KeyOf(id)).CharterHash()}
		if i == 0 {
			b.Public = Ref("public key")
		}
		s.Do(o.Holder, b)
	}
	return Read[ledger.Committee](s, ledger.KeyOf(id))
}

// Commission asks for evaluation keys by the first two sharers.
func (s *Story) Commission(sharers [ledger.Sharers]Sharer, m ledger.ModelID) ledger.CommissionKeys {
	return ledger.CommissionKeys{Model: m, Commission: []byte("commission"), Serve: []ledger.PartyID{sharers[0].Holder.Party(), sharers[1].Holder.Party()}}
}

// Jointly tells the story of who is away and whose file a committee may open
// results on, as far as her grant.
func (s *Story) Jointly() (a Away, c ledger.Committee) {
	s.T.Helper()
	a = s.cast()
	c = s.Committee(a.Sharers, a.Model)
	a.Record = s.EncryptedFile(a.Borrower, a.Furnisher, a.Model, c)
	a.Grant = ledger.NewGrantID(ledger.Credit, s.Do(a.Borrower, s.JointPermission(a, c)))
	return a, c
}

// EncryptedFile is SharedFile with the file encrypted for a model too.
func (s *Story) EncryptedFile(borrower, furnisher *Key, m ledger.ModelID, c ledger.Committee) ledger.RecordID {
	s.T.Helper()
	s.Do(furnisher, ledger.CommitFile{Subject: borrower.Party(), Value: digest(), Sequence: 1, Date: 20260101, Sharing: s.Sharing(),
		Encryptions: []ledger.Encryption{{Key: c.Key, ModelHash: Read[ledger.Model](s, ledger.KeyOf(m)).Hash, Digest: digest()}}})
	id := s.Do(borrower, ledger.RegisterRecord{Kind: ledger.File, Manifest: Ref(rand.Text()), Digest: digest(), Furnisher: furnisher.Party()})
	return ledger.NewRecordID(ledger.Credit, id)
}

// JointPermission is Permission with an input for the committee.
func (s *Story) JointPermission(a Away, c ledger.Committee) ledger.GiveGrant {
	s.T.Helper()
	g := s.Permission(a)
	g.Input, g.Key = Ref("encrypted input"), c.Key
	return g
}

// AskJointly has the lender ask for a score by the committee.
func (s *Story) AskJointly(a Away, life ledger.Time) ledger.JobID {
	s.T.Helper()
	b := s.Asking(a, life)
	b.Joint = true
	return ledger.NewJobID(ledger.Credit, s.Do(a.Lender, b))
}

// Evaluate has a worker compute a job, and returns it.
func (s *Story) Evaluate(j ledger.JobID) *Key {
	s.T.Helper()
	worker := s.Party(ledger.Common, ledger.Worker)
	s.Do(worker, ledger.ClaimJob{Job: j})
	s.Do(worker, ledger.PostResult{Job: j, Result: Ref("result"), Hash: digest()})
	return worker
}

func jointly(s *Story) {
	a, c := s.Jointly()
	if c.Ready == 0 || c.Key.IsZero() || c.Public.IsZero() {
		s.T.Fatalf("the committee: %+v", c)
	}
	j := s.AskJointly(a, 600)
	if got := s.Job(j); got.Stage != ledger.Ready || got.Committee != c.ID || len(got.Inputs) != 1 || got.EvalKeys.IsZero() || !got.Evaluated() {
		s.T.Fatalf("the job waits: %+v", got)
	}
	worker := s.Evaluate(j)
	if got := s.Job(j); got.Stage != ledger.Done {
		s.T.Fatalf("the job is %s", got.Stage)
	}
	s.ComputeAway(a, j)
	if got := s.Job(j); got.Stage != ledger.Settled || got.Try != 1 || got.Digest.IsZero() {
		s.T.Fatalf("the job is %s after try %d", got.Stage, got.Try)
	}
	r := s.Proved(j)
	got := map[ledger.PartyID]ledger.Amount{}
	for _, p := range r.Payments {
		sum, err := got[p.To].Add(p.Amount)
		if err != nil {
			s.T.Fatal(err)
		}
		got[p.To] = sum
	}
	want := map[ledger.PartyID]string{worker.Party(): "0.4", a.Borrower.Party(): "0.4", a.Scientist.Party(): "0.58", // of 2 MAN
		a.Sharers[0].Organisation.Party(): "0.34", a.Sharers[1].Organisation.Party(): "0.14", a.Sharers[2].Organisation.Party(): "0.14"}
	for who, sum := range want {
		if got[who].String() != sum {
			s.T.Errorf("paid %s, want %s", got[who], sum)
		}
	}
	if r.Committee != c.ID || r.Worker != worker.Party() || len(r.Holders) != ledger.Sharers || r.PlanHash.IsZero() || len(r.Inputs) != 1 {
		s.T.Errorf("the receipt says %+v", r)
	}
}
