package ledger

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// TrainingID names a Training: health-training-….
type TrainingID string

// NewTrainingID names what the command `by` makes.
func NewTrainingID(by CommandID) TrainingID { return TrainingID(made(Health, "training", by)) }

// A Training is an agreement of several hospitals to train one model together.
// Nothing of what they train on comes to the ledger: it holds what was proposed,
// who voted how, that every site covered a round with a list that it names by a
// salted digest, results by hash, what each brought in parts, and the release.
type Training struct {
	ID       TrainingID `json:"id"`
	Proposer PartyID    `json:"proposer"` // who coordinates
	Terms    Hash       `json:"terms"`    // of the command that proposed it
	ProposeTraining
	Stage    TrainingStage    `json:"stage"`
	Votes    []TrainingVote   `json:"votes,omitempty"` // in the order they came
	Left     []PartyID        `json:"left,omitempty"`  // sites that take part no more
	Round    int              `json:"round,omitempty"` // the latest that was opened, from 1
	Busy     bool             `json:"busy,omitempty"`  // it is under way
	Versions []TrainedVersion `json:"versions,omitempty"`
	Release  *TrainingRelease `json:"release,omitempty"`
}

// A TrainingVote is what a site said of a proposal.
type TrainingVote struct {
	Site PartyID           `json:"site"`
	Yes  bool              `json:"yes"`
	Key  ed25519.PublicKey `json:"key,omitempty"` // of its streams and messages, where it takes part
}

// A TrainedVersion is the model after a round: the next round's parent.
type TrainedVersion struct {
	Round  int       `json:"round"`
	Hash   Hash      `json:"hash"`   // of its parameters
	Parent Hash      `json:"parent"` // of those that the round began with
	Sites  []PartyID `json:"sites"`  // whose updates are in it
}

// A TrainingRelease is the step by which a model leaves its training.
type TrainingRelease struct {
	Terms  Hash         `json:"terms"` // of the command that asks for it
	Round  int          `json:"round"` // of the version
	Model  Hash         `json:"model"` // of the model that is published
	Shares []ModelShare `json:"shares"`
	Agreed []PartyID    `json:"agreed,omitempty"` // sites that assent
}

// A TrainingStage is how far a Training has come.
type TrainingStage string

// The stages.
const (
	TrainingVoting   TrainingStage = "voting"
	TrainingRunning  TrainingStage = "running"  // rounds are opened, one at a time
	TrainingAsked    TrainingStage = "asked"    // its release waits for the sites' assent
	TrainingReleased TrainingStage = "released" // its model may be published
	TrainingStopped  TrainingStage = "stopped"  // nothing more follows
)

// Over reports whether no further round can follow.
func (s TrainingStage) Over() bool { return s == TrainingReleased || s == TrainingStopped }

// Bounds of trainings.
const (
	MinTrainingSites   = 3 // with fewer, a site would know the other's update by its own
	MaxTrainingSites   = MaxModelShares - 1
	MaxTrainingRounds  = 1000
	MaxTrainingColumns = 256
	MaxTraining        = Time(366 * 24 * 3600) // seconds from the proposal to its end
	maxTrainingRecipe  = 8 << 10               // bytes
	maxTrainingCodes   = 64
)

// A TrainingColumn is one measurement that every site's table has: a number in a
// unit, or one of some codes.
type TrainingColumn struct {
	Name  string   `json:"name"`
	Unit  string   `json:"unit,omitempty"`  // "mmHg"; none of codes
	Low   float64  `json:"low,omitempty"`   // the least and the largest that can be; numbers alone
	High  float64  `json:"high,omitempty"`  // above Low
	Codes []string `json:"codes,omitempty"` // the words that the column may hold; none: a number
}

// A TrainingModel is what is trained, and how: a kind of package ml/federated, and
// its recipe, which that package reads. The ledger reads neither.
type TrainingModel struct {
	Kind       string          `json:"kind"`       // logistic, mlp, cnn, cox
	Parameters int             `json:"parameters"` // how many numbers are trained
	Recipe     json.RawMessage `json:"recipe"`     // JSON, at most 8 KiB
}

// A TrainedFrom names a version of another training, which the first round begins
// with.
type TrainedFrom struct {
	Training TrainingID `json:"training"`
	Round    int        `json:"round"`
}

// IsZero reports whether there is none.
func (f TrainedFrom) IsZero() bool { return f == TrainedFrom{} }

// ProposeTraining asks hospitals to train a model together. The author coordinates;
// it may be one of the sites.
type ProposeTraining struct {
	Title   string           `json:"title"`
	Sites   []PartyID        `json:"sites"`
	Quorum  int              `json:"quorum"` // sites that a round, and a release, need
	Kind    Kind             `json:"kind"`   // of the records that are trained on
	Model   TrainingModel    `json:"model"`
	Columns []TrainingColumn `json:"columns"`
	Label   TrainingColumn   `json:"label"`
	Rounds  int              `json:"rounds"`          // that may be opened, with or without a result
	Minimum int              `json:"minimum"`         // records that a site takes part with at least
	Noise   Noise            `json:"noise,omitzero"`  // of all its rounds, which every record in it pays for; none: nothing bounds what the model tells of a record
	Users   []PartyID        `json:"users,omitempty"` // who may ask for the model; none: whom its owner serves
	Export  bool             `json:"export"`          // whether the model may leave the training
	Own     uint32           `json:"own"`             // the proposer's parts of WholeShare of what it earns; the rest is the sites'
	From    TrainedFrom      `json:"from,omitzero"`   // what the first round begins with
	Hub     string           `json:"hub"`             // host:port where sites and coordinator meet
	Key     []byte           `json:"key"`             // Ed25519, of the coordinator's streams and messages
	Start   Hash             `json:"start"`           // of the parameters that the first round begins with
	Voting  Time             `json:"voting"`          // sites vote until then
	Until   Time             `json:"until"`           // no round after that
}

// Command implements Body.
func (ProposeTraining) Command() string { return "training.propose" }

// Check implements Body.
func (b ProposeTraining) Check() error {
	switch {
	case b.Title == "" || len(b.Title) > maxSumTitle || !utf8.ValidString(b.Title) || strings.ContainsFunc(b.Title, unicode.IsControl):
		return fmt.Errorf("a training has a title of one line, at most %d bytes", maxSumTitle)
	case len(b.Sites) < MinTrainingSites || len(b.Sites) > MaxTrainingSites:
		return fmt.Errorf("%d to %d hospitals train together: of two, each would learn the other's updates", MinTrainingSites, MaxTrainingSites)
	case b.Quorum < MinTrainingSites || b.Quorum > len(b.Sites) || 2*b.Quorum <= len(b.Sites)+1:
		return fmt.Errorf("a round needs %d sites at least, more than half and a half of those invited, and no more than those", MinTrainingSites)
	case b.Kind != Chart && b.Kind != Deidentified:
		return errors.New("trained is on charts or on de-identified studies")
	case b.Minimum < MinCohort || b.Minimum > maxSumMinimum:
		return fmt.Errorf("the fewest records that a site takes part with are %d to %d: fewer could point at a person", MinCohort, maxSumMinimum)
	case b.Rounds < 1 || b.Rounds > MaxTrainingRounds:
		return fmt.Errorf("a training has 1 to %d rounds", MaxTrainingRounds)
	case !b.Noise.IsZero() && b.Noise.Sums != int64(b.Rounds):
		return errors.New("noise is paid for in every round that may be opened, and no other")
	case b.Own > WholeShare:
		return errors.New("the proposer's part of what the model earns is 0 to 10000 parts")
	case len(b.Key) != ed25519.PublicKeySize || b.Start.IsZero():
		return errors.New("a proposal has the coordinator's key and the hash of the first parameters")
	case b.Voting <= 0 || b.Until <= b.Voting:
		return errors.New("a training ends after the vote on it does")
	case len(b.Users) > MaxModelShares:
		return errors.New("at most 16 parties are named who may use the model")
	}
	for _, list := range [][]PartyID{b.Sites, b.Users} {
		for i, p := range list {
			if err := CheckID(p, "p"); err != nil {
				return err
			}
			if VerticalOf(p) != Health {
				return fmt.Errorf("hospitals train for health: %w", ErrWall)
			}
			if slices.Contains(list[:i], p) {
				return errors.New("a party is named once")
			}
		}
	}
	if !b.From.IsZero() {
		if err := CheckID(b.From.Training, "training"); err != nil || b.From.Round < 1 {
			return errors.New("what a training goes on from is another, and a round of it")
		}
	}
	if host, port, err := net.SplitHostPort(b.Hub); err != nil || host == "" || port == "" || len(b.Hub) > 253 {
		return errors.New("the hub where sites meet is host:port")
	}
	return errors.Join(b.Noise.Check(), b.Model.check(), b.checkColumns())
}

func (m TrainingModel) check() error {
	switch {
	case m.Kind == "" || len(m.Kind) > 32 || !sumWord(m.Kind):
		return errors.New("a training names the kind of its model")
	case m.Parameters < 1 || m.Parameters > 1<<28:
		return errors.New("a model that is trained has 1 to 2^28 parameters")
	case len(m.Recipe) > maxTrainingRecipe || !json.Valid(m.Recipe):
		return fmt.Errorf("a recipe is JSON of at most %d bytes", maxTrainingRecipe)
	}
	return nil
}

// checkColumns refuses a schema by which two sites could mean different things.
func (b ProposeTraining) checkColumns() error {
	if len(b.Columns) == 0 || len(b.Columns) > MaxTrainingColumns {
		return fmt.Errorf("a schema has 1 to %d columns", MaxTrainingColumns)
	}
	all := append(slices.Clone(b.Columns), b.Label)
	for i, c := range all {
		if !sumWord(c.Name) || c.Unit != "" && !sumWord(c.Unit) || slices.ContainsFunc(c.Codes, func(w string) bool { return !sumWord(w) }) {
			return fmt.Errorf("names, units and codes have 1 to %d bytes: letters, digits, spaces inside, and . _ + - / < > = %%", maxSumWord)
		}
		if slices.ContainsFunc(all[:i], func(o TrainingColumn) bool { return strings.EqualFold(o.Name, c.Name) }) {
			return errors.New("two columns have one name")
		}
		if len(c.Codes) > 0 && (c.Unit != "" || c.Low != 0 || c.High != 0 || len(c.Codes) < 2 || len(c.Codes) > maxTrainingCodes) {
			return fmt.Errorf("a column of codes has 2 to %d of them, and no unit or range", maxTrainingCodes)
		}
		if len(c.Codes) == 0 && !(c.Low < c.High) {
			return errors.New("a column of numbers has a range: a low and a high")
		}
		for k, w := range c.Codes {
			if slices.ContainsFunc(c.Codes[:k], func(o string) bool { return strings.EqualFold(o, w) }) {
				return errors.New("two codes of a column are the same")
			}
		}
	}
	return nil
}

// KeyOf returns the key of a site that takes part, nil of another.
func (t Training) KeyOf(site PartyID) ed25519.PublicKey {
	i := slices.IndexFunc(t.Votes, func(v TrainingVote) bool { return v.Site == site && v.Yes })
	if i < 0 || slices.Contains(t.Left, site) {
		return nil
	}
	return t.Votes[i].Key
}

// Taking returns the sites that take part, in the order of the invitation.
func (t Training) Taking() (sites []PartyID) {
	for _, p := range t.Sites {
		if t.KeyOf(p) != nil {
			sites = append(sites, p)
		}
	}
	return sites
}

// Decided reports whether the vote is over: all have voted, or its time is over.
func (t Training) Decided(now Time) bool { return now > t.Voting || len(t.Votes) == len(t.Sites) }

// Last returns the hash of the parameters that the next round begins with.
func (t Training) Last() Hash {
	if n := len(t.Versions); n > 0 {
		return t.Versions[n-1].Hash
	}
	return t.Start
}

// Earn returns who earns what part of a model that is trained so, from what each
// site contributed: parts that sum to WholeShare, by the proposer's own part and
// the sites' parts of the rest, rounded down, the remainder to the first site.
func (t Training) Earn(contributed []ModelShare) []ModelShare {
	rest := uint64(WholeShare - t.Own)
	out := []ModelShare{{t.Proposer, t.Own}}
	left := rest
	for _, c := range contributed {
		parts := rest * uint64(c.Parts) / WholeShare
		left -= parts
		out = append(out, ModelShare{c.To, uint32(parts)})
	}
	if len(out) > 1 {
		out[1].Parts += uint32(left)
	}
	var all []ModelShare
	for _, s := range out {
		if i := slices.IndexFunc(all, func(o ModelShare) bool { return o.To == s.To }); i >= 0 {
			all[i].Parts += s.Parts
		} else {
			all = append(all, s)
		}
	}
	return slices.DeleteFunc(all, func(s ModelShare) bool { return s.Parts == 0 })
}
