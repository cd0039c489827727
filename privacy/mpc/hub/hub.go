// Package hub routes between parties that cannot reach one another: each dials
// out to a hub, names itself, the other and the session, and the hub joins the
// two streams. A hub computes nothing and reads nothing: what passes through it
// is the parties' own TLS, so that it learns who meets whom, when, and how many
// bytes, and a hub that alters or swaps streams breaks their handshake.
//
// It is the founding paper's hub node; those that compute on shares are parties
// (package mpc).
package hub

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// A Hub joins streams. The zero value serves with the default bounds.
type Hub struct {
	Wait       time.Duration // how long a party waits for the other; 0 is two minutes
	MaxWaiting int           // streams that wait at a time; 0 is 256

	mu      sync.Mutex
	waiting map[Meeting]*waiter
}

// A waiter is a stream whose other has not come yet.
type waiter struct {
	conn  net.Conn
	found chan struct{} // closed when the other has come
	still chan struct{} // closed when nobody reads the stream any more
	done  chan struct{} // closed when the joined streams have ended
}

const (
	defaultWait    = 2 * time.Minute
	defaultWaiting = 256
	helloWithin    = 10 * time.Second
)

func (h *Hub) wait() time.Duration {
	if h.Wait > 0 {
		return h.Wait
	}
	return defaultWait
}

// Serve accepts streams until ctx ends, and returns once all have ended.
func (h *Hub) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var streams sync.WaitGroup
	defer streams.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("hub: accept: %w", err)
		}
		streams.Go(func() { h.serve(ctx, c) })
	}
}

func (h *Hub) serve(ctx context.Context, c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(helloWithin))
	m, err := readHello(c)
	if err != nil {
		_, _ = c.Write([]byte{refused})
		return
	}
	_ = c.SetDeadline(time.Time{})
	mine, other, word := h.meet(m, c)
	if word != 0 {
		_, _ = c.Write([]byte{word})
		return
	}
	if other != nil { // who comes second joins the two
		defer close(other.done)
		<-other.still
		join(ctx, other.conn, c)
		return
	}
	late := time.NewTimer(h.wait())
	defer late.Stop()
	gone, stop := listen(c)
	select {
	case <-mine.found:
	case <-gone:
	case <-late.C:
	case <-ctx.Done():
	}
	stop()
	close(mine.still)
	if h.leave(m, mine) {
		_, _ = c.Write([]byte{alone})
		return
	}
	<-mine.done
}

// listen tells when a stream that waits ends, or speaks before it is joined, which no
// party does: who was killed and comes again is not refused for its own old stream.
// stop ends the listening and returns when it has ended.
func listen(c net.Conn) (gone <-chan struct{}, stop func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = c.Read(make([]byte, 1))
	}()
	return ended, func() {
		_ = c.SetReadDeadline(time.Unix(1, 0))
		<-ended
		_ = c.SetReadDeadline(time.Time{})
	}
}

// meet takes whoever waits for m's author, or has c wait.
func (h *Hub) meet(m Meeting, c net.Conn) (mine, other *waiter, word byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	mirrored := Meeting{m.Session, m.To, m.From}
	if w, ok := h.waiting[mirrored]; ok {
		delete(h.waiting, mirrored)
		close(w.found)
		return nil, w, 0
	}
	if _, twice := h.waiting[m]; twice {
		return nil, nil, refused
	}
	limit := h.MaxWaiting
	if limit <= 0 {
		limit = defaultWaiting
	}
	if len(h.waiting) >= limit {
		return nil, nil, full
	}
	if h.waiting == nil {
		h.waiting = map[Meeting]*waiter{}
	}
	mine = &waiter{c, make(chan struct{}), make(chan struct{}), make(chan struct{})}
	h.waiting[m] = mine
	return mine, nil, 0
}

// leave ends a wait and reports whether nobody had come.
func (h *Hub) leave(m Meeting, w *waiter) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting[m] != w {
		return false
	}
	delete(h.waiting, m)
	return true
}

// join copies both ways until either side ends.
func join(ctx context.Context, a, b net.Conn) {
	defer a.Close()
	defer b.Close()
	stop := context.AfterFunc(ctx, func() { _, _ = a.Close(), b.Close() })
	defer stop()
	for _, c := range []net.Conn{a, b} {
		if _, err := c.Write([]byte{joined}); err != nil {
			return
		}
	}
	var ways sync.WaitGroup
	for _, w := range [][2]net.Conn{{a, b}, {b, a}} {
		ways.Go(func() {
			_, _ = io.Copy(w[0], w[1])
			_, _ = w[0].Close(), w[1].Close() // a stream that ends one way is of no use the other
		})
	}
	ways.Wait()
}
