package contract

import (
	"slices"

	"manx/ledger"
	"manx/privacy/notice"
)

// proposeOverlap lets two hospitals, or two lenders, compare lists. A holder of
// the other side is refused, whatever it holds.
func proposeOverlap(t *txn, b ledger.ProposeOverlap) error {
	v := ledger.VerticalOf(t.cmd.Author)
	if ledger.VerticalOf(b.With) != v || b.Purpose.Vertical() != v {
		return checked(ledger.ErrWall)
	}
	with, err := t.party(b.With)
	if err != nil {
		return err
	}
	holds := func(r ledger.Role) bool { return r == ledger.Hospital || r == ledger.Lender }
	counter, isOrganisation := t.genesis.Organisation(b.Counter)
	switch {
	case !holds(t.author.Role) || with.Role != t.author.Role:
		return refuse(notice.Denied, "lists are compared by two hospitals, or by two lenders", "name another holder of your kind")
	case b.With == t.cmd.Author:
		return refuse(notice.Invalid, "a list is compared with another's", "")
	case !isOrganisation || counter.Serves != v && counter.Serves != ledger.Common:
		return refuse(notice.Denied, "an organisation of the network that serves your side counts", "name one: `manx audit` lists them")
	case b.Until <= t.now || b.Until-t.now > ledger.MaxOverlap:
		return refuse(notice.Invalid, "a comparison ends within 30 days", "give fewer hours: `manx overlap propose --hours N`")
	}
	o := ledger.Overlap{ID: ledger.NewOverlapID(v, t.cmd.ID), First: t.cmd.Author, Second: b.With, Counter: b.Counter,
		Join: b.Join, Purpose: b.Purpose, Minimum: b.Minimum, Until: b.Until, Stage: ledger.OverlapProposed}
	return t.save(ledger.KeyOf(o.ID), o, ledger.OverlapChanged)
}

// pairKey is where the times of two holders' agreements are kept.
func pairKey(o ledger.Overlap) ledger.Key {
	pair := []ledger.PartyID{o.First, o.Second}
	slices.Sort(pair)
	return ledger.Key(string(ledger.VerticalOf(o.First)) + "/overlaps/" + string(pair[0]) + "/" + string(pair[1]))
}

// agreeOverlap begins an overlap, if the two have not agreed on too many of
// late: results over lists that differ in one person tell of that person.
func agreeOverlap(t *txn, b ledger.AgreeOverlap) error {
	o, err := t.overlap(b.Overlap, ledger.OverlapProposed)
	if err != nil {
		return err
	}
	if o.Second != t.cmd.Author {
		return refuse(notice.Denied, "the proposal was made to another holder", "list yours: `manx overlap list`")
	}
	times, _, err := load[[]ledger.Time](t, pairKey(o))
	if err != nil {
		return err
	}
	times = slices.DeleteFunc(times, func(at ledger.Time) bool { return at+ledger.OverlapsWithin <= t.now })
	if len(times) >= ledger.OverlapsOfAPair {
		return refuse(notice.Exhausted, "these two holders have compared lists too often in 30 days: one more could tell of a single person", "wait, or compare once over what you need")
	}
	if err := t.save(pairKey(o), append(times, t.now), ""); err != nil {
		return err
	}
	o.Stage = ledger.OverlapAgreed
	return t.save(ledger.KeyOf(o.ID), o, ledger.OverlapChanged)
}

func endOverlap(t *txn, b ledger.EndOverlap) error {
	o, ok, err := load[ledger.Overlap](t, ledger.KeyOf(b.Overlap))
	switch {
	case err != nil:
		return err
	case !ok || o.Side(t.cmd.Author) < 0 && o.Counter != t.cmd.Author && t.now <= o.Until:
		return noOverlap()
	case o.Stage.Over():
		return refuse(notice.Conflict, "the comparison is over", "read it: `manx overlap list`")
	}
	o.Stage = ledger.OverlapEnded
	return t.save(ledger.KeyOf(o.ID), o, ledger.OverlapChanged)
}

func postOverlap(t *txn, b ledger.PostOverlap) error {
	o, err := t.overlap(b.Overlap, ledger.OverlapAgreed)
	if err != nil {
		return err
	}
	side := o.Side(t.cmd.Author)
	if side < 0 {
		return noOverlap()
	}
	slot := &o.Blinded[side]
	if b.Tags {
		if o.Blinded[0].IsZero() || o.Blinded[1].IsZero() {
			return refuse(notice.Conflict, "the other holder has not sent its points yet", "run the command again later: `manx overlap run`")
		}
		slot = &o.Tags[side]
	}
	if !slot.IsZero() {
		return refuse(notice.Conflict, "that message was sent before, and is sent once", "begin another comparison if the list has changed: `manx overlap propose`")
	}
	*slot = b.Message
	return t.save(ledger.KeyOf(o.ID), o, ledger.OverlapChanged)
}

func answerOverlap(t *txn, b ledger.AnswerOverlap) error {
	o, err := t.overlap(b.Overlap, ledger.OverlapAgreed)
	switch {
	case err != nil:
		return err
	case o.Counter != t.cmd.Author:
		return noOverlap()
	case o.Tags[0].IsZero() || o.Tags[1].IsZero():
		return refuse(notice.Conflict, "a holder has not sent its tags yet", "")
	}
	o.Answers, o.Stage = b.Answers, ledger.OverlapCounted
	return t.save(ledger.KeyOf(o.ID), o, ledger.OverlapChanged)
}

// overlap returns a running overlap that has come to a stage.
func (t *txn) overlap(id ledger.OverlapID, at ledger.OverlapStage) (ledger.Overlap, error) {
	o, ok, err := load[ledger.Overlap](t, ledger.KeyOf(id))
	switch {
	case err != nil:
		return o, err
	case !ok:
		return o, noOverlap()
	case o.Stage != at:
		return o, refuse(notice.Conflict, "the comparison does not stand where that would follow", "read it: `manx overlap list`")
	case t.now > o.Until:
		return o, refuse(notice.Expired, "the comparison has ended", "propose another: `manx overlap propose`")
	}
	return o, nil
}

func noOverlap() error {
	return refuse(notice.NotFound, "there is no such comparison of yours", "list yours: `manx overlap list`")
}
