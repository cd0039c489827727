// Package schedule decides which worker gets which job, and which job waits. It is
// pure: no clock, no queue, no ledger, no randomness; the same calls in the same
// order give the same decisions, so that a simulation of ten thousand workers runs
// the code that a node runs.
//
// Jobs wait in a weighted fair queue over askers, with a quota of jobs in flight for
// each. A job goes to the worker that is expected to cost least, in time and money
// together, to a right result: its measured rate, what it still has before it, the
// bytes of evaluation keys that it would have to fetch, its price, and how often its
// results are right. What would wait too long is refused at the door, with when to
// try again.
//
// It does not know whether a worker lives: who uses it says when a worker has left
// and when a job has ended.
package schedule

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// A Class names what a worker can run, such as "cpu" or "gpu-24".
type Class string

// A Priority is which of the waiting jobs go first; 0 is the most urgent.
type Priority uint8

// The priorities. Of those below the first that is waiting, one goes at the latest
// after Burst more urgent ones.
const (
	Urgent Priority = iota
	Normal
	Spare
	levels = 3
)

// Burst is how many more urgent jobs may pass a waiting one before it is its turn.
const Burst = 8

// A Job is something to compute.
type Job struct {
	ID       string
	Asker    string   // whose share of the pool it is
	Classes  []Class  // any of them can run it; at least one
	Priority Priority // beyond Spare counts as Spare
	Work     float64  // operations, as worker's rates count them; below 1 counts as 1
	Key      string   // names its evaluation keys; empty where it has none
	KeyBytes float64  // their size
	Pays     float64  // what its worker earns, in MAN; 0 where workers' prices do not matter
	Avoid    []string // workers that have failed it: taken only where no other is free
}

// A Worker is what a worker says of itself, and what others say of it.
type Worker struct {
	ID         string
	Rates      map[Class]float64 // operations a second, measured, by class it can run
	Slots      int               // jobs it may have at once, those it has not begun included; below 1 counts as 1
	Price      float64           // the least it works for, in MAN for 10¹² operations
	Reputation float64           // the part of its results that are right, 0 to 1; 0 means unknown and counts as Newcomer
	Bandwidth  float64           // bytes a second at which it fetches keys, measured; below 1 counts as Slowest
	Keys       []string          // that it holds
	Draining   bool              // it takes nothing more
}

// Newcomer is the reputation of a worker of whom nothing is known, and Slowest the
// bandwidth in bytes a second of one that has not measured it.
const (
	Newcomer = 0.5
	Slowest  = 1e6
)

// Rules are the bounds of a scheduler. A zero field means what stands beside it.
type Rules struct {
	InFlight int     // jobs of one asker with workers at once: 64
	PerAsker int     // jobs of one asker that wait: 100,000
	Waiting  int     // jobs that wait altogether: 1,000,000
	Second   float64 // what a second sooner is worth, in MAN: 0.001
}

// A Share is what one asker may have, where it differs from the rules'.
type Share struct {
	Weight   float64 // of its part of the pool beside the others'; 0 means 1
	InFlight int     // 0 means the rules'
	PerAsker int     // 0 means the rules'
}

// An Assignment gives a job to a worker.
type Assignment struct {
	Job    Job
	Worker string
	Class  Class         // of the job's, in which the worker is fastest
	Waited time.Duration // since it was offered
	Fetch  time.Duration // expected for keys that the worker does not hold
	Run    time.Duration // expected, without what the worker has before it
	Behind time.Duration // expected until the worker begins it
}

// Full is why a job is not taken, and when to try again.
type Full struct {
	Asker bool          // its asker has too many waiting; otherwise the pool has
	After time.Duration // the estimate of when there is room again, at least a second
}

// Error implements error.
func (f *Full) Error() string {
	who := "the pool of workers has"
	if f.Asker {
		who = "this asker has"
	}
	return fmt.Sprintf("%s as many jobs waiting as it may; there should be room in %v", who, f.After)
}

// A Scheduler holds what waits and who works. One goroutine uses it.
type Scheduler struct {
	rules   Rules
	jobs    map[string]*item
	askers  map[string]*asker
	workers map[string]*worker
	staff   []*worker // the same, in the order they came
	groups  []*group  // in order of their first job
	named   map[string]*group
	free    map[Class]*shelf
	holders map[string][]*worker // by key, who holds it

	virtual  float64 // time of the fair queue, in operations for a weight of 1
	weights  float64 // of the askers that have a job waiting and may have one more in flight
	reach    float64 // at most bandwidth times reputation of any worker there was
	waiting  int
	running  int
	seq      uint64 // of jobs and of flows, to break ties
	searches uint64
	freed    uint64 // how often a worker became free: groups that found none wait for more
}

// New returns an empty scheduler.
func New(r Rules) *Scheduler {
	if r.InFlight <= 0 {
		r.InFlight = 64
	}
	if r.PerAsker <= 0 {
		r.PerAsker = 100_000
	}
	if r.Waiting <= 0 {
		r.Waiting = 1_000_000
	}
	if !(r.Second > 0) || math.IsInf(r.Second, 0) {
		r.Second = 0.001
	}
	return &Scheduler{rules: r, jobs: map[string]*item{}, askers: map[string]*asker{}, workers: map[string]*worker{},
		named: map[string]*group{}, free: map[Class]*shelf{}, holders: map[string][]*worker{}}
}

// Offer puts a job into the queue at a time of the caller's, or returns *Full. A
// job that is there already stays as it was. It panics for a job without a class.
func (s *Scheduler) Offer(j Job, now time.Duration) error {
	if len(j.Classes) == 0 {
		panic("schedule: a job without a class")
	}
	if s.jobs[j.ID] != nil {
		return nil
	}
	if full := s.Room(j.Asker, j.Classes...); full != nil {
		return full
	}
	j.Work, j.KeyBytes, j.Priority = within(j.Work, 1, 1e21), within(j.KeyBytes, 0, 1e15), min(j.Priority, levels-1)
	it := &item{Job: j, since: now}
	s.jobs[j.ID] = it
	s.enqueue(it, false)
	return nil
}

// within returns v between two bounds, and the lower one for what is no number.
func within(v, least, most float64) float64 {
	if !(v >= least) {
		return least
	}
	return math.Min(v, most)
}

// Room returns nil where a job of an asker would be taken, and otherwise what Offer
// would return.
func (s *Scheduler) Room(asker string, classes ...Class) error {
	mine := 0
	if a := s.askers[asker]; a != nil {
		mine = a.waiting
	}
	return s.Full(asker, mine, s.waiting, classes...)
}

// Full returns nil where an asker who has so many of so many waiting jobs, counted by
// the caller, may have one more, and *Full otherwise.
func (s *Scheduler) Full(asker string, mine, all int, classes ...Class) error {
	most := s.rules.PerAsker
	if a := s.askers[asker]; a != nil {
		most = a.perAsker
	}
	switch {
	case mine >= most:
		return &Full{Asker: true, After: s.after(classes, float64(mine)/float64(max(all, 1)))}
	case all >= s.rules.Waiting:
		return &Full{After: s.after(classes, 1)}
	}
	return nil
}

// Again puts a job back at the head of its asker's queue, where its worker had it: the
// worker was silent or failed. That worker is avoided. A job that waits, or that the
// scheduler does not know, is left alone.
func (s *Scheduler) Again(job string) {
	it := s.jobs[job]
	if it == nil || it.on == nil {
		return
	}
	it.Avoid = append(slices.Clone(it.Avoid[max(0, len(it.Avoid)+1-avoided):]), it.on.ID)
	s.release(it)
	s.enqueue(it, true)
}

// avoided is how many workers a job avoids at most, the last ones.
const avoided = 8

// End forgets a job, wherever it stands: it is done, or nobody wants it any more.
func (s *Scheduler) End(job string) {
	it := s.jobs[job]
	if it == nil {
		return
	}
	delete(s.jobs, job)
	if it.on != nil {
		s.release(it)
	} else {
		s.dequeue(it)
	}
	s.forget(s.askers[it.Asker])
}

// Leave forgets a worker, and returns the jobs that it had, which wait again at the
// heads of their askers' queues.
func (s *Scheduler) Leave(id string) (back []string) {
	w := s.workers[id]
	if w == nil {
		return nil
	}
	s.unshelve(w)
	for _, k := range w.Keys {
		s.unhold(w, k)
	}
	delete(s.workers, id)
	s.staff = slices.DeleteFunc(s.staff, func(o *worker) bool { return o == w })
	for len(w.has) > 0 {
		it := w.has[len(w.has)-1]
		back = append(back, it.ID)
		s.Again(it.ID)
	}
	return back
}

// Set gives one asker another share than the rules', for good.
func (s *Scheduler) Set(asker string, share Share) {
	a := s.asker(asker)
	a.leave(s)
	a.set(s.rules, share)
	a.enter(s)
}

// Next returns the next assignment, and false where there is none: nothing waits,
// or nobody is free for what does. The caller asks until there is none.
func (s *Scheduler) Next(now time.Duration) (Assignment, bool) {
	for {
		g, f := s.turn()
		if g == nil {
			return Assignment{}, false
		}
		it := f.first
		p := s.best(g, it)
		if p.worker == nil {
			g.dry = s.freed
			continue
		}
		g.pass(f.priority)
		s.take(f, it, p)
		waited := max(0, now-it.since)
		return Assignment{Job: it.Job, Worker: p.worker.ID, Class: p.class, Waited: waited, Fetch: seconds(p.fetch), Run: seconds(p.run), Behind: seconds(p.behind)}, true
	}
}

// Waiting and Running are how many jobs wait and how many workers have.
func (s *Scheduler) Waiting() int { return s.waiting }

// Running is how many jobs are with workers.
func (s *Scheduler) Running() int { return s.running }

// Worker returns which worker has a job, or "".
func (s *Scheduler) Worker(job string) string {
	if it := s.jobs[job]; it != nil && it.on != nil {
		return it.on.ID
	}
	return ""
}

// Wait estimates how long a job of these classes waits before it begins, on the mean
// over askers: what waits for the same workers, and half of what they have where none
// is free, over their rate. It is false where there are none.
func (s *Scheduler) Wait(classes ...Class) (time.Duration, bool) {
	var rate, work float64
	free := false
	for _, w := range s.staff {
		if r := w.fastest(classes); r > 0 && !w.Draining {
			rate += r
			work += w.work / 2
			free = free || w.shelved && w.work == 0
		}
	}
	if rate == 0 {
		return 0, false
	}
	if free {
		work = 0
	}
	for _, g := range s.groups {
		if g.meets(classes) {
			work += g.work
		}
	}
	return seconds(work / rate), true
}

// Depth returns how many jobs wait that a worker of a class could run.
func (s *Scheduler) Depth(c Class) (n int) {
	for _, g := range s.groups {
		if g.meets([]Class{c}) {
			n += g.waiting
		}
	}
	return n
}

// after estimates when a part of what waits has gone.
func (s *Scheduler) after(classes []Class, part float64) time.Duration {
	const nobody = time.Minute // where no worker serves the classes
	d, ok := s.Wait(classes...)
	if !ok {
		return nobody
	}
	// An eighth of the queue gone is room enough to come back for.
	return max(time.Second, time.Duration(float64(d)*part/8).Round(time.Second))
}

func seconds(f float64) time.Duration {
	const most = float64(1<<62) / 1e9
	return time.Duration(min(f, most) * 1e9)
}
