// Package seal is the exchange's only door to age (filippo.io/age, the
// age-encryption.org/v1 format). It makes keys, seals payloads under them and
// wraps keys for hybrid post-quantum recipients.
//
// A payload and its header are kept apart: the payload is immutable and goes to
// the storage nodes, the header (here: a wrap) can be made again for each new
// recipient and lives only in stores that can delete. Together, wrap then
// payload, they are an ordinary age file.
//
// It does not store, place or send anything, and it has no knobs: no cipher,
// nonce or tag size can be chosen.
package seal

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"log/slog"

	"manx/privacy/notice"
	"manx/privacy/reveal"
)

const keySize = 16 // the file key of age v1

// A Key is an age file key of 128 bits. It never prints. The zero Key is not a
// key: sealing or opening with it is an error.
type Key struct{ get func() [keySize]byte }

// NewKey returns a fresh random key.
func NewKey() Key {
	var b [keySize]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand aborts the process instead
	return Key{func() [keySize]byte { return b }}
}

// KeyOf returns the key whose 16 bytes are b, as Reveal gave them.
func KeyOf(b []byte) (Key, error) {
	if len(b) != keySize {
		return Key{}, fmt.Errorf("a key has %d bytes, not %d", keySize, len(b))
	}
	a := [keySize]byte(b)
	return Key{func() [keySize]byte { return a }}, nil
}

// Reveal returns the 16 bytes of k, for a caller that seals them elsewhere.
func (k Key) Reveal(reveal.Token) []byte {
	if k.get == nil {
		return nil
	}
	b := k.get()
	return b[:]
}

// IsZero reports whether k is no key.
func (k Key) IsZero() bool { return k.get == nil }

// Equal compares in constant time.
func (k Key) Equal(o Key) bool {
	if k.get == nil || o.get == nil {
		return k.get == nil && o.get == nil
	}
	a, b := k.get(), o.get()
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// Derive returns the key that HKDF-SHA256 gives for k, a purpose and a number.
// Without k it says nothing about k or about other derived keys.
func (k Key) Derive(purpose string, number uint64) (Key, error) {
	b, err := k.derive(nil, "manx/"+purpose+"/"+string(binary.BigEndian.AppendUint64(nil, number)), keySize)
	if err != nil {
		return Key{}, err
	}
	return KeyOf(b)
}

func (k Key) derive(salt []byte, info string, n int) ([]byte, error) {
	if k.get == nil {
		return nil, errNoKey()
	}
	b := k.get()
	return hkdf.Key(sha256.New, b[:], salt, info, n)
}

// Format implements fmt.Formatter: it prints "[key]".
func (Key) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "[key]") }

// LogValue implements slog.LogValuer.
func (Key) LogValue() slog.Value { return slog.StringValue("[key]") }

// MarshalText implements encoding.TextMarshaler.
func (Key) MarshalText() ([]byte, error) { return []byte("[key]"), nil }

func errNoKey() error {
	return notice.New(notice.Denied, "there is no key for this record", "ask its owner for a grant: `manx grant list` shows those you have")
}
