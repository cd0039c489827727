// Package committee is threshold CKKS: a key of which n organisations hold
// shares, so that any t of them serve and fewer know nothing (Mouchet et al.
// 2021 and 2022, ePrint 2020/304 and 2022/780; Shamir 1979). Data is encrypted
// once under the committee's public key, and evaluated by privacy/ckks as ever,
// with evaluation keys that the members made together.
//
// Nothing raw is opened. A result is masked to one number a ciphertext, made
// unforeseeable by an encryption of zero, and goes from encryption to shares of
// integers: of three parties (privacy/mpc), which round it and give it to its
// recipient. Noise that depends on the key is drowned in noise 2^40 times as
// large ("smudging"), for which the set ckks.Shared leaves headroom.
//
// Every step takes messages and gives messages: bytes that are versioned,
// bounded and signed, so that who sent a wrong one is named. The package knows
// no network, and asks nobody whether a result may be opened: who calls
// Member.Serve has read the grant. It is honest-but-curious with faults found:
// see docs/adr/0015-committee-keys.md for what a lying member can do.
package committee

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"unicode"
	"unicode/utf8"

	"manx/privacy/ckks"
	"manx/privacy/notice"
	"manx/privacy/seal"
)

// A Seat is one organisation's place: its name, and the public keys it signs
// and is sealed to with.
type Seat struct {
	Name    string // 1 to 64 bytes, printable, its own
	Signing ed25519.PublicKey
	Sealing seal.Recipient
}

// A Charter says who a committee is and how many of it serve. The committee's
// key outlives charters: Succeed gives the next one of the same key. It is
// immutable and public.
type Charter struct {
	key   [32]byte // names the collective key
	epoch uint32   // how often it was shared anew
	set   ckks.Set
	need  int
	seats []Seat
	id    [32]byte
}

const charterVersion = 1

// NewCharter returns the charter of a committee to be founded: need of the seats
// serve, 2 at least. A set without headroom for smudging is refused, Unsupported.
func NewCharter(set ckks.Set, need int, seats []Seat) (*Charter, error) {
	c := &Charter{set: set, need: need, seats: append([]Seat(nil), seats...)}
	_, _ = rand.Read(c.key[:])
	return c, c.check()
}

// Succeed returns the charter under which the same key is shared anew, among
// other seats or the same.
func (c *Charter) Succeed(need int, seats []Seat) (*Charter, error) {
	n := &Charter{key: c.key, epoch: c.epoch + 1, set: c.set, need: need, seats: append([]Seat(nil), seats...)}
	return n, n.check()
}

func badCharter(why string) error {
	return notice.New(notice.Invalid, "not a committee: "+why, "name 2 to 16 different organisations, and how many of them are needed")
}

func (c *Charter) check() error {
	if err := headroom(c.set); err != nil {
		return err
	}
	if len(c.seats) < 2 || len(c.seats) > ckks.MaxMembers || c.need < 2 || c.need > len(c.seats) {
		return badCharter(fmt.Sprintf("%d of %d members", c.need, len(c.seats)))
	}
	seen := map[string]bool{}
	for _, s := range c.seats {
		if !named(s.Name) || len(s.Signing) != ed25519.PublicKeySize || s.Sealing.IsZero() {
			return badCharter("a member has no name or no keys")
		}
		for _, own := range []string{"name " + s.Name, "key " + string(s.Signing), "seal " + s.Sealing.String()} {
			if seen[own] {
				return badCharter("a member is named twice")
			}
			seen[own] = true
		}
	}
	c.id = sha256.Sum256(c.Bytes())
	return nil
}

func named(s string) bool {
	if len(s) == 0 || len(s) > 64 || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// Bytes returns c's one encoding: "mxq" 1, set, the key's name, epoch, need,
// and the seats, each with lengths before its parts.
func (c *Charter) Bytes() []byte {
	b := append([]byte{'m', 'x', 'q', charterVersion, byte(c.set)}, c.key[:]...)
	b = binary.LittleEndian.AppendUint32(b, c.epoch)
	b = append(b, byte(c.need), byte(len(c.seats)))
	for _, s := range c.seats {
		b = append(append(b, byte(len(s.Name))), s.Name...)
		b = append(b, s.Signing...)
		r := s.Sealing.String()
		b = append(binary.LittleEndian.AppendUint16(b, uint16(len(r))), r...)
	}
	return b
}

// ReadCharter reads what Bytes gave, from a stranger: at most 64 KiB.
func ReadCharter(b []byte) (*Charter, error) {
	bad := func(why string) (*Charter, error) { return nil, badCharter(why) }
	if len(b) < 43 || len(b) > 64<<10 || string(b[:3]) != "mxq" {
		return bad("it is no charter")
	}
	if b[3] != charterVersion {
		return nil, notice.New(notice.Unsupported, "a charter of another format version", "update manx on the machine that reads it")
	}
	c := &Charter{set: ckks.Set(b[4]), key: [32]byte(b[5:37]), epoch: binary.LittleEndian.Uint32(b[37:41]), need: int(b[41])}
	r := bytes.NewBuffer(b[43:])
	for range b[42] {
		var s Seat
		n, _ := r.ReadByte()
		s.Name = string(r.Next(int(n)))
		s.Signing = bytes.Clone(r.Next(ed25519.PublicKeySize))
		if l := r.Next(2); len(l) == 2 {
			var err error
			if s.Sealing, err = seal.ParseRecipient(string(r.Next(int(binary.LittleEndian.Uint16(l))))); err != nil {
				return bad("a member has no sealing key")
			}
		}
		c.seats = append(c.seats, s)
		if len(c.seats) > ckks.MaxMembers {
			return bad("it has too many members")
		}
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if !bytes.Equal(c.Bytes(), b) {
		return bad("it has a second encoding")
	}
	return c, nil
}

// ID names the charter: SHA-256 of its bytes.
func (c *Charter) ID() [32]byte { return c.id }

// Set returns the parameters of the committee's key.
func (c *Charter) Set() ckks.Set { return c.set }

// Need returns how many members serve together.
func (c *Charter) Need() int { return c.need }

// Seats returns the members in their order: the first is member 1.
func (c *Charter) Seats() []Seat { return append([]Seat(nil), c.seats...) }

// all returns every member's number.
func (c *Charter) all() []int {
	var out []int
	for i := range c.seats {
		out = append(out, i+1)
	}
	return out
}

func (c *Charter) name(member int) string { return c.seats[member-1].Name }

// active reports whether members are exactly those needed: ascending, each once.
func (c *Charter) active(members []int) error {
	if len(members) != c.need {
		return notice.New(notice.Invalid, fmt.Sprintf("%d members were named to serve, and %d do", len(members), c.need), "name as many members as the charter needs")
	}
	last := 0
	for _, m := range members {
		if m <= last || m > len(c.seats) {
			return notice.New(notice.Invalid, "the members named to serve are not the charter's, in its order", "name members by their number, ascending")
		}
		last = m
	}
	return nil
}
