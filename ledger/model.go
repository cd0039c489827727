package ledger

import (
	"errors"
	"fmt"
	"slices"

	"manx/storage"
)

// A Model is one published version of a model.
type Model struct {
	ID       ModelID     `json:"id"`
	Owner    PartyID     `json:"owner"`
	Name     string      `json:"name"`
	Version  string      `json:"version"`
	Hash     Hash        `json:"hash"`               // of the model
	Plan     storage.Ref `json:"plan,omitzero"`      // manifest of the encrypted run's plan; none: it runs on shares only
	PlanHash Hash        `json:"plan_hash,omitzero"` // of the plan's bytes
	Joint    PlanRef     `json:"joint,omitzero"`     // its plan for a committee's key, where it has one
	Card     storage.Ref `json:"card"`               // the model card, one blob
	Keys     Hash        `json:"keys,omitzero"`      // hash of the verifying key of proofs about it
	KeysRef  storage.Ref `json:"keys_ref,omitzero"`  // manifest of the proving keys
	Accepts  []Kind      `json:"accepts"`            // record kinds it may run on
	Features []string    `json:"features"`           // input features by schema name
	Price    Amount      `json:"price"`
	Retired  bool        `json:"retired,omitempty"`

	Shares     []ModelShare `json:"shares,omitempty"`     // of what it earns; none: all is the owner's
	Limit      Limit        `json:"limit,omitzero"`       // of one asker's calls
	Parameters int          `json:"parameters,omitempty"` // how many numbers make it, as its owner says: what an extractor has to find

	Training TrainingID `json:"training,omitempty"` // that it was released from
	Users    []PartyID  `json:"users,omitempty"`    // who may ask for it; none: whoever its owner serves
}

// A PlanRef is a plan that is stored.
type PlanRef struct {
	Plan storage.Ref `json:"plan"` // its manifest
	Hash Hash        `json:"hash"` // of its bytes
}

// IsZero reports whether there is none.
func (p PlanRef) IsZero() bool { return p == PlanRef{} }

// PublishModel puts a version of a model of the author's on offer.
type PublishModel struct {
	Vertical Vertical    `json:"vertical"`
	Name     string      `json:"name"`
	Version  string      `json:"version"`
	Hash     Hash        `json:"hash"`
	Plan     storage.Ref `json:"plan,omitzero"` // none: it runs on shares only
	PlanHash Hash        `json:"plan_hash,omitzero"`
	Joint    PlanRef     `json:"joint,omitzero"`
	Card     storage.Ref `json:"card"`
	Keys     Hash        `json:"keys,omitzero"`
	KeysRef  storage.Ref `json:"keys_ref,omitzero"`
	Accepts  []Kind      `json:"accepts"`
	Features []string    `json:"features"`
	Price    Amount      `json:"price"`

	Shares     []ModelShare `json:"shares,omitempty"` // who has what part of what it earns, to be paid with each call
	Limit      Limit        `json:"limit,omitzero"`
	Parameters int          `json:"parameters,omitempty"`

	Training TrainingID `json:"training,omitempty"` // that it was released from, whose shares and users it has
}

// MaxParameters bounds how many numbers a model is said to have.
const MaxParameters = 1 << 40

// Command implements Body.
func (PublishModel) Command() string { return "model.publish" }

// Check implements Body.
func (b PublishModel) Check() error {
	switch {
	case b.Vertical != Health && b.Vertical != Credit:
		return errors.New("a model serves health or credit")
	case b.Name == "" || len(b.Name) > 64 || b.Version == "" || len(b.Version) > 32:
		return errors.New("a model has a name of at most 64 bytes and a version of at most 32")
	case b.Card.IsZero() || b.Plan.IsZero() && (b.Vertical != Credit || !b.PlanHash.IsZero()):
		return errors.New("a model has a plan and a card; only a credit model that runs on shares has no plan")
	case b.Joint.Plan.IsZero() != b.Joint.Hash.IsZero():
		return errors.New("a plan for a committee has a manifest and a hash")
	case len(b.Accepts) == 0 || len(b.Accepts) > 8 || len(b.Features) == 0 || len(b.Features) > 256:
		return errors.New("a model names the record kinds it accepts and its features")
	case slices.ContainsFunc(b.Accepts, func(k Kind) bool { return k.Vertical() != b.Vertical }):
		return fmt.Errorf("a model runs on records of its own vertical only: %w", ErrWall)
	}
	for _, f := range b.Features {
		if f == "" || len(f) > 64 {
			return errors.New("a feature name has 1 to 64 bytes")
		}
	}
	if b.Parameters < 0 || b.Parameters > MaxParameters {
		return errors.New("a model has 0 to 2^40 parameters; 0 does not say")
	}
	if b.Training != "" {
		if err := CheckID(b.Training, "training"); err != nil {
			return err
		}
	}
	return errors.Join(checkShares(b.Shares), b.Limit.check())
}

// RetireModel takes a model of the author's off offer; running jobs finish.
type RetireModel struct {
	Model ModelID `json:"model"`
}

// Command implements Body.
func (RetireModel) Command() string { return "model.retire" }

// Check implements Body.
func (b RetireModel) Check() error { return CheckID(b.Model, "model") }
