package holder

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"manx/ledger"
	"manx/privacy/ckks/committee"
	"manx/privacy/notice"
	"manx/web/owner"
	"manx/web/owner/holder/council"
)

// tend has the holder of the first organisation propose what is missing: a
// committee, one that follows where a member sits no longer or has come, or
// evaluation keys for a model with a plan for it. Others do nothing.
func (h *Holder) tend(ctx context.Context) error {
	g := h.Party.Home.Network.Genesis
	if h.Identity.IsZero() || len(g.Organisations) < ledger.Sharers || g.Organisations[0].ID != h.Organisation || time.Since(h.seat.tended) < tendEvery {
		return nil
	}
	h.seat.tended = time.Now()
	models, err := h.Party.Models(ctx)
	if err != nil {
		return err
	}
	models = slices.DeleteFunc(models, func(m ledger.Model) bool { return m.Joint.IsZero() || m.Retired })
	if len(models) == 0 {
		return nil
	}
	seats, err := h.seated(ctx)
	if err != nil || len(seats) < ledger.Sharers || seats[0].Holder != h.Party.ID() {
		return err
	}
	c, err := h.Party.CommitteeNow(ctx)
	switch {
	case notice.Is(err, notice.Unavailable) && errors.Is(err, fs.ErrNotExist):
		return h.propose(ctx, seats, nil)
	case err != nil:
		return err
	case !slices.EqualFunc(seats, c.Holders, func(s ledger.Seat, p ledger.PartyID) bool { return s.Holder == p }):
		return h.propose(ctx, seats, &c)
	}
	if left, err := h.left(ctx, c); err != nil {
		return err
	} else if left <= nearCap {
		return h.propose(ctx, seats, nil)
	}
	for _, m := range models {
		if err := h.commission(ctx, c, m); err != nil {
			return err
		}
	}
	return nil
}

// seated returns the seats of the organisations whose holders take part in
// committees, in the network's order.
func (h *Holder) seated(ctx context.Context) (out []ledger.Seat, err error) {
	for _, o := range h.Party.Home.Network.Genesis.Organisations {
		s, err := h.Party.Seat(ctx, h.Party.Home.Network.Genesis, o.ID)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if s.Sealing != "" {
			out = append(out, s)
		}
	}
	return out, nil
}

// due reports whether something was not asked for of late, and notes that it is.
func (h *Holder) due(what string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seat.busy[what] || time.Since(h.seat.asked[what]) < tendAgain {
		return false
	}
	h.seat.asked[what] = time.Now()
	return true
}

// propose puts a charter of these seats on the ledger: a new key, or the present
// one after a committee.
func (h *Holder) propose(ctx context.Context, seats []ledger.Seat, after *ledger.Committee) error {
	what := "a new key"
	if after != nil {
		what = string(after.ID)
	}
	if !h.due(what) {
		return nil
	}
	members, err := owner.CharterSeats(seats)
	if err != nil {
		return err
	}
	need := ledger.CommitteeNeed(len(seats))
	b := ledger.ProposeCommittee{Need: need}
	var charter *committee.Charter
	if after == nil {
		charter, err = committee.NewCharter(committeeSet, need, members)
	} else {
		b.After = after.ID
		var was *committee.Charter
		if was, err = committee.ReadCharter(after.Charter); err == nil {
			charter, err = was.Succeed(need, members)
		}
	}
	if err != nil {
		return err
	}
	for _, s := range seats {
		b.Organisations = append(b.Organisations, s.Organisation)
	}
	b.Charter = charter.Bytes()
	_, err = h.Party.Do(ctx, b)
	return err
}

// commission asks for a model's evaluation keys where there are none: by the
// first members, as many as the committee needs.
func (h *Holder) commission(ctx context.Context, c ledger.Committee, m ledger.Model) error {
	k, err := h.Party.CommitteeKeys(ctx, m.ID, c)
	if err == nil && k.Ready != 0 {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !h.due("keys " + string(m.ID)) {
		return nil
	}
	charter, err := committee.ReadCharter(c.Charter)
	if err != nil {
		return err
	}
	p, err := h.Engine.Load(ctx, m)
	if err != nil {
		return err
	}
	joint, err := jointOf(p)
	if err != nil {
		return err
	}
	w, err := charter.Commission(firstMembers(c.Need), joint.Needs())
	if err != nil {
		return err
	}
	_, err = h.Party.Do(ctx, ledger.CommissionKeys{Model: m.ID, Commission: w.Bytes(), Serve: c.Holders[:c.Need]})
	return err
}

// firstMembers returns the numbers 1 to n.
func firstMembers(n int) (out []int) {
	for i := range n {
		out = append(out, i+1)
	}
	return out
}

// seeKeys takes part in a commission that this holder is named in.
func (h *Holder) seeKeys(ctx context.Context, e ledger.Event) error {
	var k ledger.CommitteeKeys
	if err := json.Unmarshal(e.Body, &k); err != nil || h.Identity.IsZero() {
		return err
	}
	if !slices.Contains(k.Serve, h.Party.ID()) {
		return nil
	}
	c, err := h.Party.CommitteeOf(ctx, k.Committee)
	if err != nil {
		return err
	}
	if k, err = h.Party.CommitteeKeys(ctx, k.Model, c); err != nil {
		return err
	}
	at := slices.Index(k.Serve, h.Party.ID())
	info, err := h.Party.Info(ctx)
	if err != nil || at < 0 || k.Ready != 0 || !k.Said[at].IsZero() || info.Now > k.Asked+ledger.Time(conferring/time.Second) {
		return err
	}
	h.aside(ctx, "keys "+string(k.Model), func(ctx context.Context) error { return h.forge(ctx, c, k, at) })
	return nil
}

// forge makes evaluation keys with the others that a commission names. They are
// for the plan that this holder makes of the model itself.
func (h *Holder) forge(ctx context.Context, c ledger.Committee, k ledger.CommitteeKeys, at int) (err error) {
	m, err := owner.Get[ledger.Model](ctx, h.Party.Client, k.Model)
	if err != nil {
		return err
	}
	p, err := h.Engine.Load(ctx, m)
	if err != nil {
		return err
	}
	joint, err := jointOf(p)
	if err != nil {
		return err
	}
	member, err := h.memberOf(ctx, c)
	if err != nil {
		return err
	}
	w, err := member.Charter().ReadCommission(k.Commission)
	if err != nil {
		return err
	}
	seats, err := h.Party.MemberSeats(ctx, c)
	if err != nil {
		return err
	}
	if !slices.Equal(w.Active(), firstMembers(c.Need)) || !slices.Equal(k.Serve, c.Holders[:c.Need]) || !slices.Equal(w.Needs(), joint.Needs()) {
		return notice.New(notice.Denied, "the commission is not for the keys that the model's plan needs", "nothing was made")
	}
	book, err := h.memberJournal(c.ID)
	if err != nil {
		return err
	}
	t, err := council.Sit(ctx, h.Wire, h.conference("keys", k.Commission), at, peersOf(seats[:c.Need]))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	keys, err := council.Forge(ctx, t, member, w, book)
	if err != nil {
		return err
	}
	b := ledger.PostKeys{Model: m.ID, Committee: c.ID, Hash: sha256.Sum256(keys)}
	if err := h.Store.Put(ctx, forgedName(c.Key, m.ID), b.Hash[:]); err != nil {
		return err
	}
	if at == 0 {
		if b.Keys, err = h.Party.Vault.Write(ctx, bytes.NewReader(keys)); err != nil {
			return err
		}
	}
	_, err = h.Party.Do(ctx, b)
	return err
}

// forged refuses evaluation keys that are not those that this holder made, where
// it made some for the model: others would make another model of the model.
func (h *Holder) forged(ctx context.Context, key ledger.Hash, k ledger.CommitteeKeys) error {
	b, err := h.Store.Get(ctx, forgedName(key, k.Model))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !bytes.Equal(b, k.Hash[:]) {
		err = notice.New(notice.Integrity, "the evaluation keys that the node shows are not those that this member made", "nothing was opened; do not trust this node")
	}
	return err
}

var errNotJoint = errors.New("no committee serves the model")

// jointOf returns how a committee serves a program.
func jointOf(p Program) (Joint, error) {
	if j := p.Jointly(); j != nil {
		return j, nil
	}
	return nil, fmt.Errorf("%w", errNotJoint)
}
