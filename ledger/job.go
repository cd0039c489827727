package ledger

import (
	"errors"
	"fmt"
	"slices"

	"manx/storage"
)

// A Stage is where a job stands.
type Stage string

// The stages. A job ends settled (paid out) or refunded; nothing else is final.
const (
	Asked    Stage = "asked"    // funded; waits for the subject's consent and input
	Ready    Stage = "ready"    // input is there; waits for a worker
	Claimed  Stage = "claimed"  // a worker computes
	Done     Stage = "done"     // the sealed result can be fetched
	Answered Stage = "answered" // the released answer is with the asker
	Disputed Stage = "disputed" // the asker doubts; organisations re-run it
	Settled  Stage = "settled"
	Refunded Stage = "refunded"
)

// Over reports whether s is final.
func (s Stage) Over() bool { return s == Settled || s == Refunded }

// A Job is one model asked over one record, paid from an escrow.
type Job struct {
	ID       JobID          `json:"id"`
	Asker    PartyID        `json:"asker"`
	Subject  PartyID        `json:"subject"` // the record's owner; Asker herself for a self-diagnosis
	Model    ModelID        `json:"model"`
	Purpose  Purpose        `json:"purpose"`
	Stage    Stage          `json:"stage"`
	Fee      Amount         `json:"fee"`
	Due      Time           `json:"due,omitempty"` // when the present wait ends and anybody may close it
	Deadline Time           `json:"deadline"`      // the escrow's last: afterwards anybody may close it
	Grant    GrantID        `json:"grant,omitempty"`
	Record   RecordID       `json:"record,omitempty"`
	Version  int            `json:"version,omitempty"`
	Inputs   []storage.Ref  `json:"inputs,omitempty"` // manifests of ciphertext packs
	EvalKeys storage.Ref    `json:"eval_keys,omitzero"`
	Worker   PartyID        `json:"worker,omitempty"`
	Lease    Time           `json:"lease,omitempty"` // a claim without a result lapses then
	Result   storage.Ref    `json:"result,omitzero"`
	Hash     Hash           `json:"hash,omitzero"`   // SHA-256 of the result's bytes
	Answer   storage.Ref    `json:"answer,omitzero"` // the release, sealed to the asker
	Digest   Digest         `json:"digest,omitzero"` // of the released statement
	At       map[Stage]Time `json:"at"`              // when each stage was reached

	// Of a job on shares, whose grant was given beforehand.
	Organisations []PartyID     `json:"organisations,omitempty"` // who compute, by place
	Holders       []PartyID     `json:"holders,omitempty"`       // who held their seats when it was asked
	Security      Security      `json:"security,omitempty"`
	Try           int           `json:"try,omitempty"`       // counts the sessions that were begun
	Shares        []PostedShare `json:"shares,omitempty"`    // of the result of this try, by place
	Committee     CommitteeID   `json:"committee,omitempty"` // under whose key a worker computes first

	Proving *Proving `json:"proving,omitempty"` // of a job that asked for proof of its result
}

// Shared reports whether three organisations give the job's result, in shares.
func (j Job) Shared() bool { return len(j.Holders) == Sharers }

// Evaluated reports whether a worker computes the job on ciphertext.
func (j Job) Evaluated() bool { return !j.Shared() || j.Committee != "" }

// OnShares returns the stage at which the three organisations of a job begin.
func (j Job) OnShares() Stage {
	if j.Committee != "" {
		return Done
	}
	return Ready
}

// Trying reports whether a try of a job on shares is under way.
func (j Job) Trying() bool {
	return j.Shared() && j.Try > 0 && (j.Stage == Claimed && j.Committee == "" || j.Stage == Done)
}

// Place returns the place of a holder in the job, or -1.
func (j Job) Place(holder PartyID) int { return slices.Index(j.Holders, holder) }

// MaxTries bounds the sessions of one job on shares.
const MaxTries = 8

// EscrowKey returns where the money of a job is kept.
func EscrowKey(j JobID) Key { return KeyOf(j) + "/escrow" }

// RequestJob asks for a model and holds its fee. Where the author owns the
// record, Record, Inputs and EvalKeys are given at once; otherwise the subject
// consents (GiveGrant with Job) and posts them with PostInput, or has given a
// grant beforehand, which Grant names: nothing is waited for then.
type RequestJob struct {
	Model    ModelID       `json:"model"`
	Subject  PartyID       `json:"subject"`
	Purpose  Purpose       `json:"purpose"`
	Fund     []CoinID      `json:"fund"` // coins of the author's; change comes back
	Fee      Amount        `json:"fee"`
	Deadline Time          `json:"deadline"`
	Record   RecordID      `json:"record,omitempty"`
	Version  int           `json:"version,omitempty"`
	Inputs   []storage.Ref `json:"inputs,omitempty"`
	EvalKeys storage.Ref   `json:"eval_keys,omitzero"`
	Grant    GrantID       `json:"grant,omitempty"`    // given beforehand: the job starts at once, on shares
	Security Security      `json:"security,omitempty"` // of a job on shares
	Joint    bool          `json:"joint,omitempty"`    // a worker computes under the committee's key, and the three open the result to shares
	Proof    *Proof        `json:"proof,omitempty"`    // replicas compute it, who are drawn; nil is one worker who comes first
}

// MaxInputs bounds the ciphertext packs of a job.
const MaxInputs = 64

// Command implements Body.
func (RequestJob) Command() string { return "job.request" }

// Check implements Body.
func (b RequestJob) Check() error {
	if err := errors.Join(CheckID(b.Model, "model"), CheckID(b.Subject, "p")); err != nil {
		return err
	}
	v := VerticalOf(b.Model)
	switch {
	case b.Purpose.Vertical() == "":
		return ErrPurpose
	case v == Credit && b.Purpose.Vertical() == Health:
		return fmt.Errorf("%s is no permissible purpose for a credit score: state credit-transaction or account-review (FCRA 604): %w", b.Purpose, ErrWall)
	case b.Purpose.Vertical() != v || VerticalOf(b.Subject) != v:
		return fmt.Errorf("model, subject and purpose must be of one vertical: %w", ErrWall)
	case b.Purpose == Care:
		return errors.New("care is a purpose for reading, not for a model")
	case b.Fee.IsZero() || len(b.Fund) == 0 || len(b.Fund) > MaxCoins:
		return errors.New("a job is funded by 1 to 64 coins")
	case b.Deadline <= 0:
		return errors.New("a job has a deadline")
	case (b.Record == "") != (len(b.Inputs) == 0):
		return errors.New("a record and its encrypted input come together")
	case b.Grant == "" && (b.Security != "" || b.Joint):
		return errors.New("only a job on shares, by a grant given beforehand, chooses a security")
	case b.Grant != "" && b.Proof != nil:
		return errors.New("a job on shares is computed by three organisations, who compare what they have: it asks for no proof")
	}
	if b.Proof != nil {
		if err := b.Proof.Check(); err != nil {
			return err
		}
	}
	if b.Grant != "" {
		return b.checkShared(v)
	}
	if b.Record != "" {
		return checkInput(v, b.Record, b.Version, b.Inputs, b.EvalKeys)
	}
	return nil
}

func (b RequestJob) checkShared(v Vertical) error {
	switch {
	case VerticalOf(b.Grant) != v:
		return fmt.Errorf("model and grant must be of one vertical: %w", ErrWall)
	case b.Record != "":
		return errors.New("a job on shares names its grant, and the grant names the record")
	case !b.Security.Valid():
		return errors.New("a job on shares is semi-honest or with-abort")
	}
	return CheckID(b.Grant, "grant")
}

func checkInput(v Vertical, r RecordID, version int, in []storage.Ref, keys storage.Ref) error {
	switch {
	case CheckID(r, "rec") != nil:
		return CheckID(r, "rec")
	case VerticalOf(r) != v:
		return fmt.Errorf("the record must be of the model's vertical: %w", ErrWall)
	case version < 1 || version > MaxVersions:
		return errors.New("a record's version is counted from 1")
	case len(in) == 0 || len(in) > MaxInputs || keys.IsZero():
		return fmt.Errorf("a job takes 1 to %d encrypted inputs and evaluation keys", MaxInputs)
	}
	return nil
}

// PostInput gives the encrypted input of a job the author has consented to.
type PostInput struct {
	Job      JobID         `json:"job"`
	Grant    GrantID       `json:"grant"`
	Record   RecordID      `json:"record"`
	Version  int           `json:"version"`
	Inputs   []storage.Ref `json:"inputs"`
	EvalKeys storage.Ref   `json:"eval_keys"`
}

// Command implements Body.
func (PostInput) Command() string { return "job.input" }

// Check implements Body.
func (b PostInput) Check() error {
	if err := errors.Join(CheckID(b.Job, "job"), CheckID(b.Grant, "grant")); err != nil {
		return err
	}
	return checkInput(VerticalOf(b.Job), b.Record, b.Version, b.Inputs, b.EvalKeys)
}

// DenyJob refuses a request for the author's data; the escrow is refunded.
type DenyJob struct {
	Job JobID `json:"job"`
}

// Command implements Body.
func (DenyJob) Command() string { return "job.deny" }

// Check implements Body.
func (b DenyJob) Check() error { return CheckID(b.Job, "job") }

// ClaimJob says that the author, a worker, computes the job. Of a job on shares
// the holder at place 0 says so, which begins a try.
type ClaimJob struct {
	Job JobID `json:"job"`
}

// Command implements Body.
func (ClaimJob) Command() string { return "job.claim" }

// Check implements Body.
func (b ClaimJob) Check() error { return CheckID(b.Job, "job") }

// PostResult gives the sealed result of a job the author has claimed.
type PostResult struct {
	Job    JobID       `json:"job"`
	Result storage.Ref `json:"result"`
	Hash   Hash        `json:"hash"`
}

// Command implements Body.
func (PostResult) Command() string { return "job.result" }

// Check implements Body.
func (b PostResult) Check() error {
	if b.Result.IsZero() || b.Hash == (Hash{}) {
		return errors.New("a result has a manifest and a hash")
	}
	return CheckID(b.Job, "job")
}

// AnswerJob delivers the author's released result, sealed to the asker.
type AnswerJob struct {
	Job    JobID       `json:"job"`
	Answer storage.Ref `json:"answer"`
	Digest Digest      `json:"digest"` // of the released statement, for the receipt
}

// Command implements Body.
func (AnswerJob) Command() string { return "job.answer" }

// Check implements Body.
func (b AnswerJob) Check() error {
	if b.Answer.IsZero() || b.Digest == (Digest{}) {
		return errors.New("an answer has a manifest and a digest")
	}
	return CheckID(b.Job, "job")
}

// AcceptJob is the asker's word that the result opened (or the answer
// verified): the escrow pays.
type AcceptJob struct {
	Job JobID `json:"job"`
}

// Command implements Body.
func (AcceptJob) Command() string { return "job.accept" }

// Check implements Body.
func (b AcceptJob) Check() error { return CheckID(b.Job, "job") }

// DisputeJob is the asker's or the subject's doubt: organisations re-run the
// job and give a verdict.
type DisputeJob struct {
	Job JobID `json:"job"`
}

// Command implements Body.
func (DisputeJob) Command() string { return "job.dispute" }

// Check implements Body.
func (b DisputeJob) Check() error { return CheckID(b.Job, "job") }

// JudgeJob is a majority of the organisations' verdict on a disputed job.
type JudgeJob struct {
	Job   JobID `json:"job"`
	Right bool  `json:"right"`         // the re-run gave the same bytes
	Hash  Hash  `json:"hash,omitzero"` // what the re-run gave; of a job that asked for proof
}

// Command implements Body.
func (JudgeJob) Command() string { return "job.judge" }

// Check implements Body.
func (b JudgeJob) Check() error { return CheckID(b.Job, "job") }

// CloseJob ends a job whose deadline has passed, by its terms. Anybody may
// send it.
type CloseJob struct {
	Job JobID `json:"job"`
}

// Command implements Body.
func (CloseJob) Command() string { return "job.close" }

// Check implements Body.
func (b CloseJob) Check() error { return CheckID(b.Job, "job") }
