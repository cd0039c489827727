// Package release is how a model leaves a training: its file and card, what each hospital
// earns by it, and the hospitals' assent. It publishes nothing.
package release

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"

	"manx/ledger"
	"manx/ml/federated"
	"manx/privacy/notice"
	"manx/storage/durable"
	"manx/web/owner"
	"manx/web/owner/training/coordinator"
	"manx/web/owner/training/evaluation"
	"manx/web/owner/training/house"
	"manx/web/owner/training/local"
	"manx/web/owner/training/measured"
	"manx/web/owner/training/recipe"
)

// A Request is what a proposer asks its sites to let go: the name, version and price
// that the model is published by, and perhaps what each site contributed.
type Request struct {
	Name    string        `json:"name"`
	Version string        `json:"version"` // 1.0.0
	Price   ledger.Amount `json:"price"`   // MAN a call

	// Contributed are parts of WholeShare of what the sites earn together. None: what
	// measured.Contributed says, to which sites compare it.
	Contributed []ledger.ModelShare `json:"contributed,omitempty"`
}

// A Released is a model that is ready to be published: files in the site's folder.
type Released struct {
	Stage   ledger.TrainingStage `json:"stage"`
	Agreed  []ledger.PartyID     `json:"agreed,omitempty"`
	Shares  []ledger.ModelShare  `json:"shares"`
	File    string               `json:"file"` // the model, as ONNX
	Card    string               `json:"card"`
	Quality *evaluation.Quality  `json:"quality,omitempty"`
}

// Ask writes the last version's model and card into the site's folder and asks
// the sites to let it go. Repeated, it asks nothing twice, and tells how far that has
// come; another model asks anew.
func Ask(ctx context.Context, h *house.House, id ledger.TrainingID, o Request) (out Released, err error) {
	on, err := h.Party.SignedTraining(ctx, id)
	if err != nil {
		return out, err
	}
	switch {
	case on.Proposer != h.Party.ID():
		return out, notice.New(notice.Denied, "who proposed a training releases its model", "ask its proposer")
	case !on.Export:
		return out, notice.New(notice.Denied, "the proposal that the sites agreed to lets no model leave", "propose another that does: `manx train propose --export`")
	case on.Busy || len(on.Versions) == 0 || on.Stage == ledger.TrainingVoting || on.Stage == ledger.TrainingStopped:
		return out, notice.New(notice.Conflict, "the training has no version that can be released now", "wait for the round: `manx train status`")
	}
	terms, err := recipe.Read(on.ProposeTraining)
	if err != nil {
		return out, err
	}
	state, err := coordinator.Last(h, on, terms)
	if err != nil {
		return out, err
	}
	if err := terms.Kind().Whole(state, on.Rounds, withResult(on.Training)); err != nil {
		return out, err
	}
	file, err := modelFile(terms, o.Name, state)
	if err != nil {
		return out, err
	}
	sheet, quality, err := card(ctx, h, on, terms, o, state, file.Hash)
	if err != nil {
		return out, err
	}
	last := on.Versions[len(on.Versions)-1]
	dir, err := house.Made(filepath.Join(h.Folder.Of(id), "release"))
	if err != nil {
		return out, err
	}
	out.File, out.Card, out.Quality = filepath.Join(dir, file.Name), filepath.Join(dir, "card.json"), &quality
	if err := durable.WriteFile(out.File, file.Bytes); err != nil {
		return out, err
	}
	if err := durable.WriteFile(out.Card, sheet); err != nil {
		return out, err
	}
	ask := ledger.ReleaseTraining{Training: id, Round: last.Round, Version: last.Hash, Contributed: o.Contributed}
	if err := ask.Model.UnmarshalText([]byte(file.Hash)); err != nil {
		return out, err
	}
	if ask.Contributed == nil {
		if ask.Contributed, err = measured.Shares(ctx, h, on, terms); err != nil {
			return out, err
		}
	}
	if on.Release == nil || on.Release.Model != ask.Model || !slices.Equal(on.Release.Shares, on.Earn(ask.Contributed)) {
		if on.Stage == ledger.TrainingReleased {
			return out, notice.New(notice.Conflict, "the training has released another model", "publish that one: `manx train status`")
		}
		if err := h.Party.Once(ctx, "training/release/"+string(id)+"/"+strconv.Itoa(last.Round)+"/"+file.Hash[:16], ask); err != nil {
			return out, err
		}
	}
	now, err := owner.Get[ledger.Training](ctx, h.Party.Client, id)
	if err != nil || now.Release == nil {
		return out, err
	}
	out.Stage, out.Agreed, out.Shares = now.Stage, now.Release.Agreed, now.Release.Shares
	return out, nil
}

// withResult returns the rounds that made a version.
func withResult(on ledger.Training) (rounds []int) {
	for _, v := range on.Versions {
		rounds = append(rounds, v.Round)
	}
	return rounds
}

// modelFile returns a version as a file.
func modelFile(r recipe.Recipe, name string, s federated.State) (local.File, error) {
	if name == "" {
		return local.File{}, notice.New(notice.Invalid, "the model has no name", "give one: `manx train release --name heart-together`")
	}
	return r.Kind().File(name, s)
}
