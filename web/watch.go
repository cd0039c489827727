package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	"manx/ledger"
	"manx/ml/watch"
	"manx/privacy/notice"
	"manx/web/api"
	"manx/web/index"
)

// watched is how far back the calls of a model are looked at, in seconds.
const watched = ledger.Time(90 * 24 * 3600)

func (s *server) model(ctx context.Context, id ledger.ModelID) (m ledger.Model, err error) {
	missing := notice.New(notice.NotFound, "there is no such model", "list those on offer: `manx model list`")
	if ledger.CheckID(id, "model") != nil {
		return m, missing
	}
	b, err := s.Ledger.Read(ctx, ledger.KeyOf(id))
	if errors.Is(err, fs.ErrNotExist) {
		return m, missing
	}
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(b, &m)
}

// WatchAsker says how one asker has called a model in the last 90 days.
func WatchAsker(ctx context.Context, x *index.Index, m ledger.Model, asker ledger.PartyID, now ledger.Time) (watch.Report, error) {
	told, err := x.Told(ctx, m.ID, asker, max(now-watched, 0), math.MaxInt32)
	calls := make([]watch.Call, len(told))
	for i, c := range told {
		calls[i] = watch.Call{At: c.At, Subject: c.Subject}
	}
	return watch.Look(m.Parameters, calls), err
}

// toldAtOnce is how many calls are read by one statement: a request that has waited for
// some of very many and gives up has brought the next one further.
const toldAtOnce = 20_000

// maxWatched is how many models' calls are kept in memory, of those that were looked at
// last; a hundred thousand calls take some 8 MB.
const maxWatched = 32

// watches keeps what was read of models' calls: calls only come to be, in the ledger's
// time, and one that is looked at again is read from where it was left.
type watches struct {
	mu     sync.Mutex
	models map[ledger.ModelID]*called
	looks  uint64
}

// A called is a model whose calls are kept.
type called struct {
	last uint64 // look at it

	mu         sync.Mutex
	parameters int
	until      ledger.Time  // when the last that was read ended
	tail       []index.Call // those that ended then: more may come
	asked      map[ledger.PartyID]*asked
}

// asked is how an asker called a model, oldest first, and what that looks like.
type asked struct {
	calls  []watch.Call
	report watch.Report
	stale  bool
}

// of returns what is kept of a model, and forgets what nobody has looked at for long.
func (w *watches) of(id ledger.ModelID) *called {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.models[id]
	if m == nil {
		m = &called{asked: map[ledger.PartyID]*asked{}}
		w.models[id] = m
	}
	w.looks++
	if m.last = w.looks; len(w.models) > maxWatched {
		oldest := id
		for other, o := range w.models {
			if o.last < w.models[oldest].last {
				oldest = other
			}
		}
		delete(w.models, oldest)
	}
	return m
}

// look says how each asker of a model has called it in the last 90 days, as far as its
// calls have ended and told of something; alarms first.
func (w *watches) look(ctx context.Context, x *index.Index, m ledger.Model, now ledger.Time) ([]api.Watched, error) {
	of := w.of(m.ID)
	of.mu.Lock()
	defer of.mu.Unlock()
	from := max(now-watched, 0)
	for limit := toldAtOnce; ; {
		read, err := x.Told(ctx, m.ID, "", max(from, of.until), limit)
		if err != nil {
			return nil, err
		}
		if of.take(read); len(read) < limit {
			break
		}
		if read[0].At == of.until { // all of one second
			limit *= 2
		}
	}
	of.forget(from)
	out := []api.Watched{}
	for _, p := range slices.Sorted(maps.Keys(of.asked)) {
		a := of.asked[p]
		if a.stale || of.parameters != m.Parameters {
			a.report, a.stale = watch.Look(m.Parameters, a.calls), false
		}
		out = append(out, api.Watched{Asker: p, Since: a.calls[0].At, Report: a.report})
	}
	of.parameters = m.Parameters
	slices.SortStableFunc(out, func(a, b api.Watched) int {
		switch {
		case a.Report.Alarm != b.Report.Alarm && a.Report.Alarm:
			return -1
		case a.Report.Alarm != b.Report.Alarm:
			return 1
		}
		return cmp.Or(b.Report.Repeated-a.Report.Repeated, strings.Compare(string(a.Asker), string(b.Asker)))
	})
	return out, nil
}

// take takes in the calls that ended from the last second on that was read.
func (c *called) take(read []index.Call) {
	if slices.Equal(read, c.tail) {
		return
	}
	for _, t := range c.tail { // read again, with those that came
		a := c.asked[t.Asker]
		a.calls = slices.DeleteFunc(a.calls, func(k watch.Call) bool { return k.At >= c.until })
	}
	for _, t := range read {
		a := c.asked[t.Asker]
		if a == nil {
			a = &asked{}
			c.asked[t.Asker] = a
		}
		a.calls, a.stale = append(a.calls, watch.Call{At: t.At, Subject: t.Subject}), true
	}
	if c.tail = nil; len(read) > 0 {
		c.until = read[len(read)-1].At
		c.tail = slices.Clone(read[slices.IndexFunc(read, func(t index.Call) bool { return t.At == c.until }):])
	}
}

// forget drops calls that ended before a time.
func (c *called) forget(from ledger.Time) {
	for p, a := range c.asked {
		n := slices.IndexFunc(a.calls, func(k watch.Call) bool { return k.At >= from })
		switch {
		case n < 0:
			delete(c.asked, p)
		case n > 0:
			a.calls, a.stale = slices.Clone(a.calls[n:]), true
		}
	}
	c.tail = slices.DeleteFunc(c.tail, func(t index.Call) bool { return t.At < from })
}
