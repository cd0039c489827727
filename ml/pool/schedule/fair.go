package schedule

import (
	"container/heap"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An item is a job that waits (in flow, linked with its neighbours) or that a worker
// has (on).
type item struct {
	Job
	since          time.Duration
	flow           *flow
	previous, next *item
	on             *worker
}

// A group is the jobs that the same classes can run and that pay alike: whoever may
// take one of them may take any, so none blocks another.
type group struct {
	name    string
	classes []Class
	offer   float64 // at least what each pays for 10¹² operations; +Inf where prices do not matter
	flows   [levels]flows
	passed  [levels]int // how often more urgent ones went while this level waited
	waiting int
	work    float64 // of what waits
	dry     uint64  // freed when no worker was found; the next search waits for more
}

// meets reports whether a worker of one of the classes could take the group's jobs.
func (g *group) meets(classes []Class) bool {
	return slices.ContainsFunc(classes, func(c Class) bool { return slices.Contains(g.classes, c) })
}

// A flow is the jobs of one asker in one group and priority, first come first served.
type flow struct {
	asker       *asker
	group       *group
	priority    Priority
	first, last *item
	seq         uint64 // when it last became busy
	at          int    // in the heap; -1 outside
}

// An asker has a tag in the fair queue's time: when its next job is due.
type asker struct {
	id              string
	weight          float64
	inFlight        int
	perAsker        int
	tag             float64
	flows           []*flow // that have jobs
	waiting, flying int
	entered, kept   bool // it counts in weights; somebody set its share
}

func (s *Scheduler) asker(id string) *asker {
	a := s.askers[id]
	if a == nil {
		a = &asker{id: id}
		a.set(s.rules, Share{})
		s.askers[id] = a
	}
	return a
}

func (a *asker) set(r Rules, share Share) {
	a.weight, a.inFlight, a.perAsker, a.kept = 1, r.InFlight, r.PerAsker, share != Share{}
	if share.Weight > 0 && !math.IsInf(share.Weight, 0) {
		a.weight = share.Weight
	}
	if share.InFlight > 0 {
		a.inFlight = share.InFlight
	}
	if share.PerAsker > 0 {
		a.perAsker = share.PerAsker
	}
}

// forget drops an asker of whom nothing is left to remember. One that has had more
// than its share is remembered until the others have caught up.
func (s *Scheduler) forget(a *asker) {
	if a.waiting+a.flying == 0 && a.tag <= s.virtual && !a.kept {
		delete(s.askers, a.id)
	}
	if len(s.askers) > 1024+4*(s.waiting+s.running) {
		for id, o := range s.askers { // whoever is dropped, the order does not matter
			if o.waiting+o.flying == 0 && !o.kept {
				delete(s.askers, id)
			}
		}
	}
}

// enter puts an asker's flows into the queues' order, while its quota has room.
func (a *asker) enter(s *Scheduler) {
	if a.entered || a.waiting == 0 || a.flying >= a.inFlight {
		return
	}
	a.entered = true
	a.tag = math.Max(a.tag, s.virtual) // who could not be served has saved nothing up
	s.weights += a.weight
	for _, f := range a.flows {
		heap.Push(&f.group.flows[f.priority], f)
	}
}

// leave takes them out.
func (a *asker) leave(s *Scheduler) {
	if !a.entered {
		return
	}
	a.entered = false
	s.weights = math.Max(0, s.weights-a.weight)
	for _, f := range a.flows {
		if f.at >= 0 {
			heap.Remove(&f.group.flows[f.priority], f.at)
		}
	}
}

// group returns the group of a job. Pay is compared in steps of a sixteenth of an
// octave, rounded down.
func (s *Scheduler) group(j Job) *group {
	offer, step := math.Inf(1), math.MaxInt
	if j.Pays > 0 {
		step = int(math.Floor(16 * math.Log2(j.Pays/j.Work*unit)))
		offer = math.Exp2(float64(step) / 16)
	}
	classes := slices.Clone(j.Classes)
	slices.Sort(classes)
	classes = slices.Compact(classes)
	var name strings.Builder
	name.WriteString(strconv.Itoa(step))
	for _, c := range classes {
		name.WriteString(" " + strconv.Quote(string(c)))
	}
	g := s.named[name.String()]
	if g == nil {
		if len(s.groups) >= 64 {
			s.groups = slices.DeleteFunc(s.groups, func(o *group) bool {
				if o.waiting == 0 {
					delete(s.named, o.name)
				}
				return o.waiting == 0
			})
		}
		g = &group{name: name.String(), classes: classes, offer: offer}
		s.named[name.String()] = g
		s.groups = append(s.groups, g)
	}
	return g
}

// unit is how many operations a price is for.
const unit = 1e12

// enqueue appends a job to its asker's flow, or puts it first.
func (s *Scheduler) enqueue(it *item, first bool) {
	a, g := s.asker(it.Asker), s.group(it.Job)
	var f *flow
	for _, o := range a.flows {
		if o.group == g && o.priority == it.Priority {
			f = o
		}
	}
	s.seq++
	if f == nil {
		f = &flow{asker: a, group: g, priority: it.Priority, seq: s.seq, at: -1}
		a.flows = append(a.flows, f)
	}
	it.flow = f
	switch {
	case f.first == nil:
		f.first, f.last = it, it
	case first:
		it.next, f.first.previous = f.first, it
		f.first = it
	default:
		it.previous, f.last.next = f.last, it
		f.last = it
	}
	g.waiting++
	g.work += it.Work
	s.waiting++
	a.waiting++
	if a.entered && f.at < 0 {
		heap.Push(&g.flows[f.priority], f)
	}
	a.enter(s)
}

// dequeue takes a waiting job out.
func (s *Scheduler) dequeue(it *item) {
	f := it.flow
	a, g := f.asker, f.group
	if it.previous == nil {
		f.first = it.next
	} else {
		it.previous.next = it.next
	}
	if it.next == nil {
		f.last = it.previous
	} else {
		it.next.previous = it.previous
	}
	it.flow, it.previous, it.next = nil, nil, nil
	g.waiting--
	g.work -= it.Work
	if g.waiting == 0 {
		g.work, g.passed = 0, [levels]int{} // no rounding is carried on
	}
	s.waiting--
	a.waiting--
	if f.first == nil {
		if f.at >= 0 {
			heap.Remove(&g.flows[f.priority], f.at)
		}
		a.flows = slices.DeleteFunc(a.flows, func(o *flow) bool { return o == f })
	}
	if a.waiting == 0 {
		a.leave(s)
	}
}

// saved is how many jobs an asker may be behind its share and catch up with, where no
// worker was free for its classes.
const saved = 64

// take gives a job that is first in its flow to a worker, and moves the fair queue's
// time on: by the work over all weights that wait, as in worst-case fair weighted fair
// queueing (Bennett and Zhang, 1996), and at least to the tag that was served, as in
// start-time fair queueing (Goyal, Vin and Cheng, 1996). The first keeps ever new
// askers from passing one that has had its turn before.
func (s *Scheduler) take(f *flow, it *item, p place) {
	a, w := f.asker, p.worker
	cost := it.Work / a.weight
	due := math.Max(a.tag, s.virtual-saved*cost)
	s.virtual = math.Max(s.virtual+it.Work/math.Max(s.weights, a.weight), due)
	s.dequeue(it)
	a.tag = due + cost
	a.flying++
	switch {
	case a.flying >= a.inFlight:
		a.leave(s)
	case a.entered:
		for _, f := range a.flows {
			if f.at >= 0 {
				heap.Fix(&f.group.flows[f.priority], f.at)
			}
		}
	}
	s.unshelve(w)
	it.on = w
	w.has = append(w.has, it)
	w.work += it.Work
	s.running++
	if it.Key != "" && !p.holds {
		s.hold(w, it.Key)
	}
	s.shelve(w)
}

// release takes a job from its worker.
func (s *Scheduler) release(it *item) {
	w, a := it.on, s.askers[it.Asker]
	it.on = nil
	s.unshelve(w)
	w.has = slices.DeleteFunc(w.has, func(o *item) bool { return o == it })
	if w.work -= it.Work; len(w.has) == 0 {
		w.work = 0
	}
	s.running--
	a.flying--
	if s.workers[w.ID] == w {
		s.shelve(w)
		s.freed++
	}
	a.enter(s)
}

// turn returns the group and the flow whose job is next: of the groups that may find
// a worker, the most urgent level, and there the earliest tag. It returns nil where
// nothing can go.
func (s *Scheduler) turn() (best *group, next *flow) {
	for _, g := range s.groups {
		if g.waiting == 0 || g.dry == s.freed {
			continue
		}
		f := g.turn()
		if f != nil && (next == nil || f.priority < next.priority || f.priority == next.priority && f.before(next)) {
			best, next = g, f
		}
	}
	return best, next
}

// turn returns the group's next flow: of the level that was passed too often, or of
// the most urgent one.
func (g *group) turn() (f *flow) {
	for l := range g.flows {
		if len(g.flows[l]) == 0 {
			continue
		}
		if f == nil || g.passed[l] >= Burst {
			f = g.flows[l][0]
		}
	}
	return f
}

// pass counts which levels were passed by one of level p.
func (g *group) pass(p Priority) {
	g.passed[p] = 0
	for l := int(p) + 1; l < levels; l++ {
		if len(g.flows[l]) > 0 {
			g.passed[l]++
		}
	}
}

func (f *flow) before(o *flow) bool {
	if f.asker.tag != o.asker.tag {
		return f.asker.tag < o.asker.tag
	}
	return f.seq < o.seq
}

// flows is a heap by tag.
type flows []*flow

func (h flows) Len() int           { return len(h) }
func (h flows) Less(i, j int) bool { return h[i].before(h[j]) }
func (h flows) Swap(i, j int)      { h[i], h[j] = h[j], h[i]; h[i].at, h[j].at = i, j }

// Push implements heap.Interface.
func (h *flows) Push(x any) {
	f := x.(*flow)
	f.at = len(*h)
	*h = append(*h, f)
}

// Pop implements heap.Interface.
func (h *flows) Pop() any {
	old := *h
	f := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	f.at = -1
	return f
}
