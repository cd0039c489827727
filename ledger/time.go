package ledger

import (
	"errors"
	"time"

	"manx/privacy/notice"
)

// NowKey is where contract time is kept: the monotone median of the
// organisations' latest ticks, JSON of a Clock.
const NowKey Key = "common/now"

// A Clock is contract time.
type Clock struct {
	Now   Time             `json:"now"`
	Ticks map[PartyID]Time `json:"ticks"` // the latest of each organisation
}

// MaxSkew is how far a tick may be from an endorser's own clock, in seconds;
// peers refuse others before they reach the contract.
const MaxSkew = Time(120)

// Tick is an organisation's word on the time.
type Tick struct {
	Time Time `json:"time"`
}

// Command implements Body.
func (Tick) Command() string { return "time.tick" }

// Check implements Body.
func (b Tick) Check() error {
	if b.Time <= 0 {
		return errors.New("a tick is a time after 1970")
	}
	return nil
}

// Timely refuses a tick that is off the clock of who endorses it: the contract,
// which has no clock, cannot. Other commands pass. The error is a notice.
func Timely(c Command, now time.Time) error {
	var t Tick
	if c.Name != t.Command() {
		return nil
	}
	if err := Decode(c.Body, &t); err != nil {
		return notice.Because(err, notice.Invalid, "the tick is not well formed", "")
	}
	if off := t.Time - Time(now.Unix()); off > MaxSkew || off < -MaxSkew {
		return notice.New(notice.Invalid, "the tick is more than two minutes off the clock of who endorses it", "set the organisation's clock by NTP")
	}
	return nil
}
