package pool

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"slices"
	"time"

	"manx/ledger"
	"manx/ledger/proof"
	"manx/ml/pool/schedule"
	"manx/privacy/notice"
)

// A hand is a worker that advertises itself.
type hand struct {
	Advert
	heard    time.Time
	standing ledger.Standing
	trust    float64 // the part of its results that are held to be right
}

// least is the trust below which a worker is chosen for nothing: it has lied twice, or
// once and not been right for long since. It can still take what nobody else serves.
const least = .1

// begin forgets all jobs, for their events are read again, and keeps the workers.
func (d *Dispatcher) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.workers == nil {
		d.workers = map[ledger.PartyID]*hand{}
		d.began = time.Now()
	}
	d.open, d.askers, d.plan = map[ledger.JobID]*openJob{}, map[ledger.PartyID]int{}, schedule.New(d.Rules)
	d.try = rand.Text()
	d.given, d.held, d.market = map[ledger.JobID]*openJob{}, nil, 0
	for _, w := range d.workers {
		d.offer(w)
	}
}

// idle reports whether a worker is given nothing.
func (w *hand) idle() bool { return w.Draining || w.trust < least || w.holder() }

// holder reports whether it is none of a worker's lines that it serves: it computes on
// shares, by what the ledger tells it.
func (w *hand) holder() bool { return len(w.Lines) == 0 }

// offer tells the scheduler of a worker.
func (d *Dispatcher) offer(w *hand) {
	if w.holder() {
		return
	}
	a := w.scheduled(w.trust)
	a.Draining = w.idle()
	d.plan.Advertise(a)
}

// weigh puts a worker's standing into a number.
func (d *Dispatcher) weigh(ctx context.Context, w *hand) error {
	now, err := readState[ledger.Clock](ctx, d.Ledger, ledger.NowKey)
	if err != nil {
		return err
	}
	w.trust = float64(proof.Trust(w.standing, now.Now)) / proof.Best
	return nil
}

// restand takes in what became of a worker's results. What it had not begun goes to
// others where it is chosen for nothing any more.
func (d *Dispatcher) restand(ctx context.Context, s ledger.Standing) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.workers[s.Worker]
	if w == nil {
		return
	}
	w.standing = s
	if err := d.weigh(ctx, w); err != nil {
		d.Log.WarnContext(ctx, "a worker's standing counts later", "worker", s.Worker, "err", err)
		return
	}
	d.stand(ctx, w)
}

func (d *Dispatcher) stand(ctx context.Context, w *hand) {
	d.offer(w)
	if w.idle() && !w.holder() {
		d.unload(ctx, w.Worker)
		d.orphans(ctx)
	}
	d.assign(ctx)
}

func (d *Dispatcher) route(ctx context.Context, job ledger.Job) Need {
	n := Need{Line: CKKS, Priority: Normal}
	if d.Route != nil {
		n = d.Route(ctx, job)
	}
	if len(n.Classes) == 0 {
		n.Classes = []Class{n.Line}
	}
	return n
}

func (d *Dispatcher) now() time.Duration { return time.Since(d.began) }

// served reports whether a worker advertises itself that can run what n says.
func (d *Dispatcher) served(n Need) bool {
	for _, w := range d.workers {
		if w.idle() || !slices.Contains(w.Lines, n.Line) {
			continue
		}
		for _, c := range n.Classes {
			if w.Rates[c] >= 1 {
				return true
			}
		}
	}
	return false
}

// move notes where a job stands.
func (d *Dispatcher) move(o *openJob, to where) {
	switch o.at {
	case given:
		delete(d.given, o.id)
	case market:
		d.market--
	}
	o.at = to
	switch to {
	case given:
		d.given[o.id] = o
	case market:
		d.market++
	case held:
		d.held = append(d.held, o)
	}
}

// place finds a way for a job that nobody has claimed.
func (d *Dispatcher) place(ctx context.Context, o *openJob) error {
	if !d.served(o.need) {
		if d.market >= orElse(d.OpenLines, openLines) {
			d.move(o, held)
			return nil
		}
		return d.publish(ctx, o)
	}
	p := schedule.Normal
	if o.need.Priority == Urgent {
		p = schedule.Urgent
	}
	err := d.plan.Offer(schedule.Job{ID: string(o.id), Asker: string(o.asker), Classes: o.need.Classes, Priority: p, Work: o.need.Work,
		Key: o.keys, KeyBytes: o.need.KeyBytes, Pays: o.need.Pays}, d.now())
	if _, full := errors.AsType[*schedule.Full](err); full {
		d.move(o, held)
		return nil
	}
	d.move(o, waits)
	d.assign(ctx)
	return nil
}

// publish puts a job on its runtime's line.
func (d *Dispatcher) publish(ctx context.Context, o *openJob) error {
	if err := d.Queue.Publish(ctx, o.need.Line, o.need.Priority, o.id, d.try, o.attempts); err != nil {
		return err
	}
	d.move(o, market)
	o.attempts++
	return nil
}

// assign gives what waits to whom the scheduler chooses.
func (d *Dispatcher) assign(ctx context.Context) {
	for {
		a, ok := d.plan.Next(d.now())
		if !ok {
			return
		}
		o := d.open[ledger.JobID(a.Job.ID)]
		if o == nil {
			d.plan.End(a.Job.ID)
			continue
		}
		w := ledger.PartyID(a.Worker)
		seq, err := d.Queue.give(ctx, w, o.need.Line, o.id, d.try, o.attempts)
		if err != nil {
			d.plan.Again(a.Job.ID)
			d.Log.WarnContext(ctx, "the queue took no message for a worker; it is tried again", "job", o.id, "err", err)
			return
		}
		d.move(o, given)
		o.worker, o.seq, o.class = w, seq, a.Class
		// Generous: what an estimate says may be short by half.
		o.due = time.Now().Add(2*d.Queue.cfg.AckWait + 3*a.Behind)
		o.attempts++
		d.counts.given++
		d.counts.waited(a.Waited)
	}
}

// claimed notes who has a job.
func (d *Dispatcher) claimed(o *openJob, job ledger.Job) {
	o.lease, o.by = job.Lease, job.Worker
	if o.at == given {
		return // its message tells when the worker has gone
	}
	d.plan.End(string(o.id)) // where it waits: somebody had a message of before
	d.move(o, taken)
}

// withdraw takes back a job's message, where it is a worker's, and the worker's slot.
func (d *Dispatcher) withdraw(ctx context.Context, o *openJob) {
	d.plan.End(string(o.id))
	if o.at == given && o.seq != 0 { // 0: its line was cleared
		if err := d.Queue.takeBack(ctx, o.seq); err != nil {
			d.Log.WarnContext(ctx, "a message could not be taken back", "job", o.id, "err", err)
		}
	}
	d.move(o, "")
	o.worker, o.seq = "", 0
}

// over forgets a job that needs no worker any more, and tells the one that has it.
func (d *Dispatcher) over(ctx context.Context, o *openJob, job ledger.Job) {
	d.counts.ended(job.Stage, time.Since(o.seen))
	who := o.by
	if who == "" {
		who = o.worker
	}
	if !job.Hash.IsZero() { // the worker has posted a result, and says so to the queue itself
		d.plan.End(string(o.id))
		d.move(o, taken)
	} else {
		if who != "" {
			if err := d.Queue.halt(who, o.id); err != nil {
				d.Log.WarnContext(ctx, "a worker was not told of a job that is over", "job", o.id, "err", err)
			}
		}
		d.withdraw(ctx, o)
	}
	delete(d.open, o.id)
	if d.askers[o.asker]--; d.askers[o.asker] <= 0 {
		delete(d.askers, o.asker)
	}
	d.assign(ctx)
}

// advertised takes in what a worker says of itself.
func (d *Dispatcher) advertised(ctx context.Context, a Advert) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a.Leaving {
		d.leave(ctx, a.Worker, false)
		if a.ForGood {
			if err := d.Queue.unline(ctx, a.Worker); err != nil {
				d.Log.WarnContext(ctx, "the line of a worker that left stays", "worker", a.Worker, "err", err)
			}
		}
		return
	}
	w := d.workers[a.Worker]
	fresh := w == nil
	if fresh {
		if len(a.Lines) > 0 {
			if err := d.Queue.line(ctx, a.Worker); err != nil {
				d.Log.WarnContext(ctx, "a worker gets no line of its own yet", "worker", a.Worker, "err", err)
				return // it takes jobs from the open lines, and advertises itself again soon
			}
		}
		w = &hand{Advert: a}
		s, err := readState[ledger.Standing](ctx, d.Ledger, ledger.StandingKey(a.Worker))
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			w.standing = s
			err = d.weigh(ctx, w)
		}
		if err != nil {
			d.Log.WarnContext(ctx, "a worker's standing cannot be read; it is asked again", "worker", a.Worker, "err", err)
			return
		}
		d.workers[a.Worker] = w
		d.counts.joined++
		d.Log.InfoContext(ctx, "a worker joins", "worker", a.Worker)
	}
	w.Advert, w.heard = a, time.Now()
	if fresh {
		for _, o := range d.open {
			if o.lease != 0 && o.by == a.Worker {
				d.resume(ctx, o)
			}
		}
	}
	d.stand(ctx, w)
}

// resume gives a worker that is back a job that it has claimed. One that never left has
// done it when it reads that.
func (d *Dispatcher) resume(ctx context.Context, o *openJob) {
	if o.at == given {
		return
	}
	seq, err := d.Queue.give(ctx, o.by, o.need.Line, o.id, d.try, o.attempts)
	if err != nil {
		d.Log.WarnContext(ctx, "a worker that is back waits for its job's lease", "job", o.id, "err", err)
		return
	}
	d.move(o, given)
	o.worker, o.seq = o.by, seq
	o.attempts++
}

// unload takes from a worker what it has not begun.
func (d *Dispatcher) unload(ctx context.Context, w ledger.PartyID) {
	for _, o := range d.with(w) {
		if o.lease == 0 {
			d.withdraw(ctx, o)
			d.replace(ctx, o)
		}
	}
}

// with lists the jobs on a worker's line.
func (d *Dispatcher) with(w ledger.PartyID) (all []*openJob) {
	for _, o := range d.given {
		if o.worker == w {
			all = append(all, o)
		}
	}
	return all
}

// leave forgets a worker. What it had claimed waits for its lease; the rest goes to
// others. A job that took too many workers with it is set aside: the one that a silent
// worker had to begin with, and none that waited behind it.
func (d *Dispatcher) leave(ctx context.Context, id ledger.PartyID, silent bool) {
	if d.workers[id] == nil {
		return
	}
	delete(d.workers, id)
	d.plan.Leave(string(id))
	d.Log.InfoContext(ctx, "a worker has left", "worker", id, "silent", silent)
	all := d.with(id)
	if silent {
		var next *openJob
		for _, o := range all {
			if o.lease == 0 && (next == nil || o.seq < next.seq) {
				next = o
			}
		}
		if next != nil {
			next.lost++
		}
	}
	if err := d.Queue.clearLine(ctx, id); err != nil {
		d.Log.WarnContext(ctx, "the line of a worker that left is not empty", "worker", id, "err", err)
	} else {
		for _, o := range all {
			o.seq = 0
		}
	}
	for _, o := range all {
		d.withdraw(ctx, o)
		if o.lease != 0 {
			d.move(o, taken)
			continue
		}
		if o.lost >= d.Queue.cfg.MaxDeliver {
			d.aside(ctx, o)
			continue
		}
		d.replace(ctx, o)
	}
	d.orphans(ctx)
	d.assign(ctx)
}

// orphans places again what waits for a worker of whom none is left.
func (d *Dispatcher) orphans(ctx context.Context) {
	for _, o := range d.open {
		if o.at == waits && !d.served(o.need) {
			d.withdraw(ctx, o)
			d.replace(ctx, o)
		}
	}
}

// replace places a job again; where the queue does not take it, the next sweep does.
func (d *Dispatcher) replace(ctx context.Context, o *openJob) {
	if err := d.place(ctx, o); err != nil {
		d.Log.WarnContext(ctx, "a job waits for the queue", "job", o.id, "err", err)
		d.move(o, held)
	}
}

func (d *Dispatcher) aside(ctx context.Context, o *openJob) {
	if err := d.Queue.putAside(ctx, o.id, noneCameBack(o.lost)); err != nil {
		d.Log.ErrorContext(ctx, "a job that no worker finished could not be set aside", "job", o.id, "err", err)
		d.move(o, held)
		return
	}
	d.move(o, taken)
	o.attempts = max(o.attempts, 1)
	d.counts.aside++
}

// returned puts a job that its worker could not do on the open line, where two
// workers' word sets it aside.
func (d *Dispatcher) returned(ctx context.Context, w ledger.PartyID, id ledger.JobID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.open[id]
	if o == nil || o.at != given || o.worker != w {
		return
	}
	d.withdraw(ctx, o)
	d.counts.returned++
	if err := d.publish(ctx, o); err != nil {
		d.move(o, held)
	}
	d.assign(ctx)
}

// sweep looks for workers that are silent and for jobs that nobody has begun in time.
func (d *Dispatcher) sweep(ctx context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	for id, w := range d.workers {
		if now.Sub(w.heard) > d.Queue.cfg.AckWait {
			d.leave(ctx, id, true)
		}
	}
	for _, o := range d.given {
		if o.lease == 0 && now.After(o.due) {
			d.Log.WarnContext(ctx, "a worker has not begun a job in time; any may take it", "job", o.id, "worker", o.worker)
			d.withdraw(ctx, o)
			if err := d.publish(ctx, o); err != nil {
				d.move(o, held)
			}
		}
	}
	d.unhold(ctx)
	d.assign(ctx)
}

// tries is how many of the jobs that are held back a sweep looks at. Those for which
// there is no room go to the end, so that one asker's do not stop the others'.
const tries = 10_000

// unhold places what was held back, roughly in order, while there is room.
func (d *Dispatcher) unhold(ctx context.Context) {
	first := d.held[:min(tries, len(d.held))]
	d.held = d.held[len(first):]
	for _, o := range first {
		if d.open[o.id] == o && o.at == held {
			d.replace(ctx, o)
		}
	}
}

// Room returns nil where one more job of an asker would be taken now, and otherwise a
// notice that says when to try again.
func (d *Dispatcher) Room(asker ledger.PartyID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.plan == nil {
		return nil
	}
	full, _ := errors.AsType[*schedule.Full](d.plan.Full(string(asker), d.askers[asker], len(d.open), d.classes()...))
	if full == nil {
		return nil
	}
	text := "the pool of workers has as many jobs waiting as it takes"
	if full.Asker {
		text = "you have as many jobs waiting as the pool takes of one party"
	}
	return notice.Because(full, notice.Exhausted, text, "try again in "+full.After.String())
}

// classes are those of every worker there is that jobs wait for; none waits for a holder.
func (d *Dispatcher) classes() (all []Class) {
	for _, w := range d.workers {
		if w.holder() {
			continue
		}
		for c := range w.Rates {
			if !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	return all
}
