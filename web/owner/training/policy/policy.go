// Package policy is what a hospital takes part in: the site's own policy, by which its
// node says yes by itself, the programs of its own that may train, and what it has decided
// about each training. It votes on nothing.
package policy

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner/training/house"
	"manx/web/owner/training/local"
	"manx/web/owner/training/recipe"
)

// A Policy is a site's own: what its node says yes to by itself. The zero policy
// says yes to nothing.
type Policy struct {
	Trainings []Rule             `json:"trainings"`
	Trainers  map[string]Program `json:"trainers,omitempty"` // programs of the site's own, by name
	Authors   []ledger.PartyID   `json:"authors,omitempty"`  // whose annotations label records; none: the tables alone do
}

// A Rule is what a site takes part in. All of it must hold; what is not there allows
// anything, but for Table, Epsilon, Export, Groups and Figures, which allow nothing.
type Rule struct {
	Table     string           `json:"table"`               // of the folder tables: what takes part
	Trainer   string           `json:"trainer,omitempty"`   // of the site's own, that trains on it
	Proposers []ledger.PartyID `json:"proposers,omitempty"` // who may ask
	Hubs      []string         `json:"hubs,omitempty"`      // where the site may be met
	Kinds     []string         `json:"kinds,omitempty"`     // of models
	Epsilon   float64          `json:"epsilon"`             // the most a training may cost a record; 0 asks for no price, so that nothing bounds what the model tells
	Unbounded bool             `json:"unbounded,omitempty"` // whether a training without noise is taken part in
	Minimum   int              `json:"minimum,omitempty"`   // the least minimum of records
	Rounds    int              `json:"rounds,omitempty"`    // the most
	Masked    bool             `json:"masked,omitempty"`    // whether only rounds under masks are taken part in
	Lets
}

// Lets are what a site lets others have of a training.
type Lets struct {
	Export  bool `json:"export,omitempty"`  // whether the model may leave, and the site assents to a release
	Groups  bool `json:"groups,omitempty"`  // whether counts of groups of its patients are in the sums
	Figures bool `json:"figures,omitempty"` // whether the site publishes how versions do on its own held-out rows
}

const maxPolicy = 64 << 10

// Read reads a site's policy; where there is none, it is the zero policy.
func Read(f house.Folder) (p Policy, err error) {
	file, err := os.Open(f.Policy())
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	bad := func(cause error, what string) error {
		return notice.Because(cause, notice.Invalid, "the site's policy cannot be used: "+what, "correct policy.json; docs/training.md shows one")
	}
	if err != nil {
		return p, bad(err, "it cannot be read")
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxPolicy+1))
	if err != nil || len(b) > maxPolicy {
		return p, bad(err, "it is larger than 64 KiB")
	}
	if err := ledger.Decode(b, &p); err != nil {
		return p, bad(err, "it is not the JSON of a policy")
	}
	for i, r := range p.Trainings {
		if !PlainName(r.Table) {
			return p, bad(nil, fmt.Sprintf("rule %d names no file of the folder tables", i+1))
		}
		if _, ok := p.Trainers[r.Trainer]; r.Trainer != "" && !ok {
			return p, bad(nil, fmt.Sprintf("rule %d names a trainer that is not under trainers", i+1))
		}
		if !(r.Epsilon >= 0 && r.Epsilon <= 100) || r.Minimum < 0 || r.Rounds < 0 {
			return p, bad(nil, fmt.Sprintf("rule %d has an epsilon outside 0 to 100, or a number below 0", i+1))
		}
	}
	for name, t := range p.Trainers {
		if what := t.check(name); what != "" {
			return p, bad(nil, what)
		}
	}
	return p, nil
}

// PlainName reports whether a table's name is that of a file and leads nowhere else.
func PlainName(s string) bool {
	return s != "" && len(s) <= 120 && s == filepath.Base(s) && !strings.HasPrefix(s, ".")
}

// Allows returns the first rule that a proposal is within, or why none is: a notice
// of kind Denied, of the rule that comes nearest in the order of the file.
func (p Policy) Allows(by ledger.PartyID, b ledger.ProposeTraining) (Rule, error) {
	err := notice.New(notice.Denied, "the site's policy takes part in no training", "add a rule to policy.json, or join this one: `manx train join`")
	for i, r := range p.Trainings {
		why, werr := r.against(by, b)
		if werr != nil {
			return r, werr
		}
		if why == "" {
			return r, nil
		}
		err = notice.New(notice.Denied, fmt.Sprintf("rule %d of the site's policy does not allow it: %s", i+1, why), "change policy.json, or join this one: `manx train join`")
	}
	return Rule{}, err
}

// against says what a rule has against a proposal, nothing if it is within.
func (r Rule) against(by ledger.PartyID, b ledger.ProposeTraining) (string, error) {
	switch {
	case len(r.Proposers) > 0 && !slices.Contains(r.Proposers, by):
		return "another proposes", nil
	case len(r.Hubs) > 0 && !slices.Contains(r.Hubs, b.Hub):
		return "another hub", nil
	case len(r.Kinds) > 0 && !slices.Contains(r.Kinds, b.Model.Kind):
		return "another kind of model", nil
	case b.Minimum < r.Minimum:
		return "a lower minimum of records", nil
	case r.Rounds > 0 && b.Rounds > r.Rounds:
		return "more rounds", nil
	case b.Export && !r.Export:
		return "the model may leave", nil
	case b.Model.Kind == local.Foreign && r.Trainer == "":
		return "its steps are made by a program of each hospital's own, and the rule names no trainer", nil
	case r.Masked && recipe.OnShares(b):
		return "its rounds are on shares", nil
	case b.Noise.IsZero() && !r.Unbounded:
		return "without noise, nothing bounds what the model tells of a record", nil
	case b.Noise.IsZero():
		return "", nil
	}
	price, err := b.Noise.Price()
	if err != nil {
		return "", notice.Because(err, notice.Invalid, "the noise of the training has no price", "take no part in it")
	}
	if e := float64(price.Epsilon()) / 1e6; e > r.Epsilon {
		return fmt.Sprintf("it costs a record epsilon %.2f", e), nil
	}
	return "", nil
}
