package contract

import (
	"encoding/json"
	"errors"
	"fmt"

	"manx/escrow"
	"manx/escrow/check"
	"manx/ledger"
	"manx/privacy/notice"
)

// openEscrow makes a contract of terms that are sound: what the checker finds on
// the parties' devices, it finds here again, and refuses.
func openEscrow(t *txn, b ledger.OpenEscrow) error {
	v := ledger.VerticalOf(t.cmd.Author)
	if b.Last <= t.now || b.Last-t.now > ledger.MaxEscrow {
		return refuse(notice.Invalid, "a contract ends within ten years", "give an earlier last deadline")
	}
	var terms escrow.Terms
	if err := ledger.Decode(b.Terms, &terms); err != nil {
		return notice.Because(err, notice.Invalid, "the terms are not well-formed", "make them with `manx escrow new`")
	}
	e := ledger.Escrow{ID: ledger.NewEscrowID(v, t.cmd.ID), Opener: t.cmd.Author, Title: b.Title, Terms: b.Terms,
		Hash: ledger.TermsHash(b.Terms, b.Players), Players: b.Players, Opened: t.now, Last: b.Last}
	var parts []escrow.Part
	for _, p := range b.Players {
		if side := ledger.VerticalOf(p.Party); side != v && side != ledger.Common {
			return checked(ledger.ErrWall)
		}
		if _, err := t.party(p.Party); err != nil {
			return err
		}
		parts = append(parts, escrow.Part{Role: escrow.Role(p.Role), Party: p.Party})
		e.Parties = append(e.Parties, p.Party)
	}
	report, err := check.Terms(terms, parts, nil, t.now, b.Last)
	if err != nil {
		return notice.Because(err, notice.Invalid, "the terms are refused: "+err.Error(), "see why: `manx escrow check`")
	}
	if n := len(report.Findings); n > 0 {
		return refuse(notice.Denied, fmt.Sprintf("the terms are not sound: %d findings, the first %s in clause %d", n, report.Findings[0].Kind, report.Findings[0].Clause+1),
			"read how it comes about: `manx escrow check`")
	}
	proof, err := json.Marshal(report)
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	e.Certificate = ledger.EscrowCertificate(e.Hash, proof)
	s, err := escrow.Open(terms, parts, nil, t.now, b.Last)
	if err != nil {
		return err
	}
	if err := t.save(ledger.KeyOf(e.ID), e, ledger.EscrowOpened); err != nil {
		return err
	}
	if err := t.save(ledger.EscrowStateKey(e.ID), s, ledger.EscrowStepped); err != nil {
		return err
	}
	return t.payFee(b.Coins)
}

// payFee pays the exchange for opening a contract; change comes back.
func (t *txn) payFee(coins []ledger.CoinID) error {
	fees, err := t.fees()
	if err != nil {
		return err
	}
	sum, err := t.spend(coins)
	if err != nil {
		return err
	}
	change, err := sum.Sub(fees.Open)
	if err != nil {
		return refuse(notice.Exhausted, "opening a contract costs "+fees.Open.String()+" MAN, which the coins given do not cover", "see what you hold: `manx wallet balance`")
	}
	out := t.due(fees.Open)
	if !change.IsZero() {
		out = append(out, ledger.Output{To: t.cmd.Author, Amount: change})
	}
	return t.pay(out)
}

// stepEscrow steps a contract.
func stepEscrow(t *txn, b ledger.StepEscrow) error {
	e, ok, err := load[ledger.Escrow](t, ledger.KeyOf(b.Escrow))
	if err != nil || !ok {
		return either(err, refuse(notice.NotFound, "there is no such contract", "list yours: `manx escrow list`"))
	}
	if e.Hash != b.Terms {
		return refuse(notice.Integrity, "the step was signed for other terms than this contract has", "read the contract and sign again: `manx escrow show`")
	}
	s, ok, err := load[escrow.State](t, ledger.EscrowStateKey(b.Escrow))
	if err != nil || !ok {
		return either(err, errors.New("a contract has no state"))
	}
	var terms escrow.Terms
	if err := json.Unmarshal(e.Terms, &terms); err != nil {
		return fmt.Errorf("terms on the ledger: %w", err)
	}
	in, err := t.happening(b)
	if err != nil {
		return err
	}
	after, paid, err := terms.Step(s, in)
	if err != nil {
		return stepRefused(err)
	}
	if in.Deposit != nil {
		sum, err := t.spend(b.Coins)
		if err != nil {
			return err
		}
		change, err := sum.Sub(*in.Deposit)
		if err != nil {
			return refuse(notice.Exhausted, "the coins given do not cover the deposit", "see what you hold: `manx wallet balance`")
		}
		if !change.IsZero() {
			paid = append(paid, ledger.Output{To: t.cmd.Author, Amount: change})
		}
	}
	if err := t.save(ledger.EscrowStateKey(b.Escrow), after, ledger.EscrowStepped); err != nil {
		return err
	}
	return t.pay(paid)
}

// happening turns a command into what the step function takes.
func (t *txn) happening(b ledger.StepEscrow) (escrow.Input, error) {
	in := escrow.Input{At: t.now, By: escrow.Role(b.Role), Party: t.cmd.Author, Choice: escrow.Choice(b.Choice), Deposit: b.Deposit}
	if b.Evidence != nil {
		in.Evidence = *b.Evidence
	}
	switch {
	case b.Pay != nil:
		in.Spend = &escrow.Spending{To: escrow.Role(b.To), Amount: *b.Pay}
	case b.Fact != "":
		in.Attest = &escrow.Attestation{Stated: escrow.Stated{Fact: b.Fact, Value: b.Value}, At: b.When}
	case b.Job != "":
		j, err := t.job(b.Job)
		if err != nil {
			return in, err
		}
		if !j.Stage.Over() {
			return in, refuse(notice.Conflict, "the job has not ended yet", "`manx job show` says where it stands")
		}
		in.Verdict = &escrow.Verdict{Job: b.Job, Settled: j.Stage == ledger.Settled}
	}
	return in, nil
}

func stepRefused(err error) error {
	const hint = "see what the contract waits for: `manx escrow show`"
	for _, k := range []struct {
		err  error
		kind notice.Kind
	}{
		{escrow.ErrOver, notice.Conflict}, {escrow.ErrLate, notice.Expired}, {escrow.ErrEarly, notice.Conflict}, {escrow.ErrWho, notice.Denied},
		{escrow.ErrNone, notice.Conflict}, {escrow.ErrStale, notice.Expired}, {escrow.ErrMuch, notice.Exhausted}, {escrow.ErrMany, notice.Exhausted}, {ledger.ErrAmount, notice.Invalid},
	} {
		if errors.Is(err, k.err) {
			return refuse(k.kind, k.err.Error(), hint)
		}
	}
	return err
}
