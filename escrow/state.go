package escrow

import (
	"errors"
	"slices"

	"manx/ledger"
)

// A State is an escrow between two steps. It is over when At is Over; then the
// pots hold nothing.
type State struct {
	At      int             `json:"at"` // the clause that waits
	Pots    []ledger.Amount `json:"pots"`
	Parties []Part          `json:"parties"`
	Facts   []Stated        `json:"facts,omitempty"` // in force
	Votes   []Vote          `json:"votes,omitempty"` // of attesters, not in force yet
	Paid    []ledger.Output `json:"paid,omitempty"`  // every payment so far
	Shown   []Shown         `json:"shown,omitempty"` // every evidence so far
	Outcome string          `json:"outcome,omitempty"`
}

// Over is State.At when the escrow has ended.
const Over = -1

// A Part says who plays a role.
type Part struct {
	Role  Role           `json:"role"`
	Party ledger.PartyID `json:"party"`
}

// Stated is a fact in force.
type Stated struct {
	Fact  string `json:"fact"`
	Value int64  `json:"value"`
}

// A Vote is one attester's word on a fact. Its latest word counts.
type Vote struct {
	Stated
	By Role        `json:"by"`
	At ledger.Time `json:"at"` // when it was so, as the attester says
}

// Shown is evidence that went with a choice: a file, as a salted digest, which
// who judges compares with the file. What it shows, no step looks at.
type Shown struct {
	Clause int         `json:"clause"` // that waited
	By     Role        `json:"by"`
	Digest ledger.Hash `json:"digest"`
}

// An Input is what happens to an escrow: one of the words of a Case, or, where
// none is set, only the passing of time.
type Input struct {
	At      ledger.Time // contract time
	By      Role
	Party   ledger.PartyID
	Choice  Choice
	Deposit *ledger.Amount
	Spend   *Spending
	Attest  *Attestation
	Verdict *Verdict

	Evidence ledger.Hash // what is shown with a Choice, or none
}

// Spending is a payment that a role asks for.
type Spending struct {
	To     Role          `json:"to"`
	Amount ledger.Amount `json:"amount"`
}

// Attestation is what an attester states.
type Attestation struct {
	Stated
	At ledger.Time `json:"at"` // when it was so
}

// Errors of Step.
var (
	ErrOver  = errors.New("the escrow is over")
	ErrLate  = errors.New("the time for this has passed")
	ErrEarly = errors.New("the escrow still waits")
	ErrWho   = errors.New("another party plays this role")
	ErrNone  = errors.New("the terms do not offer this now")
	ErrStale = errors.New("the fact is stated for a time too long ago, or to come")
	ErrMuch  = errors.New("the pot does not hold as much")
	ErrMany  = errors.New("the escrow has made all the payments it may by request")
)

// Over reports whether nothing is held any more.
func (s State) Over() bool { return s.At == Over }

// Party returns who plays a role, or "".
func (s State) Party(r Role) ledger.PartyID {
	for _, p := range s.Parties {
		if p.Role == r {
			return p.Party
		}
	}
	return ""
}

// Held returns what all pots hold together.
func (s State) Held() (sum ledger.Amount) {
	for _, a := range s.Pots {
		sum, _ = sum.Add(a) // Step refuses deposits past an Amount's range
	}
	return sum
}

func (s State) fact(name string) (int64, bool) {
	for _, f := range s.Facts {
		if f.Fact == name {
			return f.Value, true
		}
	}
	return 0, false
}

// clone returns s with slices of its own.
func (s State) clone() State {
	s.Pots, s.Parties = slices.Clone(s.Pots), slices.Clone(s.Parties)
	s.Facts, s.Votes = slices.Clone(s.Facts), slices.Clone(s.Votes)
	s.Paid, s.Shown = slices.Clone(s.Paid), slices.Clone(s.Shown)
	return s
}
