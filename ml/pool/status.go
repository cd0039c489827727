package pool

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"manx/ledger"
)

// A Status is the pool as a dispatcher sees it now.
type Status struct {
	Workers []WorkerStatus
	Waiting int // jobs that no worker has: with the scheduler, on open lines, held back
	Held    int // of these, back until there is room
	Running int // that a worker has claimed
	Depth   map[Class]int
	Wait    map[Class]time.Duration // expected of a job that comes now, by class of machine
}

// A WorkerStatus is what a worker says of itself, and since when it was not heard.
type WorkerStatus struct {
	Advert
	Given  int // jobs on its line, the running one included
	Silent time.Duration
	Trust  float64 // the part of its results that are held to be right, by what the ledger says
}

// Status returns the pool as it is.
func (d *Dispatcher) Status() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Status{Depth: map[Class]int{}, Wait: map[Class]time.Duration{}}
	each := map[ledger.PartyID]int{}
	for _, o := range d.open {
		switch {
		case o.lease != 0:
			s.Running++
		case o.at == held:
			s.Held++
			fallthrough
		default:
			s.Waiting++
		}
		if o.at == given {
			each[o.worker]++
		}
		if o.at == market && o.lease == 0 {
			s.Depth[o.need.Line]++
		}
	}
	for _, c := range d.classes() {
		s.Depth[c] += d.plan.Depth(c)
		if w, ok := d.plan.Wait(c); ok {
			s.Wait[c] = w
		}
	}
	for id, w := range d.workers {
		s.Workers = append(s.Workers, WorkerStatus{w.Advert, each[id], time.Since(w.heard), w.trust})
	}
	slices.SortFunc(s.Workers, func(a, b WorkerStatus) int { return cmp.Compare(a.Worker, b.Worker) })
	return s
}

// WriteMetrics writes what the node counts, in Prometheus' text format (version 0.0.4).
// No label names a person, a party or a job.
func (d *Dispatcher) WriteMetrics(w io.Writer) error {
	s := d.Status()
	d.mu.Lock()
	c := d.counts
	c.ends = maps.Clone(c.ends)
	d.mu.Unlock()
	var m metrics
	m.family("manx_pool_workers", "gauge", "Workers that advertise themselves, by class of machine or runtime.")
	workers := map[Class]int{}
	for _, w := range s.Workers {
		for class := range w.Rates {
			workers[class]++
		}
	}
	for _, class := range slices.Sorted(maps.Keys(workers)) {
		m.value("manx_pool_workers", float64(workers[class]), "class", string(class))
	}
	m.family("manx_pool_queue_depth", "gauge", "Jobs that wait for a worker and that one of the class could run.")
	for _, class := range slices.Sorted(maps.Keys(s.Depth)) {
		m.value("manx_pool_queue_depth", float64(s.Depth[class]), "class", string(class))
	}
	m.family("manx_pool_expected_wait_seconds", "gauge", "How long a job that comes now is expected to wait, by class.")
	for _, class := range slices.Sorted(maps.Keys(s.Wait)) {
		m.value("manx_pool_expected_wait_seconds", s.Wait[class].Seconds(), "class", string(class))
	}
	m.one("manx_pool_waiting", "gauge", "Jobs that no worker has.", float64(s.Waiting))
	m.one("manx_pool_held", "gauge", "Jobs that are held back until there is room.", float64(s.Held))
	m.one("manx_pool_running", "gauge", "Jobs that a worker has claimed.", float64(s.Running))
	m.one("manx_pool_given_total", "counter", "Jobs given to a worker of the scheduler's choice.", float64(c.given))
	m.one("manx_pool_returned_total", "counter", "Jobs that the chosen worker could not do.", float64(c.returned))
	m.one("manx_pool_aside_total", "counter", "Jobs set aside because their workers vanished.", float64(c.aside))
	m.one("manx_pool_joined_total", "counter", "Workers that joined.", float64(c.joined))
	m.family("manx_pool_jobs_total", "counter", "Jobs that left the workers, by the stage that the ledger gave them.")
	for _, stage := range slices.Sorted(maps.Keys(c.ends)) {
		m.value("manx_pool_jobs_total", float64(c.ends[stage]), "outcome", string(stage))
	}
	m.histogram("manx_pool_wait_seconds", "From a job's readiness until it was given to a worker.", c.wait)
	m.histogram("manx_pool_job_seconds", "From a job's readiness until it left the workers.", c.life)
	_, err := io.WriteString(w, m.String())
	return err
}

// WriteMetrics writes what a worker counts, in the same format.
func (t *Control) WriteMetrics(w io.Writer) error {
	t.mu.Lock()
	var m metrics
	m.family("manx_worker_jobs_total", "counter", "Jobs taken, by outcome.")
	m.value("manx_worker_jobs_total", float64(t.done), "outcome", "done")
	m.value("manx_worker_jobs_total", float64(t.failed), "outcome", "failed")
	m.value("manx_worker_jobs_total", float64(t.nothing), "outcome", "nothing_to_do")
	m.one("manx_worker_running", "gauge", "Jobs in hand.", float64(t.running))
	draining := 0.0
	if t.drains {
		draining = 1
	}
	m.one("manx_worker_draining", "gauge", "1 where the worker takes nothing more.", draining)
	m.one("manx_worker_cache_bytes", "gauge", "Plans and evaluation keys held in memory.", float64(t.cost))
	m.one("manx_worker_cached_keys", "gauge", "Evaluation keys held in memory.", float64(len(t.keys)))
	m.histogram("manx_worker_job_seconds", "From taking a job until its result was posted.", t.jobs)
	m.histogram("manx_worker_evaluation_seconds", "Of evaluating one input.", t.evaluating)
	t.mu.Unlock()
	_, err := io.WriteString(w, m.String())
	return err
}

// metrics is text in Prometheus' format.
type metrics struct{ strings.Builder }

func (m *metrics) family(name, kind, help string) {
	fmt.Fprintf(m, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func (m *metrics) value(name string, v float64, label, is string) {
	fmt.Fprintf(m, "%s{%s=%q} %g\n", name, label, is, v)
}

func (m *metrics) one(name, kind, help string, v float64) {
	m.family(name, kind, help)
	fmt.Fprintf(m, "%s %g\n", name, v)
}

func (m *metrics) histogram(name, help string, h histogram) {
	m.family(name, "histogram", help)
	var n uint64
	for i, b := range bounds {
		n += h.in[i]
		m.value(name+"_bucket", float64(n), "le", fmt.Sprint(b))
	}
	m.value(name+"_bucket", float64(h.n), "le", "+Inf")
	fmt.Fprintf(m, "%s_sum %g\n%s_count %d\n", name, h.sum.Seconds(), name, h.n)
}

// counts are what a dispatcher has seen since it began.
type counts struct {
	given, joined, returned, aside uint64
	ends                           map[ledger.Stage]uint64 // jobs by the stage in which they left the workers
	wait, life                     histogram               // until a job was given, and until it was over
}

func (c *counts) waited(d time.Duration) { c.wait.add(d) }

func (c *counts) ended(s ledger.Stage, after time.Duration) {
	if c.ends == nil {
		c.ends = map[ledger.Stage]uint64{}
	}
	c.ends[s]++
	c.life.add(after)
}

// A histogram counts durations by bounds that grow fourfold.
type histogram struct {
	in  [len(bounds) + 1]uint64
	sum time.Duration
	n   uint64
}

// bounds are in seconds.
var bounds = [...]float64{.004, .016, .064, .25, 1, 4, 16, 64, 256, 1024}

func (h *histogram) add(d time.Duration) {
	i := 0
	for i < len(bounds) && d.Seconds() > bounds[i] {
		i++
	}
	h.in[i]++
	h.sum += d
	h.n++
}
