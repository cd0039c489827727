package ledger

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// A TrainingRound is one round of a Training: who covers it, and what came of it.
type TrainingRound struct {
	Training TrainingID      `json:"training"`
	Round    int             `json:"round"`
	Parent   Hash            `json:"parent"` // of the parameters that it begins with
	Opened   Time            `json:"opened"`
	Covers   []TrainingCover `json:"covers,omitempty"`
	Result   Hash            `json:"result,omitzero"`
	Sites    []PartyID       `json:"result_sites,omitempty"` // whose updates are in the result
	Records  int             `json:"records,omitempty"`      // in it, over all of them
	Failed   bool            `json:"failed,omitempty"`       // it has no result
}

// A TrainingCover is a site's word that it takes part in a round with Minimum
// records or more, each under a live grant for this training. Digest is a salted
// hash of the list of grants: the site can open it to who asks it to account, and
// the ledger's readers learn neither which records nor how many.
type TrainingCover struct {
	Site   PartyID `json:"site"`
	Digest Hash    `json:"digest"`
}

// Over reports whether nothing more can happen in the round.
func (r TrainingRound) Over() bool { return r.Failed || !r.Result.IsZero() }

// Covered reports whether a site takes part.
func (r TrainingRound) Covered(site PartyID) bool {
	return slices.ContainsFunc(r.Covers, func(c TrainingCover) bool { return c.Site == site })
}

// TrainingRoundKey is where a round is kept.
func TrainingRoundKey(t TrainingID, round int) Key {
	return KeyOf(t) + "/round/" + Key(strconv.Itoa(round))
}

// TrainingSignedKey is where the command that proposed a training is kept,
// TrainingVoteKey where the one is by which a site voted, and TrainingReleaseKey
// where the one is that asks for the release, so that all check signatures and not
// a node's word.
func TrainingSignedKey(t TrainingID) Key { return KeyOf(t) + "/signed" }

// TrainingVoteKey is where a site's vote is kept. See TrainingSignedKey.
func TrainingVoteKey(t TrainingID, site PartyID) Key { return KeyOf(t) + "/vote/" + Key(site) }

// TrainingReleaseKey is where the release is kept. See TrainingSignedKey.
func TrainingReleaseKey(t TrainingID) Key { return KeyOf(t) + "/release" }

// TrainingMarkKey is where the mark of the grants is kept that a site has for a
// training. It is a Hash that changes whenever one of them ends, and tells no
// number.
func TrainingMarkKey(t TrainingID, site PartyID) Key { return KeyOf(t) + "/mark/" + Key(site) }

// TrainingGrantKey is where the grant on a record for a training is kept: a record
// has one.
func TrainingGrantKey(t TrainingID, r RecordID) Key { return KeyOf(t) + "/grant/" + Key(r) }

// VoteTraining says whether the author, a site, takes part. Terms is the hash of
// the proposal that it has read.
type VoteTraining struct {
	Training TrainingID `json:"training"`
	Terms    Hash       `json:"terms"`
	Yes      bool       `json:"yes"`
	Key      []byte     `json:"key,omitempty"` // Ed25519, of its streams and messages, where it takes part
}

// Command implements Body.
func (VoteTraining) Command() string { return "training.vote" }

// Check implements Body.
func (b VoteTraining) Check() error {
	if b.Terms.IsZero() {
		return errors.New("a site votes on the terms that it names by their hash")
	}
	if want := ed25519.PublicKeySize; b.Yes && len(b.Key) != want || !b.Yes && len(b.Key) != 0 {
		return fmt.Errorf("a site that takes part names its key, of %d bytes; one that does not names none", want)
	}
	return CheckID(b.Training, "training")
}

// OpenRound opens the next round over the parameters that the last one made. It
// counts, whatever comes of it.
type OpenRound struct {
	Training TrainingID `json:"training"`
	Round    int        `json:"round"`
	Parent   Hash       `json:"parent"`
}

// Command implements Body.
func (OpenRound) Command() string { return "training.open" }

// Check implements Body.
func (b OpenRound) Check() error {
	if b.Round < 1 || b.Round > MaxTrainingRounds || b.Parent.IsZero() {
		return errors.New("a round has a number from 1, and the hash of the parameters that it begins with")
	}
	return CheckID(b.Training, "training")
}

// CoverRound takes part in a round with the records that the author has live
// grants for. Mark is the mark of those grants that it has read: where one has
// ended since, the command is refused, and the site makes its list again.
type CoverRound struct {
	Training TrainingID `json:"training"`
	Round    int        `json:"round"`
	Digest   Hash       `json:"digest"` // salted, of the list
	Mark     Hash       `json:"mark"`
}

// Command implements Body.
func (CoverRound) Command() string { return "training.cover" }

// Check implements Body.
func (b CoverRound) Check() error {
	if b.Round < 1 || b.Digest.IsZero() || b.Mark.IsZero() {
		return errors.New("a site covers a round with a digest of its list, and the mark of its grants")
	}
	return CheckID(b.Training, "training")
}

// CloseRound says what came of a round: the hash of the new parameters, whose
// updates are in them and over how many records together; or nothing.
type CloseRound struct {
	Training TrainingID `json:"training"`
	Round    int        `json:"round"`
	Result   Hash       `json:"result,omitzero"` // none: the round has failed
	Sites    []PartyID  `json:"sites,omitempty"`
	Records  int        `json:"records,omitempty"`
}

// Command implements Body.
func (CloseRound) Command() string { return "training.close" }

// Check implements Body.
func (b CloseRound) Check() error {
	if b.Round < 1 || b.Result.IsZero() != (len(b.Sites) == 0) || b.Result.IsZero() != (b.Records == 0) || b.Records < 0 {
		return errors.New("a round that has a result names it, its sites and how many records they have together; one that failed names none")
	}
	if len(b.Sites) > MaxTrainingSites {
		return errors.New("a round has no more sites than a training")
	}
	for i, p := range b.Sites {
		if err := CheckID(p, "p"); err != nil || slices.Contains(b.Sites[:i], p) {
			return errors.New("a round names each of its sites once")
		}
	}
	return CheckID(b.Training, "training")
}

// ReleaseTraining asks the sites to let the last version leave as a model, and
// says what each brought: parts of WholeShare of what the sites earn together.
type ReleaseTraining struct {
	Training    TrainingID   `json:"training"`
	Round       int          `json:"round"` // of the version
	Version     Hash         `json:"version"`
	Model       Hash         `json:"model"` // of the model that is published
	Contributed []ModelShare `json:"contributed"`
}

// Command implements Body.
func (ReleaseTraining) Command() string { return "training.release" }

// Check implements Body.
func (b ReleaseTraining) Check() error {
	if b.Round < 1 || b.Version.IsZero() || b.Model.IsZero() || len(b.Contributed) == 0 {
		return errors.New("a release names a version, a model and what each site contributed")
	}
	return errors.Join(CheckID(b.Training, "training"), checkShares(b.Contributed))
}

// AssentTraining agrees to a release that the author, a site, has read.
type AssentTraining struct {
	Training TrainingID `json:"training"`
	Release  Hash       `json:"release"` // of the command that asks for it
}

// Command implements Body.
func (AssentTraining) Command() string { return "training.assent" }

// Check implements Body.
func (b AssentTraining) Check() error {
	if b.Release.IsZero() {
		return errors.New("a site assents to the release that it names by its hash")
	}
	return CheckID(b.Training, "training")
}

// StopTraining ends a training, where it is the proposer's; a site's takes the
// site out, and ends it where too few are left.
type StopTraining struct {
	Training TrainingID `json:"training"`
}

// Command implements Body.
func (StopTraining) Command() string { return "training.stop" }

// Check implements Body.
func (b StopTraining) Check() error { return CheckID(b.Training, "training") }
