// Package faulty wraps a ledger and makes Submit fail, in the two ways that a
// network makes it fail. It is for tests.
package faulty

import (
	"context"
	"errors"

	"manx/ledger"
)

// A Fault is what happens to one Submit.
type Fault int

// The faults, in pairs: a caller cannot tell one from the other.
const (
	None  Fault = iota
	Lost        // the command never arrived
	Reply       // the command was applied, the reply was lost
)

// ErrFault is what a caller sees of a fault.
var ErrFault = errors.New("the connection broke")

// A Ledger fails as its choice function says.
type Ledger struct {
	ledger.Ledger
	choose func(ledger.Command) Fault
}

// New wraps l. choose is asked once for each Submit and may be called from
// many goroutines.
func New(l ledger.Ledger, choose func(ledger.Command) Fault) *Ledger { return &Ledger{l, choose} }

// Submit implements ledger.Ledger.
func (l *Ledger) Submit(ctx context.Context, c ledger.Command) (ledger.Height, error) {
	f := l.choose(c)
	if f == Lost {
		return 0, ErrFault
	}
	h, err := l.Ledger.Submit(ctx, c)
	if f == Reply {
		return 0, ErrFault
	}
	return h, err
}
