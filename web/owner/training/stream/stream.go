// Package stream is how a site and the coordinator of a training talk in a round: streams
// of their own TLS that meet at a hub, frames, and the steps that a site asks for. It knows
// no message's meaning.
package stream

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

	"manx/ledger"
	"manx/privacy/mpc/hub"
	"manx/privacy/mpc/link"
)

// A Stream is a site's and the coordinator's of one round. The site asks, by a step
// and what it says in it, and is answered; each is one frame.
type Stream struct {
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

// ErrFrame is what is no frame, step or message of this protocol; ErrLate that a round
// goes on without the site.
var (
	ErrFrame = errors.New("training: not a frame of this protocol")
	ErrLate  = errors.New("training: the round goes on without this site")
)

// Close ends the stream.
func (s *Stream) Close() error { return s.conn.Close() }

// Hear has what comes from now on read through another reader.
func (s *Stream) Hear(through func(io.Reader) io.Reader) { s.in = bufio.NewReader(through(s.in)) }

func (s *Stream) send(what byte, body []byte) error {
	b := make([]byte, 0, frameHead+len(body))
	b = binary.LittleEndian.AppendUint32(append(b, what), uint32(len(body)))
	_, err := s.conn.Write(append(b, body...))
	return err
}

// Ask says something and waits for the answer.
func (s *Stream) Ask(step byte, m []byte) ([]byte, error) {
	if err := s.send(step, m); err != nil {
		return nil, err
	}
	what, b, err := s.receive()
	switch {
	case err != nil:
		return nil, err
	case what == late:
		return nil, ErrLate
	case what != answered:
		return nil, ErrFrame
	}
	return b, nil
}

// Asked waits for the next thing that a site asks.
func (s *Stream) Asked() (step byte, message []byte, err error) { return s.receive() }

// Answer answers it; that the round goes on without the site where err is ErrLate. Any
// other err is returned, and the site is told nothing.
func (s *Stream) Answer(message []byte, err error) error {
	if errors.Is(err, ErrLate) {
		return s.send(late, nil)
	}
	if err != nil {
		return err
	}
	return s.send(answered, message)
}

// receive reads a frame of at most s.most bytes. Nothing is allocated before so much
// has come.
func (s *Stream) receive() (what byte, body []byte, err error) {
	return readFrame(s.in, s.most)
}

func readFrame(r io.Reader, most int) (what byte, body []byte, err error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint32(head[1:])
	if int64(n) > int64(most) {
		return 0, nil, ErrFrame
	}
	body, err = io.ReadAll(io.LimitReader(r, int64(n)))
	if err == nil && len(body) != int(n) {
		err = io.ErrUnexpectedEOF
	}
	return head[0], body, err
}

// A Meeting is who meets whom, for which round.
type Meeting struct {
	Hub   string
	Terms ledger.Hash // of the proposal
	Round int
	Own   ed25519.PrivateKey
	Peer  ed25519.PublicKey
	Most  int // bytes of a frame's body
}

// session names a round's streams: it is another where the proposal is.
func (m Meeting) session() [32]byte {
	h := sha256.New()
	fmt.Fprintf(h, "manx/training-stream/v1\x00%s\x00%d", m.Terms, m.Round)
	return [32]byte(h.Sum(nil))
}

// Name is what the hub calls who has a key.
func Name(k ed25519.PublicKey) string { return hex.EncodeToString(k) }

// Dial is a site's way to the coordinator.
func (m Meeting) Dial(ctx context.Context) (*Stream, error) {
	raw, err := m.meet(ctx)
	if err != nil {
		return nil, err
	}
	c, err := link.Over(ctx, raw, m.Own, m.Peer, m.session())
	if err != nil {
		return nil, err
	}
	return &Stream{c, bufio.NewReader(c), m.Most}, nil
}

// Await is the coordinator's way to a site.
func (m Meeting) Await(ctx context.Context) (*Stream, error) {
	raw, err := m.meet(ctx)
	if err != nil {
		return nil, err
	}
	c, _, named, err := link.Accept(ctx, raw, m.Own, func(k ed25519.PublicKey) bool { return k.Equal(m.Peer) })
	if err != nil {
		return nil, err
	}
	if named != m.session() {
		return nil, errors.Join(ErrFrame, c.Close())
	}
	return &Stream{c, bufio.NewReader(c), m.Most}, nil
}

func (m Meeting) meet(ctx context.Context) (net.Conn, error) {
	own, _ := m.Own.Public().(ed25519.PublicKey)
	return hub.Dial(ctx, m.Hub, hub.Meeting{Session: m.session(), From: Name(own), To: Name(m.Peer)})
}
