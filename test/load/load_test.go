package load

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A node that stands still for a second is charged for every request that was due.
func TestAStandstillIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		stands, goes := began.Add(time.Second), began.Add(2*time.Second)
		took, failed := Drive(t.Context(), 1, 100, 400, func(_ context.Context, i int) error {
			if now := time.Now(); now.After(stands) && now.Before(goes) {
				time.Sleep(time.Until(goes))
			}
			if i == 7 {
				return errors.New("lost")
			}
			return nil
		})
		late := 0
		for _, d := range took {
			if d > 0 {
				late++
			}
		}
		if len(took) != 400 || len(failed) != 1 || late < 70 || late > 130 {
			t.Errorf("%d requests, %d failed, %d late; about 100 were due while it stood still", len(took), len(failed), late)
		}
		if most := slices.Max(took); most < 900*time.Millisecond || most > time.Second {
			t.Errorf("the longest took %v", most)
		}
		if lasted := time.Since(began); lasted < 3*time.Second || lasted > 5*time.Second {
			t.Errorf("400 requests at 100 a second took %v", lasted)
		}
	})
}

func TestParts(t *testing.T) {
	var took []time.Duration
	for i := range 100 {
		took = append(took, time.Duration(100-i))
	}
	for part, want := range map[float64]time.Duration{0.5: 50, 0.9: 90, 0.99: 99, 0.999: 100, 1: 100, 0: 1} {
		if got := Part(took, part); got != want {
			t.Errorf("%v: %d, want %d", part, got, want)
		}
	}
	if Part(nil, 0.5) != 0 {
		t.Error("of nothing there is something")
	}
}
