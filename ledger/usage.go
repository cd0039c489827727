package ledger

import (
	"errors"
	"slices"
)

// A ModelShare is one party's part of what a model's owner would earn by a call:
// the rest of a fee when worker, subject, exchange and those who computed have
// theirs.
type ModelShare struct {
	To    PartyID `json:"to"`
	Parts uint32  `json:"parts"` // of WholeShare, at least 1
}

// WholeShare is all that a model earns; a model's shares sum to it.
const WholeShare = 10_000

// MaxModelShares bounds who shares what a model earns.
const MaxModelShares = 16

func checkShares(all []ModelShare) error {
	if len(all) > MaxModelShares {
		return errors.New("at most 16 parties share what a model earns")
	}
	sum := uint32(0)
	for i, s := range all {
		if err := CheckID(s.To, "p"); err != nil {
			return err
		}
		if s.Parts == 0 || s.Parts > WholeShare || slices.ContainsFunc(all[:i], func(o ModelShare) bool { return o.To == s.To }) {
			return errors.New("a share of a model is 1 to 10000 parts, and a party has one")
		}
		sum += s.Parts
	}
	if len(all) > 0 && sum != WholeShare {
		return errors.New("the shares of a model sum to 10000 parts")
	}
	return nil
}

// A Limit is how often one asker may call a model: Calls times in any Within
// seconds of contract time. The zero value is no limit.
type Limit struct {
	Calls  int  `json:"calls"`
	Within Time `json:"within"` // seconds
}

// MaxLimit and MaxWithin bound a Limit; a minute is its shortest time.
const (
	MaxLimit  = 1_000_000
	MinWithin = Time(60)
	MaxWithin = Time(366 * 24 * 3600)
)

// IsZero reports whether there is no limit.
func (l Limit) IsZero() bool { return l == Limit{} }

func (l Limit) check() error {
	if l.IsZero() {
		return nil
	}
	if l.Calls < 1 || l.Calls > MaxLimit || l.Within < MinWithin || l.Within > MaxWithin {
		return errors.New("a limit is 1 to 1000000 calls in a minute to 366 days")
	}
	return nil
}

// CallsMade are calls that count together: they were made in one slot of time.
type CallsMade struct {
	Last  Time `json:"last"` // the latest of them
	Calls int  `json:"calls"`
}

// limitSlots is how many slots a limit's time has: what is kept of an asker is
// bounded, however many calls the limit allows.
const limitSlots = 64

// Count adds a call at a time, no earlier than those made, to those that still
// count, at most limitSlots+2 of them. False means that the limit allows no more
// now. Never are more than Calls allowed in any Within seconds. A call counts until
// Within has passed since the last of its slot, which is up to a 64th of Within
// longer than its own; to the second where Within is 64 seconds or less.
func (l Limit) Count(made []CallsMade, now Time) ([]CallsMade, bool) {
	made = slices.DeleteFunc(slices.Clone(made), func(m CallsMade) bool { return m.Last+l.Within <= now })
	sum := 0
	for _, m := range made {
		sum += m.Calls
	}
	if sum >= l.Calls {
		return made, false
	}
	slot := (l.Within + limitSlots - 1) / limitSlots
	if n := len(made); n > 0 && made[n-1].Last/slot == now/slot {
		made[n-1] = CallsMade{now, made[n-1].Calls + 1}
		return made, true
	}
	return append(made, CallsMade{now, 1}), true
}

// CallsKey is where it is kept how often an asker called a model that has a limit.
func CallsKey(m ModelID, asker PartyID) Key { return KeyOf(m) + "/calls/" + Key(asker) }
