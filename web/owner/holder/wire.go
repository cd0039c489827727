package holder

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
	"time"
)

// A Switchboard is a holder's end of the wires: TLS 1.3 on TCP with certificates
// on both sides, of which only the Ed25519 key counts. It lets in the keys that it
// was told of, and pairs a connection with who awaits its session.
type Switchboard struct {
	cert     tls.Certificate
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
	greeting = 10 * time.Second // for a handshake and a hello
	maxWires = 64               // connections that wait to be awaited
	awaited  = 1                // what who awaits says first
)

// Listen opens a switchboard at an address, for who has a key.
func Listen(ctx context.Context, address string, key ed25519.PrivateKey) (*Switchboard, error) {
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(3660 * 24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	s := &Switchboard{cert: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, listener: l, done: make(chan struct{}),
		admitted: map[string]bool{}, wires: map[wire]chan net.Conn{}}
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

// Close ends it, and connections that nobody has awaited.
func (s *Switchboard) Close() error {
	close(s.done)
	err := s.listener.Close()
	s.work.Wait()
	return err
}

func (s *Switchboard) config(check func(ed25519.PublicKey) bool) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{s.cert}, MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert,
		InsecureSkipVerify: true, // a key is pinned instead of a name: VerifyConnection
		VerifyConnection: func(c tls.ConnectionState) error {
			if k := keyOf(c); k == nil || !check(k) {
				return errors.New("a holder of shares that is not expected")
			}
			return nil
		},
	}
}

func keyOf(c tls.ConnectionState) ed25519.PublicKey {
	if len(c.PeerCertificates) == 0 {
		return nil
	}
	k, _ := c.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	return k
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
				if err := s.greet(c); err != nil {
					_ = c.Close()
				}
			})
		default:
			_ = c.Close()
		}
	}
}

// greet learns who connects and what for, and hands the connection on.
func (s *Switchboard) greet(c net.Conn) error {
	if err := c.SetDeadline(time.Now().Add(greeting)); err != nil {
		return err
	}
	t := tls.Server(c, s.config(func(k ed25519.PublicKey) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.admitted[string(k)]
	}))
	ctx, cancel := context.WithTimeout(context.Background(), greeting)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		return err
	}
	w := wire{key: string(keyOf(t.ConnectionState()))}
	if _, err := io.ReadFull(t, w.session[:]); err != nil {
		return err
	}
	select {
	case s.line(w) <- t:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.done:
		return net.ErrClosed
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
			return c, c.SetDeadline(time.Time{})
		case <-ctx.Done():
			return nil, fmt.Errorf("the holder before has not connected: %w", ctx.Err())
		case <-s.done:
			return nil, net.ErrClosed
		}
	}
}

// Dial implements Wire. It returns once the other awaits the session.
func (s *Switchboard) Dial(ctx context.Context, address string, key ed25519.PublicKey, session [32]byte) (net.Conn, error) {
	d := tls.Dialer{Config: s.config(func(k ed25519.PublicKey) bool { return k.Equal(key) })}
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("the next holder is not reached: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })
	var ack [1]byte
	_, err = c.Write(session[:])
	if err == nil {
		_, err = io.ReadFull(c, ack[:])
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil || ack[0] != awaited {
		return nil, errors.Join(errors.New("the next holder does not take part"), err, c.Close())
	}
	return c, nil
}
