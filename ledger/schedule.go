package ledger

import (
	"crypto/ed25519"
	"errors"
)

// A Schedule is what a majority of the organisations has agreed on about MAN:
// whose word on payments outside counts, what may be issued as a reward and when,
// and what the exchange is paid. It is in force from the command that sets it to
// the one that sets the next. Jobs keep the fee they were asked under.
type Schedule struct {
	Version uint64   `json:"version"` // 1, and for each later one the number after
	Oracles []Oracle `json:"oracles,omitempty"`
	Need    int      `json:"need,omitempty"` // how many of the oracles must attest a payment
	Rewards []Reward `json:"rewards,omitempty"`
	Fees    Fees     `json:"fees"`
}

// An Oracle attests payments made outside the exchange.
type Oracle struct {
	Name string            `json:"name"`
	Key  ed25519.PublicKey `json:"key"`
}

// A Reward may be issued once for each of its periods, when the period begins.
type Reward struct {
	Name    string `json:"name"`
	Amount  Amount `json:"amount"`  // for a period, at most
	Start   Time   `json:"start"`   // of period 1
	Every   Time   `json:"every"`   // seconds from one period to the next
	Periods int    `json:"periods"` // how many
}

// Fees is what the exchange is paid. Organisations pay none.
type Fees struct {
	Send Amount `json:"send"` // for a coin.send, beside what it pays
	Open Amount `json:"open"` // for an escrow.open
	Jobs uint32 `json:"jobs"` // basis points of a job's fee
}

// DefaultFees are in force before there is a schedule: a tenth of a job's fee.
func DefaultFees() Fees { return Fees{Jobs: 1000} }

// MaxJobsFee bounds Fees.Jobs, and MaxFee (a MAN) the other two: no majority
// takes more.
const MaxJobsFee = 2000

// MaxFee is the most that Fees.Send and Fees.Open may be.
func MaxFee() Amount { return MAN(1) }

// ScheduleKey is where the schedule in force is kept.
const ScheduleKey Key = "common/schedule"

// Bounds of a schedule.
const (
	maxOracles = 16
	maxRewards = 32
	maxPeriods = 10_000
	minEvery   = Time(3600)
	maxWord    = 32 // bytes of an oracle's or a reward's name
)

// SetSchedule puts a schedule in force. A majority of the organisations must sign,
// and each saw which schedule it follows: Version says.
type SetSchedule struct {
	Schedule Schedule `json:"schedule"`
}

// Command implements Body.
func (SetSchedule) Command() string { return "coin.schedule" }

// Check implements Body.
func (b SetSchedule) Check() error {
	s := b.Schedule
	switch {
	case s.Version == 0:
		return errors.New("the first schedule has version 1")
	case len(s.Oracles) > maxOracles || len(s.Rewards) > maxRewards:
		return errors.New("a schedule has at most 16 oracles and 32 rewards")
	case s.Need < 0 || s.Need > len(s.Oracles) || (s.Need == 0) != (len(s.Oracles) == 0):
		return errors.New("of the oracles, one or more and at most all must attest a payment")
	case s.Fees.Send.Cmp(MaxFee()) > 0 || s.Fees.Open.Cmp(MaxFee()) > 0 || s.Fees.Jobs > MaxJobsFee:
		return errors.New("a fee is at most 1 MAN, and of a job's fee at most 2000 basis points")
	}
	names, keys := map[string]bool{}, map[string]bool{}
	for _, o := range s.Oracles {
		if !word(o.Name) || names[o.Name] || len(o.Key) != ed25519.PublicKeySize || keys[string(o.Key)] {
			return errors.New("an oracle has a name of its own, of a to z, 0 to 9 and -, and a key of its own")
		}
		names[o.Name], keys[string(o.Key)] = true, true
	}
	rewards := map[string]bool{}
	for _, r := range s.Rewards {
		switch {
		case !word(r.Name) || rewards[r.Name]:
			return errors.New("a reward has a name of its own, of a to z, 0 to 9 and -")
		case r.Amount.IsZero() || r.Start <= 0 || r.Every < minEvery || r.Every > MaxEscrow || r.Start > MaxTime || r.Periods < 1 || r.Periods > maxPeriods:
			return errors.New("a reward has an amount, a start, an hour or more between periods, and 1 to 10000 of them")
		}
		rewards[r.Name] = true
	}
	return nil
}

// MaxTime is the last moment that a schedule may name, in the year 9999: no sum
// of times overflows.
const MaxTime = Time(253_402_300_799)

// word reports whether s is a name that may stand in a key.
func word(s string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= maxWord
}

// Begins returns when the n-th period of a reward begins, counted from 1, and
// whether it has such a period.
func (r Reward) Begins(n int) (Time, bool) {
	if n < 1 || n > r.Periods {
		return 0, false
	}
	return r.Start + Time(n-1)*r.Every, true
}
