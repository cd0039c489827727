package simulation

import (
	"container/heap"
	"context"
	"math"
	"math/rand/v2"
	"strconv"
	"syscall"
	"time"

	"manx/ml/pool/schedule"
)

// class is the one class of machines here; what sets machines apart is their rate.
const class schedule.Class = "ckks"

// core is the rate of one reference core, in operations a second.
const core = 1e9

// A kind is what happens at an instant.
type kind uint8

const (
	arrives kind = iota // a job, of the day's curve
	crowds              // a job, of a burst
	begins              // a worker evaluates
	ends                // a worker is done
	dies                // a worker vanishes
	noticed             // the node has heard nothing for too long
	joins               // a worker is there, or back
	lapsed              // the lease of a job has run out
	looks               // the autoscaler looks
)

// An event is at one instant. born is a worker's life it belongs to: what it was to do
// in an earlier one is void.
type event struct {
	at   time.Duration
	seq  int
	kind kind
	i    int // of worker, job or burst
	born int
}

type events []event

func (h events) Len() int { return len(h) }
func (h events) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h events) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *events) Push(x any) { *h = append(*h, x.(event)) }

// Pop implements heap.Interface.
func (h *events) Pop() any {
	old := *h
	e := old[len(old)-1]
	*h = old[:len(old)-1]
	return e
}

// A task is a job that is not done.
type task struct {
	schedule.Job
	model  int
	asked  time.Duration
	begun  time.Duration
	crowd  bool
	worker int
}

type run struct {
	World
	Report
	random *rand.Rand
	plan   *schedule.Scheduler
	now    time.Duration
	seq    int
	queue  events
	tasks  map[string]*task
	hands  []*hand
	here   int           // workers that there are or that start
	alive  time.Duration // of workers, added up
	asking time.Duration // since the autoscaler wants fewer
	next   int           // number of the next job
	shares []float64     // of models, running sums
	peak   float64       // of the day's curve
	in     time.Duration // wall time in the scheduler
	hits   int
	given  int
	busy   time.Duration
	fetch  time.Duration
}

// Run simulates a world until its end. It stops early, with what there is, when ctx
// ends.
func Run(ctx context.Context, w World) Report {
	r := &run{World: w, random: rand.New(rand.NewPCG(w.Seed, 7)), plan: schedule.New(w.Rules), tasks: map[string]*task{}}
	began, used := time.Now(), processor()
	r.open()
	for n := 0; len(r.queue) > 0 && r.queue[0].at <= w.Lasts; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			break
		}
		e := heap.Pop(&r.queue).(event)
		r.now = e.at
		r.do(e)
	}
	r.close(float64(processor()-used) / math.Max(1, float64(time.Since(began))))
	return r.Report
}

// processor is the process's processor time.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (r *run) open() {
	var sum float64
	for _, m := range r.Models {
		sum += m.Share
		r.shares = append(r.shares, sum)
	}
	for _, h := range r.Day {
		r.peak = math.Max(r.peak, h)
	}
	n := r.World.Workers
	if r.Scale != nil {
		n = r.Scale.Min
		r.after(r.Scale.Every, looks, 0, 0)
	}
	for range n {
		r.hire(0)
	}
	if r.World.Jobs > 0 {
		r.after(r.gap(), arrives, 0, 0)
	}
	for i, b := range r.Bursts {
		if at := b.At - r.Begins; at >= 0 {
			r.after(at, crowds, i, 0)
		}
	}
}

func (r *run) close(share float64) {
	r.Waiting = r.plan.Waiting()
	for _, h := range r.hands {
		r.left(h)
	}
	seconds := math.Max(1, r.alive.Seconds())
	r.Report.Workers = r.alive.Seconds() / math.Max(1, r.now.Seconds())
	r.Busy, r.Fetching = r.busy.Seconds()/seconds, r.fetch.Seconds()/seconds
	if r.given > 0 {
		r.Hits = float64(r.hits) / float64(r.given)
	}
	// What others take of the machine is no processor time of ours. A process that
	// used more than a core collected its garbage beside.
	share = math.Min(1, share)
	r.Processor, r.AdvertsTook = time.Duration(float64(r.in)*share), time.Duration(float64(r.AdvertsTook)*share)
}

func (r *run) after(d time.Duration, k kind, i, born int) {
	r.seq++
	heap.Push(&r.queue, event{r.now + d, r.seq, k, i, born})
}

// exponential draws a time of that mean.
func (r *run) exponential(mean time.Duration) time.Duration {
	return time.Duration(r.random.ExpFloat64() * float64(mean))
}

// gap draws the time to the next candidate of the day's curve at its peak; thin keeps
// as many as the hour has.
func (r *run) gap() time.Duration {
	var sum float64
	for _, h := range r.Day {
		sum += h
	}
	most := r.World.Jobs / 86400 * r.peak * 24 / sum // jobs a second
	return r.exponential(time.Duration(1e9 / most))
}

func (r *run) thin() bool {
	hour := int((r.Begins+r.now)/time.Hour) % 24
	return r.random.Float64()*r.peak < r.Day[hour]
}

func (r *run) do(e event) {
	switch e.kind {
	case arrives:
		if r.thin() {
			r.ask(r.draw(), "")
		}
		r.after(r.gap(), arrives, 0, 0)
	case crowds:
		b := r.Bursts[e.i]
		if r.now+r.Begins > b.At+b.Lasts {
			return
		}
		r.ask(b.Model, "crowd "+strconv.Itoa(e.i))
		r.after(r.exponential(time.Duration(1e9/b.Rate)), crowds, e.i, 0)
	case lapsed:
		if t := r.tasks[strconv.Itoa(e.i)]; t != nil && t.begun < 0 {
			r.Again++
			r.offer(t)
		}
	case looks:
		r.scale()
	default:
		if h := r.hands[e.i]; h.born == e.born {
			h.do(r, e.kind)
		}
	}
	r.assign()
}

// draw returns a model by its share.
func (r *run) draw() int {
	f := r.random.Float64() * r.shares[len(r.shares)-1]
	for i, s := range r.shares {
		if f < s {
			return i
		}
	}
	return len(r.shares) - 1
}

// ask makes a job.
func (r *run) ask(model int, crowd string) {
	m := r.Models[model]
	r.Asked++
	r.next++
	// Half of the draws fall on a tenth of the owners.
	owner := r.random.IntN(m.Owners)
	if r.random.IntN(2) == 0 {
		owner = r.random.IntN((m.Owners + 9) / 10)
	}
	t := &task{model: model, asked: r.now, begun: -1, crowd: crowd != ""}
	t.Job = schedule.Job{ID: strconv.Itoa(r.next), Classes: []schedule.Class{class}, Priority: schedule.Normal, Work: m.Seconds * core,
		Key: strconv.Itoa(model) + "/" + strconv.Itoa(owner), KeyBytes: m.KeyBytes, Asker: crowd}
	if m.Urgent {
		t.Priority = schedule.Urgent
	}
	switch {
	case crowd != "":
	case m.Askers > 0:
		t.Asker = "a" + strconv.Itoa(r.random.IntN(m.Askers))
	default:
		t.Asker = "o" + strconv.Itoa(owner)
	}
	r.tasks[t.ID] = t
	r.offer(t)
}

// offer gives a job to the scheduler, which may refuse it.
func (r *run) offer(t *task) {
	began := time.Now()
	err := r.plan.Offer(t.Job, r.now)
	r.in += time.Since(began)
	if err != nil {
		r.Refused++
		delete(r.tasks, t.ID)
	}
	r.Longest = max(r.Longest, r.plan.Waiting())
}

// assign carries out what the scheduler decides now.
func (r *run) assign() {
	for {
		began := time.Now()
		a, ok := r.plan.Next(r.now)
		r.in += time.Since(began)
		if !ok {
			return
		}
		r.Decisions++
		i, _ := strconv.Atoi(a.Worker)
		t := r.tasks[a.Job.ID]
		t.worker = i
		r.hands[i].take(r, t)
	}
}

// forget tells the scheduler that it needs a job no longer.
func (r *run) forget(id string) {
	began := time.Now()
	r.plan.End(id)
	r.in += time.Since(began)
}
