// Package ledger is the dictionary of the exchange: the words every party
// agrees on, the commands they sign, and the interface to the place where they
// are agreed. It applies no rule: that is ledger/contract.
package ledger

import (
	"context"
	"iter"
)

// A Key is a place in the agreed state, such as "health/rec/7f3a…".
type Key string

// A Height is a position in the agreed order. Heights begin at 1 or later, grow
// from command to command, and may have gaps: one tells which of two commands
// came first, not how many came between.
type Height uint64

// An Event says what a committed command changed. Key names the state that
// changed and Body is its new value, JSON, nil when it was deleted.
type Event struct {
	Height Height    `json:"height"`
	Name   string    `json:"name"` // "grant.revoked"
	Key    Key       `json:"key"`
	Body   []byte    `json:"body,omitempty"`
	Cause  CommandID `json:"cause"`          // the command that did it
	Last   bool      `json:"last,omitempty"` // no further event has this height; every command has a last one
}

// A Ledger orders commands. Every implementation passes ledgertest.Run.
type Ledger interface {
	// Submit returns once c is committed on the asking peer. A contract's
	// refusal is a *notice.Error; any other error leaves the outcome unknown,
	// and submitting the same command again is safe: it is applied once and
	// every later try returns the height of the first.
	Submit(ctx context.Context, c Command) (Height, error)

	// Read returns committed state, or an error matching fs.ErrNotExist.
	Read(ctx context.Context, k Key) ([]byte, error)

	// Events yields every event from a height on, in order, then waits for
	// more until ctx ends.
	Events(ctx context.Context, from Height) iter.Seq2[Event, error]
}

// State is what a contract may touch: Fabric's stub, or a bbolt transaction. A
// Get does not see the command's own writes on Fabric; no rule may need it to.
type State interface {
	Get(k Key) ([]byte, error) // nil, nil when absent
	Put(k Key, v []byte) error
	Delete(k Key) error
}

// A Contract is a pure function of state and a command: no clock, no I/O, no
// maps ranged over. The same one runs embedded and as chaincode. An error
// means that nothing is written.
type Contract func(s State, c Command) ([]Event, error)
