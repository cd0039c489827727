package embedded

import (
	"context"
	"reflect"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
)

// What is kept in memory is what the disk has, from every height; a ledger that is opened
// again reads the old from the disk and the new from memory, with no gap between.
func TestRecentEventsAreThoseOnDisk(t *testing.T) {
	l, w, cfg := open(t)
	s := ledgertest.Begin(t, l, w)
	d := s.Diagnosis(3600)
	s.Compute(d.Worker, d.Job)
	compare := func() {
		t.Helper()
		top, err := l.Height()
		if err != nil {
			t.Fatal(err)
		}
		for from := ledger.Height(0); from <= top; from++ {
			var disk []ledger.Event
			for next := (place{height: max(from, 1)}); ; {
				some, err := l.eventsFrom(next)
				if err != nil {
					t.Fatal(err)
				}
				if len(some) == 0 {
					break
				}
				for _, e := range some {
					disk = append(disk, e.Event)
				}
				next = place{some[len(some)-1].height, some[len(some)-1].n + 1}
			}
			ctx, stop := context.WithCancel(t.Context())
			var got []ledger.Event
			for e, err := range l.Events(ctx, from) {
				if err != nil {
					t.Fatal(err)
				}
				if got = append(got, e); len(got) == len(disk) {
					break
				}
			}
			stop()
			if !reflect.DeepEqual(got, disk) {
				t.Fatalf("from height %d there are %d events, %d on disk, or others", from, len(got), len(disk))
			}
		}
	}
	compare()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	if l, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	s.Ledger = l
	if _, here := l.recent.from(place{height: 1}, 1); here {
		t.Error("an opened ledger says that it has old events in memory")
	}
	s.Do(d.Patient, ledger.AcceptJob{Job: d.Job})
	compare()
}

func TestRecentEventsAreBounded(t *testing.T) {
	var r recent
	r.floor = place{height: 1}
	body := make([]byte, 4096)
	for h := ledger.Height(1); h <= 4*maxRecent; h++ {
		e := placed{place{height: h}, ledger.Event{Height: h}}
		if h > 2*maxRecent {
			e.Body = body
		}
		r.add([]placed{e})
		if len(r.events) > maxRecent || r.bytes > maxRecentBytes {
			t.Fatalf("%d events of %d bytes are kept", len(r.events), r.bytes)
		}
		if h >= maxRecent && h <= 2*maxRecent && len(r.events) < maxRecent/2 {
			t.Fatalf("only %d events are kept", len(r.events))
		}
	}
	if n := maxRecentBytes / len(body); len(r.events) < n/2 || len(r.events) > n {
		t.Errorf("%d long events are kept", len(r.events))
	}
	first := r.events[0].place
	if _, here := r.from(place{first.height - 1, 0}, 1); here {
		t.Error("an event that was dropped is said to be here")
	}
	if got, here := r.from(r.floor, 2); !here || len(got) != 2 || got[0].place != first {
		t.Errorf("from the floor there are %v", got)
	}
	if got, here := r.from(place{height: 4*maxRecent + 1}, 2); !here || len(got) != 0 {
		t.Errorf("after the last there are %v", got)
	}
}
