package seal

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"

	"manx/privacy/notice"
)

// The age v1 payload (C2SP age.md, "Payload"): a head of 16 random bytes, then
// chunks of 64 KiB, each with a tag of 16 bytes, under ChaCha20-Poly1305 with
// the STREAM counter and last-chunk flag as nonce. An empty plaintext is one
// empty chunk; otherwise no chunk is empty.
const (
	// Chunk is the plaintext of a full chunk, in bytes.
	Chunk = 64 << 10
	// SealedChunk is the same chunk sealed.
	SealedChunk = Chunk + chacha20poly1305.Overhead
	// Head is the length of what precedes the first chunk.
	Head = 16
)

// Chunks returns how many chunks a plaintext of size bytes has, at least 1.
func Chunks(size int64) int64 { return max(1, size/Chunk+min(1, size%Chunk)) }

// SealedSize returns the payload's length for a plaintext of size bytes.
func SealedSize(size int64) int64 {
	return Head + size + Chunks(size)*chacha20poly1305.Overhead
}

// OpenedSize returns the plaintext's length for a payload of sealed bytes, or
// an error where no payload has that length.
func OpenedSize(sealed int64) (int64, error) {
	body := sealed - Head
	size := body - (body+SealedChunk-1)/SealedChunk*chacha20poly1305.Overhead
	if body < 0 || size < 0 || SealedSize(size) != sealed {
		return 0, errPayload(fmt.Errorf("no payload has %d bytes", sealed))
	}
	return size, nil
}

// A Payload seals one plaintext, chunk by chunk, in place and in any order. It
// is safe for concurrent use. Sealing two different plaintexts with one Payload
// reveals how they differ: seal every chunk once.
type Payload struct {
	head   [Head]byte
	aead   cipher.AEAD
	nonces sync.Pool // of *[12]byte, which would otherwise be allocated per chunk
}

// NewPayload returns a payload with a random head.
func NewPayload(k Key) (*Payload, error) {
	p := new(Payload)
	_, _ = rand.Read(p.head[:])
	return p, p.init(k)
}

// RepeatablePayload returns the payload whose head follows from k, so that the
// same plaintext gives the same bytes after a crash. The caller must use k for
// this one payload only, and must not let out chunks of a second plaintext: the
// vault writes down what it sends before sending it, for that reason.
func RepeatablePayload(k Key) (*Payload, error) {
	p := new(Payload)
	head, err := k.derive(nil, "manx/payload-head/1", Head)
	if err != nil {
		return nil, err
	}
	copy(p.head[:], head)
	return p, p.init(k)
}

func openPayload(k Key, head []byte) (*Payload, error) {
	p := &Payload{head: [Head]byte(head)}
	return p, p.init(k)
}

func (p *Payload) init(k Key) error {
	key, err := k.derive(p.head[:], "payload", chacha20poly1305.KeySize)
	if err != nil {
		return err
	}
	p.aead, err = chacha20poly1305.New(key)
	return err
}

// Head returns what the sealed bytes begin with.
func (p *Payload) Head() []byte { return append([]byte(nil), p.head[:]...) }

// SealChunk seals in place: buf holds the plaintext of the chunk numbered
// index, followed by 16 bytes of room that the tag fills. Every chunk but the
// last is SealedChunk bytes long. It does not allocate.
func (p *Payload) SealChunk(buf []byte, index int64, last bool) {
	n := len(buf) - chacha20poly1305.Overhead
	if index < 0 || n < 0 || n > Chunk || (!last && n != Chunk) || (n == 0 && index > 0) {
		panic("seal: a chunk of an impossible length")
	}
	nonce := p.nonce(index, last)
	defer p.nonces.Put(nonce)
	p.aead.Seal(buf[:0], nonce[:], buf[:n], nil)
}

// openChunk opens in place and returns the plaintext.
func (p *Payload) openChunk(buf []byte, index int64, last bool) ([]byte, error) {
	nonce := p.nonce(index, last)
	defer p.nonces.Put(nonce)
	plain, err := p.aead.Open(buf[:0], nonce[:], buf, nil)
	if err != nil {
		return nil, errPayload(err)
	}
	return plain, nil
}

// nonce is STREAM's: an 88-bit big-endian counter, of which 64 bits are ever
// used, and the flag of the last chunk.
func (p *Payload) nonce(index int64, last bool) *[chacha20poly1305.NonceSize]byte {
	nonce, ok := p.nonces.Get().(*[chacha20poly1305.NonceSize]byte)
	if !ok {
		nonce = new([chacha20poly1305.NonceSize]byte)
	}
	binary.BigEndian.PutUint64(nonce[3:11], uint64(index))
	nonce[11] = 0
	if last {
		nonce[11] = 1
	}
	return nonce
}

// Seal returns the payload of a whole plaintext.
func Seal(k Key, plain []byte) ([]byte, error) {
	p, err := NewPayload(k)
	if err != nil {
		return nil, err
	}
	return p.sealAll(plain), nil
}

func (p *Payload) sealAll(plain []byte) []byte {
	out := make([]byte, 0, SealedSize(int64(len(plain))))
	out = append(out, p.head[:]...)
	for i, last := int64(0), false; !last; i++ {
		n := min(len(plain), Chunk)
		last = n == len(plain)
		from := len(out)
		out = append(out, plain[:n]...)
		out = out[:len(out)+chacha20poly1305.Overhead]
		p.SealChunk(out[from:], i, last)
		plain = plain[n:]
	}
	return out
}

// Open returns the plaintext of a whole payload. Anything altered, cut or added
// is an Integrity notice.
func Open(k Key, sealed []byte) ([]byte, error) {
	size, err := OpenedSize(int64(len(sealed)))
	if err != nil {
		return nil, err
	}
	plain := make([]byte, size)
	r, err := NewReaderAt(k, byteReader(sealed), int64(len(sealed)))
	if err != nil {
		return nil, err
	}
	if _, err := r.ReadAt(plain, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return plain, nil
}

type byteReader []byte

func (b byteReader) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func errPayload(cause error) error {
	return notice.Because(cause, notice.Integrity, "the sealed bytes are damaged or the key is not theirs",
		"fetch them again; if that does not help, the owner must store the record again: `manx study add`")
}
