package holder

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"manx/ledger"
	"manx/privacy"
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/web/owner"
)

// seeJob acts on where a job stands in which the holder has a place. The holder at
// place 0 begins the tries.
func (h *Holder) seeJob(ctx context.Context, id ledger.JobID) error {
	j, err := owner.Get[ledger.Job](ctx, h.Party.Client, id)
	if err != nil {
		return err
	}
	at := j.Place(h.Party.ID())
	if at < 0 || j.Organisations[at] != h.Organisation {
		return nil
	}
	h.mu.Lock()
	r := h.running[string(id)]
	h.mu.Unlock()
	switch {
	case j.Stage.Over():
		if r != nil {
			r.stop(errOver)
			h.forget(string(id), r)
		}
		return h.seeGrant(ctx, j.Grant) // its last call, perhaps
	case j.Stage == j.OnShares() && j.Try == 0 && at == 0 && r == nil:
		h.start(ctx, j, at)
	case j.Trying() && r == nil:
		h.start(ctx, j, at)
	case j.Trying() && at != 0 && r.try != j.Try:
		r.stop(errors.New("another try has begun"))
		h.start(ctx, j, at)
	}
	return nil
}

// start has a job done beside the other duties.
func (h *Holder) start(ctx context.Context, j ledger.Job, at int) {
	h.beside(ctx, "a job on shares", string(j.ID), j.Try, at == 0, func(ctx context.Context) error {
		if at != 0 {
			return h.compute(ctx, j, at)
		}
		return h.again(ctx, "a job on shares", string(j.ID), func() error { return h.try(ctx, j.ID) })
	})
}

// try begins a try and takes part in it. One that was under way when this process
// began is left: it is never taken up again.
func (h *Holder) try(ctx context.Context, id ledger.JobID) error {
	j, err := owner.Get[ledger.Job](ctx, h.Party.Client, id)
	if err != nil {
		return err
	}
	if _, err := h.check(ctx, j, 0); err != nil {
		return err
	}
	if _, err := h.Party.Do(ctx, ledger.ClaimJob{Job: id}); err != nil {
		return err
	}
	if j, err = owner.Get[ledger.Job](ctx, h.Party.Client, id); err != nil {
		return err
	}
	if err := h.compute(ctx, j, 0); err != nil {
		return err
	}
	return h.settled(ctx, func() (bool, error) {
		now, err := owner.Get[ledger.Job](ctx, h.Party.Client, id)
		return err == nil && now.Stage.Over(), err
	})
}

// A permit is what a job may be computed with, once all was checked.
type permit struct {
	signed  ledger.GiveGrant
	program Program
	input   mpc.Share
	budget  budget
}

// check refuses a job that the owner's own signature does not permit now, before
// a share is touched. Of the ledger's word it needs only that the grant was not
// revoked.
func (h *Holder) check(ctx context.Context, j ledger.Job, at int) (out permit, err error) {
	refuse := func(k notice.Kind, text string) error {
		return notice.New(k, text, "ask the record's owner: `manx credit share`")
	}
	g, err := owner.Get[ledger.Grant](ctx, h.Party.Client, j.Grant)
	if err != nil {
		return out, err
	}
	signed, err := h.Party.SignedGrant(ctx, g)
	if err != nil {
		return out, err
	}
	info, err := h.Party.Info(ctx)
	if err != nil {
		return out, err
	}
	side := ledger.VerticalOf(g.Record)
	switch {
	case signed.To != j.Asker || signed.Model != j.Model || signed.Purpose != j.Purpose || g.Owner != j.Subject:
		return out, refuse(notice.Denied, "the grant's owner signed for another asker, model or purpose")
	case signed.Record != g.Record || signed.Version != g.Version || j.Record != g.Record || ledger.VerticalOf(j.ID) != side || ledger.VerticalOf(j.Model) != side:
		return out, refuse(notice.Denied, "the grant's owner signed for another record")
	case g.Revoked != 0:
		return out, refuse(notice.Denied, "the grant was revoked")
	case signed.Until <= info.Now || signed.Until <= ledger.Time(h.Now().Unix()):
		return out, refuse(notice.Expired, "the grant has ended")
	case place(g, h.Organisation) != at || j.Organisations[at] != h.Organisation:
		return out, refuse(notice.Denied, "the grant gives this organisation another place")
	}
	g.Calls = signed.Calls
	out.signed, out.budget = signed, budget{h, g, j.ID}
	h.mu.Lock()
	err = out.budget.left(ctx)
	h.mu.Unlock()
	if err != nil {
		return out, err
	}
	m, err := owner.Get[ledger.Model](ctx, h.Party.Client, j.Model)
	if err != nil {
		return out, err
	}
	m.Hash = signed.ModelHash
	if out.program, err = h.Engine.Load(ctx, m); err != nil {
		return out, err
	}
	if j.Committee == "" {
		out.input, err = h.share(ctx, g)
	}
	return out, err
}

// compute runs one session of a job and gives the holder's share of the result.
func (h *Holder) compute(ctx context.Context, j ledger.Job, at int) (err error) {
	p, err := h.check(ctx, j, at)
	if err != nil {
		return err
	}
	var o opening
	if j.Committee != "" {
		if o, err = h.joint(ctx, j, p); err != nil {
			return err
		}
	}
	if err := h.begin(ctx, j); err != nil {
		return err
	}
	log, err := h.journal(j)
	if err != nil {
		return err
	}
	id := owner.SessionOf(h.Party.Home.Network.Genesis.ID(), j.ID, j.Try)
	out, err := h.session(ctx, j, at, id, p, o, log)
	if err = errors.Join(err, log.close()); err != nil {
		return err
	}
	// The grant may have ended meanwhile; nothing leaves then.
	if _, err := h.check(ctx, j, at); err != nil {
		return err
	}
	b, err := out.MarshalBinary()
	if err != nil {
		return err
	}
	released, err := privacy.ReleaseShare(ctx, privacy.Hide(b), p.budget)
	if err != nil {
		return err
	}
	return h.Party.PostOutput(ctx, j, at, released, out.Digests())
}

// session computes with the other two. The digests of what it returns are blinded
// by what went in, so that none of the three can try values out.
func (h *Holder) session(ctx context.Context, j ledger.Job, at int, id [32]byte, p permit, o opening, log *journal) (out mpc.Share, err error) {
	cfg := mpc.Config{Session: id, Party: at, Journal: log, Patience: h.Patience, Security: mpc.SemiHonest}
	if j.Security == ledger.WithAbort {
		cfg.Security = mpc.WithAbort
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in := []mpc.Share{p.input}
	var all []opened
	if j.Committee != "" {
		if all, err = h.openJointly(ctx, j, at, o); err != nil {
			return out, err
		}
		in = slices.Concat(all[len(all)-1].sets...)
	}
	if err := h.connect(ctx, j.Organisations, j.Holders, at, &cfg); err != nil {
		return out, err
	}
	s, err := mpc.Open(ctx, cfg)
	if err != nil {
		return out, err
	}
	if j.Committee == "" {
		out, err = p.program.Run(s, p.input)
	} else {
		out, err = o.decide(s, all)
	}
	if err == nil {
		out, err = s.Output(out)
	}
	if err = errors.Join(err, s.Close()); err != nil {
		return mpc.Share{}, err
	}
	if len(all) > 1 {
		if err := h.Store.Put(ctx, triedName(o.committee.Key, o.keys.Hash), []byte("1")); err != nil {
			return mpc.Share{}, err
		}
	}
	return out.Blind(id[:], in[0], in[1:]...), nil
}

// connect dials the next holder and waits for the one before, of those who sit for
// three organisations.
func (h *Holder) connect(ctx context.Context, organisations, holders []ledger.PartyID, at int, cfg *mpc.Config) error {
	ctx, cancel := context.WithTimeout(ctx, h.Patience)
	defer cancel()
	var seats [2]ledger.Seat // next, previous
	for k := range seats {
		i := (at + 1 + k) % ledger.Sharers
		var err error
		if seats[k], err = h.Party.Seat(ctx, h.Party.Home.Network.Genesis, organisations[i]); err != nil {
			return err
		}
		if seats[k].Holder != holders[i] {
			return fmt.Errorf("another holder sits for the organisation at place %d now", i)
		}
	}
	var next, previous net.Conn
	dialled := make(chan error, 1)
	go func() {
		var err error
		next, err = h.dial(ctx, seats[0], cfg.Session)
		dialled <- err
	}()
	previous, err := h.Wire.Await(ctx, seats[1].Key, cfg.Session)
	err = errors.Join(err, <-dialled)
	for _, c := range []net.Conn{next, previous} {
		if err != nil && c != nil {
			err = errors.Join(err, c.Close())
		}
	}
	cfg.Next, cfg.Previous = next, previous
	return err
}

// dial tries until the other holder, who may be starting, is there.
func (h *Holder) dial(ctx context.Context, to ledger.Seat, session [32]byte) (net.Conn, error) {
	for {
		c, err := h.Wire.Dial(ctx, to.Address, to.Key, session)
		if err == nil || ctx.Err() != nil {
			return c, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(100 * time.Millisecond):
		}
	}
}
