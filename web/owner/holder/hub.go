package holder

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"net"
	"strings"

	"manx/privacy/mpc/hub"
	"manx/privacy/mpc/link"
)

// atHub begins the address of a holder that is met at a hub: "hub/host:port".
const atHub = "hub/"

// Outbound is the wires' end of a holder that only dials out: the others meet it
// at a hub (privacy/mpc/hub), which joins streams and reads nothing.
type Outbound struct {
	hub string
	key ed25519.PrivateKey
}

var _ Wire = (*Outbound)(nil)

// Through returns the end of a holder at a hub's address, for who has a key.
func Through(hub string, key ed25519.PrivateKey) *Outbound { return &Outbound{hub, key} }

// Address returns where the others meet it.
func (o *Outbound) Address() string { return atHub + o.hub }

// Close implements io.Closer; it keeps nothing open between sessions.
func (o *Outbound) Close() error { return nil }

// Admit implements Wire: who is let in is said anew by each Await.
func (o *Outbound) Admit(...ed25519.PublicKey) {}

// Dial implements Wire.
func (o *Outbound) Dial(ctx context.Context, address string, key ed25519.PublicKey, session [32]byte) (net.Conn, error) {
	return dial(ctx, o.key, address, key, session)
}

// Await implements Wire.
func (o *Outbound) Await(ctx context.Context, key ed25519.PublicKey, session [32]byte) (net.Conn, error) {
	raw, err := hub.Dial(ctx, o.hub, hub.Meeting{Session: session, From: name(o.key.Public()), To: name(key)})
	if err != nil {
		return nil, err
	}
	c, _, named, err := link.Accept(ctx, raw, o.key, func(k ed25519.PublicKey) bool { return k.Equal(key) })
	if err != nil {
		return nil, err
	}
	if named != session {
		return nil, errors.Join(errors.New("the holder before means another session"), c.Close())
	}
	if _, err := c.Write([]byte{awaited}); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// HubOf returns the hub of an address of a holder that is met at one.
func HubOf(address string) (hub string, met bool) { return strings.CutPrefix(address, atHub) }

// name is what a hub knows a holder by.
func name(key any) string {
	k, _ := key.(ed25519.PublicKey) // an ed25519.PrivateKey's Public is one
	return hex.EncodeToString(k)
}

// reach connects to a holder for a session, directly or at its hub.
func reach(ctx context.Context, own ed25519.PrivateKey, address string, key ed25519.PublicKey, session [32]byte) (net.Conn, error) {
	at, met := HubOf(address)
	if !met {
		return link.Dial(ctx, own, link.Peer{Address: address, Key: key}, session)
	}
	raw, err := hub.Dial(ctx, at, hub.Meeting{Session: session, From: name(own.Public()), To: name(key)})
	if err != nil {
		return nil, err
	}
	return link.Over(ctx, raw, own, key, session)
}
