package mpc

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// What is computed by keys: few values, far peers, semi-honest sessions.
func TestChoiceByCost(t *testing.T) {
	for _, c := range []struct {
		roundTrip time.Duration
		n         int
		yes       bool
	}{
		{100 * time.Microsecond, 1, false},
		{near - 1, 1, false},
		{near, 1, true},
		{20 * time.Millisecond, 1 << 10, true},
		{20 * time.Millisecond, 1 << 14, false},
		{80 * time.Millisecond, 1 << 10, true},
		{80 * time.Millisecond, 1 << 18, false},
		{far, keyedMost, true},
		{far, keyedMost + 1, false},
		{far, 0, false},
	} {
		for _, k := range []keyed{keyedSign([]uint64{0}), keyedReLU(), keyedZero()} {
			for _, security := range []Security{SemiHonest, WithAbort} {
				s := &Session{security: security}
				s.stats.RoundTrip = c.roundTrip
				yes := s.useKeys(c.n, k)
				if yes != (c.yes && security == SemiHonest) {
					t.Errorf("%v, %v, %d: %v", security, c.roundTrip, c.n, yes)
				}
				if s.stats.ByKeys+s.stats.FromBits != uint64(c.n) || yes != (s.stats.ByKeys > 0) {
					t.Errorf("counted %+v", s.stats)
				}
			}
		}
	}
}

// Who hears nothing does not run ahead of a peer that does not read: frames wait
// up to a number, and what waits for room is let go when the session ends.
func TestRoom(t *testing.T) {
	ours, theirs := net.Pipe()
	s := &Session{step: "test", ended: func() error { return nil }}
	s.phase = &s.stats.Online
	s.next, s.previous = newChannel(s, ours, 1, time.Minute), newChannel(s, ours, 2, time.Minute)
	s.wait.Go(s.next.write)
	var full, read, ended atomic.Bool
	done := make(chan int)
	go func() {
		defer close(done)
		for k := 0; !ended.Load() || k < 2*queueMost; k++ {
			s.next.send([]uint64{1})
			full.Store(k >= queueMost)
			s.next.room()
			if k == queueMost+2 && !read.Load() {
				t.Error("there is room where nobody reads")
			}
		}
	}()
	for !full.Load() {
		time.Sleep(time.Millisecond)
	}
	read.Store(true)
	if _, err := io.CopyN(io.Discard, theirs, 20*queueMost); err != nil {
		t.Error(err)
	}
	ended.Store(true)
	s.fail(ErrClosed)
	<-done
	s.wait.Wait()
}
