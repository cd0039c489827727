package pool

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"manx/ledger"
)

// A presence tells the node that a worker lives, and hears from it when nobody wants a
// job in hand any more.
type presence struct {
	w    *Worker
	conn *nats.Conn
	told chan struct{} // asks for an advert now
	done context.CancelFunc
	runs sync.WaitGroup

	mu   sync.Mutex
	jobs map[ledger.JobID]context.CancelCauseFunc // in hand
}

// unmeasured is the rate of a worker that gives none: it serves its runtimes' lines, and
// no class of machine.
const unmeasured = 1e8

// present begins to advertise a worker, until close.
func (w *Worker) present(ctx context.Context, conn *nats.Conn) (*presence, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &presence{w: w, conn: conn, told: make(chan struct{}, 1), done: cancel, jobs: map[ledger.JobID]context.CancelCauseFunc{}}
	_, err := conn.Subscribe(stopSubject(w.Signer.Party()), func(m *nats.Msg) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if stop := p.jobs[ledger.JobID(m.Data)]; stop != nil {
			stop(nothing("the node says that it is over"))
		}
	})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("queue: %w", err)
	}
	p.runs.Go(func() {
		for ctx.Err() == nil {
			p.advertise(w.advert())
			select {
			case <-ctx.Done():
			case <-p.told:
			case <-time.After(w.every()):
			}
		}
	})
	return p, nil
}

// every follows the queue's patience, which an impatient queue tells by its lines.
func (w *Worker) every() time.Duration { return every(orElse(w.tally.patience(), time.Second)) }

func (p *presence) tell() {
	select {
	case p.told <- struct{}{}:
	default:
	}
}

func (p *presence) advertise(a Advert) {
	b, err := json.Marshal(a)
	if err == nil {
		err = p.conn.Publish(advertSubject(string(a.Worker)), b)
	}
	if err != nil {
		p.w.Log.Debug("the worker could not advertise itself", "err", err)
	}
}

// working notes a job in hand, so that it can be stopped; with nil, that it is in hand no
// more.
func (p *presence) working(job ledger.JobID, stop context.CancelCauseFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if stop == nil {
		delete(p.jobs, job)
		return
	}
	p.jobs[job] = stop
}

// back gives a job of the worker's own line to others.
func (p *presence) back(job ledger.JobID) {
	b, err := message{Job: job}.encode()
	if err == nil {
		err = p.conn.Publish(backSubject(string(p.w.Signer.Party())), b)
	}
	p.w.say(err)
}

// close says that the worker stops.
func (p *presence) close() {
	p.done()
	p.runs.Wait()
	a := p.w.advert()
	a.Leaving, a.ForGood = true, p.w.tally.gone()
	p.advertise(a)
	_ = p.conn.FlushTimeout(time.Second)
}

// advert is what the worker says of itself now.
func (w *Worker) advert() Advert {
	a := Advert{Worker: w.Signer.Party(), Lines: slices.Sorted(maps.Keys(w.engines)), Rates: maps.Clone(w.Rates), Price: w.Price}
	if a.Rates == nil {
		a.Rates = map[Class]float64{}
	}
	if len(a.Rates) == 0 {
		for _, c := range a.Lines {
			a.Rates[c] = unmeasured
		}
	}
	w.tally.fill(&a)
	return a
}
