package ledger

import (
	"errors"
	"fmt"

	"manx/storage"
)

// OverlapID names an Overlap: health-overlap-….
type OverlapID string

// NewOverlapID names what the command `by` makes.
func NewOverlapID(v Vertical, by CommandID) OverlapID { return OverlapID(made(v, "overlap", by)) }

// An Overlap is two holders' agreement to learn whom both know: two hospitals'
// patients, or two lenders' applicants. An organisation counts. What they send
// one another is sealed and stored; the ledger holds who agreed on what, where
// the messages are, and no result.
type Overlap struct {
	ID      OverlapID    `json:"id"`
	First   PartyID      `json:"first"` // who proposed
	Second  PartyID      `json:"second"`
	Counter PartyID      `json:"counter"`
	Join    bool         `json:"join,omitempty"` // keys for the shared rows, not their number alone
	Purpose Purpose      `json:"purpose"`
	Minimum int          `json:"minimum"` // a smaller number is not told
	Until   Time         `json:"until"`
	Stage   OverlapStage `json:"stage"`

	Blinded [2]storage.Ref `json:"blinded,omitzero"` // of each holder, sealed to the other
	Tags    [2]storage.Ref `json:"tags,omitzero"`    // of each, about the other's list, sealed to the counter
	Answers [2]storage.Ref `json:"answers,omitzero"` // to each, sealed
}

// An OverlapStage is how far an Overlap has come.
type OverlapStage string

// The stages.
const (
	OverlapProposed OverlapStage = "proposed"
	OverlapAgreed   OverlapStage = "agreed"
	OverlapCounted  OverlapStage = "counted"
	OverlapEnded    OverlapStage = "ended" // before it was counted
)

// Over reports whether nothing more can happen.
func (s OverlapStage) Over() bool { return s == OverlapCounted || s == OverlapEnded }

// Side returns which holder a party is, 0 or 1, and -1 for neither.
func (o Overlap) Side(p PartyID) int {
	switch p {
	case o.First:
		return 0
	case o.Second:
		return 1
	}
	return -1
}

// MinOverlap is the smallest Minimum: fewer could point at a person.
const MinOverlap = 5

// Bounds of overlaps.
const (
	MaxOverlap       = Time(30 * 24 * 3600) // seconds from the proposal to the end
	OverlapsOfAPair  = 12                   // that two holders may agree on in OverlapsWithin
	OverlapsWithin   = Time(30 * 24 * 3600)
	maxOverlapNumber = 1 << 20
)

// ProposeOverlap asks another holder for an overlap.
type ProposeOverlap struct {
	With    PartyID `json:"with"`
	Counter PartyID `json:"counter"`
	Join    bool    `json:"join,omitempty"`
	Purpose Purpose `json:"purpose"`
	Minimum int     `json:"minimum"`
	Until   Time    `json:"until"`
}

// Command implements Body.
func (ProposeOverlap) Command() string { return "overlap.propose" }

// Check implements Body.
func (b ProposeOverlap) Check() error {
	switch {
	case b.Purpose.Vertical() == "":
		return ErrPurpose
	case b.Minimum < MinOverlap || b.Minimum > maxOverlapNumber:
		return fmt.Errorf("the least number that is told is %d to %d: fewer could point at a person", MinOverlap, maxOverlapNumber)
	}
	return errors.Join(CheckID(b.With, "p"), CheckID(b.Counter, "p"))
}

// AgreeOverlap accepts a proposal made to the author.
type AgreeOverlap struct {
	Overlap OverlapID `json:"overlap"`
}

// Command implements Body.
func (AgreeOverlap) Command() string { return "overlap.agree" }

// Check implements Body.
func (b AgreeOverlap) Check() error { return CheckID(b.Overlap, "overlap") }

// EndOverlap declines a proposal, or ends an overlap before it is counted: a
// holder's or the counter's, and after its Until anybody's.
type EndOverlap struct {
	Overlap OverlapID `json:"overlap"`
}

// Command implements Body.
func (EndOverlap) Command() string { return "overlap.end" }

// Check implements Body.
func (b EndOverlap) Check() error { return CheckID(b.Overlap, "overlap") }

// PostOverlap says where a holder's message is: its points, and when both have
// posted those, its tags. Each is posted once.
type PostOverlap struct {
	Overlap OverlapID   `json:"overlap"`
	Tags    bool        `json:"tags,omitempty"`
	Message storage.Ref `json:"message"`
}

// Command implements Body.
func (PostOverlap) Command() string { return "overlap.post" }

// Check implements Body.
func (b PostOverlap) Check() error {
	if b.Message.IsZero() {
		return errors.New("a message has an address")
	}
	return CheckID(b.Overlap, "overlap")
}

// AnswerOverlap is the counter's last word: an answer to each holder.
type AnswerOverlap struct {
	Overlap OverlapID      `json:"overlap"`
	Answers [2]storage.Ref `json:"answers"`
}

// Command implements Body.
func (AnswerOverlap) Command() string { return "overlap.answer" }

// Check implements Body.
func (b AnswerOverlap) Check() error {
	if b.Answers[0].IsZero() || b.Answers[1].IsZero() {
		return errors.New("each holder gets an answer")
	}
	return CheckID(b.Overlap, "overlap")
}
