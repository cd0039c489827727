package council

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"manx/privacy/ckks/committee"
	"manx/privacy/notice"
)

// A Fault is what the process at a place did wrong, or did not do.
type Fault struct {
	Place int
	What  string // "sent nothing", "hung up", "sent a message of another step", …
	By    []int  // by whose word: who saw it, then who passed that on; none where this place saw it itself

	code code
}

// Faults are an error: every place that a protocol cannot go on without.
// Of one by the word of others, it is that place or one of those who is at fault.
type Faults []Fault

// A code is a fault as it travels. Values travel: append only.
type code byte

const (
	silent code = 1 // until time was up
	hungUp code = 2
	lied   code = 3 // sent what cannot be, or what the committee's checks refuse
	gaveUp code = 4 // for a reason of its own
	misfit code = 5 // found shares that do not fit together, nobody knows whose
	absent code = 6 // was not there when the table was set
	codes  code = 7
)

//nolint:gochecknoglobals // a constant list
var sayings = [codes]string{
	silent: "sent nothing in time", hungUp: "hung up", lied: "sent what it must not", gaveUp: "gave up",
	misfit: "found shares that do not fit together", absent: "was not reached",
}

// Error implements error.
func (f Faults) Error() string {
	var parts []string
	for _, x := range f {
		s := fmt.Sprintf("place %d %s", x.Place, x.What)
		for _, by := range x.By {
			s += fmt.Sprintf(", says place %d", by)
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, "; ")
}

// saw returns a fault that this place saw itself.
func (t *Table) saw(place int, c code) Fault {
	return Fault{Place: place, What: sayings[c], code: c}
}

func (t *Table) lied(place int, what string) Fault {
	return Fault{Place: place, What: what, code: lied}
}

// causes returns the faults without places that hung up, where there are others:
// who hears of a fault hangs up.
func (f Faults) causes() Faults {
	rest := slices.DeleteFunc(slices.Clone(f), func(x Fault) bool { return x.code == hungUp && len(x.By) == 0 })
	if len(rest) == 0 {
		return f
	}
	return rest
}

// accuse reports whether another place says that this one was silent.
func (f Faults) accuse(self int) bool {
	return slices.ContainsFunc(f, func(x Fault) bool { return x.Place == self && x.code == silent })
}

// answered returns the faults without the word of others that a place was silent, where
// that place was waited for here too and has said itself for whom it waits.
func (f Faults) answered(spoke []int) Faults {
	by := func(x Fault, place int) bool { return len(x.By) > 0 && x.By[len(x.By)-1] == place }
	return slices.DeleteFunc(slices.Clone(f), func(x Fault) bool {
		return x.code == silent && len(x.By) > 0 && !by(x, x.Place) && slices.Contains(spoke, x.Place) &&
			slices.ContainsFunc(f, func(y Fault) bool { return y.Place != x.Place && by(y, x.Place) })
	})
}

// besides returns the faults of other places than one, all where there are none: who
// answers to being called silent passes that on, and names for whom it waits.
func (f Faults) besides(place int) Faults {
	rest := slices.DeleteFunc(slices.Clone(f), func(x Fault) bool { return x.Place == place })
	if len(rest) == 0 {
		return f
	}
	return rest
}

// because makes a notice of faults, nil of none: Unavailable where places are
// only away or late, Integrity where one sent what it must not.
func (f Faults) because(cause error) error {
	if len(f) == 0 {
		return cause
	}
	slices.SortFunc(f, func(a, b Fault) int { return a.Place - b.Place })
	kind, hint := notice.Unavailable, "try again, in a new session, or with others"
	for _, x := range f {
		if x.code == lied || x.code == misfit {
			kind, hint = notice.Integrity, "leave that place out, in a new session"
		}
	}
	return notice.Because(errors.Join(f, cause), kind, "the council cannot go on: "+f.Error(), hint)
}

// placed adds to a committee's error the places of the members that it names.
func placed(err error, place func(member int) int) error {
	n, ok := errors.AsType[*notice.Error](err)
	named, is := errors.AsType[committee.Faults](err)
	if !ok || !is {
		return err
	}
	var f Faults
	for _, x := range named {
		f = append(f, Fault{Place: place(x.Member), What: x.What, code: lied})
	}
	return notice.Because(errors.Join(err, f), n.Kind, n.Text, n.Hint)
}

// end ends the table for an error: it tells the others whom it names, so that
// they name the same, and nothing more is done here.
func (t *Table) end(err error) error {
	if err == nil || t.over != nil {
		return err
	}
	t.over = err
	f, ok := errors.AsType[Faults](err)
	switch {
	case errors.Is(err, context.Canceled):
		f = Faults{t.saw(t.self, gaveUp)} // the others did nothing wrong
	case errors.Is(err, errMisfit):
		f = Faults{t.saw(t.self, misfit)}
	case !ok:
		f = Faults{t.saw(t.self, gaveUp)}
	}
	t.farewell(f)
	return err
}

// errMisfit says that shares do not fit together.
var errMisfit = errors.New("shares do not fit together")
