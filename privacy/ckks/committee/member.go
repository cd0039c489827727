package committee

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"

	"manx/privacy/ckks"
	"manx/privacy/ckks/internal/limb"
	"manx/privacy/notice"
	"manx/privacy/seal"
)

// A Member is one organisation's part of a committee's key. It prints as
// "[secret]" and is safe for concurrent use.
type Member struct {
	charter  *Charter
	number   int
	public   *ckks.PublicKey
	identity Identity
	spent    int // values the key had opened when this share was made

	serving sync.Mutex // one order at a time, so that a session is looked up and written at once

	mu   sync.RWMutex // guards the share from being destroyed in use
	open func() *share
}

// A share is the secret, reachable only through a closure.
type share struct {
	*ring
	poly [][]uint64 // this member's value of the sharing polynomial
	seed [32]byte   // of all that the member draws from now on
}

// Format implements fmt.Formatter.
func (m *Member) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "[secret]") }

// Charter returns whose member it is.
func (m *Member) Charter() *Charter { return m.charter }

// Number returns the member's number in the charter, from 1.
func (m *Member) Number() int { return m.number }

// PublicKey returns the key that data is encrypted under.
func (m *Member) PublicKey() *ckks.PublicKey { return m.public }

// Left returns how many values the member will still open: of the key's cap, less
// what was spent when its share was made and what its journal holds.
func (m *Member) Left(j Journal) (int, error) {
	spent, err := j.Spent()
	return max(valueCap-m.spent-spent, 0), err
}

// Destroy forgets the share: a member that left, or whose key was shared anew,
// calls it when the new members are ready, and deletes what Keep gave.
func (m *Member) Destroy() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open == nil {
		return
	}
	s := m.open()
	for _, l := range s.poly {
		clear(l)
	}
	s.seed = [32]byte{}
	m.open = nil
}

// held returns the share, or refuses where it was destroyed. release lets it be
// destroyed again.
func (m *Member) held() (s *share, release func(), err error) {
	m.mu.RLock()
	if m.open == nil {
		m.mu.RUnlock()
		return nil, nil, notice.New(notice.Denied, "this member's share was destroyed", "ask the members of the committee that is now")
	}
	return m.open(), m.mu.RUnlock, nil
}

// Keep returns the member's bytes, sealed to its own identity: "mxs" 1, the
// charter's id, number, values spent, seed, share, and the public key.
func (m *Member) Keep() ([]byte, error) {
	s, release, err := m.held()
	if err != nil {
		return nil, err
	}
	defer release()
	b := append([]byte{'m', 'x', 's', 1}, m.charter.id[:]...)
	b = append(b, byte(m.number))
	b = binary.LittleEndian.AppendUint32(b, uint32(m.spent))
	b = packed(append(b, s.seed[:]...), s.primes, s.poly)
	w := &appender{b}
	_, _ = m.public.WriteTo(w) // an appender takes all
	_, sealing := m.identity.get()
	return seal.Message(w.b, sealing.Recipient())
}

// ReadMember reads what Keep gave, for the same charter and identity.
func ReadMember(c *Charter, as Identity, kept []byte) (*Member, error) {
	number, err := as.at(c)
	if err != nil {
		return nil, err
	}
	r, err := newRing(c.set)
	if err != nil {
		return nil, err
	}
	bad := notice.New(notice.Integrity, "not this member's share of the committee's key", "restore it from the member's backup, or share the key anew without it")
	_, sealing := as.get()
	b, err := seal.OpenMessage(kept, sealing)
	if err != nil {
		return nil, bad
	}
	const head = 4 + 32 + 1 + 4 + 32
	if want := head + int(limb.Size(r.primes, r.n)+ckks.PublicKeySize(c.set)); len(b) != want {
		return nil, bad
	}
	if string(b[:4]) != "mxs\x01" || [32]byte(b[4:36]) != c.id || int(b[36]) != number {
		return nil, bad
	}
	in := bytes.NewReader(b[head:])
	poly := limb.New(len(r.moduli), r.n)
	if limb.Read(in, r.primes, poly) != nil {
		return nil, bad
	}
	public, err := ckks.ReadPublicKey(in, c.set)
	if err != nil {
		return nil, err
	}
	s := &share{r, poly, [32]byte(b[41:73])}
	return newMember(c, number, as, public, int(binary.LittleEndian.Uint32(b[37:])), s), nil
}

func newMember(c *Charter, number int, as Identity, public *ckks.PublicKey, spent int, s *share) *Member {
	return &Member{charter: c, number: number, public: public, identity: as, spent: spent, open: func() *share { return s }}
}

// drawn returns the seed of what a member draws for one use in a session: the
// same whenever it is asked again, and unrelated to any other.
func (s *share) drawn(use string, session [32]byte, numbers ...uint64) [32]byte {
	return limb.Derive(limb.Derive(s.seed, "committee, session", numbersOf(session)...), use, numbers...)
}

func numbersOf(b [32]byte) []uint64 {
	out := make([]uint64, 4)
	for i := range out {
		out[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return out
}

// digest is SHA-256 of parts, each with its length before it, under a label.
func digest(label string, parts ...[]byte) [32]byte {
	h := sha256.New()
	for _, p := range append([][]byte{[]byte("manx committee v1 " + label)}, parts...) {
		_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(p))))
		_, _ = h.Write(p)
	}
	return [32]byte(h.Sum(nil))
}
