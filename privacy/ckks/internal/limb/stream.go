package limb

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha3"
	"encoding/binary"
	"math/bits"
)

// A Stream is AES-256 in counter mode under a 32-byte seed from a zero counter:
// the expansion of every seed here, public or secret. A seed is used once.
type Stream struct {
	ctr  cipher.Stream
	buf  [4096]byte
	next int
}

// NewStream starts a seed's expansion.
func NewStream(seed [32]byte) *Stream {
	block, err := aes.NewCipher(seed[:])
	if err != nil {
		panic(err) // a 32-byte key is always accepted
	}
	return &Stream{ctr: cipher.NewCTR(block, make([]byte, aes.BlockSize)), next: 4096}
}

// Derive makes the seed for one use out of a seed: SHAKE256 over a label and
// numbers of fixed width, so that two uses never share a stream.
func Derive(seed [32]byte, label string, numbers ...uint64) (out [32]byte) {
	h := sha3.NewSHAKE256()
	_, _ = h.Write([]byte("manx ckks v1\x00" + label + "\x00"))
	_, _ = h.Write(seed[:])
	for _, n := range numbers {
		_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, n))
	}
	_, _ = h.Read(out[:])
	return out
}

// FreshSeed comes from the operating system, never from a caller.
func FreshSeed() (s [32]byte) {
	_, _ = rand.Read(s[:]) // never fails: crypto/rand ends the process instead
	return s
}

// Word returns the next 8 bytes.
func (s *Stream) Word() uint64 {
	if s.next == len(s.buf) {
		clear(s.buf[:])
		s.ctr.XORKeyStream(s.buf[:], s.buf[:])
		s.next = 0
	}
	w := binary.LittleEndian.Uint64(s.buf[s.next:])
	s.next += 8
	return w
}

// Uniform fills out with residues below q: the low bits of each word, rejecting
// those not below q.
func (s *Stream) Uniform(q uint64, out []uint64) {
	mask := uint64(1)<<bits.Len64(q) - 1
	for i := range out {
		v := s.Word() & mask
		for v >= q {
			v = s.Word() & mask
		}
		out[i] = v
	}
}

// Ternary fills out with uniform values of -1, 0 and 1.
func (s *Stream) Ternary(out []int64) {
	var w uint64
	var left int
	for i := range out {
		for {
			if left == 0 {
				w, left = s.Word(), 32
			}
			v := w & 3
			w >>= 2
			left--
			if v != 3 {
				out[i] = int64(v) - 1
				break
			}
		}
	}
}

// Noise fills out with centred binomial errors of 42 bits, standard deviation
// sqrt(10.5) = 3.24, as Microsoft SEAL does by default: above the 3.19 that the
// security tables assume, and free of secret-dependent branches.
func (s *Stream) Noise(out []int64) {
	const half = 1<<21 - 1
	for i := range out {
		w := s.Word()
		out[i] = int64(bits.OnesCount64(w&half)) - int64(bits.OnesCount64(w>>21&half))
	}
}

// Read fills b with the stream's bytes, a word at a time: what is left of the
// last word is dropped.
func (s *Stream) Read(b []byte) {
	for len(b) > 0 {
		w := binary.LittleEndian.AppendUint64(nil, s.Word())
		b = b[copy(b, w):]
	}
}

// Coins are a seed that a function of ckks takes from packages below it alone:
// nobody else can make any, so nobody chooses what randomness is used twice.
type Coins struct{ seed [32]byte }

// CoinsOf returns a seed as Coins.
func CoinsOf(seed [32]byte) Coins { return Coins{seed} }

// Seed returns the seed.
func (c Coins) Seed() [32]byte { return c.seed }
