package contract

import (
	"slices"

	"manx/credit"
	"manx/ledger"
	"manx/privacy/notice"
)

func registerRecord(t *txn, b ledger.RegisterRecord) error {
	v := b.Kind.Vertical()
	if v != ledger.VerticalOf(t.cmd.Author) {
		return checked(ledger.ErrWall)
	}
	if t.author.Role != ledger.Person && !(v == ledger.Health && t.author.Role == ledger.Hospital) {
		return refuse(notice.Denied, "only a person registers a record, or a hospital a study or a chart", "use a person's keyring: `manx keys new`")
	}
	r := ledger.Record{
		ID: ledger.NewRecordID(v, t.cmd.ID), Owner: t.cmd.Author, Kind: b.Kind, Derived: b.Derived,
		Versions: []ledger.Version{{Manifest: b.Manifest, Digest: b.Digest, At: t.now}},
	}
	switch b.Kind {
	case ledger.Deidentified:
		if ledger.CheckID(b.Derived, "rec") != nil {
			return checked(ledger.CheckID(b.Derived, "rec"))
		}
		src, err := t.ownRecord(b.Derived)
		if err != nil {
			return err
		}
		if src.Kind != ledger.Study {
			return refuse(notice.Invalid, "a de-identified study derives from an identified study", "name the study: `manx study list`")
		}
	case ledger.Annotation:
		if err := t.annotate(&r, b); err != nil {
			return err
		}
	case ledger.File:
		c, err := t.commitment(b.Furnisher, t.cmd.Author)
		if err != nil {
			return err
		}
		r.Commitment = c
	}
	return t.save(ledger.KeyOf(r.ID), r, ledger.RecordRegistered)
}

func amendRecord(t *txn, b ledger.AmendRecord) error {
	r, err := t.ownRecord(b.Record)
	if err != nil {
		return err
	}
	if _, n := r.Latest(); b.Version != n+1 {
		return refuse(notice.Conflict, "the record has other versions than this one follows", "read the record and try again: `manx study show`")
	}
	if r.Kind == ledger.Annotation {
		if err := t.annotates(r.About, r.At); err != nil {
			return err
		}
	}
	if r.Kind == ledger.File {
		if r.Commitment, err = t.commitment(r.Commitment.Furnisher, r.Owner); err != nil {
			return err
		}
	}
	r.Versions = append(r.Versions, ledger.Version{Manifest: b.Manifest, Digest: b.Digest, At: t.now})
	return t.save(ledger.KeyOf(r.ID), r, ledger.RecordAmended)
}

// eraseRecord ends the record, every live grant on it and every job that rests
// on it.
func eraseRecord(t *txn, b ledger.EraseRecord) error {
	r, err := t.ownRecord(b.Record)
	if err != nil {
		return err
	}
	r.Erased = true
	if err := t.save(ledger.KeyOf(r.ID), r, ledger.RecordErased); err != nil {
		return err
	}
	list, _, err := load[[]resting](t, restingKey(r.ID))
	if err != nil {
		return err
	}
	for _, e := range list {
		if e.Grant != "" {
			g, ok, err := load[ledger.Grant](t, ledger.KeyOf(e.Grant))
			if err != nil {
				return err
			}
			if ok && g.Revoked == 0 {
				if err := t.revoke(g); err != nil {
					return err
				}
			}
			continue
		}
		if err := t.withdraw(e.Job); err != nil {
			return err
		}
	}
	if list == nil {
		return nil
	}
	return t.put(restingKey(r.ID), nil)
}

// ownRecord returns a record of the author's that is not erased.
func (t *txn) ownRecord(id ledger.RecordID) (ledger.Record, error) {
	r, ok, err := load[ledger.Record](t, ledger.KeyOf(id))
	switch {
	case err != nil:
		return r, err
	case !ok || r.Owner != t.cmd.Author: // one answer: others learn nothing of it
		return r, refuse(notice.NotFound, "there is no such record of yours", "list yours: `manx study list`")
	case r.Erased:
		return r, refuse(notice.Expired, "the record is erased", "add it again: `manx study add`")
	}
	return r, nil
}

// A resting entry is a grant, or a job of the owner's own, that ends with the
// record. Only the owner writes the list, so it is no hot key; entries leave it
// when their time is over.
type resting struct {
	Grant ledger.GrantID `json:"grant,omitempty"`
	Job   ledger.JobID   `json:"job,omitempty"`
	Until ledger.Time    `json:"until"`
}

func restingKey(r ledger.RecordID) ledger.Key { return ledger.KeyOf(r) + "/resting" }

func (t *txn) rest(r ledger.RecordID, e resting) error {
	list, _, err := load[[]resting](t, restingKey(r))
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(e resting) bool { return e.Until < t.now })
	if len(list) >= maxResting {
		return refuse(notice.Exhausted, "too many grants rest on one record", "end some: `manx grant list`, `manx grant revoke`")
	}
	return t.save(restingKey(r), append(list, e), "")
}

func commitFile(t *txn, b ledger.CommitFile) error {
	if t.author.Role != ledger.Furnisher {
		return refuse(notice.Denied, "only an admitted furnisher commits to a credit file", "register as one: `manx keys new --role furnisher`")
	}
	if ledger.VerticalOf(b.Subject) != ledger.Credit {
		return checked(ledger.ErrWall)
	}
	if _, err := t.party(b.Subject); err != nil {
		return err
	}
	k := ledger.CommitmentKey(t.cmd.Author, b.Subject)
	was, _, err := load[ledger.Commitment](t, k)
	if err != nil {
		return err
	}
	if b.Sequence != was.Sequence+1 {
		return refuse(notice.Conflict, "the commitment's number does not follow the latest one's", "read the latest commitment and sign the next")
	}
	for _, o := range b.Sharing.Organisations {
		if _, ok := t.genesis.Organisation(o); !ok && !b.Sharing.IsZero() {
			return refuse(notice.Denied, "shares are dealt to organisations of the network only", "read who they are: `manx audit`")
		}
	}
	c := ledger.Commitment{Furnisher: t.cmd.Author, Subject: b.Subject, Value: b.Value, Sequence: b.Sequence, Date: b.Date, Sharing: b.Sharing, Encryptions: b.Encryptions}
	return t.save(k, c, ledger.FileCommitted)
}

func disputeField(t *txn, b ledger.DisputeField) error {
	if !slices.ContainsFunc(credit.Fields(), func(f credit.Field) bool { return f.Name == b.Field }) {
		return refuse(notice.Invalid, "the schema of credit files has no such field", "name one of docs/credit-file.md: `manx credit dispute FIELD`")
	}
	c, err := t.commitment(b.Furnisher, t.cmd.Author)
	if err != nil {
		return err
	}
	if slices.Contains(c.Disputed, b.Field) {
		return refuse(notice.Conflict, "the field is in dispute already", "wait for the furnisher's next version")
	}
	if len(c.Disputed) >= maxDispute {
		return refuse(notice.Exhausted, "too many fields are in dispute", "wait for the furnisher's next version")
	}
	c.Disputed = append(c.Disputed, b.Field)
	return t.save(ledger.CommitmentKey(c.Furnisher, c.Subject), c, ledger.FieldDisputed)
}

// commitment returns a furnisher's latest word on a subject's file.
func (t *txn) commitment(furnisher, subject ledger.PartyID) (ledger.Commitment, error) {
	if ledger.CheckID(furnisher, "p") != nil || ledger.VerticalOf(furnisher) != ledger.Credit {
		return ledger.Commitment{}, refuse(notice.Invalid, "not the id of a furnisher", "name the furnisher who signed the file")
	}
	c, ok, err := load[ledger.Commitment](t, ledger.CommitmentKey(furnisher, subject))
	if err == nil && !ok {
		err = refuse(notice.Denied, "no furnisher has signed a commitment to this credit file", "ask the furnisher to commit to it, then add it: `manx credit add`")
	}
	return c, err
}
