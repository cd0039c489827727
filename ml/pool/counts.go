package pool

import (
	"time"

	"manx/ledger"
)

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
