package simulation

import (
	"math"
	"slices"
	"strconv"
	"time"

	"manx/ml/pool/schedule"
)

// A hand is a simulated worker: it does what it is given in turn, fetches what it
// lacks, and may vanish.
type hand struct {
	Machine
	id      int
	born    int // how often it came: what was planned in an earlier life is void
	speed   float64
	up      bool // it is alive
	known   bool // the scheduler knows it
	ending  bool // it takes nothing more, and goes when it is idle
	since   time.Duration
	line    []*task
	fetched time.Duration // when the job in hand has its keys
	keys    []held        // least used first
	holds   float64
	plans   []bool
}

type held struct {
	key   string
	bytes float64
}

// hire makes a worker of the kinds' mix, that is there after d.
func (r *run) hire(d time.Duration) {
	var sum float64
	for _, m := range r.Machines {
		sum += m.Part
	}
	f, kind := r.random.Float64()*sum, r.Machines[0]
	for _, m := range r.Machines {
		kind = m
		if f -= m.Part; f < 0 {
			break
		}
	}
	// No two machines of a kind are the same: a fifth up or down.
	h := &hand{Machine: kind, id: len(r.hands), speed: kind.Speed * (0.8 + 0.4*r.random.Float64())}
	r.hands = append(r.hands, h)
	r.here++
	r.Most = max(r.Most, r.here)
	r.after(d, joins, h.id, h.born)
}

func (h *hand) do(r *run, k kind) {
	switch k {
	case joins:
		h.born++
		h.up, h.since, h.plans = true, r.now, make([]bool, len(r.Models))
		h.keys, h.holds = nil, 0
		h.tell(r)
		if r.Between > 0 {
			r.after(r.exponential(r.Between), dies, h.id, h.born)
		}
	case begins:
		h.begin(r)
	case ends:
		h.end(r)
	case dies:
		h.die(r)
	case noticed:
		h.notice(r)
	}
}

// tell is the worker's advert.
func (h *hand) tell(r *run) {
	keys := make([]string, len(h.keys))
	for i, k := range h.keys {
		keys[i] = k.key
	}
	w := schedule.Worker{ID: strconv.Itoa(h.id), Rates: map[schedule.Class]float64{class: h.speed * core}, Slots: 1, Reputation: 1,
		Bandwidth: h.Link, Keys: keys, Draining: h.ending}
	began := time.Now()
	r.plan.Advertise(w)
	took := time.Since(began)
	r.in += took
	r.AdvertsTook += took
	r.Adverts++
	h.known = true
}

// take appends a job to what the worker has; it fetches as soon as it comes to it.
func (h *hand) take(r *run, t *task) {
	if !t.crowd {
		r.Given.add(r.now - t.asked)
	}
	h.line = append(h.line, t)
	if len(h.line) == 1 && h.up {
		h.start(r)
	}
}

// start fetches what the first job needs.
func (h *hand) start(r *run) {
	t := h.line[0]
	m := r.Models[t.model]
	var bytes, ready float64
	if !h.plans[t.model] {
		h.plans[t.model] = true
		bytes, ready = m.Plan, m.Ready
	}
	r.given++
	at := slices.IndexFunc(h.keys, func(k held) bool { return k.key == t.Key })
	if at >= 0 {
		k := h.keys[at]
		h.keys = append(slices.Delete(h.keys, at, at+1), k)
		r.hits++
	} else {
		bytes += m.KeyBytes
		h.keep(r, held{t.Key, m.KeyBytes})
	}
	r.Bytes += bytes
	took := time.Duration((bytes/h.Link + ready) * 1e9)
	h.fetched = r.now
	r.after(took, begins, h.id, h.born)
}

// keep caches keys and drops the least used where they do not fit.
func (h *hand) keep(r *run, k held) {
	h.keys = append(h.keys, k)
	dropped := false
	for h.holds += k.bytes; h.holds > h.Cache && len(h.keys) > 1; dropped = true {
		h.holds -= h.keys[0].bytes
		h.keys = h.keys[1:]
	}
	for ; len(h.keys) > 256; dropped = true { // as many as an advert names
		h.holds -= h.keys[0].bytes
		h.keys = h.keys[1:]
	}
	if dropped {
		h.tell(r)
	}
}

func (h *hand) begin(r *run) {
	t := h.line[0]
	t.begun = r.now
	r.fetch += r.now - h.fetched
	if t.crowd {
		r.Crowd.add(r.now - t.asked)
	} else {
		r.Wait.add(r.now - t.asked)
	}
	// Runs differ by a twentieth.
	took := r.Models[t.model].Seconds / h.speed * math.Max(0.5, 1+0.05*r.random.NormFloat64())
	r.after(time.Duration(took*1e9), ends, h.id, h.born)
}

func (h *hand) end(r *run) {
	t := h.line[0]
	h.line = h.line[1:]
	r.busy += r.now - t.begun
	if r.random.Float64() < r.Wrong {
		r.Again++
		t.begun = -1
		began := time.Now()
		r.plan.Again(t.ID)
		r.in += time.Since(began)
	} else {
		r.Done++
		if !t.crowd {
			r.Total.add(r.now - t.asked)
		}
		delete(r.tasks, t.ID)
		r.forget(t.ID)
	}
	switch {
	case len(h.line) > 0:
		h.start(r)
	case h.ending:
		h.gone(r)
	}
}

// die is what kill -9 does: nobody is told.
func (h *hand) die(r *run) {
	r.left(h)
	h.born++
	h.up = false
	r.after(r.Silence, noticed, h.id, h.born)
}

// notice is the node's part: what the worker had not begun goes to others now, what it
// had begun when its lease is over.
func (h *hand) notice(r *run) {
	for i, t := range h.line {
		if i == 0 && t.begun >= 0 {
			r.busy += r.now - r.Silence - t.begun
			t.begun = -1
			r.forget(t.ID)
			n, _ := strconv.Atoi(t.ID)
			r.after(r.Lease-r.Silence, lapsed, n, 0)
			continue
		}
		r.Again++
	}
	h.line = nil
	h.unknow(r)
	if h.ending || r.Scale != nil { // the autoscaler starts another
		r.here--
		return
	}
	r.after(r.exponential(r.Away), joins, h.id, h.born)
}

func (h *hand) unknow(r *run) {
	if !h.known {
		return
	}
	h.known = false
	began := time.Now()
	r.plan.Leave(strconv.Itoa(h.id))
	r.in += time.Since(began)
}

// gone is a worker that was told to go.
func (h *hand) gone(r *run) {
	r.left(h)
	h.born++
	h.up = false
	r.here--
	h.unknow(r)
}

// left adds up what a worker was there for.
func (r *run) left(h *hand) {
	if h.up {
		r.alive += r.now - h.since
		r.Rent += (r.now - h.since).Hours() * h.Hour
	}
}

// scale adds what the queue asks for, and lets go of a quarter at a time when it has
// asked for fewer through the cooldown.
func (r *run) scale() {
	s := r.Scale
	want := min(max((r.plan.Waiting()+r.plan.Running()+s.Jobs-1)/s.Jobs, s.Min), r.World.Workers)
	for ; r.here < want; r.asking = 0 {
		r.hire(s.Start)
	}
	switch {
	case want == r.here:
		r.asking = 0
	case r.asking < s.Cooldown:
		r.asking += s.Every
	default:
		r.asking = 0
		r.dismiss(min(r.here-want, (r.here+3)/4))
	}
	r.after(s.Every, looks, 0, 0)
}

// dismiss tells so many workers to go once they are idle, the newest first.
func (r *run) dismiss(n int) {
	for i := len(r.hands) - 1; i >= 0 && n > 0; i-- {
		h := r.hands[i]
		if !h.up || h.ending {
			continue
		}
		n--
		h.ending = true
		if len(h.line) == 0 {
			h.gone(r)
		} else {
			h.tell(r)
		}
	}
}
