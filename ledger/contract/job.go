package contract

import (
	"slices"

	"manx/escrow"
	"manx/ledger"
	"manx/ledger/proof"
	"manx/privacy/notice"
	"manx/storage"
)

func requestJob(t *txn, b ledger.RequestJob) error {
	m, err := t.model(b.Model)
	if err != nil {
		return err
	}
	self := t.cmd.Author == b.Subject
	switch v := ledger.VerticalOf(b.Model); {
	case ledger.VerticalOf(t.cmd.Author) != v:
		return checked(ledger.ErrWall)
	case m.Retired:
		return refuse(notice.Expired, "the model is no longer on offer", "choose another: `manx model list`")
	case m.Plan.IsZero() && b.Grant == "":
		return refuse(notice.Unsupported, "the model is computed on shares only, which its subject permits beforehand", "ask her to: `manx credit share`; or choose another: `manx model list`")
	case len(m.Users) > 0 && !slices.Contains(m.Users, t.cmd.Author):
		return refuse(notice.Denied, "those who trained the model agreed who may use it, and this party is not among them", "choose another: `manx model list`")
	case b.Fee.Cmp(m.Price) < 0:
		return refuse(notice.Invalid, "the fee is below the model's price", "offer the price: `manx model show`")
	case b.Deadline-t.now < MinJob || b.Deadline-t.now > MaxJob:
		return refuse(notice.Invalid, "a job's deadline lies 8 seconds to 90 days ahead", "give another deadline")
	case self && b.Grant != "":
		return refuse(notice.Invalid, "the owner needs no grant", "")
	case self && b.Record == "":
		return refuse(notice.Invalid, "a job on one's own record names it and its encrypted input", "run `manx diagnose`")
	case !self && b.Record != "":
		return refuse(notice.Denied, "another party's record enters a job by its owner's grant only", "ask first, without a record: `manx credit request --purpose …`")
	case !self && v == ledger.Credit && t.author.Role != ledger.Lender:
		return refuse(notice.Denied, "only an admitted lender asks for another's score", "register as a lender: `manx keys new --role lender`")
	case !self && v == ledger.Health && t.author.Role != ledger.Hospital:
		return refuse(notice.Denied, "only an admitted hospital asks for a model over another's study", "register as a hospital: `manx keys new --role hospital`")
	}
	if b.Proof != nil && b.Deadline-t.now < b.Proof.Life() {
		return refuse(notice.Invalid, "a job that asks for proof lives eight times as long as its replicas have to compute", "give a later deadline")
	}
	if _, err := t.party(b.Subject); err != nil {
		return err
	}
	j := ledger.Job{
		ID: ledger.NewJobID(ledger.VerticalOf(b.Model), t.cmd.ID), Asker: t.cmd.Author, Subject: b.Subject, Model: b.Model,
		Purpose: b.Purpose, Stage: ledger.Asked, Fee: b.Fee, Deadline: b.Deadline, At: map[ledger.Stage]ledger.Time{ledger.Asked: t.now},
	}
	if b.Proof != nil {
		j.Proving = &ledger.Proving{Proof: *b.Proof}
	}
	if self {
		if err := t.input(&j, m, b.Record, b.Version, b.Inputs, b.EvalKeys); err != nil {
			return err
		}
		if err := t.rest(b.Record, resting{Job: j.ID, Until: j.Deadline}); err != nil {
			return err
		}
	}
	if b.Grant != "" {
		if err := t.share(&j, m, b); err != nil {
			return err
		}
	}
	if err := t.count(m); err != nil {
		return err
	}
	if err := t.fund(&j, m, b.Fund); err != nil {
		return err
	}
	return t.save(ledger.KeyOf(j.ID), j, ledger.JobAsked)
}

// fund spends coins into the escrow of a job; change comes back.
func (t *txn) fund(j *ledger.Job, m ledger.Model, coins []ledger.CoinID) error {
	sum, err := t.spend(coins)
	if err != nil {
		return err
	}
	change, err := sum.Sub(j.Fee)
	if err != nil {
		return refuse(notice.Exhausted, "the coins given do not cover the fee", "see what you hold: `manx wallet balance`")
	}
	fees, err := t.fees()
	if err != nil {
		return err
	}
	of := escrow.Fee{Asker: j.Asker, Subject: j.Subject, ModelOwner: m.Owner, Exchange: Exchange(*t.genesis), Parts: fees.Jobs, Asked: t.now, Last: j.Deadline}
	terms, parties := escrow.JobFee(of)
	switch {
	case j.Proving != nil:
		terms, parties = escrow.ProofFee(of)
	case j.Committee != "":
		terms, parties = escrow.JointFee(of, [ledger.Sharers]ledger.PartyID(j.Organisations))
	case j.Shared():
		terms, parties = escrow.SharedFee(of, [ledger.Sharers]ledger.PartyID(j.Organisations))
	}
	terms, parties = escrow.Attributed(terms, parties, m.Shares)
	s, err := escrow.Open(terms, parties, []ledger.Amount{j.Fee}, t.now, j.Deadline)
	if err != nil {
		return err
	}
	j.Due = terms.Until(s)
	if err := t.save(ledger.EscrowKey(j.ID), fee{terms, s}, ""); err != nil {
		return err
	}
	if change.IsZero() {
		return nil
	}
	return t.pay([]ledger.Output{{To: j.Asker, Amount: change}})
}

// input puts a record of the author's and its encrypted form into a job.
func (t *txn) input(j *ledger.Job, m ledger.Model, id ledger.RecordID, version int, in []storage.Ref, keys storage.Ref) error {
	r, err := t.ownRecord(id)
	if err != nil {
		return err
	}
	if err := accepts(m, r); err != nil {
		return err
	}
	_, latest := r.Latest()
	if version > latest {
		return refuse(notice.NotFound, "the record has no such version", "read it: `manx study show`")
	}
	if r.Kind == ledger.File {
		if err := t.current(r, version); err != nil {
			return err
		}
	}
	j.Record, j.Version, j.Inputs, j.EvalKeys = id, version, in, keys
	j.Stage, j.At[ledger.Ready] = ledger.Ready, t.now
	return nil
}

func postInput(t *txn, b ledger.PostInput) error {
	j, err := t.job(b.Job)
	if err != nil {
		return err
	}
	if j.Subject != t.cmd.Author || j.Asker == j.Subject {
		return refuse(notice.Denied, "the job asks for another party's data", "list yours: `manx job list`")
	}
	if j.Stage != ledger.Asked {
		return stage(j)
	}
	if t.now >= j.Due {
		return late()
	}
	g, ok, err := load[ledger.Grant](t, ledger.KeyOf(b.Grant))
	if err != nil {
		return err
	}
	if !ok || g.ID != j.Grant || g.Record != b.Record {
		return refuse(notice.Denied, "no grant of yours covers this job, record, asker, purpose and model", "consent to it: `manx credit consent`")
	}
	if err := t.live(j); err != nil {
		return err
	}
	m, err := t.model(j.Model)
	if err != nil {
		return err
	}
	if err := t.input(&j, m, b.Record, b.Version, b.Inputs, b.EvalKeys); err != nil {
		return err
	}
	return t.save(ledger.KeyOf(j.ID), j, ledger.JobReady)
}

func denyJob(t *txn, b ledger.DenyJob) error {
	j, err := t.job(b.Job)
	if err != nil {
		return err
	}
	if j.Subject != t.cmd.Author || j.Asker == j.Subject {
		return refuse(notice.Denied, "the job asks for another party's data", "list yours: `manx job list`")
	}
	if j.Stage != ledger.Asked {
		return refuse(notice.Conflict, "the job has your input already", "revoke its grant instead: `manx grant revoke`")
	}
	return t.withdraw(j.ID)
}

func claimJob(t *txn, b ledger.ClaimJob) error {
	j, err := t.job(b.Job)
	if err != nil {
		return err
	}
	if j.Shared() && (!j.Evaluated() || t.author.Role == ledger.Holder) {
		return t.beginTry(j)
	}
	switch {
	case t.author.Role != ledger.Worker:
		return refuse(notice.Denied, "only a worker claims jobs", "register as one: `manx worker run`")
	case j.Proving != nil:
		return refuse(notice.Conflict, "the job's replicas are drawn", "lock a stake to be drawn: `manx worker stake`")
	case j.Stage != ledger.Ready && j.Stage != ledger.Claimed:
		return stage(j)
	case j.Stage == ledger.Claimed && j.Worker != t.cmd.Author && t.now < j.Lease:
		return refuse(notice.Conflict, "another worker computes this job", "take another")
	case t.now >= j.Due:
		return late()
	}
	if err := t.live(j); err != nil {
		return err
	}
	j.Worker, j.Lease = t.cmd.Author, t.now+Lease
	j.Stage, j.At[ledger.Claimed] = ledger.Claimed, t.now
	return t.save(ledger.KeyOf(j.ID), j, ledger.JobClaimed)
}

func postResult(t *txn, b ledger.PostResult) error {
	j, err := t.job(b.Job)
	if err != nil {
		return err
	}
	if j.Stage != ledger.Claimed || !j.Evaluated() {
		return stage(j)
	}
	if j.Worker != t.cmd.Author {
		return refuse(notice.Denied, "another worker has claimed this job", "take another")
	}
	if err := t.live(j); err != nil {
		return err
	}
	j.Result, j.Hash = b.Result, b.Hash
	return t.advance(j, ledger.Done, escrow.Worker, escrow.Result)
}

func answerJob(t *txn, b ledger.AnswerJob) error {
	j, err := t.job(b.Job)
	if err != nil {
		return err
	}
	if j.Subject != t.cmd.Author || j.Asker == j.Subject {
		return refuse(notice.Denied, "the job's answer is its subject's to give, to another who asked", "list yours: `manx job list`")
	}
	if j.Stage != ledger.Done {
		return stage(j)
	}
	if err := t.live(j); err != nil {
		return err
	}
	j.Answer, j.Digest = b.Answer, b.Digest
	return t.advance(j, ledger.Answered, escrow.Subject, escrow.Answer)
}

func acceptJob(t *txn, b ledger.AcceptJob) error {
	j, err := t.job(b.Job)
	if err != nil {
		return err
	}
	if j.Asker != t.cmd.Author {
		return refuse(notice.Denied, "only the asker accepts a job", "list yours: `manx job list`")
	}
	want := ledger.Answered
	if j.Asker == j.Subject {
		want = ledger.Done
	}
	if j.Stage != want {
		return stage(j)
	}
	return t.advance(j, "", escrow.Asker, escrow.Accept)
}

func disputeJob(t *txn, b ledger.DisputeJob) error {
	j, err := t.job(b.Job)
	if err != nil {
		return err
	}
	by := escrow.Asker
	switch t.cmd.Author {
	case j.Asker:
	case j.Subject:
		by = escrow.Subject
	default:
		if at := j.Proving.Place(t.cmd.Author); at >= 0 && j.Proving.Replicas[at].Found() && j.Proving.Replicas[at].Hash != j.Hash {
			by = escrow.Dissent
			break
		}
		return refuse(notice.Denied, "only the asker and the subject dispute a job", "list yours: `manx job list`")
	}
	if j.Stage != ledger.Done && j.Stage != ledger.Answered {
		return stage(j)
	}
	return t.advance(j, ledger.Disputed, by, escrow.Dispute)
}

func judgeJob(t *txn, b ledger.JudgeJob) error {
	if err := t.governed(); err != nil {
		return err
	}
	j, err := t.job(b.Job)
	if err != nil {
		return err
	}
	if j.Stage != ledger.Disputed {
		return stage(j)
	}
	if j.Proving != nil {
		return t.judgeProof(j, b)
	}
	if b.Right {
		return t.advance(j, "", escrow.Judges, escrow.Right)
	}
	if !j.Hash.IsZero() && j.Worker != "" { // it keeps its stake, which nobody told it was at risk here, but not its name
		st, err := t.standing(j.Worker)
		if err != nil {
			return err
		}
		t.setStanding(proof.After(st, proof.Lied, t.now))
	}
	return t.advance(j, "", escrow.Judges, escrow.Wrong)
}

func closeJob(t *txn, b ledger.CloseJob) error {
	j, err := t.job(b.Job)
	if err != nil {
		return err
	}
	if j.Stage.Over() {
		return stage(j)
	}
	if j.Proving != nil && j.Proving.Until != 0 && t.now >= j.Proving.Until {
		e, err := t.escrow(j.ID)
		if err != nil {
			return err
		}
		if t.now < e.Terms.Until(e.State) {
			return t.windowEnds(j)
		}
	}
	return t.advance(j, "", "", "")
}

func (t *txn) job(id ledger.JobID) (ledger.Job, error) {
	j, ok, err := load[ledger.Job](t, ledger.KeyOf(id))
	if err == nil && !ok {
		err = refuse(notice.NotFound, "there is no such job", "list yours: `manx job list`")
	}
	if err == nil && t.gathers && j.Proving != nil { // it moves stakes, which are kept for all together
		err = refuse(notice.Conflict, "a job that asked for proof is not settled with others", "accept it alone: `manx job show`")
	}
	return j, err
}

func stage(j ledger.Job) error {
	return refuse(notice.Conflict, "the job is "+string(j.Stage)+", which does not allow this", "read it: `manx job show`")
}

func late() error {
	return refuse(notice.Expired, "the time for this has passed", "the node ends the job and frees its money soon: `manx job list`")
}
