package simulation

import (
	"math"
	"time"
)

// Times are durations in classes 2% apart from a millisecond to a year.
type Times struct {
	counts []int
	n      int
	sum    time.Duration
}

const step = 1.02

func (t *Times) add(d time.Duration) {
	i := 0
	if ms := float64(d) / 1e6; ms > 1 {
		i = 1 + int(math.Log(ms)/math.Log(step))
	}
	for len(t.counts) <= i {
		t.counts = append(t.counts, 0)
	}
	t.counts[i]++
	t.n++
	t.sum += d
}

// N is how many there are.
func (t *Times) N() int { return t.n }

// Mean is their mean, 0 where there are none.
func (t *Times) Mean() time.Duration {
	if t.n == 0 {
		return 0
	}
	return t.sum / time.Duration(t.n)
}

// Quantile returns the duration that a part q of them do not pass, up to 2% more; 0
// for what is below a millisecond.
func (t *Times) Quantile(q float64) time.Duration {
	left := int(math.Ceil(q * float64(t.n)))
	for i, c := range t.counts {
		if left -= c; left <= 0 {
			if i == 0 {
				return 0
			}
			return time.Duration(math.Pow(step, float64(i)) * 1e6)
		}
	}
	return 0
}
