package embedded

import (
	"cmp"
	"slices"

	"manx/ledger"
)

// Bounds of the events that are kept in memory.
const (
	maxRecent      = 8192
	maxRecentBytes = 8 << 20
)

// A place is that of an event: the height of its command, and which of the command's it is.
type place struct {
	height ledger.Height
	n      uint32
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.height, q.height), cmp.Compare(p.n, q.n))
}

// key is where the event is kept.
func (p place) key() []byte { return eventKey(p.height, int(p.n)) }

// A placed event. Its body is everybody's who reads it, and nobody's to change.
type placed struct {
	place
	ledger.Event
}

// recent are the latest events, for those who follow the ledger: every one of them would
// read and decode the same bytes otherwise.
type recent struct {
	floor  place // all events from here on are here
	events []placed
	bytes  int
}

// add takes in events that are committed.
func (r *recent) add(all []placed) {
	for _, e := range all {
		r.bytes += len(e.Body)
	}
	r.events = append(r.events, all...)
	if len(r.events) <= maxRecent && r.bytes <= maxRecentBytes {
		return
	}
	drop := 0 // half, so that it is seldom
	for ; len(r.events)-drop > maxRecent/2 || r.bytes > maxRecentBytes/2; drop++ {
		e := r.events[drop]
		r.bytes -= len(e.Body)
		r.floor = place{e.height, e.n + 1}
	}
	r.events = slices.Clone(r.events[drop:]) // readers may hold the rest
}

// from returns up to most events from a place on, and false where some are not here.
func (r *recent) from(p place, most int) ([]placed, bool) {
	if p.compare(r.floor) < 0 {
		return nil, false
	}
	i, _ := slices.BinarySearchFunc(r.events, p, func(e placed, p place) int { return e.compare(p) })
	out := r.events[i:]
	return out[:min(most, len(out)):min(most, len(out))], true
}
