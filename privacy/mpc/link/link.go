// Package link connects the three parties of a computation: TLS 1.3 with
// certificates on both sides, each peer known by its Ed25519 key and by nothing
// else, or memory, for tests. A connection names the session that it is for, so
// that one listener serves many.
//
// It knows nothing of what the parties compute, nor who should take part.
package link

import (
	"bytes"
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
	"time"
)

// Errors of connecting.
var (
	ErrUnknownPeer = errors.New("link: the peer has another key than the one that was expected")
	ErrNoHello     = errors.New("link: the peer did not say which session it means")
)

// protocol is what both sides must offer, so that a connection is not taken for
// another service's.
const protocol = "manx-mpc/1"

// patience is for a handshake and the session's name.
const patience = 10 * time.Second

// A Peer is where another party listens, and its key.
type Peer struct {
	Address string
	Key     ed25519.PublicKey
}

// Dial connects to a peer for a session. It fails with ErrUnknownPeer where
// another key answers.
func Dial(ctx context.Context, key ed25519.PrivateKey, peer Peer, session [32]byte) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", peer.Address)
	if err != nil {
		return nil, err
	}
	return Over(ctx, conn, key, peer.Key, session)
}

// Over makes a connection to a peer of what leads to it already, such as a
// stream that a hub has joined. The peer uses Accept. conn is closed if that
// fails.
func Over(ctx context.Context, conn net.Conn, key ed25519.PrivateKey, peer ed25519.PublicKey, session [32]byte) (net.Conn, error) {
	config, err := configFor(key, func(k ed25519.PublicKey) bool { return k.Equal(peer) })
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client := tls.Client(conn, config)
	if err := client.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := during(ctx, client, func() error { return speak(client, session) }); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return client, nil
}

// during does f, which uses conn, and closes conn when ctx is done before f is.
func during(ctx context.Context, conn net.Conn, f func() error) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // f hears of it
	err := f()
	if !stop() {
		return errors.Join(context.Cause(ctx), err)
	}
	return err
}

// speak says which session is meant, and hears that the listener knows the
// dialer's key: in TLS 1.3 a dialer is done before it is accepted.
func speak(conn net.Conn, session [32]byte) error {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := conn.Write(session[:]); err != nil {
		return err
	}
	var heard [32]byte
	if _, err := io.ReadFull(conn, heard[:]); err != nil {
		return err
	}
	if heard != session {
		return ErrNoHello
	}
	return conn.SetDeadline(time.Time{})
}

// Accept makes a connection that a listener accepted into one to a known peer:
// known says which keys may come. It returns whose key came and for which
// session. conn is closed if that fails.
func Accept(ctx context.Context, conn net.Conn, key ed25519.PrivateKey, known func(ed25519.PublicKey) bool) (net.Conn, ed25519.PublicKey, [32]byte, error) {
	var session [32]byte
	config, err := configFor(key, known)
	if err != nil {
		return nil, nil, session, errors.Join(err, conn.Close())
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	server := tls.Server(conn, config)
	if err := server.HandshakeContext(ctx); err != nil {
		return nil, nil, session, errors.Join(err, conn.Close())
	}
	peer, err := keyOf(server.ConnectionState())
	if err == nil {
		err = during(ctx, server, func() error { return listen(server, &session) })
	}
	if err != nil {
		return nil, nil, session, errors.Join(err, server.Close())
	}
	return server, peer, session, nil
}

func listen(conn net.Conn, session *[32]byte) error {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, session[:]); err != nil {
		return fmt.Errorf("%w: %w", ErrNoHello, err)
	}
	if _, err := conn.Write(session[:]); err != nil {
		return err
	}
	return conn.SetDeadline(time.Time{})
}

// Connect links one party of a session: it dials the next one, again until ctx
// is done if that does not listen yet, and accepts the previous one. Connections
// of others, and for other sessions, are closed. It suits a listener that serves
// one session; who serves more uses Dial and Accept.
func Connect(ctx context.Context, l net.Listener, key ed25519.PrivateKey, next Peer, previous ed25519.PublicKey, session [32]byte) (Pair, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	accepted := make(chan net.Conn, 1)
	stop := context.AfterFunc(ctx, func() { _ = l.Close() }) // Accept returns then, and says so
	defer stop()
	go func() {
		defer close(accepted)
		for {
			raw, err := l.Accept()
			if err != nil {
				cancel(err)
				return
			}
			conn, _, named, err := Accept(ctx, raw, key, func(k ed25519.PublicKey) bool { return k.Equal(previous) })
			if err != nil {
				continue // a stranger; the peer may still come
			}
			if named == session {
				accepted <- conn
				return
			}
			_ = conn.Close() // another session's, which is not served here
		}
	}()
	dialed, err := dialUntil(ctx, key, next, session)
	if err != nil {
		cancel(err)
		if conn := <-accepted; conn != nil {
			err = errors.Join(err, conn.Close())
		}
		return Pair{}, err
	}
	conn := <-accepted
	if conn == nil {
		return Pair{}, errors.Join(context.Cause(ctx), dialed.Close())
	}
	return Pair{Next: dialed, Previous: conn}, nil
}

// dialUntil dials until somebody listens.
func dialUntil(ctx context.Context, key ed25519.PrivateKey, peer Peer, session [32]byte) (net.Conn, error) {
	for {
		conn, err := Dial(ctx, key, peer, session)
		var refused *net.OpError
		if err == nil || !errors.As(err, &refused) || refused.Op != "dial" {
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// configFor makes a certificate for the key, which lives as long as the
// connection, and checks the peer's by its key alone.
func configFor(key ed25519.PrivateKey, known func(ed25519.PublicKey) bool) (*tls.Config, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, errors.New("link: not an Ed25519 key")
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates:           []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{protocol},
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, //nolint:gosec // no authority is asked: VerifyConnection compares the key
		SessionTicketsDisabled: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			peer, err := keyOf(state)
			if err != nil {
				return err
			}
			if state.NegotiatedProtocol != protocol || !known(peer) {
				return ErrUnknownPeer
			}
			return nil
		},
	}, nil
}

// keyOf returns the key that the peer proved to have.
func keyOf(state tls.ConnectionState) (ed25519.PublicKey, error) {
	if len(state.PeerCertificates) != 1 {
		return nil, ErrUnknownPeer
	}
	k, ok := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok {
		return nil, ErrUnknownPeer
	}
	return bytes.Clone(k), nil
}
