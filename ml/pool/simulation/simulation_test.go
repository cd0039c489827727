package simulation

import (
	"reflect"
	"testing"
	"time"
)

// small is an hour of thirty workers that die often.
func small() World {
	w := Usual()
	w.Lasts, w.Begins, w.Workers, w.Jobs = time.Hour, 9*time.Hour+30*time.Minute, 30, 200_000
	w.Bursts[0].Rate = 5
	w.Between, w.Away = time.Hour, 10*time.Minute
	return w
}

func report(t *testing.T, w World) Report {
	t.Helper()
	r := Run(t.Context(), w)
	if t.Context().Err() != nil {
		t.Fatal("it did not end")
	}
	return r
}

// decided is a report without what the clock of this machine says.
func decided(r Report) Report {
	r.Processor, r.AdvertsTook = 0, 0
	return r
}

func TestASeedIsARun(t *testing.T) {
	one, again := report(t, small()), report(t, small())
	if !reflect.DeepEqual(decided(one), decided(again)) {
		t.Errorf("the same world went another way:\n%+v\n%+v", one, again)
	}
	other := small()
	other.Seed++
	if r := report(t, other); reflect.DeepEqual(decided(one), decided(r)) {
		t.Error("another seed went the same way")
	}
}

// TestNoJobIsLost: whatever workers do, every job that was taken is done or still there.
func TestNoJobIsLost(t *testing.T) {
	w := small()
	w.Wrong = 0.02
	got := report(t, w)
	if got.Again < 50 {
		t.Errorf("only %d runs were lost: nothing is shown", got.Again)
	}
	// Left alone, with no more jobs to come, all end.
	w.Day = [24]float64{9: 1, 10: 1}
	w.Lasts, w.Jobs = 6*time.Hour, 20_000
	if got = report(t, w); got.Done+got.Refused != got.Asked || got.Done == 0 || got.Waiting != 0 {
		t.Errorf("of %d jobs %d are done, %d refused, %d wait", got.Asked, got.Done, got.Refused, got.Waiting)
	}
}

func TestWaitsFollowTheLoad(t *testing.T) {
	w := small()
	w.Between, w.Bursts = 0, nil
	quiet := report(t, w)
	w.Jobs *= 6
	full := report(t, w)
	if quiet.Wait.Quantile(0.95) > 20*time.Second {
		t.Errorf("with room for all, one of twenty waits %v", quiet.Wait.Quantile(0.95))
	}
	if full.Wait.Quantile(0.5) < 10*quiet.Wait.Quantile(0.5) || full.Busy+full.Fetching < 0.9 {
		t.Errorf("six times as many jobs wait %v, not %v, and workers are busy %.2f of the time", full.Wait.Quantile(0.5), quiet.Wait.Quantile(0.5), full.Busy+full.Fetching)
	}
}

// TestWorkersFollowTheQueue: few where nobody asks, more in a burst, few again.
func TestWorkersFollowTheQueue(t *testing.T) {
	w := small()
	w.Lasts, w.Jobs, w.Between = 3*time.Hour, 1000, 0
	w.Bursts[0].Rate, w.Rules.InFlight = 20, 1000
	w.Scale = &Scale{Every: 15 * time.Second, Jobs: 4, Start: time.Minute, Cooldown: 5 * time.Minute, Min: 1}
	r := report(t, w)
	if r.Most != w.Workers || r.Workers > float64(w.Workers)/2 || r.Done < r.Asked-5 {
		t.Errorf("%d workers at most, %.1f on the mean, %d of %d done", r.Most, r.Workers, r.Done, r.Asked)
	}
}

func TestQuantiles(t *testing.T) {
	var s Times
	for i := range 1000 {
		s.add(time.Duration(i+1) * time.Second)
	}
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Second, 0.99: 990 * time.Second, 1: 1000 * time.Second} {
		if got := s.Quantile(q); got < want || float64(got) > float64(want)*step*step {
			t.Errorf("quantile %v is %v", q, got)
		}
	}
	if s.Mean() != 500500*time.Millisecond || s.N() != 1000 {
		t.Errorf("mean %v of %d", s.Mean(), s.N())
	}
	if (&Times{}).Quantile(0.5) != 0 {
		t.Error("nothing has a quantile")
	}
}
