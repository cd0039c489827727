package ledger

import (
	"math/rand/v2"
	"testing"
)

// A limit lets no more calls through in any of its times than it says, makes nobody
// wait more than a 64th of it too long, and keeps little.
func TestLimitsHoldInEveryWindow(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 5))
	for _, l := range []Limit{{1, 60}, {3, 60}, {5, 64}, {10, 100}, {7, 3600}, {500, 3600}, {40, 30 * 86400}} {
		var made []CallsMade
		var passed []Time
		refused := 0
		slot := (l.Within + limitSlots - 1) / limitSlots
		for now, n := Time(1_000_000), 0; n < 4000; n++ {
			now += Time(r.IntN(max(int(3*l.Within)/(2*l.Calls), 2)))
			next, ok := l.Count(made, now)
			within := func(d Time) (sum int) {
				for _, at := range passed {
					if at > now-d {
						sum++
					}
				}
				return sum
			}
			if len(next) > limitSlots+2 {
				t.Fatalf("%+v keeps %d slots", l, len(next))
			}
			if ok {
				if within(l.Within) >= l.Calls {
					t.Fatalf("%+v lets call %d through", l, n)
				}
				made, passed = next, append(passed, now)
				continue
			}
			refused++
			if within(l.Within+slot-1) < l.Calls {
				t.Fatalf("%+v refuses call %d with %d in a time and a slot", l, n, within(l.Within+slot))
			}
		}
		if refused == 0 || len(passed) == 0 {
			t.Errorf("%+v: %d refused of %d", l, refused, len(passed))
		}
	}
}
