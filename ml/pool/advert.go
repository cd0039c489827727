package pool

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"manx/ledger"
	"manx/ml/pool/schedule"
)

// An Advert is what a worker says of itself, about every second. It is a hint for
// scheduling: what a worker is paid for is on the ledger.
type Advert struct {
	Worker    ledger.PartyID    `json:"worker"`
	Lines     []Class           `json:"lines"`     // of runtimes, from which it takes jobs
	Rates     map[Class]float64 `json:"rates"`     // operations a second, measured, by class
	Slots     int               `json:"slots"`     // jobs that may be with it at once
	Price     float64           `json:"price"`     // the least it works for, in MAN for 10¹² operations
	Bandwidth float64           `json:"bandwidth"` // bytes a second at which it fetched keys; 0 where it has not
	Keys      []string          `json:"keys"`      // evaluation keys it holds, by the hash of their pack, least recently used last
	Cache     int64             `json:"cache"`     // bytes of plans and keys held
	Running   int               `json:"running"`
	Done      uint64            `json:"done"`   // jobs since it started
	Failed    uint64            `json:"failed"` // likewise
	Draining  bool              `json:"draining,omitempty"`
	Leaving   bool              `json:"leaving,omitempty"` // it stops; nothing more will come
	ForGood   bool              `json:"for_good,omitempty"`
}

// Bounds of an advert.
const (
	maxAdvert     = 32 << 10
	maxAdvertKeys = 256
	maxSlots      = 3 * atOnce // what is claimed, what is computed and what is told, one after the other
)

func readAdvert(b []byte) (a Advert, err error) {
	if len(b) > maxAdvert {
		return a, errors.New("advert too long")
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return a, fmt.Errorf("advert: %w", err)
	}
	if err := ledger.CheckID(a.Worker, "p"); err != nil {
		return a, err
	}
	if len(a.Keys) > maxAdvertKeys || len(a.Lines) > 16 || len(a.Rates) > 16 || a.Slots < 1 || a.Slots > maxSlots || a.Running < 0 || a.Cache < 0 {
		return a, errors.New("an advert's bounds are passed")
	}
	for _, c := range a.Lines {
		if err := checkClass(c); err != nil {
			return a, err
		}
	}
	for c, r := range a.Rates {
		if err := checkClass(c); err != nil {
			return a, err
		}
		if !(r >= 0 && r <= 1e18) {
			return a, errors.New("a worker's rate is out of range")
		}
	}
	for _, f := range []float64{a.Price, a.Bandwidth} {
		if !(f >= 0) || math.IsInf(f, 0) {
			return a, errors.New("a worker's price or bandwidth is out of range")
		}
	}
	return a, nil
}

// scheduled returns the advert as the scheduler reads it.
func (a Advert) scheduled(reputation float64) schedule.Worker {
	return schedule.Worker{ID: string(a.Worker), Rates: a.Rates, Slots: a.Slots, Price: a.Price, Reputation: reputation,
		Bandwidth: a.Bandwidth, Keys: a.Keys, Draining: a.Draining}
}

// every is how often a worker advertises itself under a queue's patience.
func every(ackWait time.Duration) time.Duration {
	return max(10*time.Millisecond, min(time.Second, ackWait/4))
}
