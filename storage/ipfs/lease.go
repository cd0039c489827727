package ipfs

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// A lease lets a transport read the caller's bytes, size of them, until the call
// ends.
type lease struct {
	size  int
	mu    sync.Mutex
	parts net.Buffers
	ended bool
}

func borrow(parts ...[]byte) *lease {
	l := &lease{parts: parts}
	for _, p := range parts {
		l.size += len(p)
	}
	return l
}

func (l *lease) Read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return 0, io.ErrClosedPipe
	}
	return l.parts.Read(b)
}

// piece is how much is written at once: each write that ends shows that the node
// goes on.
const piece = 256 << 10

// writeSome writes a piece of what is left; io.EOF says that nothing is.
func (l *lease) writeSome(w io.Writer) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return 0, io.ErrClosedPipe
	}
	if len(l.parts) == 0 {
		return 0, io.EOF
	}
	p := l.parts[0]
	n, err := w.Write(p[:min(len(p), piece)])
	if l.parts[0] = p[n:]; n == len(p) {
		l.parts = l.parts[1:]
	}
	return n, err
}

// Close implements io.Closer.
func (l *lease) Close() error {
	l.end()
	return nil
}

func (l *lease) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parts, l.ended = nil, true
}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return conn{c}, nil
}

// A conn writes a body straight from where it lies. A transport hands over all
// but the beginning of one to ReadFrom, cut to its length; the copy that it would
// make by itself goes through 32 KiB.
type conn struct{ net.Conn }

// ReadFrom implements io.ReaderFrom.
func (c conn) ReadFrom(r io.Reader) (int64, error) {
	if cut, ok := r.(*io.LimitedReader); ok {
		if s, ok := cut.R.(*sending); ok {
			n, err := s.WriteTo(c.Conn)
			cut.N -= n
			return n, err
		}
	}
	return io.Copy(c.Conn, r)
}
