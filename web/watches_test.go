package web

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"manx/ledger"
	"manx/ml/watch"
	"manx/web/index"
)

// What is kept of a model's calls, taken in part by part and forgotten after 90 days, looks
// as all of them read anew do, however many come in one second and whoever they are of.
func TestWatchesKeepWhatIsTold(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	party := func(n int) ledger.PartyID { return ledger.NewPartyID(ledger.Credit, fmt.Append(nil, n)) }
	kept := &called{asked: map[ledger.PartyID]*asked{}}
	var all []index.Call
	now, looked := ledger.Time(1_800_000_000), 0
	for range 600 {
		if r.IntN(3) > 0 { // else more in the same second
			now += ledger.Time(r.IntN(int(watched) / 150))
		}
		for range r.IntN(4) {
			all = append(all, index.Call{Asker: party(r.IntN(6)), Subject: party(r.IntN(3)), At: now})
		}
		slices.SortStableFunc(all, func(a, b index.Call) int { // as the index tells them
			if a.At != b.At {
				return int(a.At - b.At)
			}
			return slices.Compare([]string{string(a.Asker), string(a.Subject)}, []string{string(b.Asker), string(b.Subject)})
		})
		from := now - watched
		since := func(at ledger.Time) (out []index.Call) {
			for _, c := range all {
				if c.At >= at {
					out = append(out, c)
				}
			}
			return out
		}
		for limit := 3; ; { // as look reads, so many at once
			read := since(max(from, kept.until))
			read = read[:min(limit, len(read))]
			if kept.take(read); len(read) < limit {
				break
			}
			if read[0].At == kept.until {
				limit *= 2
			}
		}
		kept.forget(from)
		want := map[ledger.PartyID][]watch.Call{}
		for _, c := range since(from) {
			want[c.Asker] = append(want[c.Asker], watch.Call{At: c.At, Subject: c.Subject})
		}
		if len(kept.asked) != len(want) {
			t.Fatalf("at %d: %d askers, want %d", now, len(kept.asked), len(want))
		}
		for p, calls := range want {
			a := kept.asked[p]
			if a.stale {
				a.report, a.stale = watch.Look(100, a.calls), false
			}
			if !slices.Equal(a.calls, calls) || !reflect.DeepEqual(a.report, watch.Look(100, calls)) {
				t.Fatalf("at %d: %d calls of an asker, want %d", now, len(a.calls), len(calls))
			}
			looked++
		}
	}
	if looked < 2000 || len(kept.asked) == 0 {
		t.Errorf("%d looks", looked)
	}
}

// The models that were looked at last are kept, and no more.
func TestWatchesForgetModels(t *testing.T) {
	w := &watches{models: map[ledger.ModelID]*called{}}
	first := w.of("0")
	for n := range 3 * maxWatched {
		w.of(ledger.ModelID(fmt.Sprint(n)))
		if w.of("0") != first {
			t.Fatal("one that was just looked at is forgotten")
		}
	}
	if len(w.models) != maxWatched {
		t.Errorf("%d models are kept", len(w.models))
	}
}
