package mpc_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"manx/privacy/mpc"
	"manx/privacy/mpc/link"
)

// everything is a small program that uses every operation that sends.
func everything(s *mpc.Session, in []mpc.Share) (mpc.Share, error) {
	x, y := in[0], in[1]
	var results []mpc.Share
	var firstErr error
	try := func(z mpc.Share, err error) mpc.Share {
		if err != nil && firstErr == nil {
			firstErr = err
		}
		results = append(results, z)
		return z
	}
	less := try(s.Less(x, y))
	try(s.Mul(x, y))
	try(s.Truncate(try(s.MatMul(x, y, 1, 3, 1)), 8))
	try(s.MatMul(x, y, 3, 1, 3))
	try(s.Dot(x, y, 3))
	try(s.Equal(x, y))
	try(s.Select(less, x, y))
	try(s.ReLU(y))
	try(s.Max(x, 3))
	try(s.ArgMax(y, 3))
	if firstErr != nil {
		return mpc.Share{}, firstErr
	}
	return mpc.Concat(results...)
}

var (
	everyX = []uint64{3 << 16, 5 << 16, ^uint64(0) - 9}
	everyY = []uint64{4 << 16, 5 << 16, 7}
)

// right compares results of everything, the truncated one within one.
func right(got, want []uint64) bool {
	const truncated = 7 // after less, mul and the inner product itself
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if i == truncated && got[i]-want[i]+2 <= 4 {
			continue
		}
		if got[i] != want[i] {
			return false
		}
	}
	return true
}

// TestInvariant7_OneLyingParty flips a bit of every message that any party
// sends: the others end with the right result or an error, never a wrong result.
func TestInvariant7_OneLyingParty(t *testing.T) {
	want, _ := run(t, mpc.WithAbort, everything, everyX, everyY)
	step := 1
	if testing.Short() || raceEnabled {
		step = 13
	}
	var caught, named, harmless int
	for party := range mpc.Parties {
		for _, toNext := range []bool{true, false} {
			for target := 0; ; target += step {
				links := link.Memory()
				var sent int
				flip := func(number int, b []byte) []byte {
					sent = number + 1
					if number == target {
						// One bit of the payload, at a place that differs from message to message.
						b[12+(target*7)%(len(b)-12)] ^= 1 << (target % 8)
					}
					return b
				}
				if toNext {
					links[party].Next = link.Altered(links[party].Next, flip)
				} else {
					links[party].Previous = link.Altered(links[party].Previous, flip)
				}
				shares, _, err := runOn(t.Context(), links, mpc.WithAbort, everything, deal(t, everyX, everyY))
				if sent <= target {
					break
				}
				switch {
				case err != nil:
					caught++
					if errors.Is(err, mpc.ErrCheat) || errors.Is(err, mpc.ErrMismatch) || errors.Is(err, mpc.ErrMalformed) {
						named++
					}
				default:
					got, err := mpc.Join(shares...)
					if err == nil && !right(got, want) {
						t.Fatalf("party %d, message %d: a wrong result: %d, want %d", party, target, got, want)
					}
					harmless++
				}
			}
		}
	}
	t.Logf("%d messages altered: %d runs stopped, of which %d with what was wrong; %d right", caught+harmless, caught, named, harmless)
	if caught == 0 || caught != named {
		t.Errorf("%d of %d runs stopped for no reason given", caught-named, caught)
	}
}

// TestInvariant7_OneFalseShare: a party that computes with another component than
// was dealt, from the start, is found out, even if the program only adds.
func TestInvariant7_OneFalseShare(t *testing.T) {
	programs := map[string]computation{
		"output": func(_ *mpc.Session, in []mpc.Share) (mpc.Share, error) { return in[0], nil },
		"add":    func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.Add(in[0], in[1]) },
		"matrix": func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.MatMulFixed(in[1], in[0], 3, 1, 3) },
		"relu":   func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.ReLU(in[0]) },
	}
	for name, f := range programs {
		for liar := range mpc.Parties {
			for component := range 2 {
				in := deal(t, everyX, everyY)
				in[liar][0] = altered(t, in[liar][0], component)
				_, _, err := runOn(t.Context(), link.Memory(), mpc.WithAbort, f, in)
				if !errors.Is(err, mpc.ErrCheat) {
					t.Errorf("%s, party %d, component %d: %v", name, liar, component, err)
				}
			}
		}
	}
}

// TestSemiHonestAssumes: the same lie passes unnoticed where it is assumed away.
func TestSemiHonestAssumes(t *testing.T) {
	for security, noticed := range map[mpc.Security]bool{mpc.SemiHonest: false, mpc.WithAbort: true} {
		links := link.Memory()
		var open atomic.Bool
		links[1].Previous = link.Altered(links[1].Previous, func(_ int, b []byte) []byte {
			if open.CompareAndSwap(true, false) {
				b[12] ^= 1
			}
			return b
		})
		mul := func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) {
			if s.Party() == 1 {
				open.Store(true)
			}
			return s.Mul(in[0], in[1])
		}
		shares, _, err := runOn(t.Context(), links, security, mul, deal(t, everyX, everyY))
		if noticed != (err != nil) {
			t.Errorf("%v: %v", security, err)
		}
		if noticed {
			continue
		}
		got, err := mpc.Join(shares...)
		if err == nil && got[0] == everyX[0]*everyY[0] {
			t.Error("the lie changed nothing: the test tests nothing")
		}
	}
}

// TestInvariant9_SilentOrGarbledPeer: a party that sends no more, or garbage, is named by the others
// within their patience, at every message.
func TestInvariant9_SilentOrGarbledPeer(t *testing.T) {
	for _, c := range []struct {
		name  string
		alter func([]byte) []byte
		want  error
	}{
		{"silent", func([]byte) []byte { return nil }, mpc.ErrStalled},
		{"long", func(b []byte) []byte { b[3] = 0x7f; return b }, mpc.ErrMalformed},
		{"short", func(b []byte) []byte { b[0] = 0; b[1] = 0; return b }, mpc.ErrMalformed},
		{"again", func(b []byte) []byte { b[4]++; return b }, mpc.ErrMalformed},
		{"half", func(b []byte) []byte { return b[:len(b)/2] }, mpc.ErrStalled},
	} {
		t.Run(c.name, func(t *testing.T) {
			links := link.Memory()
			var open atomic.Bool
			links[2].Next = link.Altered(links[2].Next, func(_ int, b []byte) []byte {
				if open.CompareAndSwap(true, false) {
					return c.alter(b)
				}
				return b
			})
			in := deal(t, everyX)
			errs := make([]error, mpc.Parties)
			var wait sync.WaitGroup
			for i := range mpc.Parties {
				wait.Go(func() {
					patience := 200 * time.Millisecond
					if i != 0 { // who waits for party 0 in turn does not give up before it does
						patience = time.Minute
					}
					s, err := mpc.Open(t.Context(), mpc.Config{Party: i, Next: links[i].Next, Previous: links[i].Previous, Patience: patience})
					if err == nil {
						if i == 2 {
							open.Store(true)
						}
						_, err = s.ReLU(in[i][0])
						_ = s.Close()
					}
					errs[i] = err
				})
			}
			wait.Wait()
			var peer *mpc.PeerError
			if !errors.As(errs[0], &peer) || peer.Party != 2 || !errors.Is(errs[0], c.want) || peer.Step != "rectifier" {
				t.Errorf("party 0: %v", errs[0])
			}
		})
	}
}

func TestHelloRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		alter func(*mpc.Config)
	}{
		{"session", func(c *mpc.Config) { c.Session[5] = 9 }},
		{"security", func(c *mpc.Config) { c.Security = mpc.WithAbort }},
		{"party", func(c *mpc.Config) { c.Party = 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			links := link.Memory()
			errs := make([]error, mpc.Parties)
			var wait sync.WaitGroup
			for i := range mpc.Parties {
				wait.Go(func() {
					config := mpc.Config{Party: i, Next: links[i].Next, Previous: links[i].Previous, Patience: 30 * time.Second}
					if i == 1 {
						c.alter(&config)
					}
					s, err := mpc.Open(t.Context(), config)
					if err == nil {
						_ = s.Close()
					}
					errs[i] = err
				})
			}
			wait.Wait()
			// Who notices first leaves; to the others that is a peer that left.
			if !errors.Is(errors.Join(errs...), mpc.ErrMismatch) || slices.Contains(errs, nil) {
				t.Error(errs)
			}
		})
	}
}

// TestCancel: when the context ends, so does the session, wherever it waits.
func TestCancel(t *testing.T) {
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancelCause(t.Context())
	links := link.Memory()
	in := deal(t, everyX)
	reason := errors.New("changed my mind")
	errs := make(chan error, mpc.Parties)
	for i := range 2 { // the third never comes
		go func() {
			s, err := mpc.Open(ctx, mpc.Config{Party: i, Next: links[i].Next, Previous: links[i].Previous, Patience: time.Hour})
			if err == nil {
				_, err = s.ReLU(in[i][0])
			}
			errs <- err
		}()
	}
	time.AfterFunc(20*time.Millisecond, func() { cancel(reason) })
	for range 2 {
		if err := <-errs; !errors.Is(err, reason) {
			t.Error(err)
		}
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines are left of %d", runtime.NumGoroutine(), before)
}

type journal struct {
	mu    sync.Mutex
	lines []string
	stop  int
}

var errFull = errors.New("the journal is full")

func (j *journal) Sent(step uint64, to int, digest [32]byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.lines) == j.stop {
		return errFull
	}
	j.lines = append(j.lines, fmt.Sprintf("%d to %d: %x", step, to, digest[:4]))
	return nil
}

// TestInvariant8_JournalFirst: every message is journaled before it leaves, and
// one that the journal refuses does not leave.
func TestInvariant8_JournalFirst(t *testing.T) {
	for _, c := range []struct {
		way  mpc.Way
		stop int
	}{{mpc.FromBits, 1000}, {mpc.FromBits, 3}, {mpc.FromBits, 0}, {mpc.WithKeys, 1000}, {mpc.WithKeys, 5}} {
		stop := c.stop
		links := link.Memory()
		var left int
		var mu sync.Mutex
		count := func(_ int, b []byte) []byte {
			mu.Lock()
			defer mu.Unlock()
			left++
			return b
		}
		links[1].Next, links[1].Previous = link.Altered(links[1].Next, count), link.Altered(links[1].Previous, count)
		j := &journal{stop: stop}
		in := deal(t, everyX)
		errs := make([]error, mpc.Parties)
		var wait sync.WaitGroup
		for i := range mpc.Parties {
			wait.Go(func() {
				config := mpc.Config{Party: i, Next: links[i].Next, Previous: links[i].Previous, Patience: 30 * time.Second}
				if i == 1 {
					config.Journal = j
				}
				s, err := mpc.Open(t.Context(), config)
				if err == nil {
					_, err = s.ReLU(in[i][0])
					_ = s.Close()
				}
				errs[i] = err
			})
		}
		wait.Wait()
		if stop == 1000 {
			if errs[1] != nil || left != len(j.lines) || !slices.ContainsFunc(j.lines, func(l string) bool { return strings.HasPrefix(l, "0 to 0") }) {
				t.Errorf("%v, %d left, journaled %q", errs[1], left, j.lines)
			}
			continue
		}
		if !errors.Is(errs[1], errFull) || left > stop {
			t.Errorf("stop at %d: %v, %d left", stop, errs[1], left)
		}
	}
}
