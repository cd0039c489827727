package ledgertest

import (
	"encoding/json"

	"manx/ledger"
	"manx/privacy/notice"
)

// TrainingProposal is a training of a heart model on charts, with noise, over
// hospitals of which three are enough. The first of them coordinates.
func (s *Story) TrainingProposal(sites ...*Key) ledger.ProposeTraining {
	b := ledger.ProposeTraining{
		Title: "heart", Quorum: ledger.MinTrainingSites, Kind: ledger.Chart, Rounds: 3, Minimum: 10, Export: true, Own: 2000,
		Model:   ledger.TrainingModel{Kind: "logistic", Parameters: 14, Recipe: json.RawMessage(`{"steps":1}`)},
		Columns: []ledger.TrainingColumn{{Name: "age", Unit: "years", Low: 0, High: 120}, {Name: "sex", Codes: []string{"female", "male"}}},
		Label:   ledger.TrainingColumn{Name: "disease", Codes: []string{"no", "yes"}},
		Noise:   ledger.Noise{Sigma: 2000, Rate: 200_000, Sums: 3},
		Hub:     "127.0.0.1:1", Key: sites[0].Public(), Start: ledger.Hash{1}, Voting: s.World.Now() + 3600, Until: s.World.Now() + 7200,
	}
	for _, k := range sites {
		b.Sites = append(b.Sites, k.Party())
	}
	return b
}

// Trains proposes a training that all of its sites agree to.
func (s *Story) Trains(b ledger.ProposeTraining, sites ...*Key) ledger.TrainingID {
	s.T.Helper()
	id := ledger.NewTrainingID(s.Do(sites[0], b))
	for _, k := range sites {
		s.Do(k, ledger.VoteTraining{Training: id, Terms: s.Training(id).Terms, Yes: true, Key: k.Public()})
	}
	return id
}

// Training reads a training.
func (s *Story) Training(id ledger.TrainingID) ledger.Training {
	s.T.Helper()
	return Read[ledger.Training](s, ledger.KeyOf(id))
}

// ToTrain is a grant by which a hospital may train on a record.
func (s *Story) ToTrain(id ledger.TrainingID, r ledger.RecordID, to *Key) ledger.GiveGrant {
	s.T.Helper()
	on := s.Training(id)
	return ledger.GiveGrant{Record: r, To: to.Party(), Purpose: ledger.ForTraining, Access: ledger.Train, Training: id, Noise: on.Noise, Until: on.Until}
}

// Permit has a new patient give a hospital one of her charts for a training, once she
// has set a budget for it.
func (s *Story) Permit(id ledger.TrainingID, to *Key) (patient *Key, g ledger.GrantID) {
	s.T.Helper()
	patient = s.Party(ledger.Health, ledger.Person)
	chart := s.Chart(patient)
	s.Do(patient, ledger.LimitBudget{Record: chart, Limit: ledger.BudgetLimit{Epsilon: 4_000_000}})
	return patient, ledger.NewGrantID(ledger.Health, s.Do(patient, s.ToTrain(id, chart, to)))
}

// Covering is what a site takes part in a round with, by the mark it can read now.
func (s *Story) Covering(id ledger.TrainingID, round int, site *Key) ledger.CoverRound {
	s.T.Helper()
	return ledger.CoverRound{Training: id, Round: round, Digest: digest(), Mark: Read[ledger.Hash](s, ledger.TrainingMarkKey(id, site.Party()))}
}

// Trained runs a round over sites and returns the hash of what it made.
func (s *Story) Trained(id ledger.TrainingID, sites ...*Key) ledger.Hash {
	s.T.Helper()
	on := s.Training(id)
	n, by := on.Round+1, s.keyOf(sites, on.Proposer)
	s.Do(by, ledger.OpenRound{Training: id, Round: n, Parent: on.Last()})
	made := ledger.CloseRound{Training: id, Round: n, Result: digest(), Records: on.Minimum * len(sites)}
	for _, k := range sites {
		s.Do(k, s.Covering(id, n, k))
		made.Sites = append(made.Sites, k.Party())
	}
	s.Do(by, made)
	return made.Result
}

func (s *Story) keyOf(keys []*Key, p ledger.PartyID) *Key {
	s.T.Helper()
	for _, k := range keys {
		if k.Party() == p {
			return k
		}
	}
	s.T.Fatal("nobody here has that key")
	return nil
}

// training tells of four hospitals that train a model, of a patient who takes her
// record out between rounds, of the release, and of a call that pays by what each
// hospital contributed.
func training(s *Story) {
	sites := s.Sites(ledger.Health, 4)
	id := s.Trains(s.TrainingProposal(sites...), sites...)
	var patient *Key
	var grant ledger.GrantID
	for _, k := range sites {
		patient, grant = s.Permit(id, k)
	}
	s.Trained(id, sites...)
	stale := s.Covering(id, 2, sites[3])
	s.Do(patient, ledger.RevokeGrant{Grant: grant})
	s.Do(sites[0], ledger.OpenRound{Training: id, Round: 2, Parent: s.Training(id).Last()})
	if err := s.Try(sites[3], stale); !notice.Is(err, notice.Conflict) {
		s.T.Errorf("a round was covered with a list that has an ended grant on it: %v", err)
	}
	for _, k := range sites {
		s.Do(k, s.Covering(id, 2, k))
	}
	made := ledger.Hash{2}
	s.Do(sites[0], ledger.CloseRound{Training: id, Round: 2, Result: made, Records: 40,
		Sites: []ledger.PartyID{sites[0].Party(), sites[1].Party(), sites[2].Party(), sites[3].Party()}})
	ask := ledger.ReleaseTraining{Training: id, Round: 2, Version: made, Model: ledger.Hash{3}, Contributed: []ledger.ModelShare{
		{To: sites[0].Party(), Parts: 1000}, {To: sites[1].Party(), Parts: 2000}, {To: sites[2].Party(), Parts: 3000}, {To: sites[3].Party(), Parts: 4000}}}
	s.Do(sites[0], ask)
	for _, k := range sites[1:] {
		s.Do(k, ledger.AssentTraining{Training: id, Release: s.Training(id).Release.Terms})
	}
	on := s.Training(id)
	if on.Stage != ledger.TrainingReleased || len(on.Versions) != 2 || on.Versions[1].Parent != on.Versions[0].Hash {
		s.T.Fatalf("the training is %s with %d versions", on.Stage, len(on.Versions))
	}
	model := ledger.NewModelID(ledger.Health, s.Do(sites[0], ledger.PublishModel{
		Vertical: ledger.Health, Name: "heart", Version: "3", Hash: on.Release.Model, Plan: Ref("plan"), PlanHash: digest(), Card: Ref("card"),
		Accepts: []ledger.Kind{ledger.Chart}, Features: []string{"age", "sex"}, Price: ledger.MAN(3), Training: id, Shares: on.Release.Shares,
	}))
	asker, worker := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Common, ledger.Worker)
	job := s.Diagnose(asker, model, s.Chart(asker), s.Fund(asker, ledger.MAN(3)), 3600)
	s.Compute(worker, job)
	s.Do(asker, ledger.AcceptJob{Job: job})
	// Of the owner's 0.9: 20% and a tenth of the rest; then 20, 30 and 40% of that.
	want := map[ledger.PartyID]string{sites[0].Party(): "0.252", sites[1].Party(): "0.144", sites[2].Party(): "0.216", sites[3].Party(): "0.288"}
	for _, p := range s.Proved(job).Payments {
		if w, ok := want[p.To]; ok && p.Amount.String() != w {
			s.T.Errorf("a hospital was paid %s, want %s", p.Amount, w)
		}
		delete(want, p.To)
	}
	if len(want) > 0 {
		s.T.Errorf("%d hospitals were not paid", len(want))
	}
}
