package mpc

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"runtime/debug"
)

// A hello is three runs of 32 bytes: what the session is (protocol, build, party
// and security, digested), its id, and the sender's half of the link's seed.
const helloWords = 12

const protocol = "manx three-party computation 2"

// build names the program that runs: peers of another build may disagree on
// the order of messages.
func build() string {
	name := protocol
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" || s.Key == "vcs.modified" {
				name += " " + s.Value
			}
		}
	}
	return name
}

// terms digests what both ends of a link must have in common, for the hello
// that party sends.
func terms(party int, security Security) [32]byte {
	return sha256.Sum256(append([]byte(build()), byte(party), byte(security)))
}

// greet exchanges hellos with both peers and derives the session's streams.
func (s *Session) greet(c Config) {
	s.round()
	var halves [2][32]byte
	links := []*channel{s.previous, s.next}
	for k, ch := range links {
		if _, err := io.ReadFull(rand.Reader, halves[k][:]); err != nil {
			s.fail(err)
			return
		}
		hello := make([]uint64, helloWords)
		t := terms(s.party, s.security)
		b := bytesOf(hello)
		copy(b, t[:])
		copy(b[32:], c.Session[:])
		copy(b[64:], halves[k][:])
		ch.send(hello)
	}
	var seeds [2][32]byte
	for k, ch := range links {
		hello := make([]uint64, helloWords)
		ch.receive(hello)
		if s.failed() != nil {
			return
		}
		b := bytesOf(hello)
		t := terms(ch.peer, s.security)
		if subtle.ConstantTimeCompare(b[:32], t[:])&subtle.ConstantTimeCompare(b[32:64], c.Session[:]) != 1 {
			s.fail(ch.blame(s.step, ErrMismatch))
			return
		}
		// Component i's seed: the half of party i-1, then that of party i.
		first, second := b[64:96], halves[k][:]
		if k == 1 {
			first, second = second, first
		}
		h := sha256.New()
		h.Write([]byte(protocol))
		h.Write(c.Session[:])
		h.Write(first)
		h.Write(second)
		h.Sum(seeds[k][:0])
	}
	s.mine, s.ours = newStream(seeds[0], "masks"), newStream(seeds[1], "masks")
	s.judge, s.judged = newStream(seeds[0], "challenges"), newStream(seeds[1], "challenges")
}
