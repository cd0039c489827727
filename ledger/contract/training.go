package contract

import (
	"crypto/sha256"
	"slices"

	"manx/credit"
	"manx/ledger"
	"manx/privacy/notice"
)

func (t *txn) dispatchTraining() error {
	switch t.cmd.Name {
	case "training.propose":
		return run(t, proposeTraining)
	case "training.vote":
		return run(t, voteTraining)
	case "training.open":
		return run(t, openRound)
	case "training.cover":
		return run(t, coverRound)
	case "training.close":
		return run(t, closeRound)
	case "training.release":
		return run(t, releaseTraining)
	case "training.assent":
		return run(t, assentTraining)
	case "training.stop":
		return run(t, stopTraining)
	}
	return unknown()
}

// proposeTraining invites hospitals. The proposer coordinates: a hospital, or a
// scientist, who has no records.
func proposeTraining(t *txn, b ledger.ProposeTraining) error {
	switch {
	case ledger.VerticalOf(t.cmd.Author) != ledger.Health:
		return checked(ledger.ErrWall)
	case t.author.Role != ledger.Hospital && t.author.Role != ledger.Scientist:
		return refuse(notice.Denied, "only a hospital or a scientist proposes a training", "register as one: `manx keys new --role hospital`")
	case b.Voting <= t.now || b.Until-t.now > ledger.MaxTraining:
		return refuse(notice.Invalid, "sites vote on a training from now on, and it ends within 366 days", "give other times: `manx train propose --help`")
	}
	if known := credit.FeatureNames(); slices.ContainsFunc(append(slices.Clone(b.Columns), b.Label), func(c ledger.TrainingColumn) bool { return slices.Contains(known, c.Name) }) {
		return checked(ledger.ErrWall)
	}
	for _, p := range b.Sites {
		site, err := t.party(p)
		if err != nil {
			return err
		}
		if site.Role != ledger.Hospital {
			return refuse(notice.Denied, "hospitals train together, and nobody else", "invite hospitals: `manx train propose`")
		}
	}
	for _, p := range b.Users {
		if _, err := t.party(p); err != nil {
			return err
		}
	}
	if err := t.goesOn(b); err != nil {
		return err
	}
	on := ledger.Training{ID: ledger.NewTrainingID(t.cmd.ID), Proposer: t.cmd.Author, Terms: t.cmd.Digest(), ProposeTraining: b, Stage: ledger.TrainingVoting}
	if err := t.save(ledger.TrainingSignedKey(on.ID), t.cmd, ""); err != nil {
		return err
	}
	return t.save(ledger.KeyOf(on.ID), on, ledger.TrainingChanged)
}

// goesOn refuses a training that begins with what another made, unless that may
// leave it: it is released, or goes no further than the hospitals that made it.
func (t *txn) goesOn(b ledger.ProposeTraining) error {
	if b.From.IsZero() {
		return nil
	}
	from, err := t.training(b.From.Training)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(from.Versions, func(v ledger.TrainedVersion) bool { return v.Round == b.From.Round })
	if i < 0 || from.Versions[i].Hash != b.Start {
		return refuse(notice.Invalid, "the other training has no such version", "read its rounds: `manx train status`")
	}
	own := func(p ledger.PartyID) bool { return p == from.Proposer || slices.Contains(from.Sites, p) }
	released := from.Stage == ledger.TrainingReleased && from.Release.Round == b.From.Round
	if !own(t.cmd.Author) || !released && slices.ContainsFunc(b.Sites, func(p ledger.PartyID) bool { return !own(p) }) {
		return refuse(notice.Denied, "that version may not leave the hospitals that trained it", "invite those alone, or have it released: `manx train release`")
	}
	return nil
}

// voteTraining takes a site's word. The training runs once all have voted, where
// enough take part.
func voteTraining(t *txn, b ledger.VoteTraining) error {
	on, err := t.training(b.Training)
	switch {
	case err != nil:
		return err
	case !slices.Contains(on.Sites, t.cmd.Author):
		return noTraining()
	case slices.ContainsFunc(on.Votes, func(v ledger.TrainingVote) bool { return v.Site == t.cmd.Author }):
		return refuse(notice.Conflict, "the site has voted already", "read it: `manx train status`; leave it: `manx train stop`")
	case b.Terms != on.Terms:
		return refuse(notice.Integrity, "the site has read other terms than those on the ledger", "read them again: `manx train status`")
	case on.Stage != ledger.TrainingVoting || t.now > on.Voting:
		return refuse(notice.Expired, "the time to vote on the training is over", "ask for another: `manx train propose`")
	}
	if err := t.save(ledger.TrainingVoteKey(on.ID, t.cmd.Author), t.cmd, ""); err != nil {
		return err
	}
	on.Votes = append(on.Votes, ledger.TrainingVote{Site: t.cmd.Author, Yes: b.Yes, Key: b.Key})
	if len(on.Votes) == len(on.Sites) {
		on.Stage = ledger.TrainingRunning
	}
	if few(on) {
		on.Stage = ledger.TrainingStopped
	}
	return t.save(ledger.KeyOf(on.ID), on, ledger.TrainingChanged)
}

// few reports whether a quorum can no more be had.
func few(on ledger.Training) bool {
	waiting := 0
	for _, p := range on.Sites {
		if on.Stage == ledger.TrainingVoting && !slices.ContainsFunc(on.Votes, func(v ledger.TrainingVote) bool { return v.Site == p }) && !slices.Contains(on.Left, p) {
			waiting++
		}
	}
	return len(on.Taking())+waiting < on.Quorum
}

// openRound opens a round. One that is opened counts: a site may have answered it,
// and its noise and its cost were meant for it.
func openRound(t *txn, b ledger.OpenRound) error {
	on, err := t.coordinated(b.Training)
	switch {
	case err != nil:
		return err
	case on.Stage == ledger.TrainingVoting && on.Decided(t.now):
		on.Stage = ledger.TrainingRunning
	case on.Stage != ledger.TrainingRunning:
		return trainingStage()
	}
	switch {
	case t.now > on.Until:
		return refuse(notice.Expired, "the time of the training is over", "release what there is, or ask for another: `manx train propose`")
	case len(on.Taking()) < on.Quorum:
		return refuse(notice.Conflict, "too few sites take part", "ask for another training: `manx train propose`")
	case on.Busy || b.Round != on.Round+1:
		return refuse(notice.Conflict, "rounds follow one another, each when the last is closed", "read it: `manx train status`")
	case b.Round > on.Rounds:
		return refuse(notice.Exhausted, "the training has had all its rounds", "release what there is: `manx train release`")
	case b.Parent != on.Last():
		return refuse(notice.Integrity, "the round begins with other parameters than the last one made", "read its versions: `manx train status`")
	}
	on.Round, on.Busy = b.Round, true
	r := ledger.TrainingRound{Training: on.ID, Round: b.Round, Parent: b.Parent, Opened: t.now}
	if err := t.save(ledger.TrainingRoundKey(on.ID, b.Round), r, ledger.TrainingRoundChanged); err != nil {
		return err
	}
	return t.save(ledger.KeyOf(on.ID), on, ledger.TrainingChanged)
}

// coverRound takes a site into a round, with a list that no ended grant is on: the
// mark that the site has read is that of now.
func coverRound(t *txn, b ledger.CoverRound) error {
	on, r, err := t.round(b.Training, b.Round)
	switch {
	case err != nil:
		return err
	case !slices.Contains(on.Sites, t.cmd.Author):
		return noTraining()
	case on.KeyOf(t.cmd.Author) == nil:
		return refuse(notice.Denied, "the site takes no part in the training", "read it: `manx train status`")
	case r.Over() || t.now > on.Until:
		return trainingStage()
	case r.Covered(t.cmd.Author):
		return refuse(notice.Conflict, "the site covers the round already", "read it: `manx train status`")
	}
	mark, err := t.mark(on.ID, t.cmd.Author)
	if err != nil {
		return err
	}
	if b.Mark != mark {
		return refuse(notice.Conflict, "a grant has been given or has ended since the list was made", "make the list again: `manx hospital` does")
	}
	r.Covers = append(r.Covers, ledger.TrainingCover{Site: t.cmd.Author, Digest: b.Digest})
	return t.save(ledger.TrainingRoundKey(on.ID, r.Round), r, ledger.TrainingRoundChanged)
}

// closeRound ends the round under way.
func closeRound(t *txn, b ledger.CloseRound) error {
	on, err := t.coordinated(b.Training)
	if err != nil {
		return err
	}
	_, r, err := t.round(b.Training, b.Round)
	switch {
	case err != nil:
		return err
	case b.Round != on.Round || r.Over():
		return trainingStage()
	}
	on.Busy = false
	if b.Result.IsZero() {
		r.Failed = true
	} else {
		for _, p := range b.Sites {
			if !r.Covered(p) {
				return refuse(notice.Denied, "a site that has not covered the round is not in its result", "leave it out")
			}
		}
		if len(b.Sites) < on.Quorum || b.Records < on.Minimum*len(b.Sites) {
			return refuse(notice.Denied, "a round needs its quorum of sites, and the least number of records of each", "close it without a result, and open another")
		}
		r.Result, r.Sites, r.Records = b.Result, b.Sites, b.Records
		on.Versions = append(on.Versions, ledger.TrainedVersion{Round: b.Round, Hash: b.Result, Parent: r.Parent, Sites: b.Sites})
	}
	if err := t.save(ledger.TrainingRoundKey(on.ID, r.Round), r, ledger.TrainingRoundChanged); err != nil {
		return err
	}
	return t.save(ledger.KeyOf(on.ID), on, ledger.TrainingChanged)
}

// releaseTraining asks the sites for the model, which they let go only where all
// had agreed beforehand that it may.
func releaseTraining(t *txn, b ledger.ReleaseTraining) error {
	on, err := t.coordinated(b.Training)
	switch {
	case err != nil:
		return err
	case !on.Export:
		return refuse(notice.Denied, "the proposal that the sites agreed to lets no model leave", "propose another that does: `manx train propose --export`")
	case on.Stage != ledger.TrainingRunning && on.Stage != ledger.TrainingAsked || on.Busy:
		return trainingStage()
	case len(on.Versions) == 0:
		return refuse(notice.Conflict, "the training has made no version yet", "wait for a round: `manx train status`")
	}
	last := on.Versions[len(on.Versions)-1]
	switch {
	case b.Round != last.Round || b.Version != last.Hash:
		return refuse(notice.Conflict, "the last version is released, and no other", "read its versions: `manx train status`")
	case slices.ContainsFunc(b.Contributed, func(s ledger.ModelShare) bool { return on.KeyOf(s.To) == nil && !worked(on, s.To) }):
		return refuse(notice.Denied, "a party that has not trained is not paid as if it had", "name sites whose updates are in a version")
	}
	on.Stage = ledger.TrainingAsked
	on.Release = &ledger.TrainingRelease{Terms: t.cmd.Digest(), Round: b.Round, Model: b.Model, Shares: on.Earn(b.Contributed)}
	if err := t.save(ledger.TrainingReleaseKey(on.ID), t.cmd, ""); err != nil {
		return err
	}
	return t.save(ledger.KeyOf(on.ID), on, ledger.TrainingChanged)
}

// worked reports whether a site's updates are in a version.
func worked(on ledger.Training, site ledger.PartyID) bool {
	return slices.ContainsFunc(on.Versions, func(v ledger.TrainedVersion) bool { return slices.Contains(v.Sites, site) })
}

// assentTraining is a site's word on a release. With a quorum the model is free.
func assentTraining(t *txn, b ledger.AssentTraining) error {
	on, err := t.training(b.Training)
	switch {
	case err != nil:
		return err
	case !slices.Contains(on.Sites, t.cmd.Author) || !worked(on, t.cmd.Author):
		return noTraining()
	case on.Stage != ledger.TrainingAsked:
		return trainingStage()
	case b.Release != on.Release.Terms:
		return refuse(notice.Integrity, "the site has read another release than the one on the ledger", "read it again: `manx train status`")
	case slices.Contains(on.Release.Agreed, t.cmd.Author):
		return refuse(notice.Conflict, "the site has assented already", "read it: `manx train status`")
	}
	on.Release.Agreed = append(on.Release.Agreed, t.cmd.Author)
	if len(on.Release.Agreed) >= on.Quorum {
		on.Stage = ledger.TrainingReleased
	}
	return t.save(ledger.KeyOf(on.ID), on, ledger.TrainingChanged)
}

// stopTraining ends a training, or takes a site out of it. A version that has a
// quorum for its release stays released.
func stopTraining(t *txn, b ledger.StopTraining) error {
	on, err := t.training(b.Training)
	switch {
	case err != nil:
		return err
	case t.cmd.Author != on.Proposer && !slices.Contains(on.Sites, t.cmd.Author):
		return noTraining()
	case on.Stage.Over():
		return trainingStage()
	case t.cmd.Author == on.Proposer:
		on.Stage = ledger.TrainingStopped
		return t.save(ledger.KeyOf(on.ID), on, ledger.TrainingChanged)
	case slices.Contains(on.Left, t.cmd.Author):
		return refuse(notice.Conflict, "the site has left already", "read it: `manx train status`")
	}
	on.Left = append(on.Left, t.cmd.Author)
	if few(on) && on.Stage != ledger.TrainingAsked {
		on.Stage = ledger.TrainingStopped
	}
	return t.save(ledger.KeyOf(on.ID), on, ledger.TrainingChanged)
}

// permitTraining checks a grant to train: it is for a training that can still use
// the record, says what that may cost it as the proposal does, and is the only one
// of the record's for it.
func (t *txn) permitTraining(g *ledger.Grant, b ledger.GiveGrant, r ledger.Record) error {
	on, err := t.training(b.Training)
	switch {
	case err != nil:
		return err
	case on.Stage.Over() || on.Stage == ledger.TrainingAsked || t.now > on.Until:
		return refuse(notice.Expired, "the training uses no more records", "ask the hospital which it takes part in")
	case !slices.Contains(on.Sites, b.To) || slices.Contains(on.Left, b.To):
		return refuse(notice.Denied, "the hospital takes no part in this training", "name one that does: `manx grant add RECORD PARTY --purpose training`")
	case r.Kind != on.Kind:
		return refuse(notice.Denied, "the training is on records of another kind", "read what it is about: `manx train status`")
	case b.Noise != on.Noise:
		return refuse(notice.Integrity, "the grant says other noise than the training has, whose price the record pays", "read it again: `manx train status`")
	case b.Until < on.Until:
		return refuse(notice.Invalid, "the grant would end before the training does; it can be revoked at any time", "give more days: `manx grant add --days N`")
	}
	k := ledger.TrainingGrantKey(on.ID, r.ID)
	was, ok, err := load[ledger.GrantID](t, k)
	if err != nil {
		return err
	}
	if ok {
		old, _, err := load[ledger.Grant](t, ledger.KeyOf(was))
		if err != nil {
			return err
		}
		if old.Live(t.now) {
			return refuse(notice.Conflict, "the record takes part in the training already", "list your grants: `manx grant list`")
		}
	}
	g.Training, g.Noise = on.ID, on.Noise
	use := ledger.BudgetUse{Kind: ledger.UseTraining, Of: string(on.ID), By: b.To}
	if on.Noise.IsZero() {
		use.Exact = 1
	} else if use.Price, err = on.Noise.Price(); err != nil {
		return checked(err)
	}
	if err := t.charge(r, use); err != nil {
		return err
	}
	if err := t.save(k, g.ID, ""); err != nil {
		return err
	}
	return t.remark(*g)
}

// mark returns the mark of the grants that a site has for a training.
func (t *txn) mark(id ledger.TrainingID, site ledger.PartyID) (ledger.Hash, error) {
	m, ok, err := load[ledger.Hash](t, ledger.TrainingMarkKey(id, site))
	if err == nil && !ok {
		err = refuse(notice.Denied, "no grant lets the site train on a record", "patients give them: `manx grant add RECORD PARTY --purpose training`")
	}
	return m, err
}

// remark changes the mark of a site's grants, since one was given or has ended.
func (t *txn) remark(g ledger.Grant) error {
	k := ledger.TrainingMarkKey(g.Training, g.To)
	was, _, err := load[ledger.Hash](t, k)
	if err != nil {
		return err
	}
	h := sha256.New()
	h.Write([]byte("manx/training-mark/v1\x00"))
	h.Write(was[:])
	h.Write(t.cmd.ID[:])
	return t.save(k, ledger.Hash(h.Sum(nil)), "")
}

// coordinated returns a training that the author proposed.
func (t *txn) coordinated(id ledger.TrainingID) (ledger.Training, error) {
	on, err := t.training(id)
	if err == nil && on.Proposer != t.cmd.Author {
		err = refuse(notice.Denied, "who proposed a training coordinates it", "ask its proposer: `manx train status`")
	}
	return on, err
}

// round returns a training and a round of it that was opened.
func (t *txn) round(id ledger.TrainingID, n int) (on ledger.Training, r ledger.TrainingRound, err error) {
	if on, err = t.training(id); err != nil {
		return on, r, err
	}
	r, ok, err := load[ledger.TrainingRound](t, ledger.TrainingRoundKey(id, n))
	if err == nil && !ok {
		err = refuse(notice.NotFound, "there is no such round", "read it: `manx train status`")
	}
	if err == nil && on.Stage != ledger.TrainingRunning {
		err = trainingStage()
	}
	return on, r, err
}

func (t *txn) training(id ledger.TrainingID) (ledger.Training, error) {
	on, ok, err := load[ledger.Training](t, ledger.KeyOf(id))
	if err == nil && !ok {
		err = noTraining()
	}
	return on, err
}

func noTraining() error {
	return refuse(notice.NotFound, "there is no such training that invites you", "list yours: `manx train status`")
}

func trainingStage() error {
	return refuse(notice.Conflict, "the training does not stand where that would follow", "read it: `manx train status`")
}
