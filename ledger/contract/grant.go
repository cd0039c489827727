package contract

import (
	"manx/ledger"
	"manx/privacy/notice"
)

func giveGrant(t *txn, b ledger.GiveGrant) error {
	r, err := t.ownRecord(b.Record)
	if err != nil {
		return err
	}
	to, err := t.party(b.To)
	if err != nil {
		return err
	}
	switch {
	case b.To == t.cmd.Author:
		return refuse(notice.Invalid, "the owner needs no grant", "")
	case b.Until <= t.now:
		return refuse(notice.Invalid, "the grant would end before it begins", "give more days: `manx grant add --days N`")
	case b.Until-t.now > MaxGrant:
		return refuse(notice.Invalid, "a grant lasts ten years at most", "give fewer days: `manx grant add --days N`")
	case r.Kind.Vertical() == ledger.Health && to.Role != ledger.Hospital:
		return refuse(notice.Denied, "a study or chart is granted to an admitted hospital only", "name a hospital: `manx grant add RECORD PARTY`")
	case r.Kind == ledger.File && to.Role != ledger.Lender:
		return refuse(notice.Denied, "a credit file is granted to an admitted lender only", "name the lender that asked: `manx credit consent`")
	case r.Kind == ledger.Annotation && (b.To != r.At || b.Purpose != ledger.Care || b.Access != ledger.Read):
		return refuse(notice.Denied, "an annotation is read by its author and by the hospital where it was made", "`manx annotate add` lets that hospital read it")
	case r.Kind == ledger.Chart && (b.Purpose != ledger.Care || b.Access != ledger.Read) && b.Access != ledger.Train:
		return refuse(notice.Denied, "a chart is granted for care, or to train where it is", "grant it so: `manx grant add RECORD PARTY --purpose care`")
	case r.Kind == ledger.Study && (b.Purpose != ledger.Care || b.Access != ledger.Read):
		return refuse(notice.Denied, "an identified study is granted for care only", "make a de-identified one and grant that: `manx study deidentify`")
	}
	g := ledger.Grant{
		ID: ledger.NewGrantID(r.Kind.Vertical(), t.cmd.ID), Record: r.ID, Owner: r.Owner, To: b.To, Purpose: b.Purpose,
		Access: b.Access, Model: b.Model, Job: b.Job, From: t.now, Until: b.Until,
	}
	end := g.Until
	switch {
	case b.Access == ledger.Train:
		if err := t.permitTraining(&g, b, r); err != nil {
			return err
		}
	case b.Calls > 0:
		if err := t.beforehand(&g, b, r); err != nil {
			return err
		}
	case b.Access == ledger.Compute:
		j, err := t.consents(b, r)
		if err != nil {
			return err
		}
		end = max(end, j.Deadline)
		j.Grant = g.ID
		if err := t.save(ledger.KeyOf(j.ID), j, ledger.JobConsented); err != nil {
			return err
		}
	}
	if err := t.exactly(r, g); err != nil {
		return err
	}
	if err := t.rest(r.ID, resting{Grant: g.ID, Until: end}); err != nil {
		return err
	}
	return t.save(ledger.KeyOf(g.ID), g, ledger.GrantGiven)
}

// exactly spends a record's budget for what a grant lets another learn without
// noise: a result, as many as it has calls, or, for research, the record itself. To
// be read for care costs nothing: who treats a patient knows her. What a training costs
// permitTraining has spent.
func (t *txn) exactly(r ledger.Record, g ledger.Grant) error {
	if g.Access != ledger.Compute && g.Purpose != ledger.Research {
		return nil
	}
	of := string(g.ID)
	if g.Job != "" {
		of = string(g.Job)
	}
	return t.charge(r, ledger.BudgetUse{Kind: ledger.UseRelease, Of: of, By: g.To, Exact: max(g.Calls, 1)})
}

// consents checks that a grant to compute says what the request it consents to
// asked for.
func (t *txn) consents(b ledger.GiveGrant, r ledger.Record) (ledger.Job, error) {
	const hint = "read the request and consent to it: `manx job show`, `manx credit consent`"
	j, err := t.job(b.Job)
	if err != nil {
		return j, err
	}
	if j.Subject != t.cmd.Author || j.Asker != b.To || j.Model != b.Model {
		return j, refuse(notice.Denied, "the grant is not for what was asked: another asker, subject or model", hint)
	}
	if j.Purpose != b.Purpose {
		return j, refuse(notice.Denied, "the grant is for another purpose than the one the asker stated", hint)
	}
	if j.Stage != ledger.Asked || j.Grant != "" && t.live(j) == nil {
		return j, refuse(notice.Conflict, "the request waits for no consent", "read it: `manx job show`")
	}
	m, err := t.model(j.Model)
	if err != nil {
		return j, err
	}
	return j, accepts(m, r)
}

func revokeGrant(t *txn, b ledger.RevokeGrant) error {
	g, ok, err := load[ledger.Grant](t, ledger.KeyOf(b.Grant))
	switch {
	case err != nil:
		return err
	case !ok || g.Owner != t.cmd.Author:
		return refuse(notice.NotFound, "there is no such grant of yours", "list yours: `manx grant list`")
	case g.Revoked != 0:
		return refuse(notice.Conflict, "the grant is revoked already", "list yours: `manx grant list`")
	}
	return t.revoke(g)
}

// revoke voids a grant and withdraws the data of the jobs that rest on it.
func (t *txn) revoke(g ledger.Grant) error {
	g.Revoked = t.now
	if err := t.save(ledger.KeyOf(g.ID), g, ledger.GrantRevoked); err != nil {
		return err
	}
	if g.Training != "" {
		if err := t.remark(g); err != nil {
			return err
		}
	}
	for _, id := range g.Jobs {
		if err := t.withdraw(id); err != nil {
			return err
		}
	}
	if g.Job == "" {
		return nil
	}
	j, err := t.job(g.Job)
	if err != nil {
		return err
	}
	if j.Grant != g.ID {
		return nil // the job rests on a later grant
	}
	return t.withdraw(g.Job)
}

// live refuses a step of a job whose grant no longer permits it.
func (t *txn) live(j ledger.Job) error {
	if j.Grant == "" {
		return nil // the asker's own record
	}
	g, ok, err := load[ledger.Grant](t, ledger.KeyOf(j.Grant))
	switch {
	case err != nil:
		return err
	case !ok || g.Revoked != 0:
		return refuse(notice.Denied, "the owner has revoked the grant this rests on", "ask for a new one: `manx credit request --purpose …`")
	case !g.Live(t.now):
		return refuse(notice.Expired, "the grant this rests on has ended", "ask for a new one: `manx credit request --purpose …`")
	}
	return nil
}

func accepts(m ledger.Model, r ledger.Record) error {
	for _, k := range m.Accepts {
		if k == r.Kind {
			return nil
		}
	}
	return refuse(notice.Denied, "the model does not run on records of this kind", "read its card: `manx model show`")
}
