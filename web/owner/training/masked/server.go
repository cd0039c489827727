// Package masked is a round whose sum is made under masks, by privacy/secagg: the
// coordinator's side of it and a site's. It knows what is neither in a sum nor in a round.
package masked

import (
	"context"
	"crypto/ed25519"
	"errors"
	"sync"
	"time"

	"manx/privacy/notice"
	"manx/privacy/secagg"
	"manx/web/owner/training/stream"
)

// A Server is the coordinator's side: it answers sites whenever they ask, and ends a step
// when all who are in it have spoken, or its time is over and enough have. Its journal
// outlives a crash.
type Server struct {
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

// Serve serves a round where its journal, in a folder, ends; done closes that. own is the
// coordinator's key of streams.
func Serve(round secagg.Round, keys secagg.Signer, own ed25519.PrivateKey, dir string) (s *Server, done func() error, err error) {
	journal, err := secagg.OpenFiles(dir)
	if err != nil {
		return nil, nil, err
	}
	c, err := secagg.NewCoordinator(round, keys, seed(own, round.ID), journal)
	if err != nil {
		return nil, nil, errors.Join(err, journal.Close())
	}
	s = &Server{round: c, told: map[byte]map[int][]byte{}, changed: make(chan struct{})}
	s.step = byte(c.Step())
	if s.step > stream.StepKeys {
		s.told[s.step-1] = c.Told()
	}
	return s, journal.Close, nil
}

func (s *Server) change() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Ask takes what a site says in a step and waits for the answer. It is stream.ErrLate
// where the round goes on without the site.
func (s *Server) Ask(ctx context.Context, place int, step byte, message []byte) ([]byte, error) {
	if step == stream.StepAgain {
		return nil, s.again(message)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if step < stream.StepKeys || step > stream.StepUnmask || step > s.step {
		return nil, stream.ErrFrame
	}
	if err := s.round.Take(message); err != nil && !notice.Is(err, notice.Expired) {
		return nil, err
	}
	s.change()
	for {
		if step == stream.StepUnmask && s.kept {
			s.last++
			s.change()
			return nil, nil
		}
		if step < s.step {
			answer, in := s.told[step][place]
			if !in {
				return nil, stream.ErrLate
			}
			return answer, nil
		}
		if s.failed != nil {
			return nil, stream.ErrLate
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
func (s *Server) again(message []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.round.Take(message)
	s.change()
	if notice.Is(err, notice.Expired) { // it is there
		return nil
	}
	return err
}

// Run closes steps until there is a sum: the places that are in it, and recipe.Vector's of
// all of them. Each waits for all who are in it, at most
// patience where enough have spoken, and ten times that where they have not.
func (s *Server) Run(ctx context.Context, patience time.Duration) ([]int, []float64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	began := time.Now()
	for {
		late := time.Since(began) >= patience
		short := &secagg.ShortError{}
		err := error(nil)
		if s.step == stream.StepUnmask {
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

// Release says that what follows from the sum is kept, and sites may hear that they are done.
func (s *Server) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = true
	s.change()
}

// Fail has sites hear that the round goes on without them.
func (s *Server) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = err
	s.change()
}

// Drain gives the sites a moment to hear it.
func (s *Server) Drain(ctx context.Context, most time.Duration) {
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
