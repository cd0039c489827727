package contract

import (
	"errors"
	"slices"

	"manx/escrow"
	"manx/ledger"
	"manx/ledger/proof"
	"manx/ledger/receipt"
	"manx/privacy/notice"
	"manx/storage"
)

// A fee is the escrow of a job: its terms, and where they stand.
type fee struct {
	Terms escrow.Terms `json:"terms"`
	State escrow.State `json:"state"`
}

// advance makes a choice in a job's escrow, or lets time pass where choice is
// empty, and saves the job: at next, or at its end where the terms reach one.
func (t *txn) advance(j ledger.Job, next ledger.Stage, by escrow.Role, choice escrow.Choice) error {
	return t.advanceAs(j, next, by, t.cmd.Author, choice)
}

// advanceAs is advance for a choice of another than the author.
func (t *txn) advanceAs(j ledger.Job, next ledger.Stage, by escrow.Role, party ledger.PartyID, choice escrow.Choice) error {
	e, err := t.escrow(j.ID)
	if err != nil {
		return err
	}
	after, paid, err := e.Terms.Step(e.State, escrow.Input{At: t.now, By: by, Party: party, Choice: choice})
	switch {
	case errors.Is(err, escrow.ErrLate):
		return late()
	case errors.Is(err, escrow.ErrEarly):
		return refuse(notice.Conflict, "the job still waits, and its time has not passed", "read until when: `manx job show`")
	case errors.Is(err, escrow.ErrNone), errors.Is(err, escrow.ErrWho), errors.Is(err, escrow.ErrOver):
		return stage(j)
	case err != nil:
		return err
	}
	return t.settle(j, next, fee{e.Terms, after}, paid, false)
}

func (t *txn) settle(j ledger.Job, next ledger.Stage, e fee, paid []ledger.Output, withdrawn bool) error {
	if err := t.save(ledger.EscrowKey(j.ID), e, ""); err != nil {
		return err
	}
	paid, err := divide(j, paid)
	if err != nil {
		return err
	}
	if err := t.pay(paid); err != nil {
		return err
	}
	if e.State.Over() {
		next = ledger.Settled
		if e.State.Outcome == escrow.Refunded {
			next = ledger.Refunded
		}
	}
	if next != "" {
		j.Stage, j.At[next] = next, t.now
	}
	j.Due = e.Terms.Until(e.State)
	var verdicts []proof.Verdict
	if j.Proving != nil {
		if j.Proving.Until != 0 {
			j.Due = min(j.Due, j.Proving.Until)
		}
		if j.Stage.Over() {
			if verdicts, err = t.judgeReplicas(j, withdrawn); err != nil {
				return err
			}
		}
	}
	if err := t.save(ledger.KeyOf(j.ID), j, ledger.JobReached(j.Stage)); err != nil {
		return err
	}
	if !e.State.Over() {
		return nil
	}
	if verdicts != nil {
		if err := t.concludeProof(j, verdicts); err != nil {
			return err
		}
	}
	all, err := divide(j, e.State.Paid)
	if err != nil {
		return err
	}
	return t.receipt(j, all)
}

// withdraw takes the data out of a job: refunded before a result is there, by
// its terms afterwards. A job whose answer is given, that is in dispute or that
// is over stays as it is.
func (t *txn) withdraw(id ledger.JobID) error {
	j, err := t.job(id)
	if err != nil || j.Stage.Over() {
		return err
	}
	if j.Proving != nil && slices.ContainsFunc(j.Proving.Replicas, ledger.Replica.Found) && j.Hash.IsZero() {
		return nil // a result is out, and the replicas have yet to be told right from wrong
	}
	e, err := t.escrow(id)
	if err != nil {
		return err
	}
	by := escrow.Subject
	if j.Asker == j.Subject {
		by = escrow.Asker
	}
	in := escrow.Input{At: t.now, By: by, Party: j.Subject, Choice: escrow.Withdraw}
	after, paid, err := e.Terms.Step(e.State, in)
	late := errors.Is(err, escrow.ErrLate)
	if late { // its time had passed: it ends as closing would end it
		after, paid, err = e.Terms.Step(e.State, escrow.Input{At: t.now})
	}
	if errors.Is(err, escrow.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	return t.settle(j, "", fee{e.Terms, after}, paid, !late)
}

func (t *txn) escrow(id ledger.JobID) (fee, error) {
	e, ok, err := load[fee](t, ledger.EscrowKey(id))
	if err == nil && !ok {
		err = errors.New("a job has no escrow")
	}
	return e, err
}

// receipt writes what an ended job did, and adds it to the receipt tree.
func (t *txn) receipt(j ledger.Job, paid []ledger.Output) error {
	m, err := t.model(j.Model)
	if err != nil {
		return err
	}
	r := ledger.Receipt{
		Version: 1, Network: t.cmd.Network, Job: j.ID, Outcome: j.Stage, Asker: j.Asker, Subject: j.Subject,
		Model: j.Model, ModelOwner: m.Owner, ModelHash: m.Hash, PlanHash: m.PlanHash, Card: m.Card, Purpose: j.Purpose, Grant: j.Grant, Record: j.Record,
		Plan: m.Plan, Inputs: j.Inputs, EvalKeys: j.EvalKeys, Result: j.Result, Hash: j.Hash, Digest: j.Digest, Worker: j.Worker,
		Proving: j.Proving, Payments: paid, At: t.now,
	}
	if j.Shared() {
		r.Plan, r.PlanHash = storage.Ref{}, ledger.Hash{} // of a run under the subject's own key, which this was not
		if j.Committee != "" {
			r.Plan, r.PlanHash, r.Committee = m.Joint.Plan, m.Joint.Hash, j.Committee
		}
		r.Organisations, r.Holders, r.Security, r.Try = j.Organisations, j.Holders, j.Security, j.Try
	}
	b, err := receipt.Encode(r)
	if err != nil {
		return err
	}
	if t.tree == nil {
		if t.tree, err = receipt.Open(t.state.Get); err != nil {
			return err
		}
	}
	leaf, err := t.tree.Append(b)
	if err != nil {
		return err
	}
	return t.save(ledger.ReceiptKey(j.ID), leaf, ledger.ReceiptWritten)
}
