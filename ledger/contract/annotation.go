package contract

import (
	"manx/ledger"
	"manx/privacy/notice"
)

func admitMember(t *txn, b ledger.AdmitMember) error {
	if t.author.Role != ledger.Hospital {
		return refuse(notice.Denied, "only an admitted hospital says who annotates for it", "register as one: `manx keys new --role hospital`")
	}
	p, err := t.party(b.Party)
	if err != nil {
		return err
	}
	if p.Role != ledger.Person {
		return refuse(notice.Denied, "only a person annotates for a hospital", "let the doctor make keys: `manx keys new`")
	}
	k := ledger.MemberKey(t.cmd.Author, b.Party)
	was, ok, err := load[ledger.Member](t, k)
	if err != nil {
		return err
	}
	if ok && was.Left == 0 {
		return refuse(notice.Conflict, "the person annotates for the hospital already", "")
	}
	return t.save(k, ledger.Member{Hospital: t.cmd.Author, Party: b.Party, From: t.now}, ledger.MemberChanged)
}

func dismissMember(t *txn, b ledger.DismissMember) error {
	k := ledger.MemberKey(t.cmd.Author, b.Party)
	m, ok, err := load[ledger.Member](t, k)
	if err != nil {
		return err
	}
	if !ok || m.Left != 0 {
		return refuse(notice.NotFound, "the person does not annotate for this hospital", "")
	}
	m.Left = t.now
	return t.save(k, m, ledger.MemberChanged)
}

// annotate puts into a record what an annotation's registration says, once its
// author may say it.
func (t *txn) annotate(r *ledger.Record, b ledger.RegisterRecord) error {
	if err := t.annotates(b.About, b.At); err != nil {
		return err
	}
	r.About, r.At, r.Supersedes = b.About, b.At, b.Supersedes
	if b.Supersedes == "" {
		return nil
	}
	other, ok, err := load[ledger.Record](t, ledger.KeyOf(b.Supersedes))
	switch {
	case err != nil:
		return err
	case !ok || other.Kind != ledger.Annotation || other.About != b.About || other.At != b.At:
		return refuse(notice.NotFound, "there is no such annotation of this record at this hospital", "list them: `manx annotate list RECORD`")
	case other.Erased:
		return refuse(notice.Expired, "the annotation that this one corrects was withdrawn", "annotate the record without it: `manx annotate add`")
	case other.Owner == t.cmd.Author:
		return refuse(notice.Invalid, "an author's own annotation is corrected by a new version of it", "`manx annotate add --to ANNOTATION`")
	}
	return nil
}

// annotates refuses an author who does not annotate for a hospital, and a hospital
// that may not see the record. What may not be seen and what is not there are one
// answer.
func (t *txn) annotates(id ledger.RecordID, at ledger.PartyID) error {
	if at != t.cmd.Author {
		m, ok, err := load[ledger.Member](t, ledger.MemberKey(at, t.cmd.Author))
		if err != nil {
			return err
		}
		if !ok || m.Left != 0 {
			return refuse(notice.Denied, "the hospital has not said that you annotate for it", "ask it to: `manx annotate member add PARTY`")
		}
	} else if t.author.Role != ledger.Hospital {
		return refuse(notice.Denied, "annotations are made at a hospital", "name the one that you work at: `manx annotate add --at PARTY`")
	}
	r, ok, err := load[ledger.Record](t, ledger.KeyOf(id))
	if err != nil {
		return err
	}
	unseen := refuse(notice.NotFound, "there is no such record that this hospital may see", "its owner lets the hospital see it: `manx grant add RECORD PARTY`")
	switch {
	case !ok || r.Kind.Vertical() != ledger.Health || r.Kind == ledger.Annotation:
		return unseen
	case r.Erased:
		return unseen
	case r.Owner == at:
		return nil
	}
	list, _, err := load[[]resting](t, restingKey(id))
	if err != nil {
		return err
	}
	for _, e := range list {
		if e.Grant == "" {
			continue
		}
		g, ok, err := load[ledger.Grant](t, ledger.KeyOf(e.Grant))
		if err != nil {
			return err
		}
		if ok && g.To == at && g.Live(t.now) && (g.Access == ledger.Read || g.Access == ledger.Train) {
			return nil
		}
	}
	return unseen
}
