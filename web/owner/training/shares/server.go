// Package shares is a round whose sum is made on shares, by privacy/secagg/trio: the
// coordinator's side of it, and a site's, which deals and, where it is named for that,
// computes with two others and judges what each has brought. What is signed of a round is
// package measured's.
package shares

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"manx/ledger"
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/privacy/secagg/trio"
	"manx/storage/durable"
	"manx/web/owner/training/measured"
	"manx/web/owner/training/recipe"
	"manx/web/owner/training/stream"
)

// A Server is the coordinator's side: it says what to do next to sites that ask. What it says of a try it says again
// after a crash, for sites deal the same and answer the same.
type Server struct {
	round  trio.Round
	recipe recipe.Recipe
	dir    string // of the coordinator's round
	closed func(trio.Sum, [mpc.Parties][]byte) ([]measured.Round, error)
	named  func(place int, why string) // who is left out

	mu      sync.Mutex // guards what follows
	try     trio.Try
	what    string               // what sites are told to do
	there   map[int]int          // places that wait to be told, and how many of their streams
	unfit   map[int]bool         // places whose dealings cannot be opened
	bound   []int                // the set that somebody has signed
	dealt   map[int]trio.Dealing // in this try, by place
	work    map[int][]byte       // of the three
	ready   [mpc.Parties][]byte  // what they signed
	failed  bool                 // one of them has no sum
	shares  [mpc.Parties][]byte  // what they told
	told    []measured.Round     // of all rounds so far
	kept    bool                 // what follows from the sum is kept
	heard   map[int]bool         // places that heard that their part is done
	err     error                // why there is none
	changed chan struct{}        // closed, and made anew, when anything of this changes
}

// Serve serves a round, or goes on with it by what is in the folder of the coordinator's
// round. closed is told the sum and what three have signed of it, and returns what was
// signed of all rounds so far; named is told who is left out.
func Serve(round trio.Round, recipe recipe.Recipe, dir string, closed func(trio.Sum, [mpc.Parties][]byte) ([]measured.Round, error), named func(int, string)) *Server {
	return &Server{round: round, recipe: recipe, dir: dir, closed: closed, named: named, there: map[int]int{}, unfit: map[int]bool{}, heard: map[int]bool{}, changed: make(chan struct{})}
}

func (s *Server) change() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Ask takes what a site says in a step and waits for the answer. It is stream.ErrLate
// where the round goes on without the site.
func (s *Server) Ask(ctx context.Context, place int, step byte, message []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.change()
	party := slices.Index(s.try.Trio[:], place)
	switch {
	case step == stream.StepNext:
		since, err := strconv.Atoi(string(message))
		if err != nil {
			return nil, stream.ErrFrame
		}
		return s.next(ctx, place, since)
	case step == stream.StepDeal:
		d, err := s.round.ReadDealing(message, s.try, place)
		if s.what != toDeal {
			return nil, nil // too late: it is told what to do next
		}
		if err == nil {
			s.dealt[place] = d
		}
		return nil, err
	case party < 0 || s.what != toCompute && s.what != toTell:
		return nil, nil
	case step == stream.StepReady:
		p, err := s.round.Ready(message, s.try, place)
		if err != nil {
			return nil, err
		}
		s.ready[p] = message
		s.bound, err = s.round.Bound(message)
		return nil, err
	case step == stream.StepFailed:
		var f failure
		if err := ledger.Decode(message, &f); err != nil || f.Try != s.try.Number || s.ready[party] != nil {
			return nil, err
		}
		for _, p := range f.Bad {
			if p >= 0 && p < len(s.round.Sites) && !s.unfit[p] {
				s.unfit[p] = true
				s.named(p, fmt.Sprintf("what it dealt cannot be opened, says hospital %d, and it is left out", place+1))
			}
		}
		if len(f.Bound) > 0 {
			s.bound = f.Bound
		}
		if f.Few {
			s.err = notice.New(notice.Denied, "of too few hospitals the update is within the round's bounds", "see who was left out: `manx train status`; propose a wider clip")
		}
		s.failed = true
		return nil, nil
	case step == stream.StepShare && s.what == toTell:
		if err := s.round.Share(s.ready[party], message); err != nil {
			return nil, err
		}
		s.shares[party] = message
		return nil, nil
	}
	return nil, stream.ErrFrame
}

// next waits until there is something to do for a place.
func (s *Server) next(ctx context.Context, place, since int) ([]byte, error) {
	s.there[place]++
	defer func() { s.there[place]-- }()
	s.change()
	for {
		if s.err != nil {
			return nil, stream.ErrLate
		}
		if i, ok := s.instruct(place, since); ok {
			return json.Marshal(i)
		}
		if err := s.wait(ctx, nil); err != nil {
			return nil, err
		}
	}
}

func (s *Server) instruct(place, since int) (i instruction, ok bool) {
	i.What, i.Try = s.what, s.try
	party := slices.Index(s.try.Trio[:], place)
	switch {
	case s.kept:
		i.What = toEnd
		for _, m := range s.told {
			if m.Round > since && len(i.Measured) < measured.Most {
				i.Measured = append(i.Measured, m)
			}
		}
		if len(i.Measured) == 0 { // it has kept all that it was told
			s.heard[place] = true
		}
		return i, true
	case s.what == toDeal:
		_, has := s.dealt[place]
		return i, !has && s.wanted(place)
	case s.what == toCompute:
		i.Work = s.work[place]
		return i, party >= 0 && s.ready[party] == nil && !s.failed
	case s.what == toTell:
		i.Ready = s.ready
		return i, party >= 0 && s.shares[party] == nil
	}
	return i, false
}

// wanted reports whether a site's dealing is computed with.
func (s *Server) wanted(place int) bool {
	return !s.unfit[place] && (s.bound == nil || slices.Contains(s.bound, place))
}

// wait waits for a change, or for a timer.
func (s *Server) wait(ctx context.Context, timer <-chan time.Time) error {
	changed := s.changed
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-changed:
	case <-timer:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// until waits until all is done, or patience is over and enough is, or ten times that.
func (s *Server) until(ctx context.Context, patience time.Duration, done, enough func() bool) (bool, error) {
	for began := time.Now(); ; {
		waited := time.Since(began)
		switch {
		case s.err != nil:
			return false, s.err
		case done() || waited >= patience && enough():
			return true, nil
		case waited >= 10*patience:
			return false, nil
		}
		t := time.NewTimer(max(patience-waited, patience/20))
		err := s.wait(ctx, t.C)
		t.Stop()
		if err != nil {
			return false, err
		}
	}
}

// Run waits for the sum: the places that are in it, and recipe.Vector's of all of them.
func (s *Server) Run(ctx context.Context, patience time.Duration) ([]int, []float64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum, err := s.tries(ctx, patience)
	if err == nil {
		s.told, err = s.closed(sum, s.ready)
	}
	if err != nil {
		s.err = err
		s.change()
		return nil, nil, err
	}
	return sum.Sites, s.recipe.Totals(sum), nil
}

// tries makes tries until one has a sum. That which a coordinator was killed in comes
// first.
func (s *Server) tries(ctx context.Context, patience time.Duration) (sum trio.Sum, err error) {
	t, err := s.began()
	if err != nil {
		return sum, err
	}
	short := notice.New(notice.Unavailable, "too few hospitals answered in time", "the next round begins again")
	there := func(p int) bool { return s.there[p] > 0 }
	for again := t.Number > 0; ; again = false {
		if !again {
			all := func() bool { return !slices.ContainsFunc(s.round.Pool, func(p int) bool { return !there(p) }) }
			ok, err := s.until(ctx, patience, all, func() bool { _, ok := s.round.Trio(1, there); return ok })
			if err != nil {
				return sum, err
			}
			if t, _ = s.round.Trio(t.Number+1, there); !ok || t.Number > trio.MaxTries {
				return sum, short
			}
			if err := s.keep(t); err != nil {
				return sum, err
			}
		}
		s.begin(t)
		ok, err := s.until(ctx, patience, s.allDealt, s.enoughDealt)
		if err != nil {
			return sum, err
		}
		if !ok {
			return sum, short
		}
		if err := s.compute(); err != nil {
			return sum, err
		}
		done := func() bool {
			return s.failed || !slices.ContainsFunc(s.ready[:], func(b []byte) bool { return b == nil })
		}
		if err := s.computed(ctx, patience, done); err != nil {
			return sum, err
		}
		if s.failed || !done() {
			continue
		}
		s.what = toTell
		s.change()
		has := func(n int) func() bool { return func() bool { return s.toldBy() >= n } }
		if ok, err = s.until(ctx, patience, has(mpc.Parties), has(mpc.Parties-1)); err != nil {
			return sum, err
		}
		if !ok {
			return sum, short
		}
		sum, err = s.round.Join(s.ready, s.shares)
		if err != nil {
			err = notice.Because(err, notice.Integrity, "what the three hospitals that compute have signed and told does not fit together", "the next round begins again; exclude whom the cause names")
		}
		return sum, err
	}
}

// computed waits until the three have computed, or one of them has failed. They end
// together: when one is ready the others are not waited for as long as for the first.
func (s *Server) computed(ctx context.Context, patience time.Duration, done func() bool) error {
	some := func() bool { return done() || slices.ContainsFunc(s.ready[:], func(b []byte) bool { return b != nil }) }
	if _, err := s.until(ctx, patience, some, func() bool { return false }); err != nil {
		return err
	}
	_, err := s.until(ctx, 2*patience, done, func() bool { return true })
	return err
}

// toldBy is how many of the three have told their share.
func (s *Server) toldBy() (n int) {
	for _, b := range s.shares {
		if b != nil {
			n++
		}
	}
	return n
}

func (s *Server) begin(t trio.Try) {
	s.try, s.what, s.failed = t, toDeal, false
	s.dealt, s.work = map[int]trio.Dealing{}, map[int][]byte{}
	s.ready, s.shares = [mpc.Parties][]byte{}, [mpc.Parties][]byte{}
	s.change()
}

func (s *Server) allDealt() bool {
	for place := range s.round.Sites {
		if _, ok := s.dealt[place]; !ok && s.wanted(place) {
			return false
		}
	}
	return s.enoughDealt()
}

func (s *Server) enoughDealt() bool { return len(s.dealt) >= max(s.round.Threshold, len(s.bound)) }

// compute hands out what the three compute with.
func (s *Server) compute() (err error) {
	for _, place := range s.try.Trio {
		if s.work[place], err = s.round.Work(s.try, place, s.dealt); err != nil {
			return err
		}
	}
	s.what = toCompute
	s.change()
	return nil
}

func (s *Server) file() string { return filepath.Join(s.dir, "try.json") }

func (s *Server) keep(t trio.Try) error {
	b, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode try: %w", err)
	}
	return durable.WriteFile(s.file(), b)
}

// began returns the try under way, the zero Try where there is none.
func (s *Server) began() (t trio.Try, err error) {
	b, err := os.ReadFile(s.file())
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err == nil {
		err = ledger.Decode(b, &t)
	}
	return t, err
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
	s.err = err
	s.change()
}

// Drain gives the sites a moment to hear it.
func (s *Server) Drain(ctx context.Context, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.heard) < len(s.dealt) && s.wait(ctx, nil) == nil {
		continue
	}
}
