package training

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"reflect"

	"manx/ledger"
	"manx/ml/federated"
	"manx/privacy/notice"
	"manx/privacy/secagg"
	"manx/web/owner"
)

// A Recipe is how a model is trained: what a proposal's ledger.TrainingModel holds as
// JSON. A site reads its table by the schema, which the proposal tells everybody in
// words of the ledger too.
type Recipe struct {
	Schema    federated.Schema    `json:"schema"`
	Network   federated.Network   `json:"network"`
	Algorithm federated.Algorithm `json:"algorithm"`
	Private   *federated.Private  `json:"private,omitempty"` // none: without differential privacy
	Seed      uint64              `json:"seed"`              // of the parameters that training begins with
	HeldOut   int                 `json:"held_out"`          // percent of the records that it is tested on instead, 0 to 50

	// Bounded are the hospitals that compute rounds on shares, 3 or 4 of those invited:
	// an update beyond its bound is in no sum. None: sums are made under masks.
	Bounded []ledger.PartyID `json:"bounded,omitempty"`
	Judge   *Judge           `json:"judge,omitempty"` // of what each contributes; none: it is by rounds
}

// Check returns nil, or a notice that names what cannot be.
func (r Recipe) Check() error {
	for _, check := range []func() error{r.Schema.Check, r.Network.Check, r.Algorithm.Check} {
		if err := check(); err != nil {
			return err
		}
	}
	if r.Network.Kind == federated.CNN || r.Schema.Label.Time != nil {
		return notice.New(notice.Unsupported, "hospitals train models of tables here: a logistic regression or an mlp", "choose one of those kinds")
	}
	if n := r.Schema.Size(); r.Network.Input != [3]int{n, 1, 1} {
		return notice.New(notice.Invalid, fmt.Sprintf("the model reads %v numbers, and a row of the schema becomes %d", r.Network.Input, n), fmt.Sprintf("give the network the input [%d, 1, 1]", n))
	}
	if r.HeldOut < 0 || r.HeldOut > 50 {
		return notice.New(notice.Invalid, "the recipe holds out less than nothing or more than half", "hold out 0 to 50 percent of the records")
	}
	if err := r.checkBounded(); err != nil {
		return err
	}
	if r.Private == nil {
		return nil
	}
	if a := r.Algorithm.Name; a == federated.Scaffold || a == federated.FedProx {
		return notice.New(notice.Invalid, "training with privacy makes one step a round, which needs neither scaffold nor a pull", "train by fedavg or fedadam")
	}
	return r.Private.Check()
}

// Begin returns the version that the first round begins with.
func (r Recipe) Begin() (federated.State, error) {
	params, err := r.Network.Initial(r.Seed)
	if err != nil {
		return federated.State{}, err
	}
	return r.Algorithm.Begin(params), nil
}

// Propose fills what a proposal says of a recipe: model, schema, the noise that its
// rounds have, and the parameters that they begin with. Sites, Quorum and Rounds of
// the proposal are there before.
func (r Recipe) Propose(b *ledger.ProposeTraining) error {
	if r.Private != nil { // noise enough also without those who may be away, and against one who knows her own
		p := *r.Private
		p.Step.Sites, p.Step.Away = len(b.Sites), len(b.Sites)-b.Quorum+1
		r.Private = &p
		b.Noise = ledger.Noise{Sigma: p.Step.Sigma, Rate: p.Step.Rate, Sums: int64(b.Rounds)}
	}
	if err := r.Check(); err != nil {
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
	b.Model = ledger.TrainingModel{Kind: r.Network.Kind, Parameters: len(s.Params), Recipe: recipe}
	b.Columns, b.Label = columns(r.Schema)
	b.Start = hashOf(writeVersion(s))
	return nil
}

// columns tells a schema in the ledger's words.
func columns(s federated.Schema) (all []ledger.TrainingColumn, label ledger.TrainingColumn) {
	for _, c := range s.Columns {
		out := ledger.TrainingColumn{Name: c.Name, Unit: c.Unit, Low: c.Min, High: c.Max}
		for _, v := range c.Codes {
			out.Codes = append(out.Codes, fmt.Sprintf("%g", v))
		}
		if out.Codes != nil {
			out.Unit, out.Low, out.High = "", 0, 0
		}
		all = append(all, out)
	}
	label = ledger.TrainingColumn{Name: s.Label.Name}
	label.Codes = append(append(label.Codes, s.Label.Negative...), s.Label.Positive...)
	return all, label
}

// ReadRecipe returns the recipe of a proposal, once it says the same as the rest of
// the proposal does.
func ReadRecipe(b ledger.ProposeTraining) (r Recipe, err error) {
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

// secure is the round of privacy/secagg of a training's round with a roster.
func (r Recipe) secure(on owner.SignedTraining, round int, roster []owner.TrainingMember, coordinator ed25519.PublicKey) secagg.Round {
	h := sha256.New()
	fmt.Fprintf(h, "manx/training-round/v1\x00%s\x00%d", on.Terms, round)
	out := secagg.Round{ID: [32]byte(h.Sum(nil)), Coordinator: coordinator, Threshold: on.Quorum, Length: r.length(on.Model.Parameters),
		Clip: most(len(roster)), Most: 1, Minimum: 1}
	if r.Private == nil {
		out.Clip = max(r.Algorithm.Clip, 1)
	}
	for _, m := range roster {
		out.Sites = append(out.Sites, m.Account)
	}
	return out
}

// most is the largest integer that a site of n adds to a sum under masks. With it as
// its clip a round's step is 1, and integers are sent as they are.
func most(n int) float64 { return float64((math.MaxInt32)/int64(n) - 2) }

// length is how many numbers a site adds in a round: of its update, then the counts
// of what the version that the round begins with says of its held-out rows.
func (r Recipe) length(parameters int) int {
	if r.Private == nil {
		parameters = r.Algorithm.Length(parameters)
	}
	return parameters + cells
}

// vector returns what a site adds, from its rows of a round.
func (r Recipe) vector(ctx context.Context, in federated.Round, train, test federated.Table) (v, own []float64, err error) {
	counts, err := r.counts(in.Params, test)
	if err != nil {
		return nil, nil, err
	}
	if r.Private != nil {
		sum, err := r.Network.Sum(*r.Private, in.Params, train.Examples())
		if err != nil {
			return nil, nil, err
		}
		for _, x := range sum {
			v = append(v, float64(x))
		}
		return append(v, counts...), nil, nil
	}
	model, err := r.Network.Bind(train.Examples(), r.Algorithm)
	if err != nil {
		return nil, nil, err
	}
	u, err := model.Local(ctx, in)
	if err != nil {
		return nil, nil, err
	}
	v, err = r.Algorithm.InRound(in.Number).Vector(u, len(in.Params))
	return append(v, counts...), u.Own, err
}

// next returns the version after a round, from the sum of it, and how the one that it
// began with did.
func (r Recipe) next(on owner.SignedTraining, s federated.State, totals []float64) (federated.State, Evaluation, error) {
	n := len(totals) - cells
	e := r.evaluated(on.Round, totals[n:])
	if r.Private == nil {
		out, err := r.Algorithm.Next(s, totals[:n], len(on.Sites))
		return out, e, err
	}
	ints := make([]int64, n)
	for i, v := range totals[:n] {
		ints[i] = int64(math.Round(v))
	}
	out, err := r.Private.Next(r.Algorithm, s, ints)
	return out, e, err
}
