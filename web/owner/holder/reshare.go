package holder

import (
	"context"
	"errors"
	"slices"

	"manx/ledger"
	"manx/privacy/ckks/committee"
	"manx/privacy/notice"
	"manx/web/owner/holder/council"
)

// A handover seats all that a key is shared anew by and among: first the old
// members that deal, then the new ones who are none of these.
type handover struct {
	seats   []ledger.Seat
	active  []int // numbers in the old charter, of those that deal
	dealers []int // their places
	members []int // places of the new members
}

// handover returns who deals: the first members of the committee before that sit
// still, as many as it needs.
func (h *Holder) handover(ctx context.Context, before ledger.Committee, next []ledger.Seat) (out handover, err error) {
	place := map[ledger.PartyID]int{}
	for i, o := range before.Organisations {
		s, err := h.Party.Seat(ctx, h.Party.Home.Network.Genesis, o)
		if err != nil || s.Holder != before.Holders[i] || len(out.active) == before.Need {
			continue
		}
		place[s.Holder] = len(out.seats)
		out.active, out.dealers, out.seats = append(out.active, i+1), append(out.dealers, len(out.seats)), append(out.seats, s)
	}
	if len(out.active) < before.Need {
		return out, notice.New(notice.Unavailable, "fewer members of the committee are left than its key needs", "found a new one, and have credit files signed again")
	}
	for _, s := range next {
		at, ok := place[s.Holder]
		if !ok {
			at = len(out.seats)
			out.seats = append(out.seats, s)
		}
		out.members = append(out.members, at)
	}
	return out, nil
}

// reshare takes part in sharing a key anew, as one that deals, as a new member or
// as both. It returns the new share, nil where this holder gets none.
func (h *Holder) reshare(ctx context.Context, c, before ledger.Committee, next *committee.Charter, seats []ledger.Seat) (m *committee.Member, err error) {
	from, err := committee.ReadCharter(before.Charter)
	if err != nil {
		return nil, err
	}
	hand, err := h.handover(ctx, before, seats)
	if err != nil {
		return nil, err
	}
	self := slices.IndexFunc(hand.seats, func(s ledger.Seat) bool { return s.Holder == h.Party.ID() })
	if self < 0 {
		return nil, nil // it neither deals nor gets
	}
	var old *committee.Member
	var book committee.Journal
	if slices.Contains(hand.dealers, self) {
		if old, err = h.memberOf(ctx, before); err != nil {
			return nil, err
		}
		if book, err = h.memberJournal(before.ID); err != nil {
			return nil, err
		}
	}
	public, err := h.Party.CommitteeKey(ctx, before)
	if err != nil {
		return nil, err
	}
	t, err := council.Sit(ctx, h.Wire, h.conference("share anew", []byte(c.ID)), self, peersOf(hand.seats))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return council.Reshare(ctx, t, council.Handover{From: from, Next: next, Active: hand.active, Dealers: hand.dealers, Members: hand.members, Public: public,
		Keep: func(m *committee.Member) error { return h.keep(ctx, c.ID, m) }}, old, h.Identity, book)
}
