package council_test

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"manx/web/owner/holder/council"
)

// frameHead is what goes before a frame's body: 16 bytes of which step it is, 4
// of its length.
const frameHead = 20

// A liar's wire does something to the frame of one number on every connection,
// and to those after it.
type liarWire struct {
	council.Wire
	at   int
	how  string
	edit func(peer ed25519.PublicKey, frame int, body []byte) // where how is "edited"
	to   ed25519.PublicKey                                    // to whom alone; nil is all

	mu    sync.Mutex
	conns []net.Conn
	dead  bool
	hit   bool // that frame was reached
}

// hows are what a process can do to a frame, or suffer at it.
var hows = []string{"killed", "silent", "garbage", "of another step", "said twice", "cut short", "too long"}

func (w *liarWire) Dial(ctx context.Context, address string, key ed25519.PublicKey, session [32]byte) (net.Conn, error) {
	c, err := w.Wire.Dial(ctx, address, key, session)
	return w.keep(c, key), err
}

func (w *liarWire) Await(ctx context.Context, key ed25519.PublicKey, session [32]byte) (net.Conn, error) {
	c, err := w.Wire.Await(ctx, key, session)
	return w.keep(c, key), err
}

func (w *liarWire) keep(c net.Conn, peer ed25519.PublicKey) net.Conn {
	if c == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, c)
	return &liarConn{Conn: c, wire: w, peer: peer}
}

// kill hangs up everywhere, as a process does that ends.
func (w *liarWire) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead = true
	for _, c := range w.conns {
		_ = c.Close()
	}
}

func (w *liarWire) ended() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dead
}

func (w *liarWire) reached() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hit = true
}

type liarConn struct {
	net.Conn
	wire   *liarWire
	peer   ed25519.PublicKey
	frames int
	last   []byte
	part   []byte // of the frame that is being written
}

func (c *liarConn) Write(b []byte) (int, error) {
	c.part = append(c.part, b...)
	for len(c.part) >= frameHead {
		n := frameHead + int(binary.LittleEndian.Uint32(c.part[16:]))
		if len(c.part) < n {
			break
		}
		if err := c.frame(c.part[:n:n]); err != nil {
			return 0, err
		}
		c.part = c.part[n:]
	}
	return len(b), nil
}

func (c *liarConn) frame(b []byte) error {
	k := c.frames
	c.frames++
	last := c.last
	c.last = b
	if k < c.wire.at || c.wire.to != nil && !c.peer.Equal(c.wire.to) {
		_, err := c.Conn.Write(b)
		return err
	}
	c.wire.reached()
	if c.wire.ended() {
		return net.ErrClosed
	}
	out := append([]byte(nil), b...)
	switch c.wire.how {
	case "killed":
		c.wire.kill()
		return net.ErrClosed
	case "silent":
		return nil
	case "garbage":
		for i := frameHead; i < len(out); i++ {
			out[i] ^= byte(i*7 + 1)
		}
	case "edited":
		c.wire.edit(c.peer, k, out[frameHead:])
	case "of another step":
		out[3] ^= 1
	case "said twice":
		out = last
	case "cut short":
		_, err := c.Conn.Write(out[:len(out)-1])
		return errors.Join(err, c.Conn.Close(), net.ErrClosed)
	case "too long":
		binary.LittleEndian.PutUint32(out[16:], 1<<31)
	}
	if k > c.wire.at && c.wire.how != "garbage" && c.wire.how != "edited" {
		return nil // once is enough
	}
	_, err := c.Conn.Write(out)
	return err
}

// A trial is a protocol among processes of which one lies. All honest places must
// name it or, where not every one hears of it, end with what is right, and one
// names it. hit says that the frame was reached.
func trial(t *testing.T, n int, w *liarWire, liar int, all bool, run protocol) (hit bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // of the bubble's time: it passes when all wait
		defer cancel()
		h := memory(n)
		w.Wire = h.wires[liar]
		h.wires[liar] = w
		failed, honest := 0, 0
		for i, err := range run(t, ctx, h) {
			if i == liar {
				continue
			}
			honest++
			if err == nil {
				continue
			}
			failed++
			if !names(err, liar) {
				t.Errorf("%s at frame %d: place %d does not name it: %v", w.how, w.at, i, err)
			}
		}
		hit = w.hit
		if hit && (failed == 0 || all && failed < honest) {
			t.Errorf("%s at frame %d: %d of %d noticed", w.how, w.at, failed, honest)
		}
		if !hit && failed > 0 {
			t.Errorf("%d fail where nobody lies", failed)
		}
	})
	return hit
}

// A protocol runs at all places of a hall, and returns each place's error.
type protocol func(t *testing.T, ctx context.Context, h *hall) []error

// names reports whether an error names a place, or says that it names another.
func names(err error, place int) bool {
	f, _ := errors.AsType[council.Faults](err)
	for _, x := range f {
		if x.Place == place || slices.Contains(x.By, place) {
			return true
		}
	}
	return false
}

// trials runs a protocol of so many frames with a liar that does everything at
// every frame, and without.
func trials(t *testing.T, n, liar, frames int, all bool, run protocol) {
	for _, how := range hows {
		t.Run(how, func(t *testing.T) {
			at := 0
			if how == "said twice" {
				at = 1
			}
			for trial(t, n, &liarWire{at: at, how: how}, liar, all, run) {
				at++
			}
			if at != frames {
				t.Errorf("%d frames, and the protocol has %d", at, frames)
			}
		})
	}
}
