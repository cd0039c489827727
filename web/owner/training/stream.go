package training

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"manx/ledger"
	"manx/privacy/mpc/hub"
	"manx/privacy/mpc/link"
)

// A stream is a site's and the coordinator's of one round. The site asks, by a step
// and what it says in it, and is answered; each is one frame.
type stream struct {
	conn net.Conn
	in   *bufio.Reader
	most int // bytes of a frame's body
}

// A frame is a step or an answer, a byte; the length of its body, 32 bits; the body.
const frameHead = 1 + 4

// Answers.
const (
	answered byte = 1 // with the step's message
	late     byte = 2 // the round goes on without the site
)

var errFrame = errors.New("training: not a frame of this protocol")

func (s *stream) send(what byte, body []byte) error {
	b := make([]byte, 0, frameHead+len(body))
	b = binary.LittleEndian.AppendUint32(append(b, what), uint32(len(body)))
	_, err := s.conn.Write(append(b, body...))
	return err
}

// receive reads a frame of at most s.most bytes. Nothing is allocated before so much
// has come.
func (s *stream) receive() (what byte, body []byte, err error) {
	return readFrame(s.in, s.most)
}

func readFrame(r io.Reader, most int) (what byte, body []byte, err error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint32(head[1:])
	if int64(n) > int64(most) {
		return 0, nil, errFrame
	}
	body, err = io.ReadAll(io.LimitReader(r, int64(n)))
	if err == nil && len(body) != int(n) {
		err = io.ErrUnexpectedEOF
	}
	return head[0], body, err
}

// A meeting is who meets whom, for which round.
type meeting struct {
	hub   string
	terms ledger.Hash
	round int
	own   ed25519.PrivateKey
	peer  ed25519.PublicKey
	most  int
}

// session names a round's streams: it is another where the proposal is.
func (m meeting) session() [32]byte {
	h := sha256.New()
	fmt.Fprintf(h, "manx/training-stream/v1\x00%s\x00%d", m.terms, m.round)
	return [32]byte(h.Sum(nil))
}

func name(k ed25519.PublicKey) string { return hex.EncodeToString(k) }

// dial is a site's way to the coordinator.
func (m meeting) dial(ctx context.Context) (*stream, error) {
	raw, err := m.meet(ctx)
	if err != nil {
		return nil, err
	}
	c, err := link.Over(ctx, raw, m.own, m.peer, m.session())
	if err != nil {
		return nil, err
	}
	return &stream{c, bufio.NewReader(c), m.most}, nil
}

// await is the coordinator's way to a site.
func (m meeting) await(ctx context.Context) (*stream, error) {
	raw, err := m.meet(ctx)
	if err != nil {
		return nil, err
	}
	c, _, named, err := link.Accept(ctx, raw, m.own, func(k ed25519.PublicKey) bool { return k.Equal(m.peer) })
	if err != nil {
		return nil, err
	}
	if named != m.session() {
		return nil, errors.Join(errFrame, c.Close())
	}
	return &stream{c, bufio.NewReader(c), m.most}, nil
}

func (m meeting) meet(ctx context.Context) (net.Conn, error) {
	own, _ := m.own.Public().(ed25519.PublicKey)
	return hub.Dial(ctx, m.hub, hub.Meeting{Session: m.session(), From: name(own), To: name(m.peer)})
}

// pause waits, or returns false when ctx ends.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
