package council

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"manx/privacy/ckks"
	"manx/privacy/ckks/committee"
	"manx/privacy/notice"
)

// Found founds a committee among all places of a table: the place i is the
// charter's member i+1. It returns when every place has said that it ended with
// the same public key. A founding that fails is begun again under a new charter,
// in a new session; nothing of it was used.
//
// A place that fails after it has said so is not waited for: of a founding that
// succeeded here another may know nothing. Encrypt nothing under a key before
// every organisation has said elsewhere that it keeps its share.
func Found(ctx context.Context, t *Table, c *committee.Charter, as committee.Identity) (_ *committee.Member, err error) {
	defer func() { err = t.end(err) }()
	f, said, err := committee.Found(c, as)
	if err != nil {
		return nil, err
	}
	if n := len(c.Seats()); n != len(t.conns) || said[0].From() != t.self+1 {
		return nil, badTable(fmt.Sprintf("it has %d places and the committee %d members, in the same order", len(t.conns), n))
	}
	member := func(place int) int { return place + 1 }
	for round := 1; len(said) > 0; round++ {
		x := exchange{fmt.Sprintf("found %d", round), c.ID(), t.others(), member}
		most := make([]int, len(said))
		for i := range most {
			most[i] = c.MostDealt()
		}
		if round == 2 { // what is shown to all, and what is dealt to each
			most = most[:2]
		}
		in, err := t.exchange(ctx, x, said, most)
		if err != nil {
			return nil, err
		}
		if said, err = f.Next(in); err != nil {
			return nil, placed(err, func(m int) int { return m - 1 })
		}
	}
	m, err := f.Member()
	if err != nil {
		return nil, err
	}
	key, err := keySum(m.PublicKey())
	if err != nil {
		return nil, err
	}
	if err := t.same(ctx, "founded", c.ID(), key); err != nil {
		return nil, err
	}
	return m, nil
}

func keySum(k *ckks.PublicKey) ([]byte, error) {
	h := sha256.New()
	_, err := k.WriteTo(h)
	return h.Sum(nil), err
}

// same makes sure that all places come to the same.
func (t *Table) same(ctx context.Context, step string, subject [32]byte, sum []byte) error {
	got, err := t.take(ctx, turn{step, subject, t.all(sum), t.bounds(len(sum))})
	if err != nil {
		return err
	}
	var faults Faults
	for i, f := range got {
		if !bytes.Equal(f[0], sum) {
			faults = append(faults, t.lied(i, "came to something else"))
		}
	}
	return faults.because(nil)
}

// An exchange is a step in which members give each other messages.
type exchange struct {
	step   string
	about  [32]byte
	with   []int               // the others' places
	member func(place int) int // its number, that its messages are from
}

// exchange sends the messages that are for all or for one, and returns the
// others'. most bounds each message that one of them sends, in its order.
func (t *Table) exchange(ctx context.Context, x exchange, said []committee.Message, most []int) ([]committee.Message, error) {
	y := turn{x.step, x.about, map[int][][]byte{}, map[int][]int{}}
	for _, i := range x.with {
		y.in[i] = most
		for _, m := range said {
			if m.To() == 0 || m.To() == x.member(i) {
				y.out[i] = append(y.out[i], m)
			}
		}
	}
	got, err := t.take(ctx, y)
	if err != nil {
		return nil, err
	}
	var in []committee.Message
	var faults Faults
	for _, i := range slices.Sorted(slices.Values(x.with)) {
		for _, b := range got[i] {
			m, ok := own(b, x.member(i), 0, x.member(t.self))
			if !ok {
				faults = append(faults, t.lied(i, "sent a message that is not its own"))
				break
			}
			in = append(in, m)
		}
	}
	return in, faults.because(nil)
}

// own returns a message that says it is from a member and to one of some, false
// where it does not: the committee cannot say whose fault that is. 0 is for all.
func own(b []byte, from int, to ...int) (committee.Message, bool) {
	m := committee.Message(b)
	return m, m.From() == from && slices.Contains(to, m.To())
}

// checkSeat refuses a member that is not who should sit here.
func checkSeat(m *committee.Member, number int) error {
	if m == nil || m.Number() != number {
		return notice.New(notice.Invalid, "another member sits at this place than the protocol names", "name places and members in one order everywhere")
	}
	return nil
}
