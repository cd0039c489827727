package mpc

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"manx/privacy/mpc/ring"
)

// A message is cut into frames: length of the payload (4 bytes, at most
// frameMax), number of the frame (8 bytes), payload. The receiver knows from the
// protocol how long a frame is, and refuses any other.
const (
	frameHeader = 12
	frameMax    = 1 << 16
	frameWords  = frameMax / 8
)

// queueMost is how many frames, of 64 kB, wait for a peer to read before who need
// not wait for it does: memory for 16 MB.
const queueMost = 256

// A channel is one of a session's two links. The session's goroutine reads; a
// goroutine of its own writes, so that parties that all send do not wait for
// each other.
type channel struct {
	s        *Session
	conn     net.Conn
	in       *bufio.Reader
	peer     int
	patience time.Duration
	received uint64 // frames

	mu       sync.Mutex
	ready    *sync.Cond
	queue    []frame
	spare    [][]byte
	open     []byte // a frame that more words fit in
	finished bool
	once     sync.Once
}

type frame struct {
	b    []byte
	step string
}

func newChannel(s *Session, conn net.Conn, peer int, patience time.Duration) *channel {
	c := &channel{s: s, conn: conn, peer: peer, patience: patience, in: bufio.NewReaderSize(conn, frameMax+frameHeader)}
	c.ready = sync.NewCond(&c.mu)
	return c
}

// send queues words as frames of at most frameWords; the last goes at once.
func (c *channel) send(words []uint64) {
	c.put(words)
	c.flush()
}

// put adds words to the message, sending frames that are full.
func (c *channel) put(words []uint64) {
	for len(words) > 0 {
		if c.open == nil {
			c.open = c.buffer()
		}
		n := min(len(words), (frameMax+frameHeader-len(c.open))/8)
		c.open = append(c.open, bytesOf(words[:n])...)
		words = words[n:]
		if len(c.open) == frameMax+frameHeader {
			c.flush()
		}
	}
}

// flush sends what put left.
func (c *channel) flush() {
	if c.open == nil {
		return
	}
	b := c.open
	c.open = nil
	binary.LittleEndian.PutUint32(b, uint32(len(b)-frameHeader))
	c.s.phase.Sent += uint64(len(b))
	c.s.phase.Messages++
	c.mu.Lock()
	if !c.finished {
		c.queue = append(c.queue, frame{b, c.s.step})
	}
	c.mu.Unlock()
	c.ready.Signal()
}

// room waits until few frames are queued, or the session fails: for steps in which
// a party hears nothing, and could run ahead of its peers without end.
func (c *channel) room() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) > queueMost && !c.finished {
		c.ready.Wait()
	}
}

func (c *channel) buffer() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.spare); n > 0 {
		b := c.spare[n-1]
		c.spare = c.spare[:n-1]
		return b[:frameHeader]
	}
	return make([]byte, frameHeader, frameHeader+frameMax)
}

// write sends queued frames until the channel is finished or the session fails.
func (c *channel) write() {
	for number := uint64(0); ; number++ {
		c.mu.Lock()
		for len(c.queue) == 0 && !c.finished {
			c.ready.Wait()
		}
		if len(c.queue) == 0 {
			c.mu.Unlock()
			return
		}
		f := c.queue[0]
		c.queue = c.queue[1:]
		c.mu.Unlock()
		c.ready.Signal() // who waits for room: nobody waits for frames then
		binary.LittleEndian.PutUint64(f.b[4:], number)
		err := c.writeFrame(number, f.b)
		if err != nil {
			c.s.fail(c.blame(f.step, err))
			c.finish()
			return
		}
		c.mu.Lock()
		if len(c.spare) < 64 {
			c.spare = append(c.spare, f.b)
		}
		c.mu.Unlock()
	}
}

func (c *channel) writeFrame(number uint64, b []byte) error {
	if c.s.journal != nil {
		if err := c.s.journal.Sent(number, c.peer, sha256.Sum256(b[frameHeader:])); err != nil {
			return &refused{err}
		}
	}
	if err := c.conn.SetWriteDeadline(time.Now().Add(c.patience)); err != nil {
		return err
	}
	_, err := c.conn.Write(b)
	return err
}

// refused is a journal's error: no peer's fault.
type refused struct{ error }

func (r *refused) Unwrap() error { return r.error }

// finish lets the writer go once the queue is empty.
func (c *channel) finish() {
	c.mu.Lock()
	c.finished = true
	c.mu.Unlock()
	c.ready.Broadcast()
}

func (c *channel) close() {
	c.once.Do(func() {
		c.mu.Lock()
		c.finished, c.queue = true, nil
		c.mu.Unlock()
		c.ready.Broadcast()
		// Who closes has nothing more to say, and the session has its reason:
		// what the connection says to it changes nothing.
		_ = c.conn.Close()
	})
}

// receive fills words with a message that the peer sent in one go. After an
// error the session has failed and words are worth nothing.
func (c *channel) receive(words []uint64) {
	if c.s.failed() != nil {
		return
	}
	for len(words) > 0 {
		n := min(len(words), frameWords)
		if err := c.readFrame(bytesOf(words[:n])); err != nil {
			c.s.fail(c.blame(c.s.step, err))
			return
		}
		words = words[n:]
	}
}

// combine adds what the peer sends to sum, or exclusive-ors it, frame by frame.
func (c *channel) combine(sum []uint64, boolean bool) {
	var got [frameWords]uint64
	for len(sum) > 0 {
		n := min(len(sum), frameWords)
		c.receive(got[:n])
		if boolean {
			xorInto(sum[:n], got[:n])
		} else {
			ring.Add(sum[:n], sum[:n], got[:n])
		}
		sum = sum[n:]
	}
}

func (c *channel) readFrame(b []byte) error {
	if err := c.conn.SetReadDeadline(time.Now().Add(c.patience)); err != nil {
		return err
	}
	var h [frameHeader]byte
	if _, err := io.ReadFull(c.in, h[:]); err != nil {
		return err
	}
	if n := binary.LittleEndian.Uint32(h[:]); n != uint32(len(b)) {
		return fmt.Errorf("%w: a frame of another length than the step has", ErrMalformed)
	}
	if binary.LittleEndian.Uint64(h[4:]) != c.received {
		return fmt.Errorf("%w: a frame out of order", ErrMalformed)
	}
	c.received++
	if _, err := io.ReadFull(c.in, b); err != nil {
		return err
	}
	c.s.phase.Received += uint64(len(b) + frameHeader)
	return nil
}

// blame says what a connection's error means and whose it is. A peer that closed it is
// not to blame where the session's own context has ended: parties of one context close
// their ends together, and which end is seen first is chance.
func (c *channel) blame(step string, err error) error {
	var r *refused
	switch {
	case errors.As(err, &r):
		return fmt.Errorf("mpc: the journal refused a message: %w", r.error)
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = ErrStalled
	case errors.Is(err, ErrMalformed), errors.Is(err, ErrMismatch):
	case c.s.ended() != nil:
		return c.s.ended()
	default:
		err = fmt.Errorf("%w (%w)", ErrLeft, err)
	}
	return &PeerError{Party: c.peer, Other: -1, Step: step, Err: err}
}
