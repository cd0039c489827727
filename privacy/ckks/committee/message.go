package committee

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"manx/privacy/notice"
	"manx/privacy/seal"
)

// A Message is what one member says to another, or to all: signed, and sealed
// where it is for one. It carries its sender, so whoever routes it needs From
// and To alone.
//
// On the wire, version 1: "mxm" 1; what it is of (step); part, sender, addressee
// (0: all), a byte each; the session, 32 bytes; the body's length, 32 bits; the
// body; an Ed25519 signature of all that. Integers are little-endian.
type Message []byte

// A step is one kind of message. Values travel: append only.
type step byte

const (
	stepCommit  step = 1 // founding: what the public share will be, and a sum of it
	stepReveal  step = 2 // founding: the public share
	stepDeal    step = 3 // founding: a share of the secret, to one
	stepAgree   step = 4 // founding: what was seen, and a challenge
	stepProve   step = 5 // founding: a sum over what was dealt
	stepReshare step = 6 // a share of a share, to one
	stepReady   step = 7 // reshared: this member serves
	stepKey     step = 8 // evaluation key: a share of one
	stepRelin   step = 9 // relinearisation key, second round
	stepPartial step = 10
	stepAudit   step = 11
	stepPromise step = 12 // relinearisation key: what the first round's share will be
)

const (
	messageHeader = 4 + 4 + 32 + 4
	// sealing bounds what seal.Message adds to n bytes: a header and a tag for each 64 KiB.
	sealing = 8 << 10
)

func sealed(n int) int { return n + n>>10 + sealing }

// From returns the number of the member that the message says it is from, 0 for none.
func (m Message) From() int {
	if len(m) < 8 {
		return 0
	}
	return int(m[6])
}

// To returns the number of the member it is for, 0 for all.
func (m Message) To() int {
	if len(m) < 8 {
		return 0
	}
	return int(m[7])
}

// write makes a message and signs it.
func (i Identity) write(s step, part, from, to int, session [32]byte, body []byte) Message {
	signing, _ := i.get()
	b := make([]byte, 0, messageHeader+len(body)+ed25519.SignatureSize)
	b = append(b, 'm', 'x', 'm', 1, byte(s), byte(part), byte(from), byte(to))
	b = append(b, session[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)))
	b = append(b, body...)
	return append(b, ed25519.Sign(signing, b)...)
}

// writeSealed is write for a body that only its addressee reads.
func (i Identity) writeSealed(c *Charter, s step, from, to int, session [32]byte, body []byte) (Message, error) {
	secret, err := seal.Message(body, c.seats[to-1].Sealing)
	if err != nil {
		return nil, err
	}
	return i.write(s, 0, from, to, session, secret), nil
}

// A Fault is what a member did wrong, or did not do.
type Fault struct {
	Member int    // its number in the charter, from 1
	Name   string // its name there
	What   string // "sent nothing", "sent a message that is cut short", …
}

// Faults are an error: every member that a step cannot go on without.
type Faults []Fault

// Error implements error.
func (f Faults) Error() string {
	var parts []string
	for _, x := range f {
		parts = append(parts, x.Name+" "+x.What)
	}
	return strings.Join(parts, "; ")
}

func (c *Charter) fault(member int, what string) Fault { return Fault{member, c.name(member), what} }

const missing = "sent nothing"

// blame makes a notice of faults: Unavailable where members are only silent,
// else Integrity. errors.As finds the Faults in it.
func (f Faults) blame() error {
	if len(f) == 0 {
		return nil
	}
	slices.SortFunc(f, func(a, b Fault) int { return a.Member - b.Member })
	for _, x := range f {
		if x.What != missing {
			return notice.Because(f, notice.Integrity, "the committee cannot go on: "+f.Error(), "leave that member out, in a new session")
		}
	}
	return notice.Because(f, notice.Unavailable, "the committee waits: "+f.Error(), "ask again, or begin a new session with others")
}

// An expectation is what messages a step takes.
type expectation struct {
	charter *Charter
	step    step
	session [32]byte
	to      int   // the reader's number, 0 where the messages are for all
	from    []int // who must have sent one
	part    int   // which of the sender's messages of this step
	size    int   // of a body, before it is sealed
	reader  Identity
	own     int // the reader's number, whose messages are passed over; 0 for none
}

// read returns the bodies by sender. It names every member whose
// messages are missing, malformed, of another session, or not its own.
func (e expectation) read(in []Message) (map[int][]byte, error) {
	var faults Faults
	got := map[int][]byte{}
	failed := map[int]bool{}
	fail := func(member int, what string) {
		if !failed[member] {
			failed[member] = true
			faults = append(faults, e.charter.fault(member, what))
		}
	}
	for i, m := range in {
		if e.own != 0 && m.From() == e.own {
			continue
		}
		if len(m) < 8 || string(m[:3]) != "mxm" || !slices.Contains(e.from, int(m[6])) {
			return nil, notice.New(notice.Invalid, fmt.Sprintf("message %d of this step names no member that it is from", i+1), "ask every member for its message again")
		}
		from := int(m[6])
		body, what := e.body(m, from)
		if what != "" {
			fail(from, what)
			continue
		}
		if old, ok := got[from]; ok && !bytes.Equal(old, body) {
			fail(from, "sent two different messages for one step")
		}
		got[from] = body
	}
	for _, from := range e.from {
		if _, ok := got[from]; !ok && !failed[from] {
			fail(from, missing)
		}
	}
	if err := faults.blame(); err != nil {
		return nil, err
	}
	return got, nil
}

// body returns one message's body, or what its sender did wrong.
func (e expectation) body(m Message, from int) ([]byte, string) {
	limit := e.size
	if e.to != 0 {
		limit = sealed(e.size)
	}
	switch {
	case m[3] != 1:
		return nil, "sent a message of another format version"
	case len(m) < messageHeader+ed25519.SignatureSize:
		return nil, "sent a message that is cut short"
	case len(m) > messageHeader+limit+ed25519.SignatureSize:
		return nil, "sent a message that is too long"
	case int(binary.LittleEndian.Uint32(m[40:])) != len(m)-messageHeader-ed25519.SignatureSize:
		return nil, "sent a message that is cut short"
	}
	end := len(m) - ed25519.SignatureSize
	if !ed25519.Verify(e.charter.seats[from-1].Signing, m[:end], m[end:]) {
		return nil, "sent a message that it did not sign"
	}
	switch {
	case [32]byte(m[8:40]) != e.session:
		return nil, "sent a message of another session"
	case step(m[4]) != e.step || int(m[5]) != e.part || int(m[7]) != e.to:
		return nil, "sent a message of another step"
	}
	body := []byte(m[messageHeader:end])
	if e.to != 0 {
		_, as := e.reader.get()
		var err error
		if body, err = seal.OpenMessage(body, as); err != nil {
			return nil, "sent a message that does not open"
		}
	}
	if len(body) != e.size {
		return nil, "sent a message of another length"
	}
	return body, ""
}

func faultsOf(err error) (Faults, bool) {
	return errors.AsType[Faults](err)
}
