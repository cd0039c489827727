package committee

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"manx/privacy/ckks"
	"manx/privacy/ckks/internal/limb"
	"manx/privacy/notice"
)

// Sharing a key anew (Desmedt and Jajodia 1997): each of the members that serve
// deals its additive share of the secret, by a new polynomial, to the members of
// the next charter; what a new member was dealt adds up to its share. The secret
// is in one place at no time, the public key and everything encrypted stay, and
// the old members serve until the new ones are Ready and the old shares destroyed.
//
// A try in which a member falls away is begun again with other active members:
// each set deals by polynomials of its own.

// shareSession names a try.
func (c *Charter) shareSession(old *Charter, active []int) [32]byte {
	return digest("share anew", old.id[:], c.id[:], appendActive(nil, active))
}

func (c *Charter) follows(old *Charter) error {
	if c.key != old.key || c.epoch != old.epoch+1 || c.set != old.set {
		return notice.New(notice.Invalid, "the new charter is not the next one of this key", "make it with Succeed")
	}
	return nil
}

func sumOfKey(k *ckks.PublicKey) [32]byte {
	h := sha256.New()
	_, _ = k.WriteTo(h) // a hash takes all
	return [32]byte(h.Sum(nil))
}

// Reshare returns this member's messages to the members of the next charter, one
// for each. Asked again for the same active members it deals the same shares. Who
// calls it has seen that the next charter is agreed: its members get the key.
func (m *Member) Reshare(next *Charter, active []int, j Journal) ([]Message, error) {
	if err := next.follows(m.charter); err != nil {
		return nil, err
	}
	if err := m.charter.active(active); err != nil {
		return nil, err
	}
	if !slices.Contains(active, m.number) {
		return nil, notice.New(notice.Denied, "the request names other members to serve", "ask those")
	}
	s, release, err := m.held()
	if err != nil {
		return nil, err
	}
	defer release()
	spent, err := j.Spent()
	if err != nil {
		return nil, err
	}
	session := next.shareSession(m.charter, active)
	c := s.polynomial(s.weighed(s.poly, m.number, active), next.need, s.drawn("share anew", session))
	var out []Message
	for to := range next.seats {
		key := sumOfKey(m.public)
		body := binary.LittleEndian.AppendUint32(key[:], uint32(m.spent+spent))
		body = packed(body, s.primes, s.deal(c, to+1))
		// The addressee's seat is in the next charter, the sender's in this.
		x, err := m.identity.writeSealed(next, stepReshare, m.number, to+1, session, body)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// Join makes a member of the next charter from what the active members of the
// old one dealt it, and its word for the others that it is Ready. The member
// counts the values that the key has opened as the active member does that has
// seen the most.
func Join(next, old *Charter, as Identity, active []int, public *ckks.PublicKey, in []Message) (*Member, Message, error) {
	number, err := as.at(next)
	if err != nil {
		return nil, nil, err
	}
	if err := next.follows(old); err != nil {
		return nil, nil, err
	}
	if err := old.active(active); err != nil {
		return nil, nil, err
	}
	r, err := newRing(next.set)
	if err != nil {
		return nil, nil, err
	}
	session := next.shareSession(old, active)
	const head = 32 + 4
	size := head + int(limb.Size(r.primes, r.n))
	got, err := expectation{charter: old, step: stepReshare, session: session, to: number, from: active, size: size, reader: as}.read(in)
	if err != nil {
		return nil, nil, err
	}
	s := &share{r, limb.New(len(r.primes), r.n), fresh()}
	spent := 0
	var faults Faults
	t := limb.New(len(r.primes), r.n)
	for _, from := range active {
		if [32]byte(got[from]) != sumOfKey(public) {
			faults = append(faults, old.fault(from, "holds another public key than this member was given"))
			continue
		}
		if limb.Read(bytes.NewReader(got[from][head:]), r.primes, t) != nil {
			faults = append(faults, old.fault(from, "sent residues over their primes"))
			continue
		}
		add(r.moduli, s.poly, t)
		spent = max(spent, int(binary.LittleEndian.Uint32(got[from][32:])))
	}
	if err := faults.blame(); err != nil {
		return nil, nil, err
	}
	m := newMember(next, number, as, public, min(spent, valueCap), s)
	return m, as.write(stepReady, 0, number, 0, session, next.id[:]), nil
}

// Ready checks that every member of the next charter has said that it has its
// share: from then on they serve, and the old shares can be destroyed. Members
// that have not are named.
func Ready(next, old *Charter, active []int, in []Message) error {
	got, err := expectation{charter: next, step: stepReady, session: next.shareSession(old, active), from: next.all(), size: 32}.read(in)
	if err != nil {
		return err
	}
	var faults Faults
	for _, m := range next.all() {
		if [32]byte(got[m]) != next.id {
			faults = append(faults, next.fault(m, fmt.Sprintf("is ready for another charter than that of epoch %d", next.epoch)))
		}
	}
	return faults.blame()
}
