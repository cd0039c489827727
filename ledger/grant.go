package ledger

import (
	"errors"
	"fmt"

	"manx/storage"
)

// A Purpose is why a record is used. Each belongs to one vertical.
type Purpose string

// The purposes. Those of credit are permissible ones under section 604 of the
// Fair Credit Reporting Act (15 U.S.C. 1681b); each needs the consumer's own
// grant as well, which section 604 would not always ask for.
const (
	Care              Purpose = "care"               // treatment of the patient
	Research          Purpose = "research"           // de-identified records only
	Diagnosis         Purpose = "diagnosis"          // a model's finding for the patient
	ForTraining       Purpose = "training"           // steps of a Training, inside the walls of the hospital that has the record
	CreditTransaction Purpose = "credit-transaction" // 604(a)(3)(A): credit the consumer asked for
	AccountReview     Purpose = "account-review"     // 604(a)(3)(A), (F)(ii): review of an account the consumer holds
)

// ErrPurpose marks a use that states no purpose of ours.
var ErrPurpose = errors.New("there is no such purpose: state care, research, diagnosis or training for health; credit-transaction or account-review for credit")

// Purposes lists every purpose.
func Purposes() []Purpose {
	return []Purpose{Care, Research, Diagnosis, ForTraining, CreditTransaction, AccountReview}
}

// Vertical returns the side a purpose belongs to, or "" for none of ours.
func (p Purpose) Vertical() Vertical {
	switch p {
	case Care, Research, Diagnosis, ForTraining:
		return Health
	case CreditTransaction, AccountReview:
		return Credit
	}
	return ""
}

// An Access is what a grant permits.
type Access string

// To read opens the record (the wrap is split); to compute never gives a key, nor
// does to train, by which a hospital uses what it holds already.
const (
	Read    Access = "read"
	Compute Access = "compute"
	Train   Access = "train"
)

// A Grant is a permission.
type Grant struct {
	ID      GrantID  `json:"id"`
	Record  RecordID `json:"record"`
	Owner   PartyID  `json:"owner"`
	To      PartyID  `json:"to"`
	Purpose Purpose  `json:"purpose"`
	Access  Access   `json:"access"`
	Model   ModelID  `json:"model,omitempty"` // for compute
	Job     JobID    `json:"job,omitempty"`   // the request it consents to
	From    Time     `json:"from"`
	Until   Time     `json:"until"`
	Revoked Time     `json:"revoked,omitempty"` // 0 while it is not

	// Of a grant to compute given beforehand, for requests that are yet to come.
	Calls         int              `json:"calls,omitempty"`        // how many; 0 in every other grant
	Version       int              `json:"version,omitempty"`      // of the record, whose shares it is about
	ModelHash     Hash             `json:"model_hash,omitzero"`    // of Model
	Organisations [Sharers]PartyID `json:"organisations,omitzero"` // who hold the shares
	Jobs          []JobID          `json:"jobs,omitempty"`         // the calls so far
	Input         storage.Ref      `json:"input,omitzero"`         // the furnisher's encryption under a committee's key
	Key           Hash             `json:"key,omitzero"`           // of that committee

	// Of a grant to train.
	Training TrainingID `json:"training,omitempty"`
	Noise    Noise      `json:"noise,omitzero"` // of the training, whose price was spent when this was given
}

// Left returns how many calls a grant given beforehand still allows.
func (g Grant) Left() int { return max(g.Calls-len(g.Jobs), 0) }

// MaxCalls bounds the calls of one grant.
const MaxCalls = 64

// Live reports whether g permits anything at contract time now.
func (g Grant) Live(now Time) bool { return g.Revoked == 0 && now < g.Until }

// GiveGrant gives a permission on a record of the author's.
type GiveGrant struct {
	Record  RecordID `json:"record"`
	To      PartyID  `json:"to"`
	Purpose Purpose  `json:"purpose"`
	Access  Access   `json:"access"`
	Model   ModelID  `json:"model,omitempty"`
	Job     JobID    `json:"job,omitempty"` // consent to this request
	Until   Time     `json:"until"`

	// To compute without a Job is to permit requests that are yet to come.
	Calls     int  `json:"calls,omitempty"`     // how many, 1 to MaxCalls
	Version   int  `json:"version,omitempty"`   // of the record: its latest
	ModelHash Hash `json:"model_hash,omitzero"` // of Model, so that the owner's signature covers what is computed

	// Where a committee may serve too: the furnisher's encryption, and of what key.
	Input storage.Ref `json:"input,omitzero"`
	Key   Hash        `json:"key,omitzero"`

	// To train: what for, and by what noise, whose price the record pays, as the
	// proposal has it.
	Training TrainingID `json:"training,omitempty"`
	Noise    Noise      `json:"noise,omitzero"`
}

// Command implements Body.
func (GiveGrant) Command() string { return "grant.give" }

// Check implements Body.
func (b GiveGrant) Check() error {
	if err := errors.Join(CheckID(b.Record, "rec"), CheckID(b.To, "p")); err != nil {
		return err
	}
	v := b.Purpose.Vertical()
	switch {
	case v == "":
		return ErrPurpose
	case v != VerticalOf(b.Record) || v != VerticalOf(b.To):
		return fmt.Errorf("record, grantee and purpose must be of one vertical: %w", ErrWall)
	case (b.Purpose == ForTraining) != (b.Access == Train):
		return errors.New("training is permitted by a grant to train, which is for nothing else")
	case b.Access == Train:
		return b.checkTraining()
	case b.Training != "" || !b.Noise.IsZero():
		return errors.New("only a grant to train names a training, and its noise")
	case b.Access != Read && b.Access != Compute:
		return errors.New("access is read, compute or train")
	case b.Access == Compute && CheckID(b.Model, "model") != nil, b.Access == Compute && b.Calls == 0 && CheckID(b.Job, "job") != nil:
		return errors.New("a grant to compute names a model, and the request it consents to or how many are to come")
	case b.Access == Compute && (VerticalOf(b.Model) != v || b.Job != "" && VerticalOf(b.Job) != v):
		return fmt.Errorf("record, model and request must be of one vertical: %w", ErrWall)
	case b.Calls != 0:
		return b.checkBeforehand()
	case b.Version != 0 || !b.ModelHash.IsZero() || !b.Input.IsZero() || !b.Key.IsZero():
		return errors.New("only a grant to compute for calls to come names a version and a model's hash")
	case b.Access == Read && (b.Model != "" || b.Job != ""):
		return errors.New("a grant to read names no model and no request")
	case b.Access == Read && v == Credit:
		return errors.New("a credit file is never read by another party; grant compute")
	case b.Until <= 0:
		return errors.New("a grant has an end")
	}
	return nil
}

func (b GiveGrant) checkBeforehand() error {
	switch {
	case b.Access != Compute || b.Job != "":
		return errors.New("calls to come are permitted by a grant to compute that names no request")
	case b.Purpose.Vertical() != Credit:
		return errors.New("only a credit file is computed on beforehand; a study needs its patient's consent to each request")
	case b.Calls < 1 || b.Calls > MaxCalls:
		return fmt.Errorf("a grant allows 1 to %d calls", MaxCalls)
	case b.Version < 1 || b.Version > MaxVersions:
		return errors.New("a record's version is counted from 1")
	case b.Input.IsZero() != b.Key.IsZero():
		return errors.New("an encrypted input goes with the key that it is under")
	case b.ModelHash.IsZero():
		return errors.New("a grant for calls to come names the hash of its model")
	case b.Until <= 0:
		return errors.New("a grant has an end")
	}
	return nil
}

func (b GiveGrant) checkTraining() error {
	switch {
	case b.Model != "" || b.Job != "" || b.Calls != 0 || b.Version != 0 || !b.ModelHash.IsZero() || !b.Input.IsZero() || !b.Key.IsZero():
		return errors.New("a grant to train names a training and its noise, and nothing to compute")
	case b.Until <= 0:
		return errors.New("a grant has an end")
	}
	return errors.Join(CheckID(b.Training, "training"), b.Noise.Check())
}

// RevokeGrant ends a grant of the author's at once.
type RevokeGrant struct {
	Grant GrantID `json:"grant"`
}

// Command implements Body.
func (RevokeGrant) Command() string { return "grant.revoke" }

// Check implements Body.
func (b RevokeGrant) Check() error { return CheckID(b.Grant, "grant") }
