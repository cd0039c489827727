package mpc

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Parties is how many there are: 0, 1 and 2.
const Parties = 3

// A Share is one party's part of a vector of n values of Z_2^64. A value is the
// sum of three components; the party i has components i and i+1 mod 3 (Araki et
// al., CCS 2016). One Share says nothing about the values, two say all.
// It prints nothing of what it holds. The zero Share has no values.
type Share struct{ open func() *dealt }

// hide makes a share of what a party has: behind a closure, which fmt cannot
// look into.
func hide(d *dealt) Share { return Share{func() *dealt { return d }} }

// v returns what the party has, nil of the zero Share.
func (s Share) v() *dealt {
	if s.open == nil {
		return nil
	}
	return s.open()
}

type dealt struct {
	party int
	vec
	blinds [2][32]byte
}

// A vec is what a party has of a vector: component i in a, component i+1 in b.
type vec struct{ a, b []uint64 }

func newVec(n int) vec {
	both := make([]uint64, 2*n)
	return vec{both[:n:n], both[n:]}
}

func (v vec) len() int { return len(v.a) }

// part returns values [from, to), not a copy.
func (v vec) part(from, to int) vec { return vec{v.a[from:to], v.b[from:to]} }

// Format makes fmt print no more than what it is and how long.
func (s Share) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "mpc.Share(%d values)", s.Len()) }

// MarshalJSON refuses: a share travels as MarshalBinary's bytes, sealed.
func (s Share) MarshalJSON() ([]byte, error) {
	return nil, errors.New("mpc: a share has no JSON")
}

// Len returns the number of values.
func (s Share) Len() int {
	if s.v() == nil {
		return 0
	}
	return s.v().len()
}

// Party returns whose share it is.
func (s Share) Party() int {
	if s.v() == nil {
		return 0
	}
	return s.v().party
}

func (s Share) vec() vec {
	if s.v() == nil {
		return vec{}
	}
	return s.v().vec
}

// Deal splits values into three parties' shares, with fresh randomness. It runs
// on the device of who owns the values.
func Deal(values []uint64) ([Parties]Share, error) {
	n := len(values)
	var c [Parties][]uint64
	var blinds [Parties][32]byte
	for j := range c {
		c[j] = make([]uint64, n)
		if _, err := io.ReadFull(rand.Reader, blinds[j][:]); err != nil {
			return [Parties]Share{}, err
		}
	}
	for _, j := range []int{0, 1} {
		if _, err := io.ReadFull(rand.Reader, bytesOf(c[j])); err != nil {
			return [Parties]Share{}, err
		}
	}
	for i, v := range values {
		c[2][i] = v - c[0][i] - c[1][i]
	}
	var shares [Parties]Share
	for i := range shares {
		j := (i + 1) % Parties
		shares[i] = hide(&dealt{i, vec{c[i], c[j]}, [2][32]byte{blinds[i], blinds[j]}})
	}
	return shares, nil
}

// DealBits splits the bits of values: a bit is the exclusive or of its components.
// Only Evaluate reads such shares, as a program's Bits; to everything else they
// are shares of other values.
func DealBits(values []uint64) ([Parties]Share, error) {
	shares, err := Deal(make([]uint64, len(values)))
	if err != nil {
		return shares, err
	}
	// Components 0 and 1 are random; 2 follows from them.
	c0, c1, c2 := shares[0].v().a, shares[1].v().a, shares[2].v().a
	for i, v := range values {
		c2[i] = v ^ c0[i] ^ c1[i]
	}
	return shares, nil
}

// Slice returns the values [from, to) of s, without a copy and without the
// blindings: its digests hide nothing.
func (s Share) Slice(from, to int) Share {
	return hide(&dealt{party: s.Party(), vec: s.vec().part(from, to)})
}

// Concat returns the values of all shares, one after the other.
func Concat(shares ...Share) (Share, error) {
	if len(shares) == 0 {
		return Share{}, nil
	}
	d := &dealt{party: shares[0].Party()}
	for _, s := range shares {
		if s.Party() != d.party {
			return Share{}, errors.New("mpc: shares of different parties are joined, not concatenated")
		}
		d.a, d.b = append(d.a, s.vec().a...), append(d.b, s.vec().b...)
	}
	return hide(d), nil
}

// Gather returns the values at the indices, in their order. An index out of
// range panics, as a slice's does.
func (s Share) Gather(indices []int) Share {
	v, out := s.vec(), newVec(len(indices))
	for i, j := range indices {
		out.a[i], out.b[i] = v.a[j], v.b[j]
	}
	return hide(&dealt{party: s.Party(), vec: out})
}

const (
	shareMagic  = "MXS1"
	shareHeader = len(shareMagic) + 1 + 8 + 64
)

// MarshalBinary returns the share as bytes: magic, party, n, two blindings, the
// two components, little-endian. They are secret: seal them.
func (s Share) MarshalBinary() ([]byte, error) {
	if s.v() == nil {
		return nil, errors.New("mpc: an empty share has no bytes")
	}
	b := append(make([]byte, 0, shareHeader+16*s.Len()), shareMagic...)
	b = append(b, byte(s.v().party))
	b = binary.LittleEndian.AppendUint64(b, uint64(s.Len()))
	b = append(append(b, s.v().blinds[0][:]...), s.v().blinds[1][:]...)
	for _, c := range [][]uint64{s.v().a, s.v().b} {
		for _, v := range c {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
	}
	return b, nil
}

// ErrMalformed says: bytes that are no share, message or hello.
var ErrMalformed = errors.New("mpc: malformed")

// ReadShare reads what MarshalBinary wrote, if it is party's share of n values.
func ReadShare(b []byte, party, n int) (Share, error) {
	switch {
	case party < 0 || party >= Parties || n < 0:
		return Share{}, fmt.Errorf("%w: party or number of values out of range", ErrMalformed)
	case len(b) < shareHeader || string(b[:4]) != shareMagic:
		return Share{}, fmt.Errorf("%w: not a share", ErrMalformed)
	case int(b[4]) != party:
		return Share{}, fmt.Errorf("%w: another party's share", ErrMalformed)
	case binary.LittleEndian.Uint64(b[5:]) != uint64(n) || (len(b)-shareHeader)/16 != n || (len(b)-shareHeader)%16 != 0:
		return Share{}, fmt.Errorf("%w: a share of another number of values", ErrMalformed)
	}
	d := &dealt{party: party, vec: newVec(n)}
	copy(d.blinds[0][:], b[13:])
	copy(d.blinds[1][:], b[45:])
	b = b[shareHeader:]
	for i := range n {
		d.a[i] = binary.LittleEndian.Uint64(b[8*i:])
		d.b[i] = binary.LittleEndian.Uint64(b[8*(n+i):])
	}
	return hide(d), nil
}

// Digests returns the digests of the party's two components: SHA-256 of the
// index, the blinding that Deal made, and the values. The blinding keeps a
// digest from telling which values it is of; shares that Deal did not make have
// none, and their digests hide nothing.
func (s Share) Digests() [2][32]byte {
	if s.v() == nil {
		return [2][32]byte{}
	}
	var out [2][32]byte
	for k, c := range [][]uint64{s.v().a, s.v().b} {
		h := sha256.New()
		h.Write([]byte{'c', byte((s.v().party + k) % Parties)})
		h.Write(s.v().blinds[k][:])
		var word [8]byte
		for _, v := range c {
			binary.LittleEndian.PutUint64(word[:], v)
			h.Write(word[:])
		}
		h.Sum(out[k][:0])
	}
	return out
}

// Digests returns the digests of the three components of what Deal dealt.
func Digests(shares [Parties]Share) [Parties][32]byte {
	var out [Parties][32]byte
	for i, s := range shares {
		out[i] = s.Digests()[0]
	}
	return out
}

// ErrInconsistent says: two parties gave different copies of one component.
var ErrInconsistent = errors.New("mpc: two parties' copies of a component differ")

// An InconsistentError says which component differs, and who is to blame if
// three shares tell: Party is -1 where one of two parties lied.
type InconsistentError struct{ Component, Party int }

// Error names the component and the party or parties.
func (e *InconsistentError) Error() string {
	if e.Party >= 0 {
		return fmt.Sprintf("%v: component %d, party %d stands alone", ErrInconsistent, e.Component, e.Party)
	}
	return fmt.Sprintf("%v: component %d, of parties %d and %d", ErrInconsistent, e.Component, e.Component, (e.Component+2)%Parties)
}

// Unwrap makes errors.Is find ErrInconsistent.
func (e *InconsistentError) Unwrap() error { return ErrInconsistent }

// Join returns the values from the shares of two or three parties. Copies of a
// component that differ are an InconsistentError. A party is named if both its
// components differ from the others' copies.
func Join(shares ...Share) ([]uint64, error) {
	var from [Parties]*dealt
	for _, s := range shares {
		if s.v() == nil || from[s.v().party] != nil || s.Len() != shares[0].Len() {
			return nil, errors.New("mpc: values are joined from different parties' shares of one vector")
		}
		from[s.v().party] = s.v()
	}
	if len(shares) < 2 {
		return nil, errors.New("mpc: one share does not make a value")
	}
	var differ []int
	var c [Parties][]uint64
	for j := range c {
		first, second := from[j], from[(j+2)%Parties]
		switch {
		case first != nil && second != nil:
			if !equal(first.a, second.b) {
				differ = append(differ, j)
			}
			c[j] = first.a
		case first != nil:
			c[j] = first.a
		default:
			c[j] = second.b
		}
	}
	if len(differ) > 0 {
		e := &InconsistentError{differ[0], -1}
		if len(differ) == 2 { // the party that has both
			e.Party = differ[0]
			if differ[0] == 0 && differ[1] == 2 {
				e.Party = 2
			}
		}
		return nil, e
	}
	out := make([]uint64, len(c[0]))
	for i := range out {
		out[i] = c[0][i] + c[1][i] + c[2][i]
	}
	return out, nil
}

// equal takes the same time wherever x and y differ.
func equal(x, y []uint64) bool {
	var d uint64
	for i := range x {
		d |= x[i] ^ y[i]
	}
	return d == 0
}
