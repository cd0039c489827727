package psi

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"

	"manx/privacy/notice"
)

// A Kind is what the holders want to know.
type Kind byte

const (
	Count Kind = 1 // how many identifiers both hold
	Join  Kind = 2 // which of its own each shares, with a key for each that is the same on both sides
)

// A Session is what holders and counter agree on beforehand. Its messages
// belong to no other session.
type Session struct {
	ID      [32]byte // fresh for each session
	Kind    Kind
	Purpose string // what the grant or contract says it is for, at most 256 bytes
	Minimum int    // a smaller overlap is reported as such, and not as a number; at least MinCohort
}

// Check reports whether s is within bounds.
func (s Session) Check() error {
	switch {
	case s.Kind != Count && s.Kind != Join:
		return notice.New(notice.Invalid, "an intersection either counts or joins", "")
	case s.Purpose == "" || len(s.Purpose) > 256:
		return notice.New(notice.Invalid, "the purpose is missing, or longer than 256 bytes", "say what the overlap is for")
	case s.Minimum < minCohort || s.Minimum > MaxItems:
		return notice.New(notice.Invalid, "the minimum overlap is below 5: it could point at a person", "choose a larger minimum")
	}
	return nil
}

// binding is what all of a session's hashes and messages carry.
func (s Session) binding() [32]byte {
	b := append([]byte("manx/psi/session/v1"), s.ID[:]...)
	b = append(b, byte(s.Kind))
	b = binary.BigEndian.AppendUint32(b, uint32(s.Minimum))
	return sha256.Sum256(append(b, s.Purpose...))
}

// minCohort is the smallest minimum a session may have.
const minCohort = 5

// MaxItems bounds a holder's list, filled up. A message is then at most 3.9 MB,
// which is sealed in one.
const MaxItems = 120 << 10

// padTo is the multiple to which lists are filled up with points of nobody, so
// that a size tells the holder's own only roughly.
const padTo = 256

// step says which message bytes are.
type step byte

const (
	stepBlinded step = 1 // points of a holder's, to the other
	stepTags    step = 2 // hashes of the other's points, to the counter
	stepResult  step = 3 // to a holder
)

const (
	magic      = "manx/psi/v1\n"
	headerSize = len(magic) + 1 + 32 + 4
)

// header begins a message of n things.
func header(s Session, k step, n int) []byte {
	b := append([]byte(magic), byte(k))
	bound := s.binding()
	b = append(b, bound[:]...)
	return binary.BigEndian.AppendUint32(b, uint32(n))
}

// errOther is what a message of another session, or of none, yields.
func errOther(who string) error {
	return notice.New(notice.Invalid, "the message of "+who+" is not one of this session", "both holders and the counter must name the same session, purpose, minimum and kind")
}

// body checks a message's header and returns what follows, n things of size
// bytes.
func body(s Session, k step, size int, who string, m []byte) (b []byte, n int, err error) {
	if len(m) < headerSize || string(m[:len(magic)]) != magic {
		return nil, 0, errOther(who)
	}
	if want := header(s, k, 0); !slices.Equal(m[:headerSize-4], want[:headerSize-4]) {
		return nil, 0, errOther(who)
	}
	n = int(binary.BigEndian.Uint32(m[headerSize-4:]))
	if b = m[headerSize:]; n > MaxItems || len(b) != n*size {
		return nil, 0, notice.Because(errors.New("psi: length"), notice.Invalid, "the message of "+who+" is cut short or too long", "run the session again")
	}
	return b, n, nil
}

// points reads a message of 32 bytes each, none of which comes twice.
func points(s Session, k step, who string, m []byte) ([]point, error) {
	b, n, err := body(s, k, len(point{}), who, m)
	if err != nil {
		return nil, err
	}
	out, seen := make([]point, n), make(map[point]bool, n)
	for i := range out {
		p := point(b[i*len(point{}):])
		if seen[p] {
			return nil, notice.New(notice.Invalid, "the message of "+who+" holds a value twice", "run the session again")
		}
		seen[p], out[i] = true, p
	}
	return out, nil
}

// write is the opposite of points.
func write(s Session, k step, list []point) []byte {
	b := header(s, k, len(list))
	for _, p := range list {
		b = append(b, p[:]...)
	}
	return b
}
