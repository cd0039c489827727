package ledgertest

import (
	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage"
)

// SharedModel publishes a model on studies for 3 MAN, a third of whose earnings,
// rounded down, is each of two others', and whose asker may call it as often as a
// limit says.
func (s *Story) SharedModel(owner, one, other *Key, l ledger.Limit) ledger.ModelID {
	s.T.Helper()
	id := s.Do(owner, ledger.PublishModel{
		Vertical: ledger.Health, Name: "lung-ct", Version: "2", Hash: digest(), Plan: Ref("plan"), PlanHash: digest(), Card: Ref("card"),
		Accepts: []ledger.Kind{ledger.Study, ledger.Deidentified}, Features: []string{"ct-slice-64x64"}, Price: ledger.MAN(3),
		Shares: []ledger.ModelShare{{To: one.Party(), Parts: 3333}, {To: other.Party(), Parts: 3333}, {To: owner.Party(), Parts: 3334}},
		Limit:  l, Parameters: 40,
	})
	return ledger.NewModelID(ledger.Health, id)
}

// attributed tells of a call that pays whose data a model was made of, and of the
// next one, which its limit refuses until time has passed.
func attributed(s *Story) {
	owner, patient, worker := s.Party(ledger.Health, ledger.Hospital), s.Party(ledger.Health, ledger.Person), s.Party(ledger.Common, ledger.Worker)
	one, other := s.Party(ledger.Health, ledger.Hospital), s.Party(ledger.Health, ledger.Person)
	m := s.SharedModel(owner, one, other, ledger.Limit{Calls: 2, Within: 366 * 24 * 3600})
	study := s.Study(patient)
	ask := func() ledger.JobID { return s.Diagnose(patient, m, study, s.Fund(patient, ledger.MAN(3)), 3600) }
	first := ask()
	s.Compute(worker, first)
	s.Do(patient, ledger.AcceptJob{Job: first})
	want := map[string]ledger.PartyID{
		"worker 1.8": worker.Party(), "exchange 0.3": s.World.Organisations[0].Party(),
		"contributor-1 0.29997": one.Party(), "contributor-2 0.29997": other.Party(), "model-owner 0.30006": owner.Party(),
	}
	r := s.Proved(first)
	for _, p := range r.Payments {
		line := p.As + " " + p.Amount.String()
		if want[line] != p.To {
			s.T.Errorf("paid as %s", line)
		}
		delete(want, line)
	}
	if len(want) != 0 || r.ModelOwner != owner.Party() {
		s.T.Errorf("not paid: %v", want)
	}
	ask()
	b := ledger.RequestJob{Model: m, Subject: patient.Party(), Purpose: ledger.Diagnosis, Fund: []ledger.CoinID{s.Fund(patient, ledger.MAN(3))}, Fee: ledger.MAN(3),
		Deadline: s.World.Now() + 3600, Record: study, Version: 1, Inputs: inputs(), EvalKeys: Ref("keys")}
	if err := s.Try(patient, b); !notice.Is(err, notice.Exhausted) {
		s.T.Errorf("a call beyond the limit: %v", err)
	}
	// Another asker's calls are its own.
	another := s.Party(ledger.Health, ledger.Person)
	s.Diagnose(another, m, s.Study(another), s.Fund(another, ledger.MAN(3)), 3600)
}

// held tells of a provider that shows that it holds blobs, and is paid for those it
// answered for rightly.
func held(s *Story) {
	orgs := s.World.Organisations
	provider := s.Party(ledger.Common, ledger.Worker)
	s.Do(orgs[0], ledger.SetHoldings{HoldingSchedule: ledger.HoldingSchedule{Each: ledger.Units(3), Every: 60, Blobs: 2}}, orgs[1:]...)
	ask := ledger.AskHolding{Provider: provider.Party(), Blobs: []storage.Ref{Ref("a"), Ref("b")}}
	id := ledger.NewHoldingID(s.Do(orgs[1], ask))
	if err := s.Try(orgs[1], ask); !notice.Is(err, notice.Exhausted) {
		s.T.Errorf("asked again at once: %v", err)
	}
	s.Do(provider, ledger.AnswerHolding{Holding: id, Answers: []ledger.Hash{digest(), {}}})
	s.Do(orgs[1], ledger.JudgeHolding{Holding: id, Right: []bool{true, false}})
	paid := ledger.NewCoinID(s.Do(orgs[0], ledger.PayHoldings{Holdings: []ledger.HoldingID{id}, Fund: []ledger.CoinID{s.Fund(orgs[0], ledger.MAN(1))}}, orgs[1:]...), 0)
	if c := Read[ledger.Coin](s, ledger.KeyOf(paid)); c.Owner != provider.Party() || c.Amount != ledger.Units(3) || c.As != "storage" {
		s.T.Errorf("paid %+v", c)
	}
	if h := Read[ledger.Holding](s, ledger.KeyOf(id)); h.Stage != ledger.HoldingPaid || h.Shown() != 1 || h.Seed.IsZero() {
		s.T.Errorf("the challenge is %+v", h)
	}
}
