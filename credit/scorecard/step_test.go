package scorecard

import (
	"slices"
	"testing"
)

// TestStepsSayWhatChangesTheScore: a feature moved to what its step wants gains what
// the step says, and one short of it gains nothing; the first steps are the reasons.
func TestStepsSayWhatChangesTheScore(t *testing.T) {
	m := consumer(t)
	seen := 0
	for seed := range uint64(300) {
		x := features(seed)
		now := m.Score(x)
		steps := m.Steps(x)
		for i, s := range steps {
			moved, short := x, x
			moved[s.Code-1] = s.Want
			if short[s.Code-1] = s.Want + 1; s.AtLeast {
				short[s.Code-1] = s.Want - 1
			}
			if s.Gain <= 0 || s.Value != x[s.Code-1] || m.Score(moved).Points != now.Points+s.Gain || m.Score(short).Points != now.Points {
				t.Fatalf("seed %d: %+v does not hold: %d now, %d moved, %d one short", seed, s, now.Points, m.Score(moved).Points, m.Score(short).Points)
			}
			if i < len(now.Reasons) && now.Reasons[i].Code != s.Code {
				t.Fatalf("seed %d: reason %d is %s, the step is of %s", seed, i, now.Reasons[i].Feature, s.Feature)
			}
			seen++
		}
		if lost := m.Base - now.Points; (lost == 0) != (len(steps) == 0) || lost < sum(steps) {
			t.Fatalf("seed %d: %d points lost, steps %+v", seed, lost, steps)
		}
	}
	if seen == 0 {
		t.Fatal("no file loses points")
	}
	best := features(1)
	for i, f := range m.Features { // the bin that loses nothing
		at := m.index()[i]
		if b := slices.Index(f.Lost, 0); b < len(f.UpTo) {
			best[at] = f.UpTo[b]
		} else {
			best[at] = f.UpTo[len(f.UpTo)-1] + 1
		}
	}
	if s := m.Steps(best); len(s) != 0 {
		t.Errorf("the best file can gain: %+v", s)
	}
}

func sum(steps []Step) (n int) {
	for _, s := range steps {
		n += s.Gain
	}
	return n
}
