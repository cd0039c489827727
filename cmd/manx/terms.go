package main

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"manx/ledger"
)

// terms puts --earn and --limit into a model that me publishes; me is "" where
// nobody is known yet, and only their form is checked.
func (o publication) terms(m *ledger.PublishModel, me ledger.PartyID) error {
	m.Shares, m.Limit = nil, ledger.Limit{}
	left := uint32(ledger.WholeShare)
	for _, s := range o.shares {
		who, percent, _ := strings.Cut(s, "=")
		to, err := partyNamed(who)
		if err != nil {
			return err
		}
		part, err := strconv.ParseFloat(percent, 64)
		hundredths := math.Round(part * 100)
		if err != nil || !(hundredths >= 1) || hundredths > float64(left) || math.Abs(part*100-hundredths) > 1e-6 {
			return usage{errors.New("a share is written as PARTY=PERCENT, such as 12.5, to the hundredth; all of them make at most 100")}
		}
		left -= uint32(hundredths)
		m.Shares = append(m.Shares, ledger.ModelShare{To: to, Parts: uint32(hundredths)})
	}
	if left > 0 && len(m.Shares) > 0 && me != "" {
		m.Shares = append(m.Shares, ledger.ModelShare{To: me, Parts: left})
	}
	if o.limit == "" {
		return nil
	}
	calls, within, _ := strings.Cut(o.limit, "/")
	n, err := strconv.Atoi(calls)
	d, err2 := time.ParseDuration(within)
	m.Limit = ledger.Limit{Calls: n, Within: ledger.Time(d / time.Second)}
	if err != nil || err2 != nil || n < 1 || n > ledger.MaxLimit || m.Limit.Within < ledger.MinWithin || m.Limit.Within > ledger.MaxWithin {
		return usage{errors.New("a limit is written as CALLS/TIME, such as 10/24h: 1 to 1000000 calls in a minute to 366 days")}
	}
	return nil
}
