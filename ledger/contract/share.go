package contract

import (
	"crypto/sha256"
	"slices"

	"manx/escrow"
	"manx/ledger"
	"manx/privacy/notice"
)

// shareLease is how long a try of a job on shares may take before its claim
// stands for nothing; a holder that failed sooner may begin the next one sooner.
const shareLease = ledger.Time(120)

func takeSeat(t *txn, b ledger.TakeSeat) error {
	if t.author.Role != ledger.Governor {
		return refuse(notice.Denied, "only an organisation has a seat among those that compute on shares", "run a holder for one: `manx party run`")
	}
	h, err := t.party(b.Holder)
	if err != nil {
		return err
	}
	if h.Role != ledger.Holder {
		return refuse(notice.Denied, "only a holder sits for an organisation", "register as one: `manx party run`")
	}
	for _, o := range t.genesis.Organisations {
		if o.ID == t.cmd.Author {
			continue
		}
		if s, ok, err := t.seat(o.ID); err != nil {
			return err
		} else if ok && s.Holder == b.Holder {
			return refuse(notice.Denied, "the holder sits for another organisation: it would hold all components of an input", "run a holder of its own for each organisation: `manx party run`")
		}
	}
	return t.save(ledger.SeatKey(t.cmd.Author), t.cmd, ledger.SeatTaken)
}

// seat returns who sits for an organisation.
func (t *txn) seat(organisation ledger.PartyID) (s ledger.Seat, ok bool, err error) {
	b, err := t.state.Get(ledger.SeatKey(organisation))
	if err != nil || b == nil {
		return s, false, err
	}
	s, err = ledger.ReadSeat(*t.genesis, organisation, b)
	return s, true, err
}

// beforehand completes a grant for requests that are yet to come.
func (t *txn) beforehand(g *ledger.Grant, b ledger.GiveGrant, r ledger.Record) error {
	m, err := t.model(b.Model)
	if err != nil {
		return err
	}
	switch {
	case m.Retired:
		return refuse(notice.Expired, "the model is no longer on offer", "choose another: `manx model list`")
	case m.Hash != b.ModelHash:
		return refuse(notice.Integrity, "the model is not the one the grant was signed for", "read it again: `manx model show`")
	}
	if err := accepts(m, r); err != nil {
		return err
	}
	if err := t.current(r, b.Version); err != nil {
		return err
	}
	if r.Commitment.Sharing.IsZero() {
		return refuse(notice.Unsupported, "the furnisher has dealt no shares of this credit file", "ask the furnisher to sign it again: `manx credit furnish`")
	}
	if !b.Key.IsZero() {
		e, ok := ledger.EncryptionFor(r.Commitment.Encryptions, b.ModelHash)
		if !ok || e.Key != b.Key || m.Joint.IsZero() {
			return refuse(notice.Unsupported, "the furnisher has not encrypted this credit file for the model under that committee's key", "share it without, or ask the furnisher to sign it again: `manx credit furnish`")
		}
		g.Input, g.Key = b.Input, b.Key
	}
	g.Calls, g.Version, g.ModelHash, g.Organisations = b.Calls, b.Version, b.ModelHash, r.Commitment.Sharing.Organisations
	return t.save(ledger.SignedKey(g.ID), t.cmd, "")
}

// current refuses another version of a credit file than its furnisher's latest
// word is about.
func (t *txn) current(r ledger.Record, version int) error {
	c, err := t.commitment(r.Commitment.Furnisher, r.Owner)
	if err != nil {
		return err
	}
	if _, latest := r.Latest(); version != latest || c.Sequence != r.Commitment.Sequence {
		return refuse(notice.Conflict, "the furnisher has signed a later version of this credit file; only the latest counts", "its subject adds and shares the latest one: `manx credit add`, `manx credit share`")
	}
	return nil
}

// share puts a job on the shares that a grant given beforehand lets the asker
// compute on: it waits for nobody's consent.
func (t *txn) share(j *ledger.Job, m ledger.Model, b ledger.RequestJob) error {
	g, ok, err := load[ledger.Grant](t, ledger.KeyOf(b.Grant))
	switch {
	case err != nil:
		return err
	case !ok || g.Calls == 0 || g.To != j.Asker || g.Owner != j.Subject || g.Model != j.Model || g.Purpose != j.Purpose:
		return refuse(notice.Denied, "no grant given beforehand covers this asker, subject, model and purpose", "ask without one, and wait for consent: `manx credit request --by ckks`")
	case g.Left() == 0:
		return refuse(notice.Exhausted, "all calls that the grant allows were made", "ask its owner for more, or wait for consent: `manx credit request --by ckks`")
	case g.ModelHash != m.Hash:
		return refuse(notice.Integrity, "the model is not the one the grant was signed for", "ask its owner for a new one: `manx credit request --by ckks`")
	}
	j.Grant, j.Record, j.Version, j.Security = g.ID, g.Record, g.Version, b.Security
	if err := t.live(*j); err != nil {
		return err
	}
	r, ok, err := load[ledger.Record](t, ledger.KeyOf(g.Record))
	if err != nil || !ok {
		return either(err, refuse(notice.NotFound, "there is no such record", ""))
	}
	if err := t.current(r, g.Version); err != nil {
		return err
	}
	for _, o := range g.Organisations {
		s, ok, err := t.seat(o)
		if err != nil {
			return err
		}
		if !ok {
			return refuse(notice.Unavailable, "an organisation that holds a share computes with nobody now", "try again later, or wait for consent: `manx credit request --by ckks`")
		}
		j.Organisations, j.Holders = append(j.Organisations, o), append(j.Holders, s.Holder)
	}
	if b.Joint {
		if err := t.jointly(j, g); err != nil {
			return err
		}
	}
	j.Stage, j.At[ledger.Ready] = ledger.Ready, t.now
	g.Jobs = append(slices.Clone(g.Jobs), j.ID)
	return t.save(ledger.KeyOf(g.ID), g, ledger.GrantUsed)
}

// beginTry has the holder at place 0 begin a session, which is counted: nothing
// of an earlier one counts any more.
func (t *txn) beginTry(j ledger.Job) error {
	switch {
	case t.cmd.Author != j.Holders[0]:
		return refuse(notice.Denied, "the job is computed on shares, and another holder begins its tries", "take another")
	case j.Stage != j.OnShares() && !j.Trying():
		return stage(j)
	case j.Try >= ledger.MaxTries:
		return refuse(notice.Exhausted, "the job was tried as often as one may be", "its deadline refunds it")
	case t.now >= j.Due:
		return late()
	}
	if err := t.live(j); err != nil {
		return err
	}
	j.Try++
	j.Shares, j.Lease = nil, t.now+shareLease
	if j.Committee == "" {
		j.Stage, j.At[ledger.Claimed] = ledger.Claimed, t.now
	}
	return t.save(ledger.KeyOf(j.ID), j, ledger.JobClaimed)
}

// postShare keeps one holder's word. With the third the job ends: it pays where
// the two that know a component say the same of each.
func postShare(t *txn, b ledger.PostShare) error {
	j, err := t.job(b.Job)
	if err != nil {
		return err
	}
	at := j.Place(t.cmd.Author)
	switch {
	case !j.Shared() || at < 0:
		return refuse(notice.Denied, "only a holder of the job's shares gives one of its result", "take another")
	case !j.Trying() || b.Try != j.Try:
		return refuse(notice.Conflict, "another try of the job is under way, or it has ended", "read it: `manx job show`")
	case t.now >= j.Due:
		return late()
	}
	if err := t.live(j); err != nil {
		return err
	}
	if j.Shares == nil {
		j.Shares = make([]ledger.PostedShare, ledger.Sharers)
	}
	j.Shares = slices.Clone(j.Shares)
	if !j.Shares[at].Hash.IsZero() {
		return refuse(notice.Conflict, "the holder has given its share of this try already", "read it: `manx job show`")
	}
	j.Shares[at] = b.PostedShare
	if slices.ContainsFunc(j.Shares, func(s ledger.PostedShare) bool { return s.Hash.IsZero() }) {
		return t.save(ledger.KeyOf(j.ID), j, ledger.JobShared)
	}
	digest := sha256.New()
	digest.Write([]byte("manx/shares/v1\x00"))
	choice := escrow.Result
	for _, s := range j.Shares {
		digest.Write(s.Digests[0][:])
	}
	if !ledger.Fit(j.Shares) {
		choice = escrow.Wrong
	}
	j.Digest = ledger.Digest(digest.Sum(nil))
	return t.advance(j, "", escrow.Sharers, choice)
}

func destroyShares(t *txn, b ledger.DestroyShares) error {
	g, ok, err := load[ledger.Grant](t, ledger.KeyOf(b.Grant))
	if err != nil {
		return err
	}
	at := slices.Index(g.Organisations[:], b.Organisation)
	if !ok || at < 0 {
		return refuse(notice.NotFound, "that organisation holds no shares for such a grant", "")
	}
	if s, ok, err := t.seat(b.Organisation); err != nil {
		return err
	} else if !ok || s.Holder != t.cmd.Author {
		return refuse(notice.Denied, "another holder sits for that organisation", "")
	}
	if g.Live(t.now) && g.Left() > 0 {
		return refuse(notice.Conflict, "the grant still permits a call", "destroy its shares when it has ended")
	}
	k := ledger.DestroyedKey(g.ID, at)
	if _, done, err := load[ledger.Destroyed](t, k); err != nil || done {
		return either(err, refuse(notice.Conflict, "the organisation has said so already", ""))
	}
	return t.save(k, ledger.Destroyed{Grant: g.ID, Organisation: b.Organisation, Holder: t.cmd.Author, At: t.now}, ledger.SharesDestroyed)
}
