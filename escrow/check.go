package escrow

import (
	"errors"
	"fmt"
	"slices"

	"manx/ledger"
)

// Bounds of terms.
const (
	maxDepth = 32
	maxNodes = 1024
	maxRole  = 32 // bytes of a role or choice
)

var (
	errUnbound = errors.New("terms pay a role that nobody plays")
	errShares  = errors.New("shares exceed the whole")
	errEmpty   = errors.New("terms end without a Close: money would be stranded")
)

// Open checks terms and returns the escrow that holds an amount by them at a
// time. It walks every path: each must end in a Close by last, wait for times
// that never go back, pay only roles that somebody plays by then, and never
// share out more than there is. Terms that Open accepts reach an end by last,
// whatever anybody chooses.
func Open(held ledger.Amount, t Terms, parties []Part, at, last ledger.Time) (State, error) {
	bound := make([]Role, len(parties))
	for i, p := range parties {
		if p.Role == "" || p.Party == "" || slices.Contains(bound[:i], p.Role) {
			return State{}, errors.New("each role is played by one party")
		}
		bound[i] = p.Role
	}
	w := walker{last: last}
	if err := w.check(t, bound, at, 0); err != nil {
		return State{}, err
	}
	if t.When == nil {
		return State{}, errors.New("terms begin by waiting for a choice")
	}
	return State{Held: held, Terms: t, Parties: slices.Clone(parties)}, nil
}

type walker struct {
	last  ledger.Time
	nodes int
}

func (w *walker) check(t Terms, bound []Role, at ledger.Time, depth int) error {
	if w.nodes++; w.nodes > maxNodes || depth > maxDepth {
		return fmt.Errorf("terms are larger than %d steps or %d deep", maxNodes, maxDepth)
	}
	switch {
	case t.Pay != nil && t.When == nil && t.Close == nil:
		return w.checkPay(*t.Pay, bound, at, depth)
	case t.When != nil && t.Pay == nil && t.Close == nil:
		return w.checkWhen(*t.When, bound, at, depth)
	case t.Close != nil && t.Pay == nil && t.When == nil:
		if !slices.Contains(bound, t.Close.To) {
			return errUnbound
		}
		return nil
	case t == Terms{}:
		return errEmpty
	}
	return errors.New("terms are one of pay, when and close")
}

func (w *walker) checkPay(p Pay, bound []Role, at ledger.Time, depth int) error {
	sum := uint32(0)
	for _, s := range p.Shares {
		if s.Parts == 0 || s.Parts > Whole-sum {
			return errShares
		}
		sum += s.Parts
		if !slices.Contains(bound, s.To) {
			return errUnbound
		}
	}
	return w.check(p.Then, bound, at, depth+1)
}

func (w *walker) checkWhen(x When, bound []Role, at ledger.Time, depth int) error {
	if x.Until <= at || x.Until > w.last {
		return errors.New("a wait must end after it begins, and by the escrow's last deadline")
	}
	for i, c := range x.Cases {
		if c.By == "" || c.Choice == "" || len(c.By) > maxRole || len(c.Choice) > maxRole {
			return errors.New("a case names a role and a choice")
		}
		if slices.ContainsFunc(x.Cases[:i], func(d Case) bool { return d.By == c.By && d.Choice == c.Choice }) {
			return errors.New("two cases offer one choice to one role")
		}
		b := bound
		if !slices.Contains(b, c.By) {
			b = append(slices.Clone(b), c.By)
		}
		// A case may be chosen at once, so what follows begins no later than now.
		if err := w.check(c.Then, b, at, depth+1); err != nil {
			return err
		}
	}
	return w.check(x.Then, bound, x.Until, depth+1)
}
