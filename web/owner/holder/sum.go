package holder

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"

	"manx/ledger"
	"manx/privacy"
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/web/owner"
)

// Sums are over numbers that sites join with. Nothing of them is kept here: a
// holder fetches its shares when it computes (sumbook.go says what stays).

// seeSum acts on where a sum stands in which the holder has a place. The holder at
// place 0 begins the tries, when all who are invited have joined or left, or the
// time to join is over.
func (h *Holder) seeSum(ctx context.Context, id ledger.SumID) error {
	s, err := owner.Get[ledger.Sum](ctx, h.Party.Client, id)
	if err != nil {
		return err
	}
	at := s.Place(h.Party.ID())
	if at < 0 || s.Organisations[at] != h.Organisation {
		return nil
	}
	info, err := h.Party.Info(ctx)
	if err != nil {
		return err
	}
	h.mu.Lock()
	r := h.running[string(id)]
	if h.sums[id] = true; s.Stage.Over() {
		delete(h.sums, id)
	}
	h.mu.Unlock()
	switch {
	case s.Stage.Over():
		if r != nil {
			r.stop(errOver)
			h.forget(string(id), r)
		}
	case info.Now > s.Due():
		h.closeSum(ctx, s)
	case s.Stage == ledger.SumOpen && at == 0 && s.Ready(info.Now):
		if len(s.Summed()) < ledger.MinSumSites {
			h.closeSum(ctx, s)
		} else if r == nil {
			h.startSum(ctx, s, at)
		}
	case s.Stage == ledger.SumComputing && r == nil:
		h.startSum(ctx, s, at)
	case s.Stage == ledger.SumComputing && at != 0 && r.try != s.Try:
		r.stop(errors.New("another try has begun"))
		h.startSum(ctx, s, at)
	}
	return nil
}

// seeSums looks again at the sums that are not over: time has passed.
func (h *Holder) seeSums(ctx context.Context) error {
	h.mu.Lock()
	var open []ledger.SumID
	for id := range h.sums {
		open = append(open, id)
	}
	h.mu.Unlock()
	for _, id := range open {
		err := h.seeSum(ctx, id)
		if notice.Is(err, notice.NotFound) { // a node that showed it once
			h.mu.Lock()
			delete(h.sums, id)
			h.mu.Unlock()
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// endSum ends a sum without a result, because of a site's share where one is
// named. That somebody was quicker is no failure.
func (h *Holder) endSum(ctx context.Context, s ledger.Sum, because ledger.PartyID) error {
	_, err := h.Party.Do(ctx, ledger.EndSum{Sum: s.ID, Site: because})
	if notice.Is(err, notice.Conflict) {
		return nil
	}
	return err
}

// closeSum ends a sum that can have no result any more.
func (h *Holder) closeSum(ctx context.Context, s ledger.Sum) {
	if err := h.endSum(ctx, s, ""); err != nil {
		h.Log.WarnContext(ctx, "a sum that is over was not ended", "sum", s.ID, "err", err)
	}
}

// startSum has a sum computed beside the other duties.
func (h *Holder) startSum(ctx context.Context, s ledger.Sum, at int) {
	h.beside(ctx, "a sum", string(s.ID), s.Try, at == 0, func(ctx context.Context) error {
		if at != 0 {
			return h.computeSum(ctx, s, at)
		}
		return h.again(ctx, "a sum", string(s.ID), func() error { return h.leadSum(ctx, s.ID) })
	})
}

// leadSum makes one more try of a sum. Where all were in vain it ends the sum.
func (h *Holder) leadSum(ctx context.Context, id ledger.SumID) error {
	s, err := owner.Get[ledger.Sum](ctx, h.Party.Client, id)
	switch {
	case err != nil:
		return err
	case s.Stage.Over():
		return nil
	case s.Try >= ledger.MaxTries:
		return h.endSum(ctx, s, "")
	}
	return h.trySum(ctx, s)
}

// trySum begins a try and takes part in it. What the holder's own book refuses is
// begun the first time all the same: the contract then ends it.
func (h *Holder) trySum(ctx context.Context, s ledger.Sum) error {
	if _, err := h.checkSum(ctx, s, 0); err != nil && (s.Stage != ledger.SumOpen || !notice.Is(err, notice.Exhausted)) {
		return err
	}
	if _, err := h.Party.Do(ctx, ledger.BeginSum{Sum: s.ID}); err != nil {
		return err
	}
	s, err := owner.Get[ledger.Sum](ctx, h.Party.Client, s.ID)
	if err != nil || s.Stage.Over() { // too close to another sum
		return err
	}
	if err := h.computeSum(ctx, s, 0); err != nil {
		return err
	}
	return h.settled(ctx, func() (bool, error) {
		now, err := owner.Get[ledger.Sum](ctx, h.Party.Client, s.ID)
		return err == nil && now.Stage.Over(), err
	})
}

// A sumPermit is what a sum may be computed with, once all was checked.
type sumPermit struct {
	owner.SignedSum
	inputs []mpc.Share // of the sites that take part
	budget privacy.Budget
}

// checkSum refuses a sum that its sites' own signatures do not ask for now, and a
// second result of one over other inputs, before a share is touched. Of the
// ledger's word it needs that no other site has joined in time.
func (h *Holder) checkSum(ctx context.Context, on ledger.Sum, at int) (out sumPermit, err error) {
	refuse := func(k notice.Kind, text string) error {
		return notice.New(k, text, "its sites ask for another: `manx sum propose`")
	}
	s, err := h.Party.SignedSum(ctx, on)
	if err != nil {
		return out, err
	}
	info, err := h.Party.Info(ctx)
	if err != nil {
		return out, err
	}
	due := s.Until + ledger.SumGrace
	switch {
	case s.Organisations[at] != h.Organisation || s.Holders[at] != h.Party.ID():
		return out, refuse(notice.Denied, "the sum's sites give this organisation another place")
	case len(s.Joined) < ledger.MinSumSites:
		return out, refuse(notice.Denied, "too few sites have joined the sum")
	case info.Now > due || ledger.Time(h.Now().Unix()) > due:
		return out, refuse(notice.Expired, "the time to compute the sum is over")
	case !on.Ready(info.Now):
		return out, refuse(notice.Denied, "sites may still join the sum")
	}
	budget := sumBudget{h, s}
	out.SignedSum, out.budget = s, budget
	if _, err := budget.left(ctx); err != nil {
		return out, err
	}
	for i, site := range s.Joined {
		share, err := h.Party.SumShare(ctx, s, i, at)
		if errors.Is(err, owner.ErrSumShare) {
			err = errors.Join(refuse(notice.Integrity, "a site's share is not what it has joined with"), err, h.endSum(ctx, on, site))
		}
		if err != nil {
			return out, err
		}
		out.inputs = append(out.inputs, share)
	}
	return out, nil
}

// computeSum runs one session of a sum and gives the holder's share of the result.
func (h *Holder) computeSum(ctx context.Context, on ledger.Sum, at int) (err error) {
	p, err := h.checkSum(ctx, on, at)
	if err != nil {
		return err
	}
	name := sumSessionName(p.ID, on.Try)
	if err := h.mark(ctx, name); err != nil {
		return err
	}
	log, err := openJournal(filepath.Join(h.Journals, string(p.ID)), strconv.Itoa(on.Try))
	if err != nil {
		return err
	}
	session := p.Session(on.Try)
	out, err := h.sumSession(ctx, p, at, session, log)
	if err = errors.Join(err, log.close()); err != nil {
		return err
	}
	out = out.Blind(session[:], p.inputs[0], p.inputs[1:]...)
	b, err := out.MarshalBinary()
	if err != nil {
		return err
	}
	released, err := privacy.ReleaseShare(ctx, privacy.Hide(b), p.budget)
	if err != nil {
		return err
	}
	return h.Party.PostSum(ctx, p.SignedSum, on.Try, at, released, out.Digests())
}

// sumSession adds with the other two, with abort.
func (h *Holder) sumSession(ctx context.Context, p sumPermit, at int, session [32]byte, log *journal) (out mpc.Share, err error) {
	cfg := mpc.Config{Session: session, Party: at, Journal: log, Patience: h.Patience, Security: mpc.WithAbort}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := h.connect(ctx, p.Organisations[:], p.Holders[:], at, &cfg); err != nil {
		return out, err
	}
	s, err := mpc.Open(ctx, cfg)
	if err != nil {
		return out, err
	}
	if out, err = p.Layout().Run(s, p.inputs); err == nil {
		out, err = s.Output(out)
	}
	return out, errors.Join(err, s.Close())
}
