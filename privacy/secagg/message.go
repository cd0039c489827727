package secagg

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"manx/privacy/internal/curve"
)

// A message is "mxa", 1, its kind, a place (16 bits: of the site that it is from or
// for), the round's digest, and a body of a length that round, kind and place give.
// A site's ends with its signature, but for the masked vector, which follows it and
// is held by a tag.
type kind byte

const (
	keysFrom    kind = 1 // from a site, to the coordinator
	sharesFrom  kind = 2
	maskedFrom  kind = 3
	agreedFrom  kind = 4
	opened      kind = 5
	rosterFor   kind = 17 // from the coordinator, to a site
	sharesFor   kind = 18
	survivors   kind = 19
	signatures  kind = 20
	headSize         = 4 + 1 + 2 + 32
	keySize          = 32
	digestSize       = 32
	tagSize          = 16
	sealedSize       = 2*secretSize + tagSize // two shares, sealed
	keysSize         = headSize + 2*keySize + ed25519.SignatureSize
	headerSize       = headSize + digestSize + tagSize + ed25519.SignatureSize // of a masked update
	openedShare      = 1 + secretSize
	nothing     byte = 0 // of a share that is opened: which secret it is of
	ofMask      byte = 1
	ofKey       byte = 2
)

// ErrMalformed says: bytes that are no message of this round, for this step.
var ErrMalformed = errors.New("secagg: malformed")

// Signer signs with an account key; privacy/keyring.Persona is one.
type Signer interface {
	Public() ed25519.PublicKey
	Sign(message []byte) []byte // Ed25519
}

func (k kind) head(round [32]byte, place, capacity int) []byte {
	b := append(make([]byte, 0, headSize+capacity), 'm', 'x', 'a', 1, byte(k))
	b = binary.LittleEndian.AppendUint16(b, uint16(place))
	return append(b, round[:]...)
}

// body returns what follows the head of a message of that kind, with the place.
func (k kind) body(round [32]byte, m []byte) (place int, body []byte, err error) {
	if len(m) < headSize || string(m[:4]) != "mxa\x01" || kind(m[4]) != k {
		return 0, nil, fmt.Errorf("%w: not the message of this step", ErrMalformed)
	}
	if [32]byte(m[7:headSize]) != round {
		return 0, nil, fmt.Errorf("%w: of another round, or another roster", ErrMalformed)
	}
	return int(binary.LittleEndian.Uint16(m[5:])), m[headSize:], nil
}

// signing is what is signed for a message: it cannot be taken for anything else
// that the key signs.
func signing(m []byte) []byte { return append([]byte("manx/secagg/v1\x00"), m...) }

func signed(s Signer, m []byte) []byte { return append(m, s.Sign(signing(m))...) }

// signedBy is a message with its signature, which is to be a key's.
func signedBy(key ed25519.PublicKey, m []byte) curve.Signed {
	end := len(m) - ed25519.SignatureSize
	return curve.Signed{Key: key, Message: signing(m[:end]), Signature: m[end:]}
}

// A set is some of a roster's places, in order.
type set []int

func (s set) has(i int) bool { _, ok := slices.BinarySearch(s, i); return ok }

// of returns those of the places that are in s, without one.
func (s set) of(places []int, but int) (out set) {
	for _, i := range places {
		if i != but && s.has(i) {
			out = append(out, i)
		}
	}
	return out
}

// without returns those of others that are not in s.
func (s set) without(others set) (out set) {
	for _, i := range others {
		if !s.has(i) {
			out = append(out, i)
		}
	}
	return out
}

func (s set) within(o set) bool {
	return !slices.ContainsFunc(s, func(i int) bool { return !o.has(i) })
}

// bitmap is s's one encoding among n places.
func (s set) bitmap(n int) []byte {
	b := make([]byte, (n+7)/8)
	for _, i := range s {
		b[i/8] |= 1 << (i % 8)
	}
	return b
}

// readSet takes the bitmap of n places from the front of b.
func readSet(b []byte, n int) (set, []byte, error) {
	size := (n + 7) / 8
	if len(b) < size {
		return nil, nil, fmt.Errorf("%w: cut short", ErrMalformed)
	}
	var s set
	for i := range n {
		if b[i/8]>>(i%8)&1 == 1 {
			s = append(s, i)
		}
	}
	if !bytes.Equal(s.bitmap(n), b[:size]) {
		return nil, nil, fmt.Errorf("%w: places outside the roster", ErrMalformed)
	}
	return s, b[size:], nil
}

// parts splits b in pieces of one size, of which there must be n.
func parts(b []byte, n, size int) ([][]byte, error) {
	if len(b) != n*size {
		return nil, fmt.Errorf("%w: of another length", ErrMalformed)
	}
	out := make([][]byte, n)
	for i := range out {
		out[i] = b[i*size : (i+1)*size : (i+1)*size]
	}
	return out, nil
}
