package council_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	he "manx/privacy/ckks"
	"manx/privacy/ckks/committee"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/web/owner/holder/council"
)

// five is three of five, founded once for all tests that do it no harm.
var five = sync.OnceValues(func() (*house, error) { return found(context.Background(), memory(5), 3, 5, []int{1, 3, 4}) })

func theFive(t *testing.T) *house {
	t.Helper()
	x, err := five()
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// A founding with a process that dies, is silent or lies at any frame makes no
// member at any honest place, and all name it.
func TestAFoundingNamesWhoStopsIt(t *testing.T) {
	leaks(t)
	trials(t, 3, 1, 7, true, func(t *testing.T, ctx context.Context, h *hall) []error {
		x, err := planned(2, 3)
		if err != nil {
			t.Fatal(err)
		}
		return h.meet(ctx, 1, upTo(3), func(ctx context.Context, b *council.Table) error {
			m, err := council.Found(ctx, b, x.charter, x.identities[b.Self()])
			if (m == nil) != (err != nil) {
				t.Errorf("place %d: member %v, error %v", b.Self(), m, err)
			}
			return err
		})
	})
}

// The same of evaluation keys, of both kinds. Others make them afterwards.
func TestKeysNameWhoStopsThem(t *testing.T) {
	leaks(t)
	x := theFive(t)
	needs := he.Needs{{Rotation: 0, Level: 0}, {Rotation: 3, Level: 0}}
	// sit; the promise and its comparison of 3 places; two keys and theirs; the
	// second round and its; the end.
	trials(t, 3, 1, 1+1+3+2+3+1+3+1, true, func(t *testing.T, ctx context.Context, h *hall) []error {
		w, err := x.charter.Commission([]int{1, 3, 4}, needs)
		if err != nil {
			t.Fatal(err)
		}
		keys := make([][]byte, 3)
		errs := h.meet(ctx, 1, upTo(3), func(ctx context.Context, b *council.Table) (err error) {
			m := w.Active()[b.Self()]
			keys[b.Self()], err = council.Forge(ctx, b, x.members[m-1], w, x.journals[m-1])
			return err
		})
		if errs[0] == nil && errs[2] == nil && !bytes.Equal(keys[0], keys[2]) {
			t.Error("two honest places have different keys")
		}
		return errs
	})
	if _, err := x.forge(held(t), memory(5), 2, []int{1, 4, 5}, needs); err != nil {
		t.Errorf("afterwards, without it: %v", err)
	}
}

// copied returns a member whose kept bytes were changed.
func copied(t *testing.T, x *house, member int, change func(b []byte)) *committee.Member {
	t.Helper()
	kept, err := x.members[member-1].Keep()
	if err != nil {
		t.Fatal(err)
	}
	// An identity's bytes end with what it is sealed to: docs of Identity.Keep.
	own, err := seal.ParseIdentity(string(x.identities[member-1].Keep().Reveal(reveal.Token{})[38:]))
	if err != nil {
		t.Fatal(err)
	}
	b, err := seal.OpenMessage(kept, own)
	if err != nil {
		t.Fatal(err)
	}
	change(b)
	if kept, err = seal.Message(b, own.Recipient()); err != nil {
		t.Fatal(err)
	}
	m, err := committee.ReadMember(x.charter, x.identities[member-1], kept)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A member that tells two others different shares of a key, both signed, is found
// before anybody has keys.
func TestKeysNameWhoTellsTwoDifferentThings(t *testing.T) {
	leaks(t)
	x := theFive(t)
	w, err := x.charter.Commission([]int{1, 3, 4}, he.Needs{{Rotation: 3, Level: 0}})
	if err != nil {
		t.Fatal(err)
	}
	twin := copied(t, x, 3, func(b []byte) { b[50] ^= 1 }) // of another seed, so of other errors
	other, err := twin.Forge(w, nil, newJournal())
	if err != nil {
		t.Fatal(err)
	}
	wire := &liarWire{how: "edited", edit: func(peer ed25519.PublicKey, frame int, body []byte) {
		if frame == 1 && peer[0] == 3 {
			copy(body, other[0])
		}
	}}
	trial(t, 3, wire, 1, true, func(_ *testing.T, ctx context.Context, h *hall) []error {
		return h.meet(ctx, 1, upTo(3), func(ctx context.Context, b *council.Table) error {
			m := w.Active()[b.Self()]
			_, err := council.Forge(ctx, b, x.members[m-1], w, newJournal())
			return err
		})
	})
}

// An opening with such a process gives the parties nothing wrong, and afterwards
// the honest members open the same result with others.
func TestAnOpeningNamesWhoStopsIt(t *testing.T) {
	leaks(t)
	x := theFive(t)
	s := seating{upTo(5), []int{0, 1, 2}, [3]int{3, 0, 4}} // the liar, place 1, is member 3
	// To a member: sit, its share, and what it deals to one that is a party.
	trials(t, 5, 1, 3, false, func(t *testing.T, ctx context.Context, h *hall) []error {
		o, err := x.charter.Order([]int{1, 3, 4}, x.result, x.slots)
		if err != nil {
			t.Fatal(err)
		}
		from, errs := x.open(ctx, h, 1, o, s)
		if errors.Join(errs...) == nil {
			if got, err := x.rounded(ctx, from); err != nil || got != x.want {
				t.Errorf("opened %g, want %g: %v", got, x.want, err)
			}
		}
		return errs
	})
	x.opens(t, memory(6), 2, []int{1, 2, 4}, seating{[]int{0, 1, 2, 3, 4, 5}, []int{0, 1, 2}, [3]int{3, 4, 5}})
}

// Shares that do not fit together, all signed and well formed, are opened to
// nobody; every party hears what it was, and an audit finds whose share it is.
func TestAWrongShareOpensNothing(t *testing.T) {
	leaks(t)
	x := *theFive(t)
	x.members = slices.Clone(x.members)
	x.members[2] = copied(t, &x, 3, func(b []byte) { clear(b[80:84]) })
	o, err := x.charter.Order([]int{1, 3, 4}, x.result, x.slots)
	if err != nil {
		t.Fatal(err)
	}
	from, errs := x.open(held(t), memory(6), 1, o, seating{upTo(6), []int{0, 1, 2}, [3]int{3, 4, 5}})
	for i, err := range errs {
		if !notice.Is(err, notice.Integrity) {
			t.Errorf("place %d: %v", i, err)
		}
	}
	for p, f := range from {
		if len(f) != 0 {
			t.Errorf("party %d has shares", p)
		}
	}
	for base, want := range map[[3]int][]int{{1, 3, 4}: {3}, {1, 2, 5}: nil} {
		a, err := x.charter.Audit(base[:])
		if err != nil {
			t.Fatal(err)
		}
		errs = memory(5).meet(held(t), 2, upTo(5), func(ctx context.Context, b *council.Table) error {
			i := b.Self()
			f, err := council.Audit(ctx, b, x.members[i], a, x.public(), x.journals[i])
			var got []int
			for _, y := range f {
				got = append(got, y.Member)
			}
			if err == nil && !slices.Equal(got, want) {
				err = fmt.Errorf("of %v it suspects %v", base, got)
			}
			return err
		})
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
	}
}

// The same on a network with TLS: a process that dies or lies in a founding is
// named by all others.
func TestAFoundingOnANetworkNamesWhoStopsIt(t *testing.T) {
	leaks(t)
	for _, how := range []string{"killed", "garbage", "cut short"} {
		h := loopback(t, 3)
		h.wires[2] = &liarWire{Wire: h.wires[2], at: 2, how: how}
		x, err := planned(2, 3)
		if err != nil {
			t.Fatal(err)
		}
		errs := h.meet(held(t), 1, upTo(3), func(ctx context.Context, b *council.Table) error {
			_, err := council.Found(ctx, b, x.charter, x.identities[b.Self()])
			return err
		})
		for i, err := range errs[:2] {
			if !names(err, 2) {
				t.Errorf("%s: place %d does not name it: %v", how, i, err)
			}
		}
	}
}

// A key is shared anew among others, and opens the same results; the old members'
// shares are of no more use.
func TestACouncilSharesItsKeyAnew(t *testing.T) {
	leaks(t)
	h := loopback(t, 6)
	x, err := found(held(t), h, 2, 3, []int{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	y, hand := x.successor(t)
	errs := h.meet(held(t), 20, upTo(6), x.reshared(y, hand))
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, m := range x.members {
		m.Destroy()
	}
	y.opens(t, h, 21, []int{1, 3, 4}, seating{[]int{1, 3, 4}, []int{0, 1, 2}, [3]int{0, 1, 2}})
	y.opens(t, h, 22, []int{1, 2, 4}, seating{[]int{1, 2, 4, 5, 0}, []int{0, 1, 2}, [3]int{3, 4, 2}})
	o, err := x.charter.Order([]int{1, 2}, x.result, x.slots)
	if err != nil {
		t.Fatal(err)
	}
	_, errs = x.open(held(t), h, 23, o, seating{upTo(3), []int{0, 1}, [3]int{0, 1, 2}})
	for i, err := range errs {
		if err == nil {
			t.Errorf("place %d: destroyed shares open", i)
		}
	}
}

// successor returns the house of the next charter, without members: three of
// four, of which two were members before and sit where they did, and the handover
// that makes them, at a table of six places: the old, then the newcomers, then one
// that has no part.
func (x *house) successor(t *testing.T) (*house, council.Handover) {
	t.Helper()
	y := *x
	y.identities = slices.Clone(x.identities[1:3])
	seats := x.charter.Seats()[1:3]
	for i := range 2 {
		id, err := committee.NewIdentity()
		if err != nil {
			t.Fatal(err)
		}
		y.identities, seats = append(y.identities, id), append(seats, id.Seat(fmt.Sprintf("newcomer %d", i)))
	}
	y.members, y.journals = make([]*committee.Member, 4), nil
	for range 4 {
		y.journals = append(y.journals, newJournal())
	}
	var err error
	if y.charter, err = x.charter.Succeed(3, seats); err != nil {
		t.Fatal(err)
	}
	return &y, council.Handover{
		From: x.charter, Next: y.charter, Public: x.public(),
		Active: []int{1, 3}, Dealers: []int{0, 2}, Members: []int{1, 2, 3, 4},
	}
}

// reshared is each place's part in a handover from x to next, which has no member
// that was not kept.
func (x *house) reshared(next *house, h council.Handover) func(context.Context, *council.Table) error {
	return func(ctx context.Context, t *council.Table) error {
		h := h
		var old *committee.Member
		var j committee.Journal
		var as committee.Identity
		if k := slices.Index(h.Dealers, t.Self()); k >= 0 {
			old, j = x.members[h.Active[k]-1], x.journals[h.Active[k]-1]
		}
		at := slices.Index(h.Members, t.Self())
		if at >= 0 {
			as = next.identities[at]
		}
		h.Keep = func(m *committee.Member) error { next.members[at] = m; return nil }
		m, err := council.Reshare(ctx, t, h, old, as, j)
		if err == nil && (m != nil) != (at >= 0) {
			return errors.New("a member where none is, or none where one is")
		}
		return err
	}
}

// A handover with a process that dies, is silent or lies is over nowhere, unless
// all honest new members know that it may be; and the old members go on.
func TestAHandoverNamesWhoStopsIt(t *testing.T) {
	leaks(t)
	x, err := found(held(t), memory(3), 2, 3, []int{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	for liar, frames := range map[int]int{0: 2, 2: 4, 4: 3} { // a dealer that leaves, one that stays, a newcomer
		t.Run(fmt.Sprint("place ", liar), func(t *testing.T) {
			trials(t, 6, liar, frames, liar != 2, func(t *testing.T, ctx context.Context, h *hall) []error {
				y, hand := x.successor(t)
				errs := h.meet(ctx, 1, upTo(6), x.reshared(y, hand))
				over := slices.ContainsFunc(append(errs[:liar:liar], errs[liar+1:]...), func(err error) bool { return err == nil })
				for i, err := range errs {
					if over && i != liar && err != nil && !errors.Is(err, council.ErrUnsure) {
						t.Errorf("over somewhere, and place %d does not know: %v", i, err)
					}
				}
				return errs
			})
		})
	}
	x.opens(t, memory(3), 2, []int{1, 3}, seating{[]int{0, 2, 1}, []int{0, 1}, [3]int{0, 1, 2}})
}
