package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"manx/privacy/notice"
)

// A Meeting is whom a party waits for, and for what.
type Meeting struct {
	Session  [32]byte
	From, To string // names of the parties, 1 to MaxName bytes
}

// MaxName bounds a party's name, in bytes.
const MaxName = 64

// magic begins a hello; a session, and two names with their lengths, follow.
const magic = "manx/hub/v1\n"

// Answers to a hello, a byte each.
const (
	joined  byte = 1
	full    byte = 2
	alone   byte = 3 // the other did not come in time
	refused byte = 4 // no hello of ours, or one that waits already
)

var errHello = errors.New("hub: not a hello")

func (m Meeting) hello() ([]byte, error) {
	b := append([]byte(magic), m.Session[:]...)
	for _, name := range []string{m.From, m.To} {
		if name == "" || len(name) > MaxName {
			return nil, fmt.Errorf("hub: a party's name has 1 to %d bytes", MaxName)
		}
		b = append(append(b, byte(len(name))), name...)
	}
	return b, nil
}

func readHello(r io.Reader) (m Meeting, err error) {
	head := make([]byte, len(magic)+len(m.Session))
	if _, err := io.ReadFull(r, head); err != nil {
		return m, fmt.Errorf("%w: %w", errHello, err)
	}
	if string(head[:len(magic)]) != magic {
		return m, errHello
	}
	copy(m.Session[:], head[len(magic):])
	for _, name := range []*string{&m.From, &m.To} {
		var n [1]byte
		if _, err := io.ReadFull(r, n[:]); err != nil {
			return m, fmt.Errorf("%w: %w", errHello, err)
		}
		if n[0] == 0 || n[0] > MaxName {
			return m, errHello
		}
		b := make([]byte, n[0])
		if _, err := io.ReadFull(r, b); err != nil {
			return m, fmt.Errorf("%w: %w", errHello, err)
		}
		*name = string(b)
	}
	if m.From == m.To {
		return m, errHello
	}
	return m, nil
}

// Dial meets another party at a hub, and returns the stream to it. The stream is
// as open as the network is: a TLS handshake that pins the other's key comes
// next. It fails where the other does not come while the hub lets it wait, or
// ctx ends.
func Dial(ctx context.Context, address string, m Meeting) (net.Conn, error) {
	hello, err := m.hello()
	if err != nil {
		return nil, err
	}
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, notice.Because(err, notice.Unavailable, "the hub does not answer", "check its address: `manx party hub` prints it")
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	answer := []byte{0}
	_, err = c.Write(hello)
	if err == nil {
		_, err = io.ReadFull(c, answer)
	}
	if !stop() && err == nil { // ctx ended meanwhile, and took the deadline with it
		err = ctx.Err()
	}
	if err == nil && answer[0] == joined {
		return c, nil
	}
	_ = c.Close()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, notice.Because(err, notice.Unavailable, "the hub hung up", "try again")
	case answer[0] == full:
		return nil, notice.New(notice.Exhausted, "too many parties wait at the hub", "try again later, or at another hub")
	case answer[0] == alone:
		return nil, notice.New(notice.Unavailable, "party "+m.To+" did not come to the hub", "see that it runs and dials the same hub")
	}
	return nil, notice.New(notice.Invalid, "the hub refused the meeting", "the same party may wait for it already; see that both use one version")
}
