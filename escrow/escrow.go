// Package escrow holds money by terms that are data: a small typed language
// after Marlowe (Lamela Seijas et al. 2018) of three words, Pay, When and
// Close, and one total, deterministic function that steps it.
//
// It reads no clock and knows no ledger state: time and identity are
// arguments. It does not decide who may make a choice; the contract does, and
// says so by the role it fills in.
package escrow

import (
	"errors"
	"slices"

	"manx/ledger"
)

// A Role is a part in the terms, played by one party. A role that nobody plays
// yet is bound to whoever first makes a choice that the terms give it.
type Role string

// A Choice is what a role may say, such as "accept".
type Choice string

// Terms is one of Pay, When or Close; exactly one is set.
type Terms struct {
	Pay   *Pay   `json:"pay,omitempty"`
	When  *When  `json:"when,omitempty"`
	Close *Close `json:"close,omitempty"`
}

// Whole is all of an escrow, in basis points.
const Whole = 10_000

// Pay gives each share its part of what is held, rounded down, and goes on.
type Pay struct {
	Shares []Share `json:"shares"` // at most Whole together
	Then   Terms   `json:"then"`
}

// A Share is a role's part in basis points, 1 to Whole.
type Share struct {
	To    Role   `json:"to"`
	Parts uint32 `json:"parts"`
}

// When waits for one of its cases, until a time; from that time on, and not
// before, it goes on with Then.
type When struct {
	Cases []Case      `json:"cases"`
	Until ledger.Time `json:"until"`
	Then  Terms       `json:"then"`
}

// A Case is a choice that a role may make, and what follows.
type Case struct {
	By     Role   `json:"by"`
	Choice Choice `json:"choice"`
	Then   Terms  `json:"then"`
}

// Close gives all that is left to one role and ends the escrow.
type Close struct {
	To Role `json:"to"`
}

// A State is an escrow between two steps. The escrow is over when Terms is
// empty; then Held is nothing and Last names who got what was left.
type State struct {
	Held    ledger.Amount   `json:"held"`
	Terms   Terms           `json:"terms,omitzero"`
	Parties []Part          `json:"parties"`
	Paid    []ledger.Output `json:"paid,omitempty"` // every payment so far
	Last    Role            `json:"last,omitempty"`
}

// A Part says who plays a role.
type Part struct {
	Role  Role           `json:"role"`
	Party ledger.PartyID `json:"party"`
}

// An Input is what happens to an escrow: a choice, or, where Choice is empty,
// only the passing of time.
type Input struct {
	At     ledger.Time
	By     Role
	Party  ledger.PartyID
	Choice Choice
}

// Errors of Step.
var (
	ErrOver  = errors.New("the escrow is over")
	ErrLate  = errors.New("the time for this choice has passed")
	ErrEarly = errors.New("the escrow still waits for a choice")
	ErrWho   = errors.New("another party plays this role")
	ErrNone  = errors.New("the terms do not offer this choice now")
)

// Over reports whether nothing is held any more.
func (s State) Over() bool { return s.Terms == Terms{} }

// Until returns when the escrow stops waiting for the present choices, or 0
// when it is over.
func (s State) Until() ledger.Time {
	if s.Terms.When == nil {
		return 0
	}
	return s.Terms.When.Until
}

// Party returns who plays a role, or "".
func (s State) Party(r Role) ledger.PartyID {
	for _, p := range s.Parties {
		if p.Role == r {
			return p.Party
		}
	}
	return ""
}

// Step returns the escrow after in and the payments that in caused; held
// before = payments + held after, always. It never changes s. An error means
// that in does not apply and nothing happened.
func (s State) Step(in Input) (State, []ledger.Output, error) {
	if s.Over() {
		return s, nil, ErrOver
	}
	if in.Choice == "" {
		return s.pass(in.At)
	}
	w := s.Terms.When
	if w == nil {
		return s, nil, ErrNone // terms from Open always wait or are over
	}
	if in.At >= w.Until {
		return s, nil, ErrLate
	}
	i := slices.IndexFunc(w.Cases, func(c Case) bool { return c.By == in.By && c.Choice == in.Choice })
	if i < 0 {
		return s, nil, ErrNone
	}
	next := s
	switch s.Party(in.By) {
	case in.Party:
	case "":
		next.Parties = append(slices.Clone(s.Parties), Part{in.By, in.Party})
	default:
		return s, nil, ErrWho
	}
	return next.run(w.Cases[i].Then)
}

// pass applies every timeout that is due at a time.
func (s State) pass(at ledger.Time) (State, []ledger.Output, error) {
	var paid []ledger.Output
	next, moved := s, false
	for next.Terms.When != nil && at >= next.Terms.When.Until {
		n, out, err := next.run(next.Terms.When.Then)
		if err != nil {
			return s, nil, err
		}
		next, paid, moved = n, append(paid, out...), true
	}
	if !moved {
		return s, nil, ErrEarly
	}
	return next, paid, nil
}

// run performs terms until they wait or end.
func (s State) run(t Terms) (State, []ledger.Output, error) {
	var out []ledger.Output
	next := s
	pay := func(r Role, a ledger.Amount) error {
		to := next.Party(r)
		if to == "" {
			return errUnbound
		}
		left, err := next.Held.Sub(a)
		if err != nil {
			return err
		}
		if next.Held = left; !a.IsZero() {
			out = append(out, ledger.Output{To: to, Amount: a})
			next.Paid = append(next.Paid[:len(next.Paid):len(next.Paid)], out[len(out)-1])
		}
		return nil
	}
	for {
		switch {
		case t.Pay != nil:
			whole := next.Held
			for _, sh := range t.Pay.Shares {
				if sh.Parts > Whole {
					return s, nil, errShares
				}
				if err := pay(sh.To, whole.Part(sh.Parts, Whole)); err != nil {
					return s, nil, err
				}
			}
			t = t.Pay.Then
		case t.When != nil:
			next.Terms = t
			return next, out, nil
		case t.Close != nil:
			if err := pay(t.Close.To, next.Held); err != nil {
				return s, nil, err
			}
			next.Terms, next.Last = Terms{}, t.Close.To
			return next, out, nil
		default:
			return s, nil, errEmpty
		}
	}
}
