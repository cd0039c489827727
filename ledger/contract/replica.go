package contract

import (
	"slices"
	"strconv"

	"manx/escrow"
	"manx/ledger"
	"manx/ledger/proof"
	"manx/privacy/notice"
)

// proving returns a job that asked for proof, at a stage.
func (t *txn) proving(id ledger.JobID, at ledger.Stage) (ledger.Job, error) {
	j, err := t.job(id)
	if err != nil {
		return j, err
	}
	if j.Proving == nil || j.Stage != at {
		return j, stage(j)
	}
	return j, nil
}

// choose makes a choice of the replicas together. The window that then begins has
// so many seconds, within what the terms leave.
func (t *txn) choose(j ledger.Job, next ledger.Stage, c escrow.Choice, window ledger.Time) error {
	j.Proving.Until = 0
	if window > 0 {
		j.Proving.Until = t.now + window
	}
	return t.advanceAs(j, next, escrow.Replicas, ledger.PartyID(j.ID), c)
}

// drawJob draws a job's replicas and puts the job into their standings.
func drawJob(t *txn, b ledger.DrawJob) error {
	j, err := t.proving(b.Job, ledger.Ready)
	if err != nil {
		return err
	}
	if t.now >= j.Due {
		return late()
	}
	if err := t.live(j); err != nil {
		return err
	}
	ready := j.At[ledger.Ready]
	v, err := t.drawing(b.Value, ready)
	if err != nil {
		return err
	}
	all, _, _, err := t.allStakes("")
	if err != nil {
		return err
	}
	drawn, standings, full, err := proof.Draw(proof.Job{ID: j.ID, Proof: j.Proving.Proof, Fee: j.Fee, Ready: ready}, v.Value, t.now, all, t.standing)
	if err != nil {
		return err
	}
	if !full {
		return refuse(notice.Unavailable, "too few operators have a stake that covers this job", "ask for less proof, or wait until more workers lock a stake")
	}
	for _, st := range standings {
		st.Open++
		t.setStanding(st)
		if err := t.drawnFor(st.Worker, j.ID, func(open []ledger.JobID) []ledger.JobID { return append(open, j.ID) }); err != nil {
			return err
		}
	}
	j.Proving.Replicas = drawn
	j.Proving.Value = b.Value
	return t.choose(j, ledger.Drawn, escrow.Draw, j.Proving.Window())
}

func commitReplica(t *txn, b ledger.CommitReplica) error {
	j, at, err := t.replica(b.Job, ledger.Drawn)
	if err != nil {
		return err
	}
	if !j.Proving.Replicas[at].Commitment.IsZero() {
		return refuse(notice.Conflict, "the replica has committed to a result already", "it reveals when all have: `manx job show`")
	}
	j.Proving.Replicas[at].Commitment = b.Commitment
	if slices.ContainsFunc(j.Proving.Replicas, func(r ledger.Replica) bool { return r.Commitment.IsZero() }) {
		return t.save(ledger.KeyOf(j.ID), j, ledger.JobReplied)
	}
	return t.choose(j, ledger.Committed, escrow.Commit, ledger.RevealWithin)
}

func revealReplica(t *txn, b ledger.RevealReplica) error {
	j, at, err := t.replica(b.Job, ledger.Committed)
	if err != nil {
		return err
	}
	r := &j.Proving.Replicas[at]
	switch {
	case r.Commitment.IsZero():
		return refuse(notice.Denied, "the replica committed to no result in time", "take another")
	case !r.Hash.IsZero():
		return refuse(notice.Conflict, "the replica has revealed its result already", "read it: `manx job show`")
	case ledger.CommitmentTo(j.ID, t.cmd.Author, b.Hash, b.Salt) != r.Commitment:
		return refuse(notice.Integrity, "the result is not the one that the replica committed to", "reveal that one")
	}
	r.Result, r.Hash = b.Result, b.Hash
	if slices.ContainsFunc(j.Proving.Replicas, func(r ledger.Replica) bool { return !r.Commitment.IsZero() && r.Hash.IsZero() }) {
		return t.save(ledger.KeyOf(j.ID), j, ledger.JobReplied)
	}
	return t.choose(j, ledger.Revealed, escrow.Reveal, ledger.RevealWithin)
}

// replica returns a job at a stage whose window is open, and the author's place.
func (t *txn) replica(id ledger.JobID, s ledger.Stage) (j ledger.Job, at int, err error) {
	if j, err = t.proving(id, s); err != nil {
		return j, -1, err
	}
	if at = j.Proving.Place(t.cmd.Author); at < 0 {
		return j, at, refuse(notice.Denied, "the worker was not drawn for this job", "take another")
	}
	if t.now >= j.Due {
		return j, at, late()
	}
	return j, at, nil
}

func findResults(t *txn, b ledger.FindResults) error {
	if err := t.governed(); err != nil {
		return err
	}
	j, err := t.proving(b.Job, ledger.Revealed)
	if err != nil {
		return err
	}
	for _, w := range b.Lost {
		at := j.Proving.Place(w)
		if at < 0 {
			return refuse(notice.NotFound, "the worker was not drawn for this job", "read it: `manx job show`")
		}
		j.Proving.Replicas[at].Lost = true
	}
	return t.decide(j)
}

// decide takes the result on which the replicas agree enough; where there is none
// the organisations run the job again.
func (t *txn) decide(j ledger.Job) error {
	if !slices.ContainsFunc(j.Proving.Replicas, ledger.Replica.Found) {
		return t.choose(j, "", escrow.Fail, 0)
	}
	right, ok := proof.Quorum(j.Proving.Proof, j.Proving.Replicas)
	if !ok {
		return t.choose(j, ledger.Disputed, escrow.Differ, 0)
	}
	prove(&j, right)
	return t.choose(j, ledger.Done, escrow.Result, 0)
}

// windowEnds closes a window of a job whose replicas had their time.
func (t *txn) windowEnds(j ledger.Job) error {
	any := func(f func(ledger.Replica) bool) bool { return slices.ContainsFunc(j.Proving.Replicas, f) }
	switch {
	case j.Stage == ledger.Drawn && any(func(r ledger.Replica) bool { return !r.Commitment.IsZero() }):
		return t.choose(j, ledger.Committed, escrow.Commit, ledger.RevealWithin)
	case j.Stage == ledger.Committed && any(ledger.Replica.Found):
		return t.choose(j, ledger.Revealed, escrow.Reveal, ledger.RevealWithin)
	case j.Stage == ledger.Revealed:
		return t.decide(j)
	}
	return t.choose(j, "", escrow.Fail, 0)
}

// judgeProof is a verdict on a job whose replicas do not agree, or whose quorum is
// in doubt.
func (t *txn) judgeProof(j ledger.Job, b ledger.JudgeJob) error {
	if b.Hash.IsZero() {
		return refuse(notice.Invalid, "a verdict on replicas states what the re-run gave", "")
	}
	j.Proving.Judged = b.Hash
	if !j.Hash.IsZero() { // a quorum had decided
		if b.Hash == j.Hash {
			return t.advance(j, "", escrow.Judges, escrow.Right)
		}
		return t.advance(j, "", escrow.Judges, escrow.Wrong)
	}
	if !slices.ContainsFunc(j.Proving.Replicas, func(r ledger.Replica) bool { return r.Found() && r.Hash == b.Hash }) {
		return t.advance(j, "", escrow.Judges, escrow.Wrong)
	}
	prove(&j, b.Hash)
	return t.advance(j, ledger.Done, escrow.Judges, escrow.Right)
}

// divide gives what the terms pay the replicas together to those who were right.
func divide(j ledger.Job, paid []ledger.Output) (out []ledger.Output, err error) {
	if j.Proving == nil {
		return paid, nil
	}
	var quorum []ledger.PartyID
	for _, r := range j.Proving.Replicas {
		if r.Found() && r.Hash == j.Hash {
			quorum = append(quorum, r.Worker)
		}
	}
	for _, p := range paid {
		if p.To != ledger.PartyID(j.ID) {
			out = append(out, p)
			continue
		}
		// What does not divide is the first's.
		parts, err := divided(p.Amount, p.Amount.Part(1, uint32(len(quorum))), quorum[1:], quorum[0])
		if err != nil {
			return nil, err
		}
		for i := range parts { // each is another role: receipts tell who was paid as what
			parts[i].As = "replica-" + strconv.Itoa(i+1)
		}
		out = append(out, parts...)
	}
	return out, nil
}

// prove takes the result of the replicas that agree.
func prove(j *ledger.Job, right ledger.Hash) {
	at := slices.IndexFunc(j.Proving.Replicas, func(r ledger.Replica) bool { return r.Found() && r.Hash == right })
	r := j.Proving.Replicas[at]
	j.Worker, j.Result, j.Hash = r.Worker, r.Result, r.Hash
}

// judgeReplicas returns what an ended job means for its replicas, and marks those who
// lied. Nobody is blamed for a window in which the data was withdrawn, nor called a
// liar where no verdict was given.
func (t *txn) judgeReplicas(j ledger.Job, withdrawn bool) ([]proof.Verdict, error) {
	if j.Grant != "" {
		g, _, err := load[ledger.Grant](t, ledger.KeyOf(j.Grant))
		if err != nil {
			return nil, err
		}
		withdrawn = withdrawn || !g.Live(t.now)
	}
	reached := func(s ledger.Stage) bool { return j.At[s] != 0 }
	right := j.Proving.Judged
	if right.IsZero() && !reached(ledger.Disputed) {
		right = j.Hash
	}
	committed := reached(ledger.Committed) || reached(ledger.Drawn) && !withdrawn
	revealed := reached(ledger.Revealed) || reached(ledger.Committed) && !withdrawn
	verdicts := proof.Judge(j.Proving.Replicas, right, committed, revealed)
	for i, v := range verdicts {
		j.Proving.Replicas[i].Punished = v == proof.Lied
	}
	return verdicts, nil
}

// concludeProof writes an ended job's verdicts into the standings of its replicas, and
// punishes those who lied or were silent.
func (t *txn) concludeProof(j ledger.Job, verdicts []proof.Verdict) error {
	for i, r := range j.Proving.Replicas {
		st, err := t.standing(r.Worker)
		if err != nil {
			return err
		}
		st.Open--
		if err := t.drawnFor(r.Worker, j.ID, func(open []ledger.JobID) []ledger.JobID {
			return slices.DeleteFunc(open, func(o ledger.JobID) bool { return o == j.ID })
		}); err != nil {
			return err
		}
		if verdicts[i] != proof.Nothing {
			st = proof.After(st, verdicts[i], t.now)
		}
		t.setStanding(st)
	}
	return t.punish(j.Proving.Replicas, verdicts)
}
