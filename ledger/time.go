package ledger

import "errors"

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
