package contract

import (
	"strings"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
	"manx/storage"
)

func TestGrantsOfStudies(t *testing.T) {
	s, _ := begin(t)
	patient, hospital := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Hospital)
	study := s.Study(patient)
	give := ledger.GiveGrant{Record: study, To: hospital.Party(), Purpose: ledger.Care, Access: ledger.Read, Until: s.World.Now() + 100}
	denied(t, "a stranger grants", s.Try(hospital, give), notice.NotFound)
	g := ledger.NewGrantID(ledger.Health, s.Do(patient, give))
	if got := ledgertest.Read[ledger.Grant](s, ledger.KeyOf(g)); !got.Live(s.World.Now()) || got.Live(s.World.Now()+100) || got.Owner != patient.Party() {
		t.Errorf("the grant is %+v", got)
	}
	denied(t, "the grantee revokes", s.Try(hospital, ledger.RevokeGrant{Grant: g}), notice.NotFound)
	s.Do(patient, ledger.RevokeGrant{Grant: g})
	denied(t, "revoked twice", s.Try(patient, ledger.RevokeGrant{Grant: g}), notice.Conflict)

	// A research grant reaches only the de-identified derivative.
	deid := ledger.NewRecordID(ledger.Health, s.Do(patient, ledger.RegisterRecord{Kind: ledger.Deidentified, Derived: study, Manifest: ledgertest.Ref("d"), Digest: ledger.Hash{2}}))
	research := give
	research.Purpose = ledger.Research
	err := s.Try(patient, research)
	denied(t, "research on the identified study", err, notice.Denied)
	if !strings.Contains(notice.From(err).Hint, "manx study deidentify") {
		t.Errorf("the hint does not name the cure: %q", notice.From(err).Hint)
	}
	research.Record = deid
	g2 := ledger.NewGrantID(ledger.Health, s.Do(patient, research))
	denied(t, "deriving from a derivative", s.Try(patient, ledger.RegisterRecord{Kind: ledger.Deidentified, Derived: deid, Manifest: ledgertest.Ref("d"), Digest: ledger.Hash{2}}), notice.Invalid)

	s.Do(patient, ledger.EraseRecord{Record: deid})
	if got := ledgertest.Read[ledger.Grant](s, ledger.KeyOf(g2)); got.Revoked == 0 {
		t.Error("erasing the record left a grant alive")
	}
	denied(t, "a grant on an erased record", s.Try(patient, research), notice.Expired)
	past := give
	past.Until = s.World.Now()
	denied(t, "a grant that has ended", s.Try(patient, past), notice.Invalid)
}

func TestVersionsFollow(t *testing.T) {
	s, _ := begin(t)
	patient := s.Party(ledger.Health, ledger.Person)
	study := s.Study(patient)
	amend := func(n int) ledger.AmendRecord {
		return ledger.AmendRecord{Record: study, Version: n, Manifest: ledgertest.Ref("v"), Digest: ledger.Hash{3}}
	}
	denied(t, "a version skipped", s.Try(patient, amend(3)), notice.Conflict)
	s.Do(patient, amend(2))
	denied(t, "a version twice", s.Try(patient, amend(2)), notice.Conflict)
	s.Do(patient, amend(3))
	if _, n := ledgertest.Read[ledger.Record](s, ledger.KeyOf(study)).Latest(); n != 3 {
		t.Errorf("the record has %d versions", n)
	}
}

func TestScoreNeedsConsentPurposeAndTime(t *testing.T) {
	s, _ := begin(t)
	c := s.Scoring(90 * 24 * 3600)
	in := func(g ledger.GrantID) ledger.PostInput {
		return ledger.PostInput{Job: c.Job, Grant: g, Record: c.Record, Version: 1, Inputs: []storage.Ref{ledgertest.Ref("i")}, EvalKeys: ledgertest.Ref("k")}
	}
	none := ledger.NewGrantID(ledger.Credit, ledger.NewCommandID())
	err := s.Try(c.Borrower, in(none))
	denied(t, "input without consent", err, notice.Denied)
	if !strings.Contains(notice.From(err).Hint, "manx credit consent") {
		t.Errorf("hint %q", notice.From(err).Hint)
	}
	denied(t, "a worker claims what has no input", s.Try(c.Worker, ledger.ClaimJob{Job: c.Job}), notice.Conflict)

	coin := s.Fund(c.Lender, ledger.MAN(2))
	ask := ledger.RequestJob{Model: c.Model, Subject: c.Borrower.Party(), Purpose: "employment", Fund: []ledger.CoinID{coin}, Fee: ledger.MAN(2), Deadline: s.World.Now() + 100}
	err = s.Try(c.Lender, ask)
	denied(t, "a purpose that is none", err, notice.Denied)
	if !strings.Contains(notice.From(err).Hint, "manx credit request --purpose") {
		t.Errorf("hint %q", notice.From(err).Hint)
	}
	ask.Purpose = ledger.CreditTransaction
	denied(t, "a person asks for another's score", s.Try(s.Party(ledger.Credit, ledger.Person), ask), notice.Denied)
	ask.Fee = ledger.MAN(1)
	denied(t, "below the price", s.Try(c.Lender, ask), notice.Invalid)
	ask.Fee = ledger.MAN(3)
	denied(t, "coins that do not cover it", s.Try(c.Lender, ask), notice.Exhausted)

	grant := ledger.GiveGrant{Record: c.Record, To: c.Lender.Party(), Purpose: ledger.AccountReview, Access: ledger.Compute, Model: c.Model, Job: c.Job, Until: s.World.Now() + 100}
	denied(t, "consent to another purpose", s.Try(c.Borrower, grant), notice.Denied)
	grant.Purpose, grant.To = ledger.CreditTransaction, s.Party(ledger.Credit, ledger.Lender).Party()
	denied(t, "consent to another lender", s.Try(c.Borrower, grant), notice.Denied)
	grant.To, grant.Model = c.Lender.Party(), s.CreditModel(c.Scientist, "credit_limit")
	denied(t, "consent to another model", s.Try(c.Borrower, grant), notice.Denied)
	grant.Model = c.Model
	g := ledger.NewGrantID(ledger.Credit, s.Do(c.Borrower, grant))
	denied(t, "consent twice", s.Try(c.Borrower, grant), notice.Conflict)
	denied(t, "input by the lender", s.Try(c.Lender, in(g)), notice.Denied)

	// Only the furnisher's latest word counts.
	s.Commit(c.Furnisher, c.Borrower, 2)
	denied(t, "input of an outdated file", s.Try(c.Borrower, in(g)), notice.Conflict)
	s.Do(c.Borrower, ledger.AmendRecord{Record: c.Record, Version: 2, Manifest: ledgertest.Ref("v2"), Digest: ledger.Hash{5}})
	denied(t, "input of an old version", s.Try(c.Borrower, in(g)), notice.Conflict)
	latest := in(g)
	latest.Version = 2
	s.Do(c.Borrower, latest)
	s.Do(c.Worker, ledger.ClaimJob{Job: c.Job})

	// The grant ends: nothing more is computed, and a new one cannot join.
	s.Wait(101)
	result := ledger.PostResult{Job: c.Job, Result: ledgertest.Ref("r"), Hash: ledger.Hash{1}}
	denied(t, "a result after the grant's end", s.Try(c.Worker, result), notice.Expired)
}

func TestDisputedFieldIsAnswered(t *testing.T) {
	s, _ := begin(t)
	c := s.Scoring(3600)
	k := ledger.CommitmentKey(c.Furnisher.Party(), c.Borrower.Party())
	dispute := ledger.DisputeField{Furnisher: c.Furnisher.Party(), Field: "delay_1"}
	s.Do(c.Borrower, dispute)
	if got := ledgertest.Read[ledger.Commitment](s, k); len(got.Disputed) != 1 {
		t.Errorf("%d fields in dispute", len(got.Disputed))
	}
	denied(t, "disputed twice", s.Try(c.Borrower, dispute), notice.Conflict)
	dispute.Field = "no such field"
	denied(t, "a field that is none", s.Try(c.Borrower, dispute), notice.Invalid)
	denied(t, "a number skipped", s.Try(c.Furnisher, ledger.CommitFile{Subject: c.Borrower.Party(), Value: ledger.Hash{1}, Sequence: 3, Date: 20260101}), notice.Conflict)
	s.Commit(c.Furnisher, c.Borrower, 2)
	if got := ledgertest.Read[ledger.Commitment](s, k); got.Sequence != 2 || len(got.Disputed) != 0 {
		t.Errorf("after the answer: %+v", got)
	}
}

func TestWorkersTakeTurns(t *testing.T) {
	s, _ := begin(t)
	d := s.Diagnosis(24 * 3600)
	other := s.Party(ledger.Common, ledger.Worker)
	denied(t, "a patient claims", s.Try(d.Patient, ledger.ClaimJob{Job: d.Job}), notice.Denied)
	s.Do(d.Worker, ledger.ClaimJob{Job: d.Job})
	denied(t, "two workers", s.Try(other, ledger.ClaimJob{Job: d.Job}), notice.Conflict)
	s.Wait(Lease - 1)
	s.Do(d.Worker, ledger.ClaimJob{Job: d.Job}) // still at it
	s.Wait(Lease - 1)
	denied(t, "during a renewed lease", s.Try(other, ledger.ClaimJob{Job: d.Job}), notice.Conflict)
	s.Wait(1)
	s.Do(other, ledger.ClaimJob{Job: d.Job})
	result := ledger.PostResult{Job: d.Job, Result: ledgertest.Ref("r"), Hash: ledger.Hash{1}}
	denied(t, "the worker that lost its lease", s.Try(d.Worker, result), notice.Denied)
	s.Do(other, result)
	denied(t, "a result twice", s.Try(other, result), notice.Conflict)
	denied(t, "another accepts", s.Try(other, ledger.AcceptJob{Job: d.Job}), notice.Denied)
	s.Do(d.Patient, ledger.AcceptJob{Job: d.Job})
	r := s.Proved(d.Job)
	if r.Worker != other.Party() || r.Outcome != ledger.Settled {
		t.Errorf("the receipt names %s, %s", r.Worker, r.Outcome)
	}
}

func TestInvariant4_EndsFromEveryStage(t *testing.T) {
	for name, c := range map[string]struct {
		until   func(*ledgertest.Story, ledgertest.Scored)
		outcome ledger.Stage
	}{
		"asked": {func(*ledgertest.Story, ledgertest.Scored) {}, ledger.Refunded},
		"ready": {func(s *ledgertest.Story, c ledgertest.Scored) { s.Consent(c.Borrower, c.Job, c.Record) }, ledger.Refunded},
		"claimed": {func(s *ledgertest.Story, c ledgertest.Scored) {
			s.Consent(c.Borrower, c.Job, c.Record)
			s.Do(c.Worker, ledger.ClaimJob{Job: c.Job})
		}, ledger.Refunded},
		"done": {func(s *ledgertest.Story, c ledgertest.Scored) {
			s.Consent(c.Borrower, c.Job, c.Record)
			s.Compute(c.Worker, c.Job)
		}, ledger.Refunded},
		"answered": {func(s *ledgertest.Story, c ledgertest.Scored) {
			s.Consent(c.Borrower, c.Job, c.Record)
			s.Compute(c.Worker, c.Job)
			s.Answer(c.Borrower, c.Job)
		}, ledger.Settled},
		"disputed": {func(s *ledgertest.Story, c ledgertest.Scored) {
			s.Consent(c.Borrower, c.Job, c.Record)
			s.Compute(c.Worker, c.Job)
			s.Answer(c.Borrower, c.Job)
			s.Do(c.Lender, ledger.DisputeJob{Job: c.Job})
		}, ledger.Refunded},
		"revoked": {func(s *ledgertest.Story, c ledgertest.Scored) {
			s.Do(c.Borrower, ledger.RevokeGrant{Grant: s.Consent(c.Borrower, c.Job, c.Record)})
		}, ledger.Refunded},
		"denied": {func(s *ledgertest.Story, c ledgertest.Scored) { s.Do(c.Borrower, ledger.DenyJob{Job: c.Job}) }, ledger.Refunded},
		"erased": {func(s *ledgertest.Story, c ledgertest.Scored) {
			s.Consent(c.Borrower, c.Job, c.Record)
			s.Do(c.Borrower, ledger.EraseRecord{Record: c.Record})
		}, ledger.Refunded},
	} {
		t.Run(name, func(t *testing.T) {
			s, m := begin(t)
			c2 := s.Scoring(8000)
			c.until(s, c2)
			stranger := s.Party(ledger.Common, ledger.Worker)
			if j := s.Job(c2.Job); !j.Stage.Over() {
				denied(t, "closed early", s.Try(stranger, ledger.CloseJob{Job: c2.Job}), notice.Conflict)
				s.Wait(8000)
				s.Do(stranger, ledger.CloseJob{Job: c2.Job})
			}
			r := s.Proved(c2.Job)
			if r.Outcome != c.outcome {
				t.Errorf("it ended %s, want %s", r.Outcome, c.outcome)
			}
			sum := ledger.Amount{}
			for _, p := range r.Payments {
				sum, _ = sum.Add(p.Amount)
			}
			if sum != ledger.MAN(2) || m.money(t) != m.supply(t) {
				t.Errorf("payments sum to %v", sum)
			}
			denied(t, "closed twice", s.Try(stranger, ledger.CloseJob{Job: c2.Job}), notice.Conflict)
		})
	}
}

// Erasing a record ends everything that rests on it in one command.
func TestErasingEndsManyJobs(t *testing.T) {
	s, m := begin(t)
	d := s.Diagnosis(3600)
	jobs := []ledger.JobID{d.Job}
	for range 6 {
		jobs = append(jobs, s.Diagnose(d.Patient, d.Model, d.Record, s.Fund(d.Patient, ledger.MAN(4)), 3600))
	}
	s.Compute(d.Worker, jobs[3])
	s.Do(d.Patient, ledger.EraseRecord{Record: d.Record})
	for i, j := range jobs {
		want := ledger.Refunded
		if i == 3 {
			want = ledger.Settled // she had her result
		}
		if got := s.Job(j).Stage; got != want {
			t.Errorf("job %d is %s, want %s", i, got, want)
		}
	}
	s.Proved(jobs[0])
	if m.money(t) != m.supply(t) {
		t.Error("money was made or lost")
	}
}

func TestVerdicts(t *testing.T) {
	for right, want := range map[bool]ledger.Stage{true: ledger.Settled, false: ledger.Refunded} {
		s, _ := begin(t)
		d := s.Diagnosis(3600)
		s.Compute(d.Worker, d.Job)
		s.Do(d.Patient, ledger.DisputeJob{Job: d.Job})
		orgs := s.World.Organisations
		denied(t, "one organisation judges", s.Try(orgs[0], ledger.JudgeJob{Job: d.Job, Right: right}), notice.Denied)
		denied(t, "the worker judges", s.Try(d.Worker, ledger.JudgeJob{Job: d.Job, Right: true}, orgs...), notice.Denied)
		denied(t, "accepted while in dispute", s.Try(d.Patient, ledger.AcceptJob{Job: d.Job}), notice.Conflict)
		s.Do(orgs[1], ledger.JudgeJob{Job: d.Job, Right: right}, orgs[0])
		if got := s.Job(d.Job).Stage; got != want {
			t.Errorf("judged %v: %s", right, got)
		}
	}
}

func TestModelsRetire(t *testing.T) {
	s, _ := begin(t)
	d := s.Diagnosis(3600)
	retire := ledger.RetireModel{Model: d.Model}
	denied(t, "a stranger retires", s.Try(d.Patient, retire), notice.Denied)
	s.Do(d.Scientist, retire)
	denied(t, "retired twice", s.Try(d.Scientist, retire), notice.Conflict)
	ask := ledger.RequestJob{Model: d.Model, Subject: d.Patient.Party(), Purpose: ledger.Diagnosis, Fund: []ledger.CoinID{s.Fund(d.Patient, ledger.MAN(3))},
		Fee: ledger.MAN(3), Deadline: s.World.Now() + 100, Record: d.Record, Version: 1, Inputs: []storage.Ref{ledgertest.Ref("i")}, EvalKeys: ledgertest.Ref("k")}
	denied(t, "a job by a retired model", s.Try(d.Patient, ask), notice.Expired)
	s.Compute(d.Worker, d.Job) // what was asked before finishes
	s.Do(d.Patient, ledger.AcceptJob{Job: d.Job})
	denied(t, "a patient publishes", s.Try(d.Patient, ledger.PublishModel{Vertical: ledger.Health, Name: "n", Version: "1", Plan: ledgertest.Ref("p"), Card: ledgertest.Ref("c"),
		Accepts: []ledger.Kind{ledger.Study}, Features: []string{"x"}}), notice.Denied)
}

func TestCoins(t *testing.T) {
	s, m := begin(t)
	a, b := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Person)
	coin, other := s.Fund(a, ledger.MAN(3)), s.Fund(b, ledger.MAN(3))
	send := func(in []ledger.CoinID, amounts ...ledger.Amount) ledger.SendCoins {
		body := ledger.SendCoins{In: in}
		for _, x := range amounts {
			body.Out = append(body.Out, ledger.Output{To: b.Party(), Amount: x})
		}
		return body
	}
	most, err := ledger.ParseAmount("340282366920938463463.374607431768211455")
	if err != nil {
		t.Fatal(err)
	}
	before := m.copy()
	one := []ledger.CoinID{coin}
	denied(t, "more than there is", s.Try(a, send(one, ledger.MAN(4))), notice.Invalid)
	denied(t, "less than there is", s.Try(a, send(one, ledger.MAN(2))), notice.Invalid)
	denied(t, "an overflow", s.Try(a, send(one, most, ledger.MAN(4))), notice.Invalid)
	denied(t, "nothing", s.Try(a, send(one, ledger.MAN(3), ledger.Amount{})), notice.Invalid)
	denied(t, "one coin twice", s.Try(a, send([]ledger.CoinID{coin, coin}, ledger.MAN(6))), notice.Invalid)
	denied(t, "another's coin", s.Try(a, send([]ledger.CoinID{coin, other}, ledger.MAN(6))), notice.Denied)
	denied(t, "a party as a coin", s.Try(a, send([]ledger.CoinID{ledger.CoinID(a.Party())}, ledger.MAN(3))), notice.Invalid)
	denied(t, "a coin that is none", s.Try(a, send([]ledger.CoinID{ledger.NewCoinID(ledger.CommandID{}, 0)}, ledger.MAN(3))), notice.Conflict)
	nobody := send(one, ledger.MAN(3))
	nobody.Out[0].To = ledger.NewPartyID(ledger.Health, []byte("nobody"))
	denied(t, "nobody known", s.Try(a, nobody), notice.NotFound)
	orgs := s.World.Organisations
	denied(t, "a supply that is none", s.Try(orgs[0], ledger.IssueCoins{Out: []ledger.Output{{To: a.Party(), Amount: most}}, Reason: "r"}, orgs...), notice.Exhausted)
	same(t, "refused payments", before, m.state)
	s.Do(a, send(one, ledger.MAN(1), ledger.MAN(2)))
	denied(t, "spent twice", s.Try(a, send(one, ledger.MAN(3))), notice.Conflict)
}

func TestPartiesRegisterOnce(t *testing.T) {
	s, _ := begin(t)
	k := s.Party(ledger.Health, ledger.Person)
	b := ledger.RegisterParty{Vertical: ledger.Health, Role: ledger.Person, Key: k.Public(), Sealing: "age1z"}
	denied(t, "registered twice", s.Try(k, b), notice.Conflict)
	b.Role, b.Name = ledger.Governor, "o"
	denied(t, "an organisation by registering", s.Try(k, b), notice.Invalid)
	org := s.World.Organisations[0]
	b = ledger.RegisterParty{Vertical: ledger.Common, Role: ledger.Worker, Name: "w", Key: org.Public(), Sealing: "age1z"}
	denied(t, "an organisation's id", s.Try(org, b), notice.Conflict)
	b = ledger.RegisterParty{Vertical: ledger.Health, Role: ledger.Person, Key: org.Public(), Sealing: "age1z"}
	denied(t, "an organisation's key", s.Try(org.For(ledger.NewPartyID(ledger.Health, org.Public())), b), notice.Conflict)
	denied(t, "an organisation's rotation", s.Try(org, ledger.RotateKey{Key: k.Public(), Sealing: "age1z"}), notice.Unsupported)
}
