package contract

import (
	"slices"

	"manx/ledger"
	"manx/privacy/notice"
)

func (t *txn) dispatchSum() error {
	switch t.cmd.Name {
	case "sum.propose":
		return run(t, proposeSum)
	case "sum.join":
		return run(t, joinSum)
	case "sum.leave":
		return run(t, leaveSum)
	case "sum.begin":
		return run(t, beginSum)
	case "sum.share":
		return run(t, postSum)
	case "sum.end":
		return run(t, endSum)
	}
	return unknown()
}

// proposeSum invites hospitals, or lenders, to sum numbers that each keeps to
// itself. The organisations that compute, and who sits for them, are fixed here.
func proposeSum(t *txn, b ledger.ProposeSum) error {
	v := ledger.VerticalOf(t.cmd.Author)
	switch {
	case b.Purpose.Vertical() != v:
		return checked(ledger.ErrWall)
	case t.author.Role != ledger.Hospital && t.author.Role != ledger.Lender:
		return refuse(notice.Denied, "sums are over hospitals, or over lenders", "propose one as such: `manx keys new --role hospital`")
	case !slices.Contains(b.Sites, t.cmd.Author):
		return refuse(notice.Denied, "who proposes a sum is one of its sites", "the proposal invites its author too: `manx sum propose`")
	case b.Until <= t.now || b.Until-t.now > ledger.MaxSum:
		return refuse(notice.Invalid, "sites join a sum within 30 days", "give fewer hours: `manx sum propose --hours N`")
	}
	for _, p := range b.Sites {
		site, err := t.party(p)
		if err != nil {
			return err
		}
		if site.Role != t.author.Role {
			return refuse(notice.Denied, "sums are over hospitals, or over lenders", "invite others of your kind")
		}
	}
	s := ledger.Sum{ID: ledger.NewSumID(v, t.cmd.ID), Proposer: t.cmd.Author, Terms: t.cmd.Digest(), ProposeSum: b, Stage: ledger.SumOpen}
	for i, o := range b.Organisations {
		if _, ok := t.genesis.Organisation(o); !ok {
			return refuse(notice.Denied, "organisations of the network compute a sum", "`manx party status` lists them")
		}
		seat, ok, err := t.seat(o)
		if err != nil {
			return err
		}
		if !ok {
			return refuse(notice.Unavailable, "an organisation that is to compute the sum computes with nobody now", "`manx party status` lists who computes for whom")
		}
		s.Holders[i] = seat.Holder
	}
	if err := t.save(ledger.SumSignedKey(s.ID), t.cmd, ""); err != nil {
		return err
	}
	return t.save(ledger.KeyOf(s.ID), s, ledger.SumChanged)
}

// A book is what is known of one site's sums in the last thirty days.
type book struct {
	Joined []ledger.Time `json:"joined,omitempty"` // when it joined one
	Begun  []begunSum    `json:"begun,omitempty"`
}

// A begunSum is the sites of a sum that was computed, or may have been.
type begunSum struct {
	Sum   ledger.SumID     `json:"sum"`
	At    ledger.Time      `json:"at"`
	Sites []ledger.PartyID `json:"sites"`
}

// bookKey is where a site's book is kept.
func bookKey(site ledger.PartyID) ledger.Key {
	return ledger.Key(string(ledger.VerticalOf(site)) + "/sums/" + string(site))
}

func (t *txn) book(site ledger.PartyID) (book, error) {
	b, _, err := load[book](t, bookKey(site))
	old := func(at ledger.Time) bool { return at+ledger.SumsWithin <= t.now }
	b.Joined = slices.DeleteFunc(b.Joined, old)
	b.Begun = slices.DeleteFunc(b.Begun, func(s begunSum) bool { return old(s.At) })
	return b, err
}

// joinSum adds a site, unless it has joined too many of late: two results over
// almost the same persons tell of the difference.
func joinSum(t *txn, b ledger.JoinSum) error {
	s, err := t.openSum(b.Sum)
	if err != nil {
		return err
	}
	_, joined := s.Input(t.cmd.Author)
	switch {
	case joined:
		return refuse(notice.Conflict, "the site has joined already, with the numbers it gave then", "read it: `manx sum show`")
	case slices.Contains(s.Left, t.cmd.Author):
		return refuse(notice.Conflict, "the site has said that it takes no part", "ask for another sum: `manx sum propose`")
	case b.Terms != s.Terms:
		return refuse(notice.Integrity, "the site has read other terms than those on the ledger", "read them again: `manx sum show`")
	case b.Holders != s.Holders:
		return refuse(notice.Integrity, "the shares are sealed to others than compute this sum", "read it again: `manx sum show`")
	case t.now > s.Until:
		return refuse(notice.Expired, "the time to join the sum is over", "ask for another: `manx sum propose`")
	}
	own, err := t.book(t.cmd.Author)
	if err != nil {
		return err
	}
	if len(own.Joined) >= ledger.SumsOfASite {
		return refuse(notice.Exhausted, "this site has joined too many sums in 30 days: one more could tell of a single person", "wait, or ask once for all that is needed")
	}
	own.Joined = append(own.Joined, t.now)
	if err := t.save(bookKey(t.cmd.Author), own, ""); err != nil {
		return err
	}
	if err := t.save(ledger.SumJoinKey(s.ID, t.cmd.Author), t.cmd, ""); err != nil {
		return err
	}
	s.Joined = append(s.Joined, ledger.SumInput{Site: t.cmd.Author, Digests: b.Digests, Shares: b.Shares})
	return t.save(ledger.KeyOf(s.ID), s, ledger.SumChanged)
}

// leaveSum takes a site out. Where too few can still join, the sum ends.
func leaveSum(t *txn, b ledger.LeaveSum) error {
	s, err := t.openSum(b.Sum)
	if err != nil {
		return err
	}
	if slices.Contains(s.Left, t.cmd.Author) {
		return refuse(notice.Conflict, "the site has said so already", "")
	}
	for i := range s.Joined {
		if s.Joined[i].Site == t.cmd.Author {
			s.Joined[i].Withdrawn = true
		}
	}
	s.Left = append(s.Left, t.cmd.Author)
	if len(s.Sites)-len(s.Left) < ledger.MinSumSites {
		s.Stage, s.Reason = ledger.SumEnded, ledger.SumTooFew
	}
	return t.save(ledger.KeyOf(s.ID), s, ledger.SumChanged)
}

// beginSum begins a session. With the first it is settled who takes part: a sum
// from which, with earlier ones, the numbers of one or two sites would follow ends
// here.
func beginSum(t *txn, b ledger.BeginSum) error {
	s, err := t.sum(b.Sum)
	switch {
	case err != nil:
		return err
	case t.cmd.Author != s.Holders[0]:
		return refuse(notice.Denied, "the holder at the first place begins a sum", "take another")
	case s.Stage.Over():
		return sumStage()
	case t.now > s.Due():
		return sumLate()
	case s.Try >= ledger.MaxTries:
		return refuse(notice.Exhausted, "the sum was tried as often as one may be", "ask for another: `manx sum propose`")
	}
	sites := s.Summed()
	if s.Stage == ledger.SumOpen {
		if !s.Ready(t.now) || len(sites) < ledger.MinSumSites {
			return refuse(notice.Conflict, "the sum waits for sites to join", "read it: `manx sum show`")
		}
		near, err := t.enter(s.ID, sites)
		if err != nil {
			return err
		}
		if near {
			s.Stage, s.Reason = ledger.SumEnded, ledger.SumTooClose
			return t.save(ledger.KeyOf(s.ID), s, ledger.SumChanged)
		}
	}
	s.Stage, s.Shares = ledger.SumComputing, nil
	s.Try++
	return t.save(ledger.KeyOf(s.ID), s, ledger.SumChanged)
}

// enter writes a sum of these sites into their books, unless with what stands in
// one of them it would tell that site of one or two others.
func (t *txn) enter(id ledger.SumID, sites []ledger.PartyID) (near bool, err error) {
	books := make([]book, len(sites))
	for i, p := range sites {
		if books[i], err = t.book(p); err != nil {
			return false, err
		}
		reads := [][]ledger.PartyID{sites}
		for _, s := range books[i].Begun {
			reads = append(reads, s.Sites)
		}
		if ledger.SumTells(p, reads) {
			return true, nil
		}
	}
	for i, p := range sites {
		books[i].Begun = append(books[i].Begun, begunSum{id, t.now, sites})
		if err := t.save(bookKey(p), books[i], ""); err != nil {
			return false, err
		}
	}
	return false, nil
}

// strike takes a sum out of its sites' books, of which no share of a result was
// ever posted.
func (t *txn) strike(s ledger.Sum) error {
	for _, p := range s.Summed() {
		b, err := t.book(p)
		if err != nil {
			return err
		}
		b.Begun = slices.DeleteFunc(b.Begun, func(o begunSum) bool { return o.Sum == s.ID })
		if err := t.save(bookKey(p), b, ""); err != nil {
			return err
		}
	}
	return nil
}

// postSum keeps one holder's word. With the third the sum is done, where the two
// that know a component say the same of each.
func postSum(t *txn, b ledger.PostSum) error {
	s, err := t.sum(b.Sum)
	if err != nil {
		return err
	}
	at := s.Place(t.cmd.Author)
	switch {
	case at < 0:
		return noSum()
	case s.Stage != ledger.SumComputing || b.Try != s.Try:
		return sumStage()
	case t.now > s.Due():
		return sumLate()
	}
	if s.Shares == nil {
		s.Shares = make([]ledger.PostedShare, ledger.Sharers)
	}
	if !s.Shares[at].Hash.IsZero() {
		return refuse(notice.Conflict, "the holder has given its share of this try already", "")
	}
	s.Shares[at] = b.PostedShare
	if slices.ContainsFunc(s.Shares, func(p ledger.PostedShare) bool { return p.Hash.IsZero() }) {
		return t.save(ledger.KeyOf(s.ID), s, ledger.SumChanged)
	}
	s.Stage = ledger.SumDone
	if !ledger.Fit(s.Shares) {
		s.Stage, s.Reason = ledger.SumEnded, ledger.SumDiffers
	}
	return t.save(ledger.KeyOf(s.ID), s, ledger.SumChanged)
}

func endSum(t *txn, b ledger.EndSum) error {
	s, err := t.sum(b.Sum)
	switch {
	case err != nil:
		return err
	case s.Stage.Over():
		return sumStage()
	}
	few := s.Stage == ledger.SumOpen && s.Ready(t.now) && len(s.Summed()) < ledger.MinSumSites
	switch {
	case b.Site != "":
		if _, joined := s.Input(b.Site); !joined || s.Place(t.cmd.Author) < 0 {
			return noSum()
		}
		if s.Try == 1 && s.Shares == nil { // the others may go on without the site
			if err := t.strike(s); err != nil {
				return err
			}
		}
		s.Reason, s.Site = ledger.SumUnusable, b.Site
	case t.now > s.Due():
		s.Reason = ledger.SumLate
	case s.Try >= ledger.MaxTries && t.cmd.Author == s.Holders[0]:
		s.Reason = ledger.SumLate
	case few:
		s.Reason = ledger.SumTooFew
	case s.Proposer == t.cmd.Author && s.Stage == ledger.SumOpen:
		s.Reason = ledger.SumWithdrawn
	case s.Proposer == t.cmd.Author:
		return refuse(notice.Conflict, "the sum is being computed", "wait for it: `manx sum show --wait`")
	default:
		return noSum()
	}
	s.Stage = ledger.SumEnded
	return t.save(ledger.KeyOf(s.ID), s, ledger.SumChanged)
}

// openSum returns a sum that the author is invited to and that is not begun.
func (t *txn) openSum(id ledger.SumID) (ledger.Sum, error) {
	s, err := t.sum(id)
	switch {
	case err != nil:
		return s, err
	case !slices.Contains(s.Sites, t.cmd.Author):
		return s, noSum()
	case s.Stage != ledger.SumOpen:
		return s, sumStage()
	}
	return s, nil
}

// sum returns a sum.
func (t *txn) sum(id ledger.SumID) (ledger.Sum, error) {
	s, ok, err := load[ledger.Sum](t, ledger.KeyOf(id))
	if err == nil && !ok {
		err = noSum()
	}
	return s, err
}

func noSum() error {
	return refuse(notice.NotFound, "there is no such sum that invites you", "list yours: `manx sum list`")
}

func sumStage() error {
	return refuse(notice.Conflict, "the sum does not stand where that would follow", "read it: `manx sum show`")
}

func sumLate() error {
	return refuse(notice.Expired, "the time to compute the sum is over", "ask for another: `manx sum propose`")
}
