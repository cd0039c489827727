// Package council runs a committee (privacy/ckks/committee) among processes: one
// an organisation, which reach each other over authenticated connections. It is
// how the messages of a founding, of evaluation keys, of sharing anew and of an
// opening get from one to the other, and who is named when they do not.
//
// Places are numbered from 0. All places of a table take part in the same
// protocols in the same order. Every wait ends with its context, every read is
// bounded by what the step can need, and an error names the places that were
// silent, hung up or lied (Faults), with committee.Faults beside them where the
// committee's own checks found it.
//
// It decides nothing: who calls Open has read the grant and knows what the
// ciphertext is, and who calls Reshare has seen that the next charter is agreed
// (docs/adr/0015-committee-keys.md). It keeps nothing but what the committee
// writes to a Journal, and knows no ledger, model or grant.
package council

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"manx/privacy/notice"
)

// A Wire reaches other processes. It is authenticated: a connection is with who
// has the private key.
type Wire interface {
	// Dial connects to a process for a session.
	Dial(ctx context.Context, address string, key ed25519.PublicKey, session [32]byte) (net.Conn, error)
	// Await returns the connection that a process dials for a session.
	Await(ctx context.Context, key ed25519.PublicKey, session [32]byte) (net.Conn, error)
}

// A Peer is how one process is reached: where, and whose key answers there.
type Peer struct {
	Address string
	Key     ed25519.PublicKey
}

// A Table is the connections of one session: one with each other place. It is
// used for one protocol after the other, by one goroutine. After an error it is
// of no more use; Close it.
type Table struct {
	self  int
	conns []net.Conn // by place; its own is nil
	sent  []uint64   // frames, by place
	got   []uint64
	torn  []bool   // places that a frame was begun to and not ended
	ahead [][]byte // what was read before its step, by place
	told  uint64   // how often Tell was called
	over  error    // why nothing more is done here
	bade  bool     // the others were told so

	closing sync.Once
	closed  error
}

const (
	// MaxPlaces is how many processes a table has at most: two committees, of
	// which one shares its key anew, and the three parties of a computation.
	MaxPlaces = 40
	// MaxTell is the most bytes that Tell carries.
	MaxTell = 64 << 10

	redial = 100 * time.Millisecond
	// grace is how long a place that gives up goes on: to end what it writes, to
	// say why, and to hear why others do. What is called returns at most three times
	// that after its context's end.
	grace = 500 * time.Millisecond
)

func badTable(why string) error {
	return notice.New(notice.Invalid, "not a table: "+why, "name every process that takes part once, in one order everywhere")
}

// Sit connects the place self with all others of a session: the lower place
// dials the higher, again until ctx ends, as that one may be starting. All must
// name the same peers in the same order. Places that were not reached are named.
func Sit(ctx context.Context, w Wire, session [32]byte, self int, peers []Peer) (*Table, error) {
	if len(peers) < 2 || len(peers) > MaxPlaces || self < 0 || self >= len(peers) {
		return nil, badTable(fmt.Sprintf("place %d of %d", self, len(peers)))
	}
	h := sha256.New()
	seen := map[string]bool{}
	for _, p := range peers {
		if len(p.Key) != ed25519.PublicKeySize || seen[string(p.Key)] {
			return nil, badTable("a process is named twice, or without a key")
		}
		seen[string(p.Key)] = true
		_, _ = h.Write(p.Key) // a hash takes all
	}
	n := len(peers)
	t := &Table{self: self, conns: make([]net.Conn, n), sent: make([]uint64, n), got: make([]uint64, n), torn: make([]bool, n), ahead: make([][]byte, n)}
	errs := make([]error, n)
	var all sync.WaitGroup
	for i, p := range peers {
		switch {
		case i < self:
			all.Go(func() { t.conns[i], errs[i] = w.Await(ctx, p.Key, session) })
		case i > self:
			all.Go(func() { t.conns[i], errs[i] = dial(ctx, w, p, session) })
		}
	}
	all.Wait()
	var faults Faults
	for i, err := range errs {
		if err != nil {
			t.conns[i] = nil
			faults = append(faults, t.saw(i, absent))
		}
	}
	if len(faults) > 0 {
		err := t.end(faults.because(errors.Join(errs...)))
		return nil, errors.Join(err, t.Close())
	}
	table := h.Sum(nil)
	got, err := t.take(ctx, turn{step: "sit", about: session, out: t.all(table), in: t.bounds(sha256.Size)})
	if err == nil {
		for i, f := range got {
			if string(f[0]) != string(table) {
				faults = append(faults, t.lied(i, "sits at a table with other places"))
			}
		}
		err = faults.because(nil)
	}
	if err != nil {
		err = t.end(err)
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

func dial(ctx context.Context, w Wire, to Peer, session [32]byte) (net.Conn, error) {
	for {
		c, err := w.Dial(ctx, to.Address, to.Key, session)
		if err == nil || ctx.Err() != nil {
			return c, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(redial):
		}
	}
}

// Places returns how many places the table has.
func (t *Table) Places() int { return len(t.conns) }

// Self returns this process's place.
func (t *Table) Self() int { return t.self }

// Close ends the connections. It can be called twice. With a place that takes
// nothing more TLS tries to say so for up to five seconds.
func (t *Table) Close() error {
	t.closing.Do(func() {
		errs := make([]error, len(t.conns))
		var all sync.WaitGroup
		for i, c := range t.conns {
			if c != nil {
				all.Go(func() { errs[i] = closed(c.Close()) })
			}
		}
		all.Wait()
		t.closed = errors.Join(errs...)
		if t.over == nil {
			t.over = notice.New(notice.Conflict, "the table was closed", "sit down again, in a new session")
		}
	})
	return t.closed
}

// closed drops what closing a connection says of one that had failed before: who
// uses it has heard of that.
func closed(err error) error {
	if _, ok := errors.AsType[net.Error](err); ok {
		return nil
	}
	return err
}

// Tell gives all places what the place from says, of at most MaxTell bytes: an
// order, a commission. All return it; b is read at the place from alone. That
// all were told the same is seen by what they do with it: the id of an order or
// a commission is in every message under it.
func (t *Table) Tell(ctx context.Context, from int, b []byte) (_ []byte, err error) {
	defer func() { err = t.end(err) }()
	if from < 0 || from >= len(t.conns) {
		return nil, badTable(fmt.Sprintf("place %d of %d", from, len(t.conns)))
	}
	t.told++
	x := turn{step: "tell", about: about("tell", []byte(fmt.Sprint(from, " ", t.told)))}
	if t.self == from {
		if len(b) > MaxTell {
			return nil, notice.New(notice.Invalid, fmt.Sprintf("%d bytes to tell, and at most %d can be", len(b), MaxTell), "say it shorter")
		}
		x.out = t.all(b)
		_, err = t.take(ctx, x)
		return b, err
	}
	x.in = map[int][]int{from: {MaxTell}}
	got, err := t.take(ctx, x)
	if err != nil {
		return nil, err
	}
	return got[from][0], nil
}

// others returns every place but this.
func (t *Table) others() (out []int) {
	for i := range t.conns {
		if i != t.self {
			out = append(out, i)
		}
	}
	return out
}

// all returns the same frames for every other place.
func (t *Table) all(frames ...[]byte) map[int][][]byte {
	out := map[int][][]byte{}
	for _, i := range t.others() {
		out[i] = frames
	}
	return out
}

// bounds returns the same bounds of frames for every other place.
func (t *Table) bounds(most ...int) map[int][]int {
	out := map[int][]int{}
	for _, i := range t.others() {
		out[i] = most
	}
	return out
}

// about names what a step is about, beside its name.
func about(what string, parts ...[]byte) [32]byte {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "manx council v1 %s", what) // a hash takes all
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, " %d ", len(p))
		_, _ = h.Write(p)
	}
	return [32]byte(h.Sum(nil))
}
