package holder

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"manx/privacy/mpc/link"
)

// A Switchboard is a holder's end of the wires (privacy/mpc/link): it lets in the
// keys that it was told of, and pairs a connection with who awaits its session.
type Switchboard struct {
	key      ed25519.PrivateKey
	listener net.Listener
	done     chan struct{}
	work     sync.WaitGroup

	mu       sync.Mutex
	admitted map[string]bool
	wires    map[wire]chan net.Conn
}

// A wire is who connects, and what for.
type wire struct {
	key     string
	session [32]byte
}

var _ Wire = (*Switchboard)(nil)

const (
	unclaimed = 10 * time.Second // a connection waits so long to be awaited
	maxWires  = 64               // connections that wait
	awaited   = 1                // what who awaits says first
)

// Listen opens a switchboard at an address, for who has a key.
func Listen(ctx context.Context, address string, key ed25519.PrivateKey) (*Switchboard, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	s := &Switchboard{key: key, listener: l, done: make(chan struct{}), admitted: map[string]bool{}, wires: map[wire]chan net.Conn{}}
	s.work.Go(s.accept)
	return s, nil
}

// Address returns where it listens.
func (s *Switchboard) Address() string { return s.listener.Addr().String() }

// Admit says whose connections are let in; those of before no longer count.
func (s *Switchboard) Admit(keys ...ed25519.PublicKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.admitted)
	for _, k := range keys {
		s.admitted[string(k)] = true
	}
}

func (s *Switchboard) known(k ed25519.PublicKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.admitted[string(k)]
}

// Close ends it, and connections that nobody has awaited.
func (s *Switchboard) Close() error {
	close(s.done)
	err := s.listener.Close()
	s.work.Wait()
	return err
}

func (s *Switchboard) accept() {
	room := make(chan struct{}, maxWires)
	for {
		c, err := s.listener.Accept()
		if err != nil {
			select {
			case <-s.done:
				return
			case <-time.After(50 * time.Millisecond): // of file descriptors, perhaps
				continue
			}
		}
		select {
		case room <- struct{}{}:
			s.work.Go(func() {
				defer func() { <-room }()
				s.greet(c)
			})
		default:
			_ = c.Close()
		}
	}
}

// greet learns who connects and what for, and hands the connection on.
func (s *Switchboard) greet(raw net.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), unclaimed)
	defer cancel()
	c, key, session, err := link.Accept(ctx, raw, s.key, s.known)
	if err != nil {
		return // a stranger; link has closed it
	}
	select {
	case s.line(wire{string(key), session}) <- c:
	case <-ctx.Done():
		_ = c.Close()
	case <-s.done:
		_ = c.Close()
	}
}

// line returns where connections of a wire are handed over.
func (s *Switchboard) line(w wire) chan net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wires[w] == nil {
		if len(s.wires) >= 4*maxWires {
			clear(s.wires) // of sessions long over
		}
		s.wires[w] = make(chan net.Conn)
	}
	return s.wires[w]
}

// Await implements Wire.
func (s *Switchboard) Await(ctx context.Context, key ed25519.PublicKey, session [32]byte) (net.Conn, error) {
	w := wire{string(key), session}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.wires, w)
	}()
	for {
		select {
		case c := <-s.line(w):
			if _, err := c.Write([]byte{awaited}); err != nil {
				_ = c.Close() // it has given up; it dials again
				continue
			}
			return c, nil
		case <-ctx.Done():
			return nil, fmt.Errorf("the holder before has not connected: %w", ctx.Err())
		case <-s.done:
			return nil, net.ErrClosed
		}
	}
}

// Dial implements Wire. It returns once the other awaits the session.
func (s *Switchboard) Dial(ctx context.Context, address string, key ed25519.PublicKey, session [32]byte) (net.Conn, error) {
	return dial(ctx, s.key, address, key, session)
}

func dial(ctx context.Context, own ed25519.PrivateKey, address string, key ed25519.PublicKey, session [32]byte) (net.Conn, error) {
	c, err := reach(ctx, own, address, key, session)
	if err != nil {
		return nil, fmt.Errorf("the next holder is not reached: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })
	var first [1]byte
	_, err = io.ReadFull(c, first[:])
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil || first[0] != awaited {
		return nil, errors.Join(errors.New("the next holder does not take part"), err, c.Close())
	}
	return c, nil
}
