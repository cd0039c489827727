package council_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"manx/web/owner/holder/council"
)

// memory returns processes whose connections are in memory. They buffer, as a
// network does, so that who hangs up is heard to the end; and they wait on nothing
// but conditions and time, so that in a bubble of testing/synctest time passes
// only when everybody waits.
func memory(n int) *hall {
	h, m := &hall{}, &meetings{ends: map[string]chan net.Conn{}}
	for i := range n {
		key := ed25519.PublicKey(bytes.Repeat([]byte{byte(i + 1)}, ed25519.PublicKeySize))
		h.wires = append(h.wires, &memoryWire{m, key})
		h.peers = append(h.peers, council.Peer{Key: key})
	}
	return h
}

type meetings struct {
	mu   sync.Mutex
	ends map[string]chan net.Conn // by session, who dials, who awaits
}

func (m *meetings) at(session [32]byte, from, to ed25519.PublicKey) chan net.Conn {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := string(session[:]) + string(from) + string(to)
	if m.ends[k] == nil {
		m.ends[k] = make(chan net.Conn)
	}
	return m.ends[k]
}

type memoryWire struct {
	*meetings
	key ed25519.PublicKey
}

func (w *memoryWire) Dial(ctx context.Context, _ string, key ed25519.PublicKey, session [32]byte) (net.Conn, error) {
	here, there := joined()
	select {
	case w.at(session, w.key, key) <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (w *memoryWire) Await(ctx context.Context, key ed25519.PublicKey, session [32]byte) (net.Conn, error) {
	select {
	case c := <-w.at(session, key, w.key):
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A stream is one direction of a connection.
type stream struct {
	*sync.Cond
	b               []byte
	ended, left     bool      // by who writes, by who reads
	readBy, writeBy time.Time // deadlines
}

const window = 256 << 10

func joined() (*memoryConn, *memoryConn) {
	a, b := &stream{Cond: sync.NewCond(new(sync.Mutex))}, &stream{Cond: sync.NewCond(new(sync.Mutex))}
	return &memoryConn{in: a, out: b}, &memoryConn{in: b, out: a}
}

type memoryConn struct {
	net.Conn // for the methods that nobody calls
	in, out  *stream
}

func past(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

func (c *memoryConn) Read(b []byte) (int, error) {
	s := c.in
	s.L.Lock()
	defer s.L.Unlock()
	for {
		switch {
		case s.left:
			return 0, net.ErrClosed
		case past(s.readBy):
			return 0, os.ErrDeadlineExceeded
		case len(s.b) > 0:
			n := copy(b, s.b)
			s.b = s.b[n:]
			s.Broadcast()
			return n, nil
		case s.ended:
			return 0, io.EOF
		}
		s.Wait()
	}
}

func (c *memoryConn) Write(b []byte) (n int, _ error) {
	s := c.out
	s.L.Lock()
	defer s.L.Unlock()
	for {
		switch {
		case s.ended:
			return n, net.ErrClosed
		case s.left:
			return n, io.ErrClosedPipe
		case past(s.writeBy):
			return n, os.ErrDeadlineExceeded
		case len(b) == 0:
			return n, nil
		case len(s.b) < window:
			k := min(len(b), window-len(s.b))
			s.b = append(s.b, b[:k]...)
			n, b = n+k, b[k:]
			s.Broadcast()
			continue
		}
		s.Wait()
	}
}

func (s *stream) set(f func()) {
	s.L.Lock()
	defer s.L.Unlock()
	f()
	s.Broadcast()
}

func (c *memoryConn) Close() error {
	c.in.set(func() { c.in.left = true })
	c.out.set(func() { c.out.ended = true })
	return nil
}

func (c *memoryConn) SetReadDeadline(t time.Time) error {
	c.in.set(func() { c.in.readBy = t })
	time.AfterFunc(time.Until(t), c.in.Broadcast)
	return nil
}

func (c *memoryConn) SetWriteDeadline(t time.Time) error {
	c.out.set(func() { c.out.writeBy = t })
	time.AfterFunc(time.Until(t), c.out.Broadcast)
	return nil
}
