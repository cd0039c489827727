package council

import (
	"context"
	"errors"
	"slices"

	"manx/privacy/ckks"
	"manx/privacy/ckks/committee"
	"manx/privacy/mpc"
	"manx/privacy/notice"
)

// Open brings the results of an order from encryption to shares of three parties.
// members are the places of the order's active members, in its order, parties
// those of the parties 0, 1 and 2; a place can be both. At the place of a party
// that is no member, m, public, result and j are not read.
//
// At a party's place it returns what each active member dealt it, in their order,
// which committee.Receive adds up; elsewhere nothing. A member's place returns
// when it has dealt: it does not know what the parties got. Shares that do not fit
// together are an Integrity notice that names no place; an audit finds whose. A
// try that fails is never answered by others: make a new order.
//
// Who calls it at a member's place has read the grant, and knows that the
// ciphertext is the model's result on the record: see committee.Member.Serve.
func Open(ctx context.Context, t *Table, m *committee.Member, o *committee.Order, public *ckks.PublicKey, result *ckks.Ciphertext, j committee.Journal, parties [mpc.Parties]int, members []int) (_ []mpc.Share, err error) {
	defer func() { err = t.end(err) }()
	active, n := o.Active(), len(o.Slots())
	if len(members) != len(active) || !t.seats(members) || !t.seats(parties[:]) {
		return nil, badTable("a serving member or a party has no place of its own")
	}
	place := slices.Index(members, t.self)
	party := slices.Index(parties[:], t.self)
	if place < 0 && party < 0 {
		return nil, badTable("this place has no part in the opening")
	}
	subject := about("order", o.Bytes())
	var dealt [mpc.Parties]mpc.Share
	if place >= 0 {
		if err := checkSeat(m, active[place]); err != nil {
			return nil, err
		}
		if dealt, err = deal(ctx, t, m, o, public, result, j, members, subject); err != nil {
			return nil, err
		}
	}
	return hand(ctx, t, dealt, parties, members, party, n, subject)
}

// deal serves an order with the other active members, and splits what this one has
// of the results for the three parties.
func deal(ctx context.Context, t *Table, m *committee.Member, o *committee.Order, public *ckks.PublicKey, result *ckks.Ciphertext, j committee.Journal, members []int, subject [32]byte) (none [mpc.Parties]mpc.Share, _ error) {
	mine, err := m.Serve(o, result, j)
	if err != nil {
		return none, err
	}
	active := o.Active()
	others := slices.DeleteFunc(slices.Clone(members), func(i int) bool { return i == t.self })
	x := exchange{"serve", subject, others, func(place int) int { return active[slices.Index(members, place)] }}
	in, err := t.exchange(ctx, x, []committee.Message{mine}, []int{o.Most()})
	if err != nil {
		return none, err
	}
	opening, err := o.Combine(public, result, append(in, mine))
	if err != nil {
		return none, misfits(placed(err, func(m int) int { return members[slices.Index(active, m)] }))
	}
	return m.Deal(opening)
}

// misfits marks an error of a combination that nobody is named in, so that the
// others hear what it was.
func misfits(err error) error {
	n, ok := errors.AsType[*notice.Error](err)
	if _, named := errors.AsType[Faults](err); !ok || named || n.Kind != notice.Integrity {
		return err
	}
	return notice.Because(errMisfit, n.Kind, n.Text, n.Hint)
}

// hand gives each party its shares, and returns this place's where it is a party.
func hand(ctx context.Context, t *Table, dealt [mpc.Parties]mpc.Share, parties [mpc.Parties]int, members []int, party, n int, subject [32]byte) ([]mpc.Share, error) {
	x := turn{"deal", subject, map[int][][]byte{}, map[int][]int{}}
	if slices.Contains(members, t.self) {
		for p, i := range parties {
			if i == t.self {
				continue
			}
			b, err := dealt[p].MarshalBinary()
			if err != nil {
				return nil, err
			}
			x.out[i] = [][]byte{b}
		}
	}
	if party >= 0 {
		for _, i := range members {
			if i != t.self {
				x.in[i] = []int{shareHead + 16*n}
			}
		}
	}
	got, err := t.take(ctx, x)
	if err != nil || party < 0 {
		return nil, err
	}
	var out []mpc.Share
	for _, i := range members {
		if i == t.self {
			out = append(out, dealt[party])
			continue
		}
		s, err := mpc.ReadShare(got[i][0], party, n)
		if err != nil {
			return nil, Faults{t.lied(i, "dealt what is no share")}.because(err)
		}
		out = append(out, s)
	}
	return out, nil
}

// shareHead is what a share's bytes have beside 16 for each value, at most.
const shareHead = 128
