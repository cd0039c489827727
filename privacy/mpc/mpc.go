// Package mpc is three-party computation on replicated secret shares over
// Z_2^64 (Araki et al., CCS 2016; Mohassel and Rindal, ABY3, CCS 2018). Three
// organisations run a Session each, linked by two connections each; none of
// them learns a value, and only who gets all shares of a result reads it.
//
// Semi-honest sessions assume that all three follow the protocol and that no
// two pool what they see. Sessions with abort find out one party that does not
// follow it before anything leaves by Output (verify.go), except with
// probability 2^-40. Two parties that collude see everything in either.
//
// The package knows no ledger, no grants and no models, and it does not choose
// who takes part: its callers do. Connections come authenticated and encrypted
// from privacy/mpc/link.
package mpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Security says against whom a session keeps its promises.
type Security int

// SemiHonest assumes that parties follow the protocol; WithAbort that two do,
// and stops when it finds that the third did not.
const (
	SemiHonest Security = iota
	WithAbort
)

// String names s as receipts do.
func (s Security) String() string {
	if s == WithAbort {
		return "with abort"
	}
	return "semi-honest"
}

// A Journal hears of a message before it leaves: step counts this party's
// messages to one peer from 0, which is the hello. An error stops the session.
// A journal that has seen the session before refuses its hello, so that an id
// is used once.
type Journal interface {
	Sent(step uint64, to int, digest [32]byte) error
}

// Config is what Open needs. Next leads to party+1 mod 3, Previous to party-1;
// the session closes both.
type Config struct {
	Session  [32]byte // an id that all three agreed on, used once
	Party    int      // 0, 1 or 2
	Next     net.Conn
	Previous net.Conn
	Security Security
	Journal  Journal       // may be nil
	Patience time.Duration // for a peer's next message; 30 s if zero
}

// Errors of a session. What a peer did wrong comes inside a PeerError.
var (
	ErrRange    = errors.New("mpc: out of range")
	ErrMismatch = errors.New("mpc: the peer has another session, security or build in mind")
	ErrStalled  = errors.New("mpc: the peer did not answer in time")
	ErrLeft     = errors.New("mpc: the peer closed the connection")
	ErrCheat    = errors.New("mpc: a check of what a party sent failed")
	ErrFalse    = errors.New("mpc: what was asserted of the values does not hold")
	ErrClosed   = errors.New("mpc: the session is closed")
)

// A PeerError names the party that failed and the step in which it did. Where a
// check failed, one of two parties lied: Party and Other; otherwise Other is -1.
type PeerError struct {
	Party, Other int
	Step         string
	Err          error
}

// Error names parties and step.
func (e *PeerError) Error() string {
	if e.Other >= 0 {
		return fmt.Sprintf("%v: party %d or %d, in %s", e.Err, e.Party, e.Other, e.Step)
	}
	return fmt.Sprintf("%v: party %d, in %s", e.Err, e.Party, e.Step)
}

// Unwrap returns what happened.
func (e *PeerError) Unwrap() error { return e.Err }

// A Session is one party's side of a computation. Its methods are called one at
// a time and alike by all three parties: same order, same lengths. They stop
// when the context that Open got is done. After an error every method returns it.
type Session struct {
	party         int
	security      Security
	next          *channel
	previous      *channel
	mine          stream // of component i, drawn alike by party i-1
	ours          stream // of component i+1, drawn alike by party i+1
	judge, judged stream // of the same two components, for challenges to the third party's proofs

	step    string
	stats   Stats
	phase   *Phase
	journal Journal
	way     way
	records records
	scratch scratch
	stop    func() bool
	ended   func() error // the cause that the context has ended for, nil while it goes on

	mu   sync.Mutex
	err  error
	wait sync.WaitGroup
}

// Open agrees with the two peers on seeds, and makes sure that they mean the
// same session, security and build. The session ends when ctx does.
func Open(ctx context.Context, c Config) (*Session, error) {
	switch {
	case c.Party < 0 || c.Party >= Parties || c.Next == nil || c.Previous == nil:
		return nil, errors.New("mpc: a session needs a party of 0, 1 or 2 and two connections")
	case c.Security != SemiHonest && c.Security != WithAbort:
		return nil, errors.New("mpc: unknown security")
	case !littleEndian():
		return nil, errors.New("mpc: needs a little-endian machine")
	}
	if c.Patience == 0 {
		c.Patience = 30 * time.Second
	}
	s := &Session{party: c.Party, security: c.Security, journal: c.Journal, step: "hello", ended: func() error { return context.Cause(ctx) }}
	s.phase = &s.stats.Preprocessing
	s.next = newChannel(s, c.Next, (c.Party+1)%Parties, c.Patience)
	s.previous = newChannel(s, c.Previous, (c.Party+2)%Parties, c.Patience)
	s.stop = context.AfterFunc(ctx, func() { s.fail(context.Cause(ctx)) })
	s.wait.Go(s.next.write)
	s.wait.Go(s.previous.write)
	s.greet(c)
	if c.Security == SemiHonest {
		s.measure()
	}
	if err := s.failed(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.phase = &s.stats.Online
	return s, nil
}

// Close sends what is still to be sent, ends the session and closes its
// connections.
func (s *Session) Close() error {
	s.stop()
	s.next.finish()
	s.previous.finish()
	s.wait.Wait()
	s.fail(ErrClosed)
	return nil
}

// fail stops the session, for the first reason given.
func (s *Session) fail(err error) {
	s.mu.Lock()
	first := s.err == nil
	if first {
		s.err = err
	}
	s.mu.Unlock()
	if first {
		s.next.close()
		s.previous.close()
	}
}

// failed returns why the session stopped, or nil.
func (s *Session) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Party returns which party this is.
func (s *Session) Party() int { return s.party }

// Security returns what Open was asked for.
func (s *Session) Security() Security { return s.security }

// share wraps a result, unless the session failed on the way to it.
func (s *Session) share(v vec) (Share, error) {
	if err := s.failed(); err != nil {
		return Share{}, err
	}
	return hide(&dealt{party: s.party, vec: v}), nil
}

// enter begins a method: it names the step and makes sure that the shares are
// this party's and of one length.
func (s *Session) enter(step string, shares ...Share) error {
	s.step = step
	for _, x := range shares {
		if x.v() != nil && x.v().party != s.party {
			return fmt.Errorf("mpc: %s: another party's share", step)
		}
		if x.Len() != shares[0].Len() {
			return fmt.Errorf("mpc: %s: vectors of different lengths", step)
		}
	}
	return s.failed()
}
