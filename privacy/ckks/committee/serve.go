package committee

import (
	"errors"
	"fmt"
	"math/big"
	"slices"

	"manx/privacy/ckks"
	"manx/privacy/ckks/internal/limb"
	"manx/privacy/notice"
)

// Serve returns this member's shares for an order, one message for all: for each
// result, its part of the decryption and smudging less a mask of its own, and
// for the check its part and smudging. c is the order's ciphertext, nil for an
// audit. The message is in the journal before it is returned.
//
// Asked again for an order it has served, it returns the same bytes; another
// order of that session is refused, Conflict. At the key's cap it is refused,
// Exhausted. A member whose share was destroyed is Denied.
func (m *Member) Serve(o *Order, c *ckks.Ciphertext, j Journal) (Message, error) {
	if err := m.serves(o, c); err != nil {
		return nil, err
	}
	s, release, err := m.held()
	if err != nil {
		return nil, err
	}
	defer release()
	m.serving.Lock()
	defer m.serving.Unlock()
	if e, ok, err := j.Read(o.session); err != nil {
		return nil, err
	} else if ok {
		return m.again(o, e)
	}
	spent, err := j.Spent()
	if err != nil {
		return nil, err
	}
	if m.spent+spent+o.values() > valueCap {
		return nil, notice.New(notice.Exhausted, fmt.Sprintf("the committee's key has opened the %d values it is good for", valueCap),
			"found a committee with a new key, and encrypt under it from now on")
	}
	body, err := m.shares(s, o, c)
	if err != nil {
		return nil, err
	}
	made := m.identity.write(o.step(), 0, m.number, 0, o.id, body)
	if err := j.Write(o.session, Entry{o.id, o.values(), made}); errors.Is(err, ErrTaken) {
		e, _, err := j.Read(o.session)
		if err != nil {
			return nil, err
		}
		return m.again(o, e)
	} else if err != nil {
		return nil, err
	}
	return made, nil
}

// again answers from the journal.
func (m *Member) again(o *Order, e Entry) (Message, error) {
	if e.Order != o.id {
		return nil, notice.New(notice.Conflict, "this member has given its share in that session, for another order", "begin a new session")
	}
	return e.Message, nil
}

func (o *Order) step() step {
	if o.audits() {
		return stepAudit
	}
	return stepPartial
}

// serves refuses what is not for this member to serve.
func (m *Member) serves(o *Order, c *ckks.Ciphertext) error {
	if o.charter.id != m.charter.id {
		return notice.New(notice.Invalid, "not a request to this committee", "ask under the charter that is now")
	}
	if !slices.Contains(o.Active(), m.number) {
		return notice.New(notice.Denied, "the request names other members to serve", "ask those")
	}
	return o.fits(c)
}

// fits refuses another ciphertext than the order's.
func (o *Order) fits(c *ckks.Ciphertext) error {
	if o.audits() {
		if c != nil {
			return notice.New(notice.Invalid, "an audit opens no ciphertext", "order a result instead")
		}
		return nil
	}
	if c == nil {
		return notice.New(notice.Invalid, "the order's ciphertext is missing", "fetch it")
	}
	if err := o.charter.result(c); err != nil {
		return err
	}
	if sumOf(c) != o.sum {
		return notice.New(notice.Integrity, "the ciphertext is not the order's", "fetch it again")
	}
	return nil
}

// seed returns what makes the encryption of zero for a result or a check: it
// follows from the order, whose session nobody used before. It is public. Were
// it a member's to draw in secret, she could add what is no encryption of zero
// and have another ciphertext opened.
func (o *Order) seed(use string, i int) [32]byte {
	return limb.Derive(digest("randomise", o.id[:]), use, uint64(i))
}

// shares makes the body of a member's message: for each result, then for each
// trial the member stands in, a residue a prime.
func (m *Member) shares(s *share, o *Order, c *ckks.Ciphertext) ([]byte, error) {
	op, err := openerOf(o.charter.set)
	if err != nil {
		return nil, err
	}
	var body []byte
	for i, slot := range o.slots {
		x, err := op.result(m.public, c, slot, o.seed("result", i))
		if err != nil {
			return nil, err
		}
		v := s.partial(op, x, m.number, o.active, s.drawn("smudge a result", o.id, uint64(i)))
		for l, mask := range s.masks(op, o, i) {
			q := op.primes[l]
			v[l] = (v[l] + q - mask) % q
		}
		body = residues(body, v)
	}
	for i, trial := range o.trials() {
		if !slices.Contains(trial, m.number) {
			continue
		}
		x, err := op.check(m.public, o.seed("check", i))
		if err != nil {
			return nil, err
		}
		body = residues(body, s.partial(op, x, m.number, trial, s.drawn("smudge a check", o.id, uint64(i))))
	}
	return body, nil
}

// masks returns the uniform number that a member keeps of a result: its additive
// share, a residue a prime.
func (s *share) masks(op *opener, o *Order, i int) []uint64 {
	stream := limb.NewStream(s.drawn("mask", o.id, uint64(i)))
	out := make([]uint64, op.level+1)
	for l := range out {
		stream.Uniform(op.primes[l], out[l:l+1])
	}
	return out
}

// partial returns a member's part of a sample's decryption, weighed for the
// members it is put together with, and smudged.
func (s *share) partial(op *opener, x sample, member int, among []int, seed [32]byte) []uint64 {
	noise := smudge(limb.NewStream(seed).Read, op.set)
	out := make([]uint64, op.level+1)
	t := new(big.Int)
	for l, m := range op.moduli[:op.level+1] {
		d := m.Product(constant(m, x.c1[l], s.poly[l]), weight(member, among, 0, m.Q))
		out[l] = (d + t.Mod(noise, t.SetUint64(m.Q)).Uint64()) % m.Q
	}
	return out
}
