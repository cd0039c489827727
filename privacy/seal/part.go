package seal

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
)

// A Part is one of the three parts of a key: grantee, first organisation,
// second organisation. Any two say nothing about the key. It never prints.
type Part struct{ get func() [keySize]byte }

// Split shares k by XOR: Join needs all three parts. Every call gives new parts.
func Split(k Key) (parts [3]Part, err error) {
	if k.IsZero() {
		return parts, errNoKey()
	}
	var a, b [keySize]byte
	_, _ = rand.Read(a[:])
	_, _ = rand.Read(b[:])
	c := k.get()
	subtle.XORBytes(c[:], c[:], a[:])
	subtle.XORBytes(c[:], c[:], b[:])
	for i, p := range [][keySize]byte{a, b, c} {
		parts[i] = Part{func() [keySize]byte { return p }}
	}
	return parts, nil
}

// Join gives back the key of three parts, in any order. Parts of different
// splits give a key that opens nothing.
func Join(parts [3]Part) (Key, error) {
	var k [keySize]byte
	for i, p := range parts {
		if p.get == nil {
			return Key{}, fmt.Errorf("part %d of the key is missing", i+1)
		}
		b := p.get()
		subtle.XORBytes(k[:], k[:], b[:])
	}
	return KeyOf(k[:])
}

const partLabel = "manx-part/1\n"

// SealPart seals p to one recipient. OpenPart opens it.
func SealPart(p Part, to Recipient) ([]byte, error) {
	if p.get == nil {
		return nil, errors.New("seal a part of a key: no part")
	}
	b := p.get()
	return Message(append([]byte(partLabel), b[:]...), to)
}

// OpenPart opens what SealPart sealed; any other message is an error.
func OpenPart(sealed []byte, as Identity) (Part, error) {
	b, err := OpenMessage(sealed, as)
	if err != nil {
		return Part{}, err
	}
	rest, ok := bytes.CutPrefix(b, []byte(partLabel))
	if !ok || len(rest) != keySize {
		return Part{}, errWrap(errors.New("not a part of a key"))
	}
	a := [keySize]byte(rest)
	return Part{func() [keySize]byte { return a }}, nil
}

// Format implements fmt.Formatter: it prints "[part]".
func (Part) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "[part]") }

// LogValue implements slog.LogValuer.
func (Part) LogValue() slog.Value { return slog.StringValue("[part]") }

// MarshalText implements encoding.TextMarshaler.
func (Part) MarshalText() ([]byte, error) { return []byte("[part]"), nil }
