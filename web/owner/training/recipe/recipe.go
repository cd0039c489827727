// Package recipe is what the terms of a training mean: how a proposal says a model is
// trained, what a site adds in a round by it, what follows from a sum, and a version as
// bytes. It sends nothing, keeps nothing, and decides about no taking part.
package recipe

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"

	"manx/ledger"
	"manx/ml"
	"manx/ml/federated"
	"manx/privacy/notice"
	"manx/privacy/secagg"
	"manx/web/owner"
	"manx/web/owner/training/evaluation"
	"manx/web/owner/training/local"
)

// A Recipe is how a model is trained: what a proposal's ledger.TrainingModel holds as
// JSON. A site reads its data by the schema, which the proposal tells everybody in
// words of the ledger too. Which kind of model it is follows from what is there:
// Survival; or Network, which Trainer has programs of the hospitals' own make steps
// of; or Trainer alone, a model that only those programs know.
type Recipe struct {
	Schema    federated.Schema    `json:"schema"`
	Pictures  *ml.Input           `json:"pictures,omitempty"` // rows are studies, read so; of the schema is the label alone
	Network   federated.Network   `json:"network,omitzero"`
	Algorithm federated.Algorithm `json:"algorithm,omitzero"`
	Survival  *local.Survival     `json:"survival,omitempty"`
	Trainer   *local.Outside      `json:"trainer,omitempty"`
	Private   *federated.Private  `json:"private,omitempty"` // none: without differential privacy
	Seed      uint64              `json:"seed"`              // of the parameters that training begins with
	HeldOut   int                 `json:"held_out"`          // percent of the records that it is tested on instead, 0 to 50

	// Bounded are the hospitals that compute rounds on shares, 3 or 4 of those invited:
	// an update beyond its bound is in no sum. None: sums are made under masks.
	Bounded []ledger.PartyID `json:"bounded,omitempty"`
	Judge   *Judge           `json:"judge,omitempty"` // of what each contributes; none: it is by rounds

	Groups []Group `json:"groups,omitempty"` // of patients that the card tells apart, where sites allow it
}

// Source is what a row of a site's table is.
func (r Recipe) Source() local.Source {
	if r.Pictures != nil {
		return local.Pictures{Input: *r.Pictures, Label: r.Schema.Label}
	}
	return local.Table{Schema: r.Schema}
}

// Kind is what is trained.
func (r Recipe) Kind() local.Kind {
	switch {
	case r.Survival != nil:
		return r.Survival.Of(r.Schema)
	case r.Network.Kind == "" && r.Trainer != nil:
		return local.Own{Outside: *r.Trainer, Algorithm: r.Algorithm, Seed: r.Seed}
	}
	return local.Network{Network: r.Network, Algorithm: r.Algorithm, Private: r.Private, Outside: r.Trainer, Seed: r.Seed}
}

// Check returns nil, or a notice that names what cannot be, in so many rounds; 0 of
// any number.
func (r Recipe) Check(rounds int) error {
	of := r.Source()
	if err := of.Check(); err != nil {
		return err
	}
	alone := r.Kind().Name() == local.Cox || r.Kind().Name() == local.Foreign
	switch {
	case r.HeldOut < 0 || r.HeldOut > 50:
		return notice.New(notice.Invalid, "the recipe holds out less than nothing or more than half", "hold out 0 to 50 percent of the records")
	case r.Private != nil && alone:
		return notice.New(notice.Unsupported, "there is no noise for this kind of model", "propose a logistic regression or an mlp; or without noise, which sites have to allow")
	case r.Pictures != nil && len(r.Schema.Columns) > 0, r.Pictures != nil && r.Survival != nil:
		return notice.New(notice.Unsupported, "a training is on studies or on measurements, and survival on measurements", "leave pictures out of the recipe, or columns and survival")
	case r.Survival == nil && r.Schema.Label.Time != nil:
		return notice.New(notice.Invalid, "the schema has a time, and the recipe no survival", "say how survival is fitted: docs/training.md")
	case r.Survival != nil && (r.Network.Kind != "" || r.Trainer != nil || r.Algorithm != federated.Algorithm{}):
		return notice.New(notice.Invalid, "the recipe has a model of survival and another one", "leave network, algorithm and trainer out: survival has steps of its own")
	}
	if err := errors.Join(r.checkBounded(), r.checkGroups()); err != nil {
		return err
	}
	return r.Kind().Check(of.Shape(), rounds)
}

// Begin returns the version that the first round begins with.
func (r Recipe) Begin() (federated.State, error) { return r.Kind().Begin() }

// Propose fills what a proposal says of a recipe: records, model, schema, the noise
// that its rounds have, and the parameters that they begin with. Sites, Quorum and
// Rounds of the proposal are there before.
func (r Recipe) Propose(b *ledger.ProposeTraining) error {
	if r.Private != nil { // noise enough also without those who may be away, and against one who knows her own
		p := *r.Private
		p.Step.Sites, p.Step.Away = len(b.Sites), len(b.Sites)-b.Quorum+1
		r.Private = &p
		b.Noise = ledger.Noise{Sigma: p.Step.Sigma, Rate: p.Step.Rate, Sums: int64(b.Rounds)}
	}
	if err := r.Check(b.Rounds); err != nil {
		return err
	}
	s, err := r.Begin()
	if err != nil {
		return err
	}
	if err := r.boundedBy(b.Sites, len(s.Params)); err != nil {
		return err
	}
	recipe, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode recipe: %w", err)
	}
	b.Kind = r.Source().Accepts()
	b.Model = ledger.TrainingModel{Kind: r.Kind().Name(), Parameters: len(s.Params), Recipe: recipe}
	b.Columns, b.Label = r.Source().Tell()
	b.Start = HashOf(WriteVersion(s))
	return nil
}

// Read returns the recipe of a proposal, once it says the same as the rest of
// the proposal does.
func Read(b ledger.ProposeTraining) (r Recipe, err error) {
	bad := func(cause error, what string) error {
		return notice.Because(cause, notice.Invalid, "the proposal's recipe cannot be used: "+what, "take no part: `manx train join TRAINING --no`")
	}
	if err := ledger.Decode(b.Model.Recipe, &r); err != nil {
		return r, bad(err, "it is not the JSON of a recipe of this version")
	}
	again := b
	if err := r.Propose(&again); err != nil {
		return r, err
	}
	switch {
	case b.Kind != again.Kind:
		return r, bad(nil, "it reads another kind of record than the proposal names")
	case b.Model.Kind != again.Model.Kind || b.Model.Parameters != again.Model.Parameters:
		return r, bad(nil, "it is of another model than the proposal names")
	case !reflect.DeepEqual(b.Columns, again.Columns) || !reflect.DeepEqual(b.Label, again.Label):
		return r, bad(nil, "its schema is another than the proposal's columns")
	case r.Private == nil && !b.Noise.IsZero() || r.Private != nil && b.Noise != again.Noise:
		return r, bad(nil, "its noise is another than what records are to pay for")
	case b.From.IsZero() && b.Start != again.Start:
		return r, bad(nil, "it begins with other parameters than the proposal names")
	}
	var said Recipe // as Propose writes it: with the sites and the quorum of the proposal
	if err := ledger.Decode(again.Model.Recipe, &said); err != nil || !reflect.DeepEqual(said, r) {
		return r, bad(err, "its noise counts on other sites than are invited")
	}
	return r, nil
}

// Secure is the round of privacy/secagg of a training's round with a roster.
func (r Recipe) Secure(on owner.SignedTraining, round int, roster []owner.TrainingMember, coordinator ed25519.PublicKey) secagg.Round {
	h := sha256.New()
	fmt.Fprintf(h, "manx/training-round/v1\x00%s\x00%d", on.Terms, round)
	length, clip := r.Kind().Bound()
	if clip == 0 {
		clip = most(len(roster))
	}
	out := secagg.Round{ID: [32]byte(h.Sum(nil)), Coordinator: coordinator, Threshold: on.Quorum, Length: length + r.cells(),
		Clip: clip, Most: 1, Minimum: 1}
	for _, m := range roster {
		out.Sites = append(out.Sites, m.Account)
	}
	return out
}

// most is the largest integer that a site of n adds to a sum under masks. With it as
// its clip a round's step is 1, and integers are sent as they are.
func most(n int) float64 { return float64((math.MaxInt32)/int64(n) - 2) }

// Round is where a training stands for its kind, with the version that its round
// begins with.
func (r Recipe) Round(on ledger.Training, s federated.State) local.Round {
	return local.Round{Number: on.Round, Of: on.Rounds, Sites: len(on.Sites), Minimum: on.Minimum, State: r.resumed(on, s)}
}

// resumed is the version that a round begins with: the first ones of a training that
// goes on from another begin with what follows from that one's.
func (r Recipe) resumed(on ledger.Training, s federated.State) federated.State {
	if len(on.Versions) == 0 && !on.From.IsZero() {
		return r.Kind().Resume(s)
	}
	return s
}

// Vector returns what a site adds in a round: of its rows, then the counts of what the
// version that the round begins with says of its held-out rows; and what it keeps. No
// number is larger than as many sites as the roster has can add without a sum that wraps.
func (r Recipe) Vector(ctx context.Context, in local.Round, s local.Site, roster int) (v, own []float64, err error) {
	counts, err := r.counts(ctx, in, s)
	if err != nil {
		return nil, nil, err
	}
	v, own, err = r.Kind().Vector(ctx, in, s)
	v = append(v, counts...)
	most := most(roster)
	for i := range v { // beyond it there is next to nothing, and the sum must not wrap
		v[i] = min(max(v[i], -most), most)
	}
	return v, own, err
}

// Next returns the version after a round, from the sum of it, and how the one that it
// began with did.
func (r Recipe) Next(on owner.SignedTraining, s federated.State, totals []float64) (federated.State, evaluation.Evaluation, error) {
	n := len(totals) - r.cells()
	e := r.evaluated(on.Round, totals[n:])
	in := r.Round(on.Training, s)
	out, err := r.Kind().Next(in, in.State, totals[:n])
	return out, e, err
}
