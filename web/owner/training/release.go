package training

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"manx/ledger"
	"manx/ml"
	"manx/ml/federated"
	"manx/privacy/notice"
	"manx/storage/durable"
	"manx/web/owner"
	"manx/web/owner/training/local"
)

// A Release is what a proposer asks its sites to let go: the name, version and price
// that the model is published by, and perhaps what each site contributed.
type Release struct {
	Name    string        `json:"name"`
	Version string        `json:"version"` // 1.0.0
	Price   ledger.Amount `json:"price"`   // MAN a call

	// Contributed are parts of WholeShare of what the sites earn together. None: what
	// Hospital.Contributed says, to which sites compare it.
	Contributed []ledger.ModelShare `json:"contributed,omitempty"`
}

// A Released is a model that is ready to be published: files in the site's folder.
type Released struct {
	Stage   ledger.TrainingStage `json:"stage"`
	Agreed  []ledger.PartyID     `json:"agreed,omitempty"`
	Shares  []ledger.ModelShare  `json:"shares"`
	File    string               `json:"file"` // the model, as ONNX
	Card    string               `json:"card"`
	Quality *Quality             `json:"quality,omitempty"`
}

// Release writes the last version's model and card into the site's folder and asks
// the sites to let it go. Repeated, it asks nothing twice, and tells how far that has
// come; another model asks anew.
func (h *Hospital) Release(ctx context.Context, id ledger.TrainingID, o Release) (out Released, err error) {
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
	recipe, err := ReadRecipe(on.ProposeTraining)
	if err != nil {
		return out, err
	}
	state, err := h.version(on, recipe)
	if err != nil {
		return out, err
	}
	if err := recipe.kind().Whole(state, on.Rounds, withResult(on.Training)); err != nil {
		return out, err
	}
	file, err := modelFile(recipe, o.Name, state)
	if err != nil {
		return out, err
	}
	card, quality, err := h.card(ctx, on, recipe, o, state, file.Hash)
	if err != nil {
		return out, err
	}
	last := on.Versions[len(on.Versions)-1]
	dir, err := made(filepath.Join(folder(h.Dir).of(id), "release"))
	if err != nil {
		return out, err
	}
	out.File, out.Card, out.Quality = filepath.Join(dir, file.Name), filepath.Join(dir, "card.json"), &quality
	if err := durable.WriteFile(out.File, file.Bytes); err != nil {
		return out, err
	}
	if err := durable.WriteFile(out.Card, card); err != nil {
		return out, err
	}
	ask := ledger.ReleaseTraining{Training: id, Round: last.Round, Version: last.Hash, Contributed: o.Contributed}
	if err := ask.Model.UnmarshalText([]byte(file.Hash)); err != nil {
		return out, err
	}
	if ask.Contributed == nil {
		if ask.Contributed, err = h.shares(ctx, on, recipe); err != nil {
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
func modelFile(r Recipe, name string, s federated.State) (local.File, error) {
	if name == "" {
		return local.File{}, notice.New(notice.Invalid, "the model has no name", "give one: `manx train release --name heart-together`")
	}
	return r.kind().File(name, s)
}

// card describes a version from what the ledger and the sums of its rounds tell.
func (h *Hospital) card(ctx context.Context, on owner.SignedTraining, r Recipe, o Release, s federated.State, hash string) ([]byte, Quality, error) {
	e, over, err := h.evaluation(ctx, on.Training, r)
	if err != nil {
		return nil, Quality{}, err
	}
	q, ok := e.Quality()
	if !ok {
		return nil, q, notice.New(notice.Unavailable, "too few held-out records tell how good the model is, and a card says what was measured", "propose a training that holds some out (held_out in its recipe), over more records")
	}
	last := on.Versions[len(on.Versions)-1]
	cost := "Without noise: nothing bounds what the model tells of a record that it was trained on."
	if !on.Noise.IsZero() {
		price, err := on.Noise.Price()
		if err != nil {
			return nil, q, err
		}
		cost = fmt.Sprintf("Differential privacy of every record, over all %d rounds and the tests together: epsilon %.3f at delta 1e-5, noise of %.3f times the most one record adds, drawn in parts by the hospitals, none of which knows it whole.",
			on.Rounds, float64(price.Epsilon())/1e6, float64(on.Noise.Sigma)/1000)
	}
	sums := "under masks"
	if len(r.Bounded) > 0 {
		sums = "on shares"
	}
	how := fmt.Sprintf("over all hospitals together, on the %d%% of records that were held out of training, counted %s by tenths of probability; of the version that round %d began with", r.HeldOut, sums, last.Round)
	if r.Private != nil {
		how = fmt.Sprintf("over all hospitals together, on the %d%% of records that were held out of training, counted %s by tenths of probability, with noise, which may put figures of few records well off; mean of the versions of the last %d rounds", r.HeldOut, sums, over)
	}
	c := ml.Card{
		Format: 1, Name: o.Name, Version: o.Version, Vertical: string(ledger.Health), Hash: hash, Licence: "as its owner says", Price: o.Price.String(),
		Summary: fmt.Sprintf("%s: a model of the kind %s that %d hospitals trained together, in %d rounds, without showing each other their records.", on.Title, on.Model.Kind, len(last.Sites), len(on.Versions)),
		NotFor:  []string{"Diagnosis, screening, triage or any clinical decision: this is research software, not a medical device.", "Credit, insurance or employment decisions."},
		Data: []ml.Source{{Name: on.Title, Licence: "stays in the hospitals", Attribution: fmt.Sprintf("%d hospitals, by their grants on training %s", len(last.Sites), on.ID),
			Where: "inside the hospitals' walls", Rows: on.Minimum * len(last.Sites), Groups: len(last.Sites),
			Note: fmt.Sprintf("Rows is what there are at least: each hospital has %d or more, and how many is not told. Every record has its owner's grant for this training.", on.Minimum)}},
		Metrics: []ml.Metric{
			{Name: "AUC", Value: q.AUC, Method: how}, {Name: "accuracy", Value: q.Accuracy, Method: how + "; at one half"},
			{Name: "sensitivity", Value: q.Sensitivity, Method: how + "; at one half"}, {Name: "specificity", Value: q.Specificity, Method: how + "; at one half"},
			{Name: "calibration error", Value: q.Calibration, Method: how + "; mean difference of probability and share with what is learned, by records"},
		},
		Notes:    []string{cost, fmt.Sprintf("Lineage: training %s, %d rounds opened, the last version of round %d, parameters %s, begun with %s.", on.ID, on.Round, last.Round, last.Hash, on.Start)},
		Versions: []ml.Change{{Version: o.Version, What: "Released by its hospitals."}},
	}
	if err := h.describe(ctx, &c, on, r, e, how); err != nil {
		return nil, q, err
	}
	r.source().Describe(&c)
	if err := r.kind().Describe(&c, s); err != nil {
		return nil, q, err
	}
	if err := c.Check(); err != nil {
		return nil, q, err
	}
	b, err := json.MarshalIndent(c, "", "  ")
	return b, q, err
}
