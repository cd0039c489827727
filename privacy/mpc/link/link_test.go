package link_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"manx/privacy/mpc"
	"manx/privacy/mpc/link"
)

func newKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// TestThreeParties: three parties find each other on TCP and compute, while a
// stranger knocks.
func TestThreeParties(t *testing.T) {
	var keys [3]ed25519.PrivateKey
	var listeners [3]net.Listener
	for i := range keys {
		keys[i], listeners[i] = newKey(t), listen(t)
	}
	session := [32]byte{7}
	shares, err := mpc.Deal([]uint64{3, ^uint64(0)})
	if err != nil {
		t.Fatal(err)
	}
	var out [3]mpc.Share
	var wait sync.WaitGroup
	wait.Go(func() {
		peer := link.Peer{Address: listeners[0].Addr().String(), Key: public(keys[0])}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond) // party 0 may have stopped listening
		defer cancel()
		if conn, err := link.Dial(ctx, newKey(t), peer, session); err == nil {
			t.Error("a stranger came in")
			_ = conn.Close()
		}
	})
	for i := range keys {
		wait.Go(func() {
			j := (i + 1) % 3
			pair, err := link.Connect(t.Context(), listeners[i], keys[i], link.Peer{Address: listeners[j].Addr().String(), Key: public(keys[j])}, public(keys[(i+2)%3]), session)
			if err != nil {
				t.Error(err)
				return
			}
			s, err := mpc.Open(t.Context(), mpc.Config{Session: session, Party: i, Next: pair.Next, Previous: pair.Previous, Security: mpc.WithAbort})
			if err != nil {
				t.Error(err)
				return
			}
			z, err := s.ReLU(shares[i])
			if err == nil {
				out[i], err = s.Output(z)
			}
			if err := errors.Join(err, s.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got, err := mpc.Join(out[:]...); err != nil || got[0] != 3 || got[1] != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// TestStrangers: neither side goes on with a key it does not expect, or without one.
func TestStrangers(t *testing.T) {
	server, client, stranger := newKey(t), newKey(t), newKey(t)
	for _, c := range []struct {
		name             string
		dials            ed25519.PrivateKey
		expects, accepts ed25519.PublicKey
		ok               bool
	}{
		{"right", client, public(server), public(client), true},
		{"another dials", stranger, public(server), public(client), false},
		{"another listens", client, public(stranger), public(client), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := listen(t)
			accepted := make(chan error, 1)
			go func() {
				raw, err := l.Accept()
				if err != nil {
					accepted <- err
					return
				}
				conn, who, session, err := link.Accept(t.Context(), raw, server, func(k ed25519.PublicKey) bool { return k.Equal(c.accepts) })
				if err == nil {
					if !who.Equal(c.accepts) || session != [32]byte{9} {
						err = errors.New("another peer or session")
					}
					_ = conn.Close()
				}
				accepted <- err
			}()
			conn, err := link.Dial(t.Context(), c.dials, link.Peer{Address: l.Addr().String(), Key: c.expects}, [32]byte{9})
			if err == nil {
				_ = conn.Close()
			}
			if other := <-accepted; (err == nil) != c.ok || (other == nil) != c.ok {
				t.Errorf("dialer: %v, listener: %v", err, other)
			}
		})
	}
}

// TestKnocking: bytes that are no handshake, and silence, are turned away when
// the context ends at the latest.
func TestKnocking(t *testing.T) {
	key := newKey(t)
	for name, bytes := range map[string]string{"silence": "", "HTTP": "GET / HTTP/1.1\r\n\r\n", "zeros": string(make([]byte, 100))} {
		a, b := net.Pipe()
		go func() {
			_, _ = io.WriteString(a, bytes)
			_, _ = io.Copy(io.Discard, a)
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, _, _, err := link.Accept(ctx, b, key, func(ed25519.PublicKey) bool { return true })
		cancel()
		if err == nil {
			t.Errorf("%s was accepted", name)
		}
		_ = a.Close()
	}
}

// TestNameless: a known peer that shakes hands and names no session holds a
// listener no longer than the context.
func TestNameless(t *testing.T) {
	server, client := newKey(t), newKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, client.Public(), client)
	if err != nil {
		t.Fatal(err)
	}
	a, b := net.Pipe()
	shaken := make(chan error, 1)
	go func() {
		c := tls.Client(a, &tls.Config{
			Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: client}}, MinVersion: tls.VersionTLS13,
			NextProtos: []string{"manx-mpc/1"}, InsecureSkipVerify: true,
		})
		shaken <- c.Handshake()
		_, _ = io.Copy(io.Discard, c)
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, _, _, err = link.Accept(ctx, b, server, func(k ed25519.PublicKey) bool { return k.Equal(public(client)) })
	if !errors.Is(err, link.ErrNoHello) || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	if err := <-shaken; err != nil {
		t.Error(err)
	}
}

func TestConnectGivesUp(t *testing.T) {
	l := listen(t)
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	dead := listen(t)
	address := dead.Addr().String()
	_ = dead.Close()
	_, err := link.Connect(ctx, l, newKey(t), link.Peer{Address: address, Key: public(newKey(t))}, public(newKey(t)), [32]byte{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
