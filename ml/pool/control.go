package pool

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"manx/privacy/notice"
)

// A Control is a running worker seen from outside: what it counts, and whether it
// takes more. Its zero value is ready; many goroutines may use it.
type Control struct {
	mu         sync.Mutex
	running    int
	done       uint64
	failed     uint64
	nothing    uint64
	jobs       histogram // from taking to posting
	evaluating histogram // inputs
	keys       []string  // that the cache held when it was last looked at
	cost       int64
	fetched    float64 // bytes of keys, and the seconds that took
	took       float64
	mean       float64 // of computing a job, in seconds, smoothed
	ackWait    time.Duration
	drains     bool
	singly     bool
	wary       time.Time // until then jobs go one by one
	forGood    bool
}

// hold notes how many jobs are in hand.
func (t *Control) hold(jobs int, c *cache) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = jobs
	t.look(c)
}

// look copies what the cache holds, which one goroutine alone may read.
func (t *Control) look(c *cache) { t.keys, t.cost = c.held(maxAdvertKeys), c.cost }

func (t *Control) ended(err error, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil:
		t.done++
		t.jobs.add(took)
	case errors.Is(err, errNothing):
		t.nothing++
	case errors.Is(err, errDrained), errors.Is(err, context.Canceled), notice.Is(err, notice.Unavailable):
	default:
		t.failed++
	}
}

// computed notes how long a job took but for the ledger, for which others need not wait.
func (t *Control) computed(took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mean == 0 {
		t.mean = took.Seconds()
	}
	t.mean += (took.Seconds() - t.mean) / 8
}

func (t *Control) evaluated(took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.evaluating.add(took)
}

// fetchedKeys measures the line to where packs lie.
func (t *Control) fetchedKeys(bytes int64, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fetched, t.took = t.fetched/2+float64(bytes), t.took/2+took.Seconds()
}

// joined notes the queue's patience, and whether a life before left messages in hand.
func (t *Control) joined(wait time.Duration, left bool) {
	t.mu.Lock()
	t.ackWait = wait
	t.mu.Unlock()
	if left {
		t.beWary()
	}
}

func (t *Control) patience() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ackWait
}

func (t *Control) draining() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.drains
}

func (t *Control) gone() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.forGood
}

// ahead is for how long a worker may have jobs before it, so that it does not wait for
// the next between short ones.
const ahead = .2 // seconds

func (t *Control) room() int {
	if t.mean == 0 || t.singly || time.Now().Before(t.wary) {
		return 1
	}
	return int(min(maxSlots, max(1, ahead/t.mean)))
}

// alone has jobs go one by one from now on.
func (t *Control) alone() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.singly = true
}

// beWary has jobs go one by one for a while, because a worker vanished with some in hand:
// were they in a round again, all of them would be blamed again for the one that does it.
func (t *Control) beWary() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wary = time.Now().Add(2 * t.ackWait)
}

// slots is how many jobs may be in hand at once.
func (t *Control) slots() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.room()
}

// share is how many jobs go together: while those are computed, the ledger hears of as
// many before and after them.
func (t *Control) share() int { return min(atOnce, (t.slots()+2)/3) }

func (t *Control) fill(a *Advert) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a.Slots = t.room()
	if t.took > 0 {
		a.Bandwidth = t.fetched / t.took
	}
	a.Keys, a.Cache, a.Running, a.Done, a.Failed, a.Draining = slices.Clone(t.keys), t.cost, t.running, t.done, t.failed, t.drains
}

// Advert returns what the worker counts and holds, as it tells the node: without who it
// is, and its rates.
func (t *Control) Advert() (a Advert) {
	t.fill(&a)
	return a
}

// Drain has the worker take nothing more, or again; a job in hand ends.
func (t *Control) Drain(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drains = on
}

// Withdraw is Drain for a worker that does not come back: when Run ends, the node
// forgets it.
func (t *Control) Withdraw() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drains, t.forGood = true, true
}

// Idle reports whether the worker has no job in hand.
func (t *Control) Idle() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.running == 0
}
