package local

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"

	"manx/ml"
	"manx/ml/federated"
	"manx/ml/federated/external"
	"manx/privacy/notice"
)

// Outside is what a proposal says of programs that train in the place of this one.
// docs/training.md has what such a program is told and tells.
type Outside struct {
	Parameters int `json:"parameters"` // float32 that a program is given, and gives back
	// MostRows and Spread are of a model that only the programs know: from how many
	// examples on a site counts no more, and the deviation of the parameters that
	// training begins with; of 0 they are 0.
	MostRows int     `json:"most_rows,omitempty"`
	Spread   float64 `json:"spread,omitempty"`
}

// maxOutside is how many parameters a program has at most.
const maxOutside = 1 << 26

// check returns nil, or what cannot be; parameters are the network's that the
// programs train, 0 where they alone know it.
func (o Outside) check(a federated.Algorithm, parameters int) error {
	bad := func(what string) error {
		return notice.New(notice.Invalid, "the proposal's trainers cannot be: "+what, "correct the recipe's trainer; docs/training.md lists its fields")
	}
	switch {
	case o.Parameters < 1 || o.Parameters > maxOutside:
		return bad(fmt.Sprintf("a program trains 1 to %d parameters", maxOutside))
	case parameters > 0 && o.Parameters != parameters:
		return bad(fmt.Sprintf("the network has %d parameters", parameters))
	case parameters > 0 && (o.MostRows != 0 || o.Spread != 0):
		return bad("most_rows and spread are the network's own")
	case parameters == 0 && (o.MostRows < 1 || !(o.Spread >= 0 && o.Spread <= 10)):
		return bad("most_rows is above 0, and spread 0 to 10")
	case a.Name == federated.Scaffold:
		return notice.New(notice.Unsupported, "scaffold's control variates are not in the protocol of trainers", "propose fedavg, fedprox or fedadam")
	}
	return nil
}

func (o Outside) trainer(s Site, a federated.Algorithm, most int) external.Trainer {
	return external.Trainer{Program: *s.Program, Parameters: o.Parameters, MostRows: most, Algorithm: a}
}

// bind returns the site's program as a model.
func (o Outside) bind(s Site, a federated.Algorithm, most int) (federated.Model, error) {
	m, err := o.trainer(s, a, most).Bind(s.Train.Examples())
	return within{m, a}, err
}

// within is a model whose updates are refused where they are far too large to be an
// honest step: a program's mistake is told to who can mend it, and not clipped away.
type within struct {
	federated.Model
	algorithm federated.Algorithm
}

// beyond is how many times the proposal's bound an update of a program may be: up to
// the bound it counts whole, up to this it is clipped.
const beyond = 10

// Local implements federated.Model.
func (w within) Local(ctx context.Context, r federated.Round) (federated.Update, error) {
	u, err := w.Model.Local(ctx, r)
	if err != nil {
		return u, err
	}
	if n := federated.Clip(append([]float64(nil), u.Delta...), w.algorithm.Clip); n > beyond*w.algorithm.Clip {
		return u, notice.New(notice.Invalid, fmt.Sprintf("the trainer gave no update: in round %d its parameters moved by more than %d times the proposal's bound", r.Number, beyond),
			"learn more slowly, or look for values far outside their range; its last words are in trainer.log, in its folder")
	}
	return u, nil
}

// NoPlace is the notice that a site's program has no place in a proposal, and NoProgram
// that a site has none where one is needed.
func NoPlace() error {
	return notice.New(notice.Denied, "the proposal has no place for programs of the hospitals' own", "take part without one: `manx train join TRAINING --table FILE`")
}

// NoProgram is described at NoPlace.
func NoProgram() error {
	return notice.New(notice.Denied, "the steps of this training are made by a program of each hospital's own, and this site names none",
		"put one under trainers of policy.json, and join with it: `manx train join TRAINING --table FILE --trainer NAME`; docs/training.md shows both")
}

// Own is a model that only the hospitals' programs know: so many parameters, and what
// they mean they have agreed on among themselves.
type Own struct {
	Outside
	Algorithm federated.Algorithm
	Seed      uint64
}

// Foreign is the name of the kind Own.
const Foreign = "external"

// Name implements Kind.
func (Own) Name() string { return Foreign }

// Check implements Kind.
func (o Own) Check([3]int, int) error {
	if err := o.Algorithm.Check(); err != nil {
		return err
	}
	return o.Outside.check(o.Algorithm, 0)
}

// Begin implements Kind.
func (o Own) Begin() (federated.State, error) {
	params := make([]float64, o.Parameters)
	r := rand.New(rand.NewPCG(o.Seed, 0x6d616e78)) //nolint:gosec // no secret: everybody draws the same
	for i := range params {
		params[i] = float64(float32(o.Spread * r.NormFloat64()))
	}
	return o.Algorithm.Begin(params), nil
}

// Resume implements Kind.
func (o Own) Resume(s federated.State) federated.State { return o.Algorithm.Begin(s.Params) }

// Bound implements Kind.
func (o Own) Bound() (length int, clip float64) {
	return o.Algorithm.Length(o.Parameters), max(o.Algorithm.Clip, 1)
}

// Most implements Kind.
func (o Own) Most() int { return o.MostRows }

// Vector implements Kind.
func (o Own) Vector(ctx context.Context, r Round, s Site) (v, own []float64, err error) {
	if s.Program == nil {
		return nil, nil, NoProgram()
	}
	m, err := o.bind(s, o.Algorithm, o.MostRows)
	if err != nil {
		return nil, nil, err
	}
	u, err := m.Local(ctx, federated.Round{Number: r.Number, Params: r.State.Params, Seed: r.Seed})
	if err != nil {
		return nil, nil, err
	}
	v, err = o.Algorithm.InRound(r.Number).Vector(u, o.Parameters)
	return v, nil, err
}

// Next implements Kind.
func (o Own) Next(r Round, from federated.State, sum []float64) (federated.State, error) {
	return o.Algorithm.Next(from, sum, r.Sites)
}

// Outcomes implements Kind: the program scores the held-out examples.
func (o Own) Outcomes(ctx context.Context, r Round, s Site) (all []Outcome, err error) {
	if s.Program == nil {
		return nil, NoProgram()
	}
	if len(s.Test.X) == 0 {
		return nil, nil
	}
	scores, err := o.trainer(s, o.Algorithm, o.MostRows).Scores(ctx, r.Number, r.State.Params, s.Test.Examples())
	if err != nil {
		return nil, err
	}
	for i, z := range scores {
		all = append(all, Outcome{i, logistic(z), s.Test.Positive[i]})
	}
	return all, nil
}

// Whole implements Kind.
func (Own) Whole(federated.State, int, []int) error { return nil }

// File implements Kind: the parameters, little-endian float32, which are of use to
// who has the program.
func (o Own) File(_ string, s federated.State) (File, error) {
	var b []byte
	for _, v := range s.Params {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
	}
	sum := sha256.Sum256(b)
	return File{"parameters.f32", b, hex.EncodeToString(sum[:])}, nil
}

// Describe implements Kind.
func (o Own) Describe(c *ml.Card, _ federated.State) error {
	c.Notes = append(c.Notes, fmt.Sprintf("The file is %d parameters, little-endian float32, of a network that the hospitals' programs know, and no graph: nobody is served by it without such a program.", o.Parameters))
	c.Rule = &ml.Rule{TopK: 1, Threshold: 0.5, Margin: 0.05}
	return nil
}
