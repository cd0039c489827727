package schedule

import (
	"math"
	"slices"
	"strings"
)

// A worker is one that has not left.
type worker struct {
	Worker
	reach   float64           // bandwidth times reputation
	costs   map[Class]float64 // expected of an operation, in MAN: of time and of price
	has     []*item           // given to it and not ended
	work    float64           // of these
	mark    uint64            // the last search that found it to hold its key
	shelved bool              // it stands on the shelves of its classes
}

// Advertise takes a worker in, or what it now says of itself. What it has stays with it.
func (s *Scheduler) Advertise(n Worker) {
	n.Slots = max(n.Slots, 1)
	if !(n.Bandwidth >= 1) {
		n.Bandwidth = Slowest
	}
	if !(n.Reputation > 0) {
		n.Reputation = Newcomer
	}
	n.Bandwidth, n.Reputation, n.Price = within(n.Bandwidth, 1, 1e15), within(n.Reputation, 1e-6, 1), within(n.Price, 0, 1e15)
	w := s.workers[n.ID]
	if w == nil {
		w = &worker{}
		s.workers[n.ID] = w
		s.staff = append(s.staff, w)
	} else {
		s.unshelve(w)
	}
	keys := n.Keys
	n.Keys = w.Keys
	w.Worker, w.reach, w.costs = n, n.Bandwidth*n.Reputation, map[Class]float64{}
	for c, rate := range n.Rates {
		if rate >= 1 && !math.IsInf(rate, 0) {
			w.costs[c] = (s.rules.Second/rate + n.Price/unit) / n.Reputation
		}
	}
	s.reach = math.Max(s.reach, w.reach)
	for _, it := range w.has { // on their way, or used
		if it.Key != "" && !slices.Contains(keys, it.Key) {
			keys = append(slices.Clip(keys), it.Key)
		}
	}
	s.holds(w, keys)
	s.shelve(w)
	s.freed++
}

// holds takes in which keys a worker has now. Adverts come every second from every
// worker, name hundreds and mostly the same: only what differs costs.
func (s *Scheduler) holds(w *worker, keys []string) {
	if slices.Equal(w.Keys, keys) {
		return
	}
	was := make(map[string]bool, len(w.Keys))
	for _, k := range w.Keys {
		was[k] = true
	}
	w.Keys = make([]string, 0, len(keys))
	seen := make(map[string]bool, len(keys))
	for _, k := range keys {
		if seen[k] {
			continue
		}
		seen[k] = true
		if was[k] {
			w.Keys = append(w.Keys, k)
		} else {
			s.hold(w, k)
		}
	}
	for k := range was { // whichever is dropped first, the same is left
		if !seen[k] {
			s.unhold(w, k)
		}
	}
}

func (s *Scheduler) hold(w *worker, key string) {
	w.Keys = append(w.Keys, key)
	s.holders[key] = append(s.holders[key], w)
}

func (s *Scheduler) unhold(w *worker, key string) {
	left := slices.DeleteFunc(s.holders[key], func(o *worker) bool { return o == w })
	if len(left) == 0 {
		delete(s.holders, key)
		return
	}
	s.holders[key] = left
}

// fastest is the worker's best rate in one of the classes, 0 where it serves none.
func (w *worker) fastest(classes []Class) (rate float64) {
	for _, c := range classes {
		if _, ok := w.costs[c]; ok {
			rate = math.Max(rate, w.Rates[c])
		}
	}
	return rate
}

// A shelf is the free workers of a class, cheapest operation first.
type shelf struct {
	class Class
	all   []*worker
}

func (h *shelf) find(w *worker) (int, bool) {
	return slices.BinarySearchFunc(h.all, w, func(a, b *worker) int {
		switch x, y := a.costs[h.class], b.costs[h.class]; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return strings.Compare(a.ID, b.ID)
	})
}

// shelve puts a worker that may have one more job where it is looked for.
func (s *Scheduler) shelve(w *worker) {
	if w.shelved || w.Draining || len(w.has) >= w.Slots {
		return
	}
	w.shelved = true
	for c := range w.costs {
		h := s.free[c]
		if h == nil {
			h = &shelf{class: c}
			s.free[c] = h
		}
		i, _ := h.find(w)
		h.all = slices.Insert(h.all, i, w)
	}
}

func (s *Scheduler) unshelve(w *worker) {
	if !w.shelved {
		return
	}
	w.shelved = false
	for c := range w.costs {
		h := s.free[c]
		if i, ok := h.find(w); ok {
			h.all = slices.Delete(h.all, i, i+1)
		}
	}
}

// A place is where a job could run, in seconds and in MAN.
type place struct {
	worker             *worker
	holds              bool // the job's keys
	class              Class
	fetch, run, behind float64
	cost               float64
}

// best returns the free worker that is expected to cost least until the job's result
// is right: (time · what time is worth + price · work) / reputation. It looks first at
// those that hold the job's keys, then along the shelves, whose order bounds from
// below what is to come.
func (s *Scheduler) best(g *group, it *item) place {
	p := s.among(g, it, it.Avoid)
	if p.worker == nil && len(it.Avoid) > 0 {
		p = s.among(g, it, nil)
	}
	return p
}

func (s *Scheduler) among(g *group, it *item, avoid []string) (best place) {
	best.cost = math.Inf(1)
	s.searches++
	try := func(w *worker, class Class, holds bool) {
		if w.Price > g.offer || slices.Contains(avoid, w.ID) {
			return
		}
		rate := w.Rates[class]
		p := place{worker: w, class: class, holds: holds, run: it.Work / rate, behind: w.work / rate}
		extra := p.behind
		if it.Key != "" && !holds {
			p.fetch = it.KeyBytes / w.Bandwidth
			extra += p.fetch
		}
		p.cost = it.Work*w.costs[class] + s.rules.Second*extra/w.Reputation
		if p.cost < best.cost || p.cost == best.cost && w.ID < best.worker.ID {
			best = p
		}
	}
	if it.Key != "" {
		for _, w := range s.holders[it.Key] {
			w.mark = s.searches
			for _, c := range g.classes {
				if _, ok := w.costs[c]; ok && w.shelved {
					try(w, c, true)
				}
			}
		}
	}
	least := 0.0 // of fetching, for whoever holds no key
	if it.Key != "" {
		least = s.rules.Second * it.KeyBytes / s.reach
	}
	for _, c := range g.classes {
		h := s.free[c]
		if h == nil {
			continue
		}
		for _, w := range h.all {
			if it.Work*w.costs[c]+least >= best.cost {
				break
			}
			if w.mark != s.searches {
				try(w, c, false)
			}
		}
	}
	return best
}
