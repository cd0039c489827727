package training

import (
	"context"
	"errors"
	"sync"
	"time"

	"manx/privacy/notice"
	"manx/privacy/secagg"
)

// The steps of a site in a round, as it asks for them. What it says in each is one
// message of package secagg, and what it is answered the next one to it.
const (
	stepBegin  byte = 0 // says nothing; is answered what the round is
	stepKeys   byte = 1
	stepShares byte = 2
	stepMasked byte = 3
	stepAgree  byte = 4
	stepUnmask byte = 5

	// stepVersion asks for the parameters that the round begins with. stepAgain says
	// a masked update once more: a coordinator that was killed has none of them.
	stepVersion byte = 6
	stepAgain   byte = 7

	// Of a round on shares: stepNext asks what to do next, and says how far the site has
	// heard of what was measured; stepDeal deals, stepReady and stepFailed say what came of
	// computing, stepShare tells the party's share. stepRows asks for the judge's rows.
	stepNext   byte = 8
	stepDeal   byte = 9
	stepReady  byte = 10
	stepFailed byte = 11
	stepShare  byte = 12
	stepRows   byte = 13
	// stepFigures says how the site's own held-out rows did, where it publishes that.
	stepFigures byte = 14
)

// A serving is the coordinator's side of one round, under masks or on shares: it
// answers sites whenever they ask, and ends a step when all who are in it have spoken,
// or its time is over and enough have. After a crash it is made anew.
type serving interface {
	// ask takes what a site says in a step and waits for the answer. It is errLate where
	// the round goes on without the site.
	ask(ctx context.Context, place int, step byte, message []byte) ([]byte, error)
	// run waits for the sum: the places that are in it, and Recipe.vector's of all of them.
	run(ctx context.Context, patience time.Duration) (places []int, totals []float64, err error)
	release()                                      // what follows from the sum is kept, and sites may hear that they are done
	fail(err error)                                // sites hear that the round goes on without them
	drain(ctx context.Context, most time.Duration) // gives the sites a moment to hear it
}

// A server is the serving of a round under masks; its journal outlives a crash.
type server struct {
	mu      sync.Mutex // guards what follows
	round   *secagg.Coordinator
	step    byte                    // whose messages are taken
	told    map[byte]map[int][]byte // what each step that this process closed was answered
	sum     *secagg.Sum
	kept    bool // what follows from the sum is kept, and sites may hear that they are done
	last    int  // sites that were answered their last step
	failed  error
	changed chan struct{} // closed, and made anew, when anything of this changes
}

// newServer serves a round where its journal ends.
func newServer(c *secagg.Coordinator) *server {
	s := &server{round: c, told: map[byte]map[int][]byte{}, changed: make(chan struct{})}
	s.step = byte(c.Step())
	if s.step > stepKeys {
		s.told[s.step-1] = c.Told()
	}
	return s
}

func (s *server) change() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *server) ask(ctx context.Context, place int, step byte, message []byte) ([]byte, error) {
	if step == stepAgain {
		return nil, s.again(message)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if step < stepKeys || step > stepUnmask || step > s.step {
		return nil, errFrame
	}
	if err := s.round.Take(message); err != nil && !notice.Is(err, notice.Expired) {
		return nil, err
	}
	s.change()
	for {
		if step == stepUnmask && s.kept {
			s.last++
			s.change()
			return nil, nil
		}
		if step < s.step {
			answer, in := s.told[step][place]
			if !in {
				return nil, errLate
			}
			return answer, nil
		}
		if s.failed != nil {
			return nil, errLate
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		s.mu.Lock()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// again takes a masked update that a site has sent before.
func (s *server) again(message []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.round.Take(message)
	s.change()
	if notice.Is(err, notice.Expired) { // it is there
		return nil
	}
	return err
}

// run closes steps until there is a sum. Each waits for all who are in it, at most
// patience where enough have spoken, and ten times that where they have not.
func (s *server) run(ctx context.Context, patience time.Duration) ([]int, []float64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	began := time.Now()
	for {
		late := time.Since(began) >= patience
		short := &secagg.ShortError{}
		err := error(nil)
		if s.step == stepUnmask {
			var sum secagg.Sum
			if sum, err = s.round.Sum(); err == nil {
				s.sum = &sum
				s.change()
				return sum.Sites, sum.Totals, nil
			}
		} else if late || len(s.round.Missing()) == 0 {
			var told map[int][]byte
			if told, err = s.round.Close(); err == nil {
				s.told[s.step] = told
				s.step++
				began = time.Now()
				s.change()
				continue
			}
		}
		if err != nil && !errors.As(err, &short) || time.Since(began) >= 10*patience {
			if err == nil {
				err = notice.New(notice.Unavailable, "too few hospitals answered in time", "the next round begins again")
			}
			s.failed = err
			s.change()
			return nil, nil, err
		}
		changed := s.changed
		s.mu.Unlock()
		wait := time.NewTimer(max(patience-time.Since(began), patience/20))
		select {
		case <-changed:
		case <-wait.C:
		case <-ctx.Done():
		}
		wait.Stop()
		s.mu.Lock()
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
	}
}

func (s *server) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = true
	s.change()
}

func (s *server) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = err
	s.change()
}

func (s *server) drain(ctx context.Context, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.last < len(s.sum.Sites) && ctx.Err() == nil {
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		s.mu.Lock()
	}
}
