package schedule

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

var cpu = []Class{"cpu"}

func worker1(id string, rate float64) Worker {
	return Worker{ID: id, Rates: map[Class]float64{"cpu": rate}, Reputation: 1, Bandwidth: 1e8}
}

func job(id, asker string, work float64) Job {
	return Job{ID: id, Asker: asker, Classes: cpu, Priority: Normal, Work: work}
}

func offer(t testing.TB, s *Scheduler, jobs ...Job) {
	t.Helper()
	for _, j := range jobs {
		if err := s.Offer(j, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// next returns the next assignment as "job worker", or "".
func next(s *Scheduler) string {
	a, ok := s.Next(0)
	if !ok {
		return ""
	}
	return a.Job.ID + " " + a.Worker
}

func TestTheBestWorkerIsTaken(t *testing.T) {
	base := worker1("b", 1e9)
	better := func(f func(*Worker)) Worker {
		w := worker1("c", 1e9)
		f(&w)
		return w
	}
	j := job("j", "a", 1e9)
	j.Key, j.KeyBytes = "k", 3e8
	for name, w := range map[string]Worker{
		"faster":            better(func(w *Worker) { w.Rates["cpu"] = 2e9 }),
		"cheaper":           better(func(w *Worker) { w.Price = .5 }),
		"more often right":  better(func(w *Worker) { w.Reputation = 1 }),
		"with the key":      better(func(w *Worker) { w.Keys = []string{"k"} }),
		"on a better line":  better(func(w *Worker) { w.Bandwidth = 1e9 }),
		"with another rate": better(func(w *Worker) { w.Rates = map[Class]float64{"gpu-24": 9e9} }),
	} {
		base.Price, base.Reputation = 1, .9
		w.Price, w.Reputation = max(w.Price, 1), min(w.Reputation, .9)
		if name == "cheaper" {
			w.Price = .5
		}
		if name == "more often right" {
			w.Reputation = 1
		}
		for _, order := range [][]Worker{{base, w}, {w, base}} {
			s := New(Rules{})
			for _, o := range order {
				s.Advertise(o)
			}
			k := j
			k.Classes = []Class{"cpu", "gpu-24"}
			offer(t, s, k)
			if got := next(s); got != "j c" {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
	s := New(Rules{}) // all else equal: the same one in any order
	s.Advertise(worker1("z", 1e9))
	s.Advertise(worker1("y", 1e9))
	offer(t, s, j)
	if got := next(s); got != "j y" {
		t.Error(got)
	}
}

func TestAKeyIsWorthItsBytes(t *testing.T) {
	s := New(Rules{})
	holder := worker1("holder", 1e9)
	holder.Keys = []string{"k"}
	s.Advertise(holder)
	s.Advertise(worker1("fast", 2e9))
	for i, bytes := range []float64{1e6, 3e8} { // 10 ms and 3 s of fetching, against half a second of computing
		j := job(fmt.Sprint(i), "a", 1e9)
		j.Key, j.KeyBytes = "k", bytes
		offer(t, s, j)
		a, _ := s.Next(0)
		want := []string{"fast", "holder"}[i]
		if a.Worker != want || (a.Fetch > 0) != (want == "fast") {
			t.Errorf("%v bytes: %+v", bytes, a)
		}
		s.End(j.ID)
		s.Advertise(holder) // and what fast has fetched since is gone
		s.Advertise(worker1("fast", 2e9))
	}
}

func TestAJobsPayIsItsWorkersPrice(t *testing.T) {
	s := New(Rules{})
	w := worker1("w", 1e9)
	w.Price = 2
	s.Advertise(w)
	cheap, dear := job("cheap", "a", 1e12), job("dear", "a", 1e12)
	cheap.Pays, dear.Pays = 1, 3
	offer(t, s, cheap, dear)
	if got := next(s); got != "dear w" {
		t.Errorf("%q", got)
	}
	s.End("dear")
	if got := next(s); got != "" {
		t.Errorf("a worker was given %q below its price", got)
	}
	w.Price = .9
	s.Advertise(w)
	if got := next(s); got != "cheap w" {
		t.Errorf("%q", got)
	}
}

func TestUrgentJobsGoFirstButNotFor(t *testing.T) {
	s := New(Rules{InFlight: 1000})
	s.Advertise(worker1("w", 1e9))
	for i := range 20 {
		u := job(fmt.Sprint("u", i), "a", 1)
		u.Priority = Urgent
		offer(t, s, job(fmt.Sprint("n", i), "b", 1), u)
	}
	var order []byte
	for range 40 {
		a, ok := s.Next(0)
		if !ok {
			t.Fatal("nobody is free")
		}
		order = append(order, a.Job.ID[0])
		s.End(a.Job.ID)
	}
	want := "uuuuuuuunuuuuuuuunuuuunnnnnnnnnnnnnnnnnn"
	if string(order) != want {
		t.Errorf("%s", order)
	}
}

func TestAskersShareByWeight(t *testing.T) {
	s := New(Rules{InFlight: 1e6})
	s.Set("heavy", Share{Weight: 3})
	s.Advertise(worker1("w", 1e9))
	work := map[string]float64{}
	for i := range 4000 {
		offer(t, s, job(fmt.Sprint("h", i), "heavy", 100), job(fmt.Sprint("l", i), "light", 50))
	}
	for range 2000 {
		a, _ := s.Next(0)
		work[a.Job.Asker] += a.Job.Work
		s.End(a.Job.ID)
	}
	if r := work["heavy"] / work["light"]; r < 2.95 || r > 3.05 {
		t.Errorf("heavy had %.2f times the work of light", r)
	}
}

func TestNoAskerPassesItsQuota(t *testing.T) {
	s := New(Rules{InFlight: 3})
	s.Set("few", Share{InFlight: 1})
	for i := range 10 {
		s.Advertise(worker1(fmt.Sprint("w", i), 1e9))
	}
	for i := range 8 {
		offer(t, s, job(fmt.Sprint("a", i), "many", 1), job(fmt.Sprint("b", i), "few", 1))
	}
	for next(s) != "" {
	}
	if s.Running() != 4 || s.askers["many"].flying != 3 || s.askers["few"].flying != 1 {
		t.Fatalf("%d run", s.Running())
	}
	s.End("b0")
	if got := next(s); got[:2] != "b1" {
		t.Errorf("then %q", got)
	}
}

func TestBackPressure(t *testing.T) {
	s := New(Rules{Waiting: 100, PerAsker: 60})
	s.Advertise(worker1("w", 100))
	refused := map[bool]*Full{}
	for i := range 120 {
		var full *Full
		if err := s.Offer(job(fmt.Sprint(i), fmt.Sprint(i%2*min(1, i/70)), 1000), 0); errors.As(err, &full) {
			refused[full.Asker] = full
		}
	}
	if s.Waiting() > 100 || refused[true] == nil {
		t.Fatalf("%d wait, refusals %v", s.Waiting(), refused)
	}
	for i := range 60 {
		var full *Full
		if err := s.Offer(job(fmt.Sprint("x", i), fmt.Sprint("x", i), 1000), 0); errors.As(err, &full) {
			refused[full.Asker] = full
		}
	}
	full := refused[false]
	if s.Waiting() != 100 || full == nil {
		t.Fatalf("%d wait, refusals %v", s.Waiting(), refused)
	}
	if full.After != 125*time.Second { // an eighth of 100 jobs of ten seconds
		t.Errorf("come back in %v", full.After)
	}
	s.End("0")
	if err := s.Offer(job("y", "y", 1), 0); err != nil {
		t.Errorf("there is room, and yet: %v", err)
	}
}

// TestNoJobStarves: an asker who has had its turn is served again although new ones
// come faster than they can be served.
func TestNoJobStarves(t *testing.T) {
	for _, priority := range []Priority{Urgent, Normal, Spare} {
		s := New(Rules{Waiting: 1000})
		s.Advertise(worker1("w", 1e9))
		offer(t, s, job("first", "old", 100))
		if got := next(s); got != "first w" {
			t.Fatal(got)
		}
		s.End("first")
		s.virtual, s.askers["old"] = 0, &asker{id: "old", weight: 1, inFlight: 1, perAsker: 10, tag: 100}
		last := job("last", "old", 1)
		last.Priority = priority
		offer(t, s, last)
		served := 0
		for i := 0; ; i++ {
			for k := range 2 {
				j := job(fmt.Sprint("n", i, k), fmt.Sprint("new", i, k), 10)
				j.Priority = Urgent
				_ = s.Offer(j, 0)
			}
			a, ok := s.Next(0)
			if !ok {
				t.Fatal("nothing goes")
			}
			s.End(a.Job.ID)
			served++
			if a.Job.ID == "last" {
				break
			}
			if served > 20_000 {
				t.Fatalf("priority %d starved", priority)
			}
		}
	}
}

func TestASilentWorkersJobGoesToAnother(t *testing.T) {
	s := New(Rules{})
	s.Advertise(worker1("a", 2e9))
	s.Advertise(worker1("b", 1e9))
	offer(t, s, job("j", "x", 1), job("k", "x", 1))
	if got := next(s); got != "j a" {
		t.Fatal(got)
	}
	s.Again("j")
	if got := next(s); got != "j b" { // before k, and not to a
		t.Fatal(got)
	}
	if got := next(s); got != "k a" {
		t.Fatal(got)
	}
	if back := s.Leave("a"); !slices.Equal(back, []string{"k"}) || s.Waiting() != 1 || s.Running() != 1 {
		t.Fatalf("%v came back", back)
	}
	s.Again("j") // b has failed it and is the only one left
	if got := next(s); got != "j b" {
		t.Fatal(got)
	}
	b := worker1("b", 1e9)
	b.Slots, b.Draining = 5, true
	s.Advertise(b)
	if got := next(s); got != "" {
		t.Fatalf("a draining worker got %q", got)
	}
	if _, ok := s.Wait("cpu"); ok {
		t.Error("a wait is foretold where nobody works")
	}
	b.Draining = false
	s.Advertise(b)
	if got := next(s); got != "k b" || s.Worker("k") != "b" || s.Depth("cpu") != 0 {
		t.Fatal(got)
	}
}

// act does one of the calls on a scheduler, by chance, and returns what it gave.
func act(r *rand.Rand, s *Scheduler, i int) any {
	classes := []Class{"cpu", "cpu-ifma", "gpu-24"}
	w := fmt.Sprint("w", r.IntN(20))
	known := fmt.Sprint("j", r.IntN(i+1))
	switch r.IntN(12) {
	case 0, 1:
		n := Worker{ID: w, Rates: map[Class]float64{}, Slots: r.IntN(4), Price: r.Float64(), Reputation: r.Float64(), Bandwidth: 1e8 * r.Float64(), Draining: r.IntN(8) == 0}
		for _, c := range classes[:1+r.IntN(3)] {
			n.Rates[c] = 1e9 * r.Float64()
		}
		for range r.IntN(4) {
			n.Keys = append(n.Keys, fmt.Sprint("k", r.IntN(6)))
		}
		s.Advertise(n)
	case 2:
		if r.IntN(4) == 0 {
			return s.Leave(w)
		}
	case 3:
		s.Again(known)
	case 4, 5:
		s.End(known)
	case 6, 7, 8:
		j := Job{ID: fmt.Sprint("j", i), Asker: fmt.Sprint("a", r.IntN(5)), Priority: Priority(r.IntN(5)), Work: 1e9 * r.Float64(), KeyBytes: 1e8 * r.Float64()}
		j.Classes = classes[r.IntN(3):]
		if r.IntN(2) == 0 {
			j.Key = fmt.Sprint("k", r.IntN(6))
		}
		if r.IntN(3) == 0 {
			j.Pays = r.Float64()
		}
		return s.Offer(j, time.Duration(i))
	default:
		a, ok := s.Next(time.Duration(i))
		if ok {
			return a
		}
	}
	return nil
}

// TestProperties: after any sequence of calls the sums agree, no quota or slot is
// passed, nobody is idle for whom there is work, and the same calls give the same.
func TestProperties(t *testing.T) {
	for seed := range uint64(60) {
		r, r2 := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 1))
		rules := Rules{InFlight: 4, PerAsker: 30, Waiting: 90}
		s, twin := New(rules), New(rules)
		for i := range 1500 {
			if got, again := act(r, s, i), act(r2, twin, i); !reflect.DeepEqual(got, again) {
				t.Fatalf("seed %d, call %d: %v, then %v", seed, i, got, again)
			}
			sound(t, s)
		}
		for { // what is left ends
			a, ok := s.Next(0)
			if !ok {
				break
			}
			sound(t, s)
			s.End(a.Job.ID)
		}
		for id, it := range s.jobs {
			if it.on != nil {
				continue
			}
			for _, w := range s.workers {
				if f := w.fastest(it.Classes); f > 0 && w.shelved && (it.Pays == 0 || w.Price <= it.Pays/it.Work*unit/1.05) && s.askers[it.Asker].flying < 4 {
					t.Fatalf("seed %d: %s waits although %s is free", seed, id, w.ID)
				}
			}
		}
	}
}

// sound checks what must always hold.
func sound(t *testing.T, s *Scheduler) {
	t.Helper()
	waiting, running := 0, 0
	weights := 0.0
	for _, it := range s.jobs {
		if it.on != nil {
			running++
		} else {
			waiting++
		}
	}
	for id, a := range s.askers {
		queued := 0
		for _, f := range a.flows {
			if f.first == nil || (f.at >= 0) != a.entered {
				t.Fatalf("a flow of %s is lost", id)
			}
			for it := f.first; it != nil; it = it.next {
				queued++
			}
		}
		if a.flying > a.inFlight || a.waiting > a.perAsker+a.inFlight || queued != a.waiting || a.entered != (a.waiting > 0 && a.flying < a.inFlight) {
			t.Fatalf("asker %s: %+v", id, *a)
		}
		if a.entered {
			weights += a.weight
		}
	}
	for id, w := range s.workers {
		if len(w.has) > w.Slots && !w.Draining && w.shelved || w.shelved != (!w.Draining && len(w.has) < w.Slots) {
			t.Fatalf("worker %s: %+v", id, *w)
		}
		for _, k := range w.Keys {
			if !slices.Contains(s.holders[k], w) {
				t.Fatalf("%s holds %s and cannot be found by it", id, k)
			}
		}
	}
	for c, h := range s.free {
		for _, w := range h.all {
			if !w.shelved || s.workers[w.ID] != w || w.costs[c] == 0 {
				t.Fatalf("the shelf of %s has %s", c, w.ID)
			}
		}
	}
	if waiting != s.waiting || running != s.running || weights != s.weights || len(s.staff) != len(s.workers) {
		t.Fatalf("%d wait and %d run, counted as %d and %d; weights %v and %v", waiting, running, s.waiting, s.running, weights, s.weights)
	}
}

// TestTheBestIsWhatAFullSearchFinds: stopping early on a shelf loses nothing.
func TestTheBestIsWhatAFullSearchFinds(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		s := New(Rules{InFlight: 1000})
		for i := range 50 {
			w := Worker{ID: fmt.Sprint("w", i), Rates: map[Class]float64{"cpu": 1e8 + 1e9*r.Float64()}, Price: r.Float64(), Reputation: .1 + .9*r.Float64(), Bandwidth: 1e7 + 1e8*r.Float64(), Slots: 1 + r.IntN(3)}
			if r.IntN(4) == 0 {
				w.Keys = []string{"k"}
			}
			s.Advertise(w)
		}
		for i := range 40 {
			j := job(fmt.Sprint("j", i), "a", 1e10*r.Float64())
			j.Key, j.KeyBytes = "k", 1e9*r.Float64()
			want, least := "", 0.0
			for _, w := range s.staff {
				cost := j.Work*w.costs["cpu"] + s.rules.Second*w.work/w.Rates["cpu"]/w.Reputation
				if !slices.Contains(w.Keys, "k") {
					cost += s.rules.Second * j.KeyBytes / w.Bandwidth / w.Reputation
				}
				if len(w.has) < w.Slots && (want == "" || cost < least) {
					want, least = w.ID, cost
				}
			}
			offer(t, s, j)
			if a, _ := s.Next(0); a.Worker != want {
				t.Fatalf("seed %d: %s, and not %s", seed, a.Worker, want)
			}
		}
	}
}
