package mpc

import (
	"testing"
	"time"
)

// What is computed by keys: few values, far peers, semi-honest sessions.
func TestChoiceByCost(t *testing.T) {
	for _, c := range []struct {
		roundTrip time.Duration
		n         int
		yes       bool
	}{
		{100 * time.Microsecond, 1, false},
		{near - 1, 1, false},
		{near, 1, true},
		{20 * time.Millisecond, 1 << 10, true},
		{20 * time.Millisecond, 1 << 14, false},
		{80 * time.Millisecond, 1 << 10, true},
		{80 * time.Millisecond, 1 << 18, false},
		{far, keyedMost, true},
		{far, keyedMost + 1, false},
		{far, 0, false},
	} {
		for _, k := range []keyed{keyedSign([]uint64{0}), keyedReLU(), keyedZero()} {
			for _, security := range []Security{SemiHonest, WithAbort} {
				s := &Session{security: security}
				s.stats.RoundTrip = c.roundTrip
				yes := s.useKeys(c.n, k)
				if yes != (c.yes && security == SemiHonest) {
					t.Errorf("%v, %v, %d: %v", security, c.roundTrip, c.n, yes)
				}
				if s.stats.ByKeys+s.stats.FromBits != uint64(c.n) || yes != (s.stats.ByKeys > 0) {
					t.Errorf("counted %+v", s.stats)
				}
			}
		}
	}
}
