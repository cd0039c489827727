package seal

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// A Reader gives a plaintext from its start.
type Reader interface {
	io.Reader
	io.WriterTo
}

// NewReader returns the plaintext of the payload that r gives, authenticated
// chunk by chunk before a byte of it is returned. A payload that is cut short,
// altered or followed by more is an Integrity notice, never io.EOF.
func NewReader(k Key, r io.Reader) (Reader, error) {
	if k.IsZero() {
		return nil, errNoKey()
	}
	return &reader{key: k, src: r}, nil
}

type reader struct {
	key   Key
	src   io.Reader
	p     *Payload
	index int64
	// buf holds a sealed chunk and the byte after it, which tells whether the
	// chunk is the last. It goes back to chunks when all has been read.
	buf    *[SealedChunk + 1]byte
	after  byte
	unread []byte
	err    error
}

// chunks are buffers of readers: objects are many, and may be a few chunks each.
var chunks = sync.Pool{New: func() any { return new([SealedChunk + 1]byte) }} //nolint:gochecknoglobals // a pool is shared

func (r *reader) Read(p []byte) (int, error) {
	for len(r.unread) == 0 && r.err == nil && len(p) > 0 {
		r.err = r.next()
	}
	n := copy(p, r.unread)
	r.unread = r.unread[n:]
	if n > 0 || len(p) == 0 {
		return n, nil
	}
	return 0, r.err
}

// WriteTo implements io.WriterTo: it writes whole chunks without copying them.
func (r *reader) WriteTo(w io.Writer) (total int64, err error) {
	for {
		if len(r.unread) > 0 {
			n, err := w.Write(r.unread)
			r.unread, total = r.unread[n:], total+int64(n)
			if err != nil {
				return total, err
			}
		}
		switch {
		case errors.Is(r.err, io.EOF):
			return total, nil
		case r.err != nil:
			return total, r.err
		}
		r.err = r.next()
	}
}

// next opens one chunk into unread; io.EOF comes after the last one.
func (r *reader) next() error {
	if r.p == nil {
		var head [Head]byte
		if _, err := io.ReadFull(r.src, head[:]); err != nil {
			return cutShort(err)
		}
		p, err := openPayload(r.key, head[:])
		if err != nil {
			return err
		}
		r.p, r.buf = p, chunks.Get().(*[SealedChunk + 1]byte)
	}
	if r.index < 0 {
		chunks.Put(r.buf)
		r.buf = nil
		return io.EOF
	}
	have := 0
	if r.index > 0 {
		r.buf[0], have = r.after, 1
	}
	n, err := io.ReadFull(r.src, r.buf[have:])
	n += have
	last := errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
	if err != nil && !last {
		return err
	}
	size := min(n, SealedChunk)
	if size < SealedChunk-Chunk || (size == SealedChunk-Chunk && r.index > 0) {
		return cutShort(io.ErrUnexpectedEOF)
	}
	after := r.buf[SealedChunk]
	plain, err := r.p.openChunk(r.buf[:size], r.index, last)
	if err != nil {
		return err
	}
	r.unread = plain
	if last {
		r.index = -1
		return nil
	}
	r.index, r.after = r.index+1, after
	return nil
}

func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errPayload(errors.New("cut short"))
	}
	return err
}

// A ReaderAt opens any range of a payload without reading the rest. It is safe
// for concurrent use.
type ReaderAt struct {
	p      *Payload
	src    io.ReaderAt
	size   int64
	chunks int64
	bufs   sync.Pool

	mu   sync.Mutex
	kept *[SealedChunk]byte // chunk number at, opened, for who reads a few bytes at a time
	have []byte             // its plaintext, nil where there is none
	at   int64
}

// NewReaderAt checks the length by opening the last chunk, then serves ranges.
func NewReaderAt(k Key, src io.ReaderAt, sealed int64) (*ReaderAt, error) {
	size, err := OpenedSize(sealed)
	if err != nil {
		return nil, err
	}
	var head [Head]byte
	if err := readFullAt(src, head[:], 0); err != nil {
		return nil, err
	}
	p, err := openPayload(k, head[:])
	if err != nil {
		return nil, err
	}
	r := &ReaderAt{p: p, src: src, size: size, chunks: Chunks(size)}
	r.bufs.New = func() any { return new([SealedChunk]byte) }
	buf := r.bufs.Get().(*[SealedChunk]byte)
	defer r.bufs.Put(buf)
	if _, err := r.chunk(buf, r.chunks-1); err != nil {
		return nil, err
	}
	return r, nil
}

// Size returns the length of the plaintext.
func (r *ReaderAt) Size() int64 { return r.size }

// ReadAt implements io.ReaderAt on the plaintext.
func (r *ReaderAt) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("read at offset %d", off)
	}
	if len(p) < Chunk && r.mu.TryLock() {
		defer r.mu.Unlock()
		return r.few(p, off)
	}
	buf := r.bufs.Get().(*[SealedChunk]byte)
	defer r.bufs.Put(buf)
	for n < len(p) && off < r.size {
		plain, err := r.chunk(buf, off/Chunk)
		if err != nil {
			return n, err
		}
		m := copy(p[n:], plain[off%Chunk:])
		n, off = n+m, off+int64(m)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// few is ReadAt that keeps the last chunk it opened. The caller holds the lock.
func (r *ReaderAt) few(p []byte, off int64) (n int, err error) {
	for n < len(p) && off < r.size {
		if index := off / Chunk; r.have == nil || r.at != index {
			if r.kept == nil {
				r.kept = new([SealedChunk]byte)
			}
			r.have = nil
			if r.have, err = r.chunk(r.kept, index); err != nil {
				return n, err
			}
			r.at = index
		}
		m := copy(p[n:], r.have[off%Chunk:])
		n, off = n+m, off+int64(m)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (r *ReaderAt) chunk(buf *[SealedChunk]byte, index int64) ([]byte, error) {
	last := index == r.chunks-1
	b := buf[:]
	if last {
		b = b[:r.size-index*Chunk+SealedChunk-Chunk]
	}
	if err := readFullAt(r.src, b, Head+index*SealedChunk); err != nil {
		return nil, err
	}
	return r.p.openChunk(b, index, last)
}

func readFullAt(src io.ReaderAt, b []byte, off int64) error {
	n, err := src.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return cutShort(err)
}
