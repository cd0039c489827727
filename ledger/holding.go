package ledger

import (
	"crypto/sha256"
	"errors"
	"slices"

	"manx/storage"
)

// A HoldingID names a challenge: common-holding-….
type HoldingID string

// NewHoldingID names the challenge that the command `by` makes.
func NewHoldingID(by CommandID) HoldingID { return HoldingID(made(Common, "holding", by)) }

// A Holding is one challenge to show that blobs are held, and what became of it.
type Holding struct {
	ID       HoldingID     `json:"id"`
	Provider PartyID       `json:"provider"` // who runs the storage node
	Verifier PartyID       `json:"verifier"` // the organisation that asked
	Blobs    []storage.Ref `json:"blobs"`
	Seed     Hash          `json:"seed"` // draws the range of each blob, see storage/holding
	Due      Time          `json:"due"`  // answers count before then
	Answers  []Hash        `json:"answers,omitempty"`
	Right    []bool        `json:"right,omitempty"` // each answer, as the verifier found
	Stage    HoldingStage  `json:"stage"`
}

// Shown returns how many blobs were answered for rightly.
func (h Holding) Shown() (n int) {
	for _, right := range h.Right {
		if right {
			n++
		}
	}
	return n
}

// A HoldingStage is where a challenge stands.
type HoldingStage string

// The stages. Judged ends unpaid where no answer was right.
const (
	HoldingAsked    HoldingStage = "asked"
	HoldingAnswered HoldingStage = "answered"
	HoldingJudged   HoldingStage = "judged"
	HoldingPaid     HoldingStage = "paid"
)

// A HoldingSchedule is what proved holding earns, and how often it may be asked for.
type HoldingSchedule struct {
	Each  Amount `json:"each"`  // for a blob that was answered for rightly
	Every Time   `json:"every"` // between two challenges of one provider, seconds
	Blobs int    `json:"blobs"` // of one challenge, at most
}

// HoldingScheduleKey is where the schedule is kept.
const HoldingScheduleKey Key = "common/holding-schedule"

// LastHoldingKey is where it is kept when a provider was asked last.
func LastHoldingKey(provider PartyID) Key { return KeyOf(provider) + "/holding" }

// Bounds of challenges.
const (
	MaxHeld       = 64         // blobs of a challenge
	MaxHoldings   = 32         // challenges paid for by one command
	HoldingAnswer = Time(3600) // how long a provider has to answer
)

// HoldingSeed draws a challenge from what nobody knows long before: the latest
// checkpoint as the organisations signed it, nil before the first, and the id of
// the command that asks. A beacon will take the checkpoint's place.
func HoldingSeed(checkpoint []byte, by CommandID) Hash {
	h := sha256.New()
	h.Write([]byte("manx/holding/v1\x00"))
	h.Write(by[:])
	h.Write(checkpoint)
	return Hash(h.Sum(nil))
}

// SetHoldings states the schedule. A majority of the organisations must sign.
type SetHoldings struct {
	HoldingSchedule
}

// Command implements Body.
func (SetHoldings) Command() string { return "holding.schedule" }

// Check implements Body.
func (b SetHoldings) Check() error {
	if b.Every < 60 || b.Every > MaxWithin || b.Blobs < 1 || b.Blobs > MaxHeld {
		return errors.New("holding is asked for every minute to 366 days, over 1 to 64 blobs")
	}
	return nil
}

// AskHolding challenges a provider. An organisation asks another party.
type AskHolding struct {
	Provider PartyID       `json:"provider"`
	Blobs    []storage.Ref `json:"blobs"` // distinct
}

// Command implements Body.
func (AskHolding) Command() string { return "holding.ask" }

// Check implements Body.
func (b AskHolding) Check() error {
	if len(b.Blobs) < 1 || len(b.Blobs) > MaxHeld {
		return errors.New("a challenge names 1 to 64 blobs")
	}
	for i, r := range b.Blobs {
		if r.IsZero() || slices.Contains(b.Blobs[:i], r) {
			return errors.New("a challenge names distinct blobs")
		}
	}
	return CheckID(b.Provider, "p")
}

// AnswerHolding is the provider's answers, one for each blob in their order; the
// zero hash for one that it does not hold.
type AnswerHolding struct {
	Holding HoldingID `json:"holding"`
	Answers []Hash    `json:"answers"`
}

// Command implements Body.
func (AnswerHolding) Command() string { return "holding.answer" }

// Check implements Body.
func (b AnswerHolding) Check() error {
	if len(b.Answers) < 1 || len(b.Answers) > MaxHeld {
		return errors.New("a challenge has 1 to 64 answers")
	}
	return CheckID(b.Holding, "holding")
}

// JudgeHolding is the verifier's word on which answers are right; of a challenge
// that was not answered in time, on none.
type JudgeHolding struct {
	Holding HoldingID `json:"holding"`
	Right   []bool    `json:"right,omitempty"`
}

// Command implements Body.
func (JudgeHolding) Command() string { return "holding.judge" }

// Check implements Body.
func (b JudgeHolding) Check() error {
	if len(b.Right) > MaxHeld {
		return errors.New("a challenge has 1 to 64 answers")
	}
	return CheckID(b.Holding, "holding")
}

// PayHoldings pays providers for what they have shown to hold, out of coins of the
// author's, the exchange. A majority of the organisations must sign: each looks at
// the answers itself before it does.
type PayHoldings struct {
	Holdings []HoldingID `json:"holdings"`
	Fund     []CoinID    `json:"fund"` // change comes back
}

// Command implements Body.
func (PayHoldings) Command() string { return "holding.pay" }

// Check implements Body.
func (b PayHoldings) Check() error {
	if len(b.Holdings) < 1 || len(b.Holdings) > MaxHoldings || len(b.Fund) < 1 || len(b.Fund) > MaxCoins {
		return errors.New("1 to 32 challenges are paid for, out of 1 to 64 coins")
	}
	for i, h := range b.Holdings {
		if err := CheckID(h, "holding"); err != nil {
			return err
		}
		if slices.Contains(b.Holdings[:i], h) {
			return errors.New("each challenge is paid for once")
		}
	}
	return nil
}
