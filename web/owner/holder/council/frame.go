package council

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

// A frame is what goes over a connection at once:
//
//	16 bytes  of which step it is: see tag
//	 4 bytes  length, little-endian
//	          the body
//
// A farewell's body is up to maxNamed faults of 4 bytes: a place, a code, and by
// whose word, at most two places in turn, 255 for none.

const (
	tagSize   = 16
	frameHead = tagSize + 4
	maxNamed  = 16
	named     = 4 // bytes
	nobody    = 255
	chunk     = 64 << 10 // what is allocated before it has come
)

// tag names a frame: its step, what that is about, and how many frames went this
// way on the connection before. A frame of another step, order or session, or one
// that comes twice, has another.
func tag(step string, subject [32]byte, number uint64) [tagSize]byte {
	sum := about("frame "+step, subject[:], binary.LittleEndian.AppendUint64(nil, number))
	return [tagSize]byte(sum[:])
}

// farewellTag is of the frame with which a place gives up, in whatever step.
func farewellTag() [tagSize]byte { return tag("farewell", [32]byte{}, 0) }

func writeFrame(w *bufio.Writer, of [tagSize]byte, body []byte) error {
	head := binary.LittleEndian.AppendUint32(of[:], uint32(len(body)))
	if _, err := w.Write(head); err != nil {
		return err
	}
	if _, err := w.Write(body); err != nil {
		return err
	}
	return w.Flush()
}

// A lie is a frame that its sender must not have sent.
type lie string

func (l lie) Error() string { return string(l) }

// A farewell is what a place said when it gave up.
type farewell []byte

func (farewell) Error() string { return "it gave up" }

// readFrame reads a frame's body of at most most bytes. A frame of another tag or
// too long is a lie; a farewell is an error that tells what it says.
func readFrame(r io.Reader, want [tagSize]byte, most int) ([]byte, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint32(head[tagSize:]))
	got := [tagSize]byte(head[:])
	bye := got == farewellTag()
	switch {
	case bye && (n > named*maxNamed || n%named != 0 || n == 0):
		return nil, lie("sent a farewell that is none")
	case bye:
	case got != want:
		return nil, lie("sent a message of another step")
	case n > int64(most):
		return nil, lie("sent a message that is too long")
	}
	body, err := readBody(r, int(n))
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, io.ErrUnexpectedEOF
	}
	if err == nil && bye {
		return nil, farewell(body)
	}
	return body, err
}

// readBody reads n bytes. Memory is taken as they come.
func readBody(r io.Reader, n int) ([]byte, error) {
	b := make([]byte, 0, min(n, chunk))
	for len(b) < n {
		b = slices.Grow(b, min(n-len(b), max(chunk, len(b))))
		to := min(cap(b), n)
		k, err := io.ReadFull(r, b[len(b):to])
		b = b[:len(b)+k]
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}
