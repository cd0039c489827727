package contract

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// Who may propose a training, to whom, and what it has to say.
func TestTrainingProposals(t *testing.T) {
	s, _ := begin(t)
	sites := s.Sites(ledger.Health, 4)
	bank, person := s.Party(ledger.Credit, ledger.Lender), s.Party(ledger.Health, ledger.Person)
	scientist, worker := s.Party(ledger.Health, ledger.Scientist), s.Party(ledger.Common, ledger.Worker)
	outsider := s.Party(ledger.Health, ledger.Hospital)
	for what, c := range map[string]struct {
		by     *ledgertest.Key
		change func(*ledger.ProposeTraining)
		kind   notice.Kind
	}{
		"Invariant5: hospitals with a bank":  {sites[0], func(b *ledger.ProposeTraining) { b.Sites[3] = bank.Party() }, notice.Denied},
		"Invariant5: a bank with hospitals":  {bank, func(*ledger.ProposeTraining) {}, notice.Denied},
		"Invariant5: for a bank to use":      {sites[0], func(b *ledger.ProposeTraining) { b.Users = []ledger.PartyID{bank.Party()} }, notice.Denied},
		"Invariant5: on credit files":        {sites[0], func(b *ledger.ProposeTraining) { b.Kind = ledger.File }, notice.Invalid},
		"Invariant5: on a feature of credit": {sites[0], func(b *ledger.ProposeTraining) { b.Columns[0].Name = "credit_limit" }, notice.Denied},
		"on identified studies":              {sites[0], func(b *ledger.ProposeTraining) { b.Kind = ledger.Study }, notice.Invalid},
		"with a worker":                      {sites[0], func(b *ledger.ProposeTraining) { b.Sites[3] = worker.Party() }, notice.Denied},
		"over a person":                      {sites[0], func(b *ledger.ProposeTraining) { b.Sites[3] = person.Party() }, notice.Denied},
		"a person's":                         {person, func(*ledger.ProposeTraining) {}, notice.Denied},
		"over two":                           {sites[0], func(b *ledger.ProposeTraining) { b.Sites = b.Sites[:2] }, notice.Invalid},
		"a quorum of two":                    {sites[0], func(b *ledger.ProposeTraining) { b.Quorum = 2 }, notice.Invalid},
		"a quorum of more than there are":    {sites[0], func(b *ledger.ProposeTraining) { b.Quorum = 5 }, notice.Invalid},
		"a site twice":                       {sites[0], func(b *ledger.ProposeTraining) { b.Sites[3] = b.Sites[2] }, notice.Invalid},
		"a user twice":                       {sites[0], func(b *ledger.ProposeTraining) { b.Users = []ledger.PartyID{person.Party(), person.Party()} }, notice.Invalid},
		"who is not registered":              {sites[0], func(b *ledger.ProposeTraining) { b.Sites[3] = ledger.NewPartyID(ledger.Health, make([]byte, 32)) }, notice.NotFound},
		"for who is not registered": {sites[0], func(b *ledger.ProposeTraining) {
			b.Users = []ledger.PartyID{ledger.NewPartyID(ledger.Health, make([]byte, 32))}
		}, notice.NotFound},
		"a minimum that points at a person": {sites[0], func(b *ledger.ProposeTraining) { b.Minimum = ledger.MinCohort - 1 }, notice.Invalid},
		"without a round":                   {sites[0], func(b *ledger.ProposeTraining) { b.Rounds = 0 }, notice.Invalid},
		"without a title":                   {sites[0], func(b *ledger.ProposeTraining) { b.Title = "" }, notice.Invalid},
		"without columns":                   {sites[0], func(b *ledger.ProposeTraining) { b.Columns = nil }, notice.Invalid},
		"a column without a range":          {sites[0], func(b *ledger.ProposeTraining) { b.Columns[0].High = 0 }, notice.Invalid},
		"a column of one code":              {sites[0], func(b *ledger.ProposeTraining) { b.Columns[1].Codes = []string{"female"} }, notice.Invalid},
		"two codes alike":                   {sites[0], func(b *ledger.ProposeTraining) { b.Columns[1].Codes = []string{"male", "Male"} }, notice.Invalid},
		"codes with a unit":                 {sites[0], func(b *ledger.ProposeTraining) { b.Columns[1].Unit = "cm" }, notice.Invalid},
		"two columns of a name":             {sites[0], func(b *ledger.ProposeTraining) { b.Label.Name = "AGE" }, notice.Invalid},
		"a recipe as long as a book": {sites[0], func(b *ledger.ProposeTraining) {
			b.Model.Recipe = json.RawMessage(`"` + strings.Repeat("x", 9<<10) + `"`)
		}, notice.Invalid},
		"a model of nothing":                  {sites[0], func(b *ledger.ProposeTraining) { b.Model.Parameters = 0 }, notice.Invalid},
		"noise for other rounds than it has":  {sites[0], func(b *ledger.ProposeTraining) { b.Noise.Sums++ }, notice.Invalid},
		"noise that bounds nothing":           {sites[0], func(b *ledger.ProposeTraining) { b.Noise.Sigma = 1 }, notice.Invalid},
		"a quorum of half of them and a half": {sites[0], func(b *ledger.ProposeTraining) { b.Sites = append(b.Sites, outsider.Party()) }, notice.Invalid},
		"without a hub":                       {sites[0], func(b *ledger.ProposeTraining) { b.Hub = "nowhere" }, notice.Invalid},
		"without a key":                       {sites[0], func(b *ledger.ProposeTraining) { b.Key = nil }, notice.Invalid},
		"without parameters to begin with":    {sites[0], func(b *ledger.ProposeTraining) { b.Start = ledger.Hash{} }, notice.Invalid},
		"more than all of the earnings":       {sites[0], func(b *ledger.ProposeTraining) { b.Own = ledger.WholeShare + 1 }, notice.Invalid},
		"a vote that is over":                 {sites[0], func(b *ledger.ProposeTraining) { b.Voting = s.World.Now() }, notice.Invalid},
		"for ever":                            {sites[0], func(b *ledger.ProposeTraining) { b.Until += ledger.MaxTraining }, notice.Invalid},
		"that goes on from a training that is not": {sites[0], func(b *ledger.ProposeTraining) {
			b.From = ledger.TrainedFrom{Training: ledger.NewTrainingID(ledger.CommandID{}), Round: 1}
		}, notice.NotFound},
	} {
		b := s.TrainingProposal(sites...)
		c.change(&b)
		denied(t, what, s.Try(c.by, b), c.kind)
	}
	s.Do(sites[0], s.TrainingProposal(sites...))
	s.Do(scientist, s.TrainingProposal(sites...))
}

// From the vote to the model on offer: who does what, once, and in which order.
func TestTrainings(t *testing.T) {
	s, _ := begin(t)
	sites := s.Sites(ledger.Health, 4)
	outsider, bank := s.Party(ledger.Health, ledger.Hospital), s.Party(ledger.Credit, ledger.Lender)
	boss := s.Party(ledger.Health, ledger.Scientist)
	b := s.TrainingProposal(sites...)
	b.Users = []ledger.PartyID{sites[1].Party()}
	id := ledger.NewTrainingID(s.Do(boss, b))
	vote := ledger.VoteTraining{Training: id, Terms: s.Training(id).Terms, Yes: true, Key: sites[0].Public()}
	denied(t, "an outsider votes", s.Try(outsider, vote), notice.NotFound)
	denied(t, "Invariant5: a bank votes", s.Try(bank, vote), notice.NotFound)
	for what, c := range map[string]struct {
		change func(*ledger.VoteTraining)
		kind   notice.Kind
	}{
		"other terms":   {func(b *ledger.VoteTraining) { b.Terms[0]++ }, notice.Integrity},
		"without a key": {func(b *ledger.VoteTraining) { b.Key = nil }, notice.Invalid},
		"no with a key": {func(b *ledger.VoteTraining) { b.Yes = false }, notice.Invalid},
	} {
		b := vote
		c.change(&b)
		denied(t, what, s.Try(sites[0], b), c.kind)
	}
	open := ledger.OpenRound{Training: id, Round: 1, Parent: b.Start}
	s.Do(sites[0], vote)
	denied(t, "a second vote", s.Try(sites[0], vote), notice.Conflict)
	denied(t, "a round before the vote", s.Try(boss, open), notice.Conflict)
	s.Do(sites[1], vote)
	s.Do(sites[2], vote)
	s.Do(sites[3], ledger.VoteTraining{Training: id, Terms: vote.Terms})
	if on := s.Training(id); on.Stage != ledger.TrainingRunning || len(on.Taking()) != 3 {
		t.Fatalf("the training is %s of %d", on.Stage, len(on.Taking()))
	}
	for _, k := range sites[:3] {
		s.Permit(id, k)
	}
	denied(t, "a site opens a round", s.Try(sites[0], open), notice.Denied)
	denied(t, "the second round first", s.Try(boss, ledger.OpenRound{Training: id, Round: 2, Parent: b.Start}), notice.Conflict)
	denied(t, "other parameters", s.Try(boss, ledger.OpenRound{Training: id, Round: 1, Parent: ledger.Hash{9}}), notice.Integrity)
	s.Do(boss, open)
	denied(t, "two rounds at once", s.Try(boss, ledger.OpenRound{Training: id, Round: 2, Parent: b.Start}), notice.Conflict)

	cover := s.Covering(id, 1, sites[0])
	denied(t, "an outsider covers", s.Try(outsider, cover), notice.NotFound)
	denied(t, "who voted no covers", s.Try(sites[3], cover), notice.Denied)
	denied(t, "by another's mark", s.Try(sites[1], cover), notice.Conflict)
	denied(t, "another round", s.Try(sites[0], ledger.CoverRound{Training: id, Round: 2, Digest: cover.Digest, Mark: cover.Mark}), notice.NotFound)
	s.Do(sites[0], cover)
	denied(t, "covered twice", s.Try(sites[0], cover), notice.Conflict)
	s.Do(sites[1], s.Covering(id, 1, sites[1]))
	closing := ledger.CloseRound{Training: id, Round: 1, Result: ledger.Hash{7}, Records: 30, Sites: []ledger.PartyID{sites[0].Party(), sites[1].Party(), sites[2].Party()}}
	denied(t, "closed with a site that did not cover", s.Try(boss, closing), notice.Denied)
	fewer := closing
	fewer.Sites = closing.Sites[:2]
	denied(t, "closed below the quorum", s.Try(boss, fewer), notice.Denied)
	s.Do(sites[2], s.Covering(id, 1, sites[2]))
	fewer = closing
	fewer.Records = 29
	denied(t, "closed below the minimum", s.Try(boss, fewer), notice.Denied)
	denied(t, "closed by a site", s.Try(sites[0], closing), notice.Denied)
	denied(t, "released while a round is open", s.Try(boss, ledger.ReleaseTraining{Training: id, Round: 1, Version: ledger.Hash{7}, Model: ledger.Hash{8}, Contributed: []ledger.ModelShare{{To: sites[0].Party(), Parts: 10000}}}), notice.Conflict)
	s.Do(boss, closing)
	denied(t, "closed twice", s.Try(boss, closing), notice.Conflict)
	denied(t, "covered after it", s.Try(sites[2], s.Covering(id, 1, sites[2])), notice.Conflict)

	// A round without a result counts, and the next begins where it did.
	s.Do(boss, ledger.OpenRound{Training: id, Round: 2, Parent: closing.Result})
	s.Do(boss, ledger.CloseRound{Training: id, Round: 2})
	s.Do(boss, ledger.OpenRound{Training: id, Round: 3, Parent: closing.Result})
	s.Do(boss, ledger.CloseRound{Training: id, Round: 3})
	denied(t, "more rounds than were agreed", s.Try(boss, ledger.OpenRound{Training: id, Round: 4, Parent: closing.Result}), notice.Exhausted)

	ask := ledger.ReleaseTraining{Training: id, Round: 1, Version: closing.Result, Model: ledger.Hash{8}, Contributed: []ledger.ModelShare{
		{To: sites[0].Party(), Parts: 5000}, {To: sites[1].Party(), Parts: 3000}, {To: sites[2].Party(), Parts: 2000}}}
	bad := ask
	bad.Contributed = []ledger.ModelShare{{To: sites[3].Party(), Parts: 10000}}
	denied(t, "paid to a site that did not train", s.Try(boss, bad), notice.Denied)
	bad = ask
	bad.Version[0]++
	denied(t, "another version", s.Try(boss, bad), notice.Conflict)
	denied(t, "released by a site", s.Try(sites[0], ask), notice.Denied)
	s.Do(boss, ask)
	assent := ledger.AssentTraining{Training: id, Release: s.Training(id).Release.Terms}
	denied(t, "who did not train assents", s.Try(sites[3], assent), notice.NotFound)
	denied(t, "assent to another release", s.Try(sites[0], ledger.AssentTraining{Training: id, Release: ledger.Hash{1}}), notice.Integrity)
	s.Do(sites[0], assent)
	denied(t, "assented twice", s.Try(sites[0], assent), notice.Conflict)
	s.Do(sites[1], assent)
	publish := ledger.PublishModel{Vertical: ledger.Health, Name: "heart", Version: "3", Hash: ask.Model, Plan: ledgertest.Ref("plan"), Card: ledgertest.Ref("card"),
		Accepts: []ledger.Kind{ledger.Chart}, Features: []string{"age"}, Price: ledger.MAN(3), Training: id, Shares: s.Training(id).Release.Shares}
	denied(t, "published before all have assented", s.Try(boss, publish), notice.Denied)
	s.Do(sites[2], assent)
	for what, c := range map[string]func(*ledger.PublishModel){
		"another model":   func(b *ledger.PublishModel) { b.Hash[0]++ },
		"without shares":  func(b *ledger.PublishModel) { b.Shares = nil },
		"on other things": func(b *ledger.PublishModel) { b.Accepts = []ledger.Kind{ledger.Deidentified} },
	} {
		b := publish
		c(&b)
		denied(t, what, s.Try(boss, b), notice.Denied)
	}
	denied(t, "published by a site", s.Try(sites[0], publish), notice.Denied)
	model := ledger.NewModelID(ledger.Health, s.Do(boss, publish))
	// Own is 2000 of 10000; of the other 8000 half, 30% and 20%.
	want := []ledger.ModelShare{{To: boss.Party(), Parts: 2000}, {To: sites[0].Party(), Parts: 4000}, {To: sites[1].Party(), Parts: 2400}, {To: sites[2].Party(), Parts: 1600}}
	m := ledgertest.Read[ledger.Model](s, ledger.KeyOf(model))
	if !slices.Equal(m.Shares, want) || m.Training != id || !slices.Equal(m.Users, b.Users) {
		t.Errorf("the model is %+v", m)
	}
	patient := s.Party(ledger.Health, ledger.Person)
	job := ledger.RequestJob{Model: model, Subject: patient.Party(), Purpose: ledger.Diagnosis, Fund: []ledger.CoinID{s.Fund(patient, ledger.MAN(3))}, Fee: ledger.MAN(3),
		Deadline: s.World.Now() + 3600, Record: s.Chart(patient), Version: 1, Inputs: nil, EvalKeys: ledgertest.Ref("keys")}
	job.Inputs = append(job.Inputs, ledgertest.Ref("input"))
	denied(t, "asked by who may not use it", s.Try(patient, job), notice.Denied)

	// What was released goes on, to the hospitals that made it and to others.
	next := s.TrainingProposal(append(sites[:3:3], outsider)...)
	next.From, next.Start = ledger.TrainedFrom{Training: id, Round: 1}, closing.Result
	denied(t, "taken further by a stranger", s.Try(outsider, next), notice.Denied)
	s.Do(sites[0], next)
	next.Start = ledger.Hash{5}
	denied(t, "under another hash", s.Try(sites[0], next), notice.Invalid)
}

// A model that its proposal keeps inside never leaves, nor is its version taken to
// a hospital that has not trained it.
func TestTrainingsThatStayInside(t *testing.T) {
	s, _ := begin(t)
	sites := s.Sites(ledger.Health, 4)
	b := s.TrainingProposal(sites[:3]...)
	b.Export = false
	id := s.Trains(b, sites[:3]...)
	for _, k := range sites[:3] {
		s.Permit(id, k)
	}
	made := s.Trained(id, sites[:3]...)
	denied(t, "a release that was not agreed to", s.Try(sites[0], ledger.ReleaseTraining{Training: id, Round: 1, Version: made, Model: ledger.Hash{8},
		Contributed: []ledger.ModelShare{{To: sites[0].Party(), Parts: 10000}}}), notice.Denied)
	next := s.TrainingProposal(sites...)
	next.From, next.Start = ledger.TrainedFrom{Training: id, Round: 1}, made
	denied(t, "taken to a fourth hospital", s.Try(sites[0], next), notice.Denied)
	next.Sites = next.Sites[:3]
	s.Do(sites[0], next)
}

// Invariant 2: a grant covers one training, costs what the proposal says, and a
// list made before it ended covers no later round.
func TestInvariant2_NoRoundBesideTheGrants(t *testing.T) {
	s, _ := begin(t)
	sites := s.Sites(ledger.Health, 4)
	outsider := s.Party(ledger.Health, ledger.Hospital)
	id := s.Trains(s.TrainingProposal(sites...), sites...)
	patient := s.Party(ledger.Health, ledger.Person)
	chart, study := s.Chart(patient), s.Study(patient)
	for what, c := range map[string]struct {
		record ledger.RecordID
		to     *ledgertest.Key
		change func(*ledger.GiveGrant)
		kind   notice.Kind
	}{
		"an identified study":                 {study, sites[0], func(*ledger.GiveGrant) {}, notice.Denied},
		"to a hospital that is not in it":     {chart, outsider, func(*ledger.GiveGrant) {}, notice.Denied},
		"with other noise":                    {chart, sites[0], func(b *ledger.GiveGrant) { b.Noise.Sigma++ }, notice.Integrity},
		"for too short a time":                {chart, sites[0], func(b *ledger.GiveGrant) { b.Until-- }, notice.Invalid},
		"to read":                             {chart, sites[0], func(b *ledger.GiveGrant) { b.Access = ledger.Read }, notice.Invalid},
		"to train for research":               {chart, sites[0], func(b *ledger.GiveGrant) { b.Purpose = ledger.Research }, notice.Invalid},
		"for no training":                     {chart, sites[0], func(b *ledger.GiveGrant) { b.Training = "" }, notice.Invalid},
		"for a training that is not":          {chart, sites[0], func(b *ledger.GiveGrant) { b.Training = ledger.NewTrainingID(ledger.CommandID{}) }, notice.NotFound},
		"of care that names a training":       {chart, sites[0], func(b *ledger.GiveGrant) { b.Purpose, b.Access = ledger.Care, ledger.Read }, notice.Invalid},
		"Invariant5: for a purpose of credit": {chart, sites[0], func(b *ledger.GiveGrant) { b.Purpose = ledger.AccountReview }, notice.Denied},
	} {
		b := s.ToTrain(id, c.record, c.to)
		c.change(&b)
		denied(t, what, s.Try(patient, b), c.kind)
	}
	s.Do(sites[0], ledger.OpenRound{Training: id, Round: 1, Parent: ledger.Hash{1}})
	denied(t, "a round without a grant", s.Try(sites[0], ledger.CoverRound{Training: id, Round: 1, Digest: ledger.Hash{1}, Mark: ledger.Hash{1}}), notice.Denied)
	denied(t, "beyond the record's budget", s.Try(patient, s.ToTrain(id, chart, sites[0])), notice.Exhausted)
	s.Do(patient, ledger.LimitBudget{Record: chart, Limit: ledger.BudgetLimit{Epsilon: 2_000_000}})
	g := ledger.NewGrantID(ledger.Health, s.Do(patient, s.ToTrain(id, chart, sites[0])))
	denied(t, "one record at two hospitals", s.Try(patient, s.ToTrain(id, chart, sites[1])), notice.Conflict)
	s.Permit(id, sites[1])
	first, stays := s.Covering(id, 1, sites[0]), s.Covering(id, 1, sites[1])
	s.Do(patient, ledger.RevokeGrant{Grant: g})
	denied(t, "a list from before a grant was revoked", s.Try(sites[0], first), notice.Conflict)
	s.Do(sites[1], stays) // another hospital's is as it was
	again := s.Covering(id, 1, sites[0])
	spent := ledgertest.Read[ledger.Budget](s, ledger.BudgetKey(chart))
	s.Do(patient, s.ToTrain(id, chart, sites[0]))
	denied(t, "a list from before one was given", s.Try(sites[0], again), notice.Conflict)
	if b := ledgertest.Read[ledger.Budget](s, ledger.BudgetKey(chart)); spent.Epsilon() == 0 || b.Epsilon() <= spent.Epsilon() {
		t.Errorf("spent %d, and after what was given again %d: revoking refunds nothing", spent.Epsilon(), b.Epsilon())
	}
	again = s.Covering(id, 1, sites[0])
	s.Do(patient, ledger.EraseRecord{Record: chart})
	denied(t, "a list with an erased record", s.Try(sites[0], again), notice.Conflict)
	s.Do(sites[0], s.Covering(id, 1, sites[0]))

	s.Do(sites[0], ledger.StopTraining{Training: id})
	other, _ := s.Permit(s.Trains(s.TrainingProposal(sites...), sites...), sites[2])
	denied(t, "for a training that has stopped", s.Try(other, s.ToTrain(id, s.Chart(other), sites[2])), notice.Expired)
}

// Sites leave, votes end, time passes: a training without a quorum stops.
func TestTrainingsEnd(t *testing.T) {
	s, _ := begin(t)
	sites := s.Sites(ledger.Health, 4)
	b := s.TrainingProposal(sites...)
	id := ledger.NewTrainingID(s.Do(sites[0], b))
	no := ledger.VoteTraining{Training: id, Terms: s.Training(id).Terms}
	s.Do(sites[1], no)
	s.Do(sites[2], no)
	if on := s.Training(id); on.Stage != ledger.TrainingStopped {
		t.Errorf("two of four against a quorum of three: %s", on.Stage)
	}
	denied(t, "stopped when it is", s.Try(sites[0], ledger.StopTraining{Training: id}), notice.Conflict)

	id = s.Trains(b, sites...)
	s.Do(sites[3], ledger.StopTraining{Training: id})
	denied(t, "left twice", s.Try(sites[3], ledger.StopTraining{Training: id}), notice.Conflict)
	s.Permit(id, sites[2])
	s.Do(sites[0], ledger.OpenRound{Training: id, Round: 1, Parent: b.Start})
	s.Do(sites[2], ledger.StopTraining{Training: id})
	denied(t, "covered after it has stopped", s.Try(sites[2], s.Covering(id, 1, sites[2])), notice.Conflict, notice.Denied)

	late := ledger.NewTrainingID(s.Do(sites[0], b))
	yes := ledger.VoteTraining{Training: late, Terms: s.Training(late).Terms, Yes: true, Key: sites[0].Public()}
	for _, k := range sites[:3] {
		s.Do(k, yes)
	}
	open := ledger.OpenRound{Training: late, Round: 1, Parent: b.Start}
	denied(t, "before the vote is over", s.Try(sites[0], open), notice.Conflict)
	s.Wait(3601)
	denied(t, "a vote after its time", s.Try(sites[3], yes), notice.Expired)
	s.Do(sites[0], open)
	s.Do(sites[0], ledger.CloseRound{Training: late, Round: 1})
	s.Wait(3601)
	open.Round = 2
	denied(t, "after the end", s.Try(sites[0], open), notice.Expired)
}
