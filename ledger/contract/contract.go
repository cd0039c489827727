// Package contract is the program on the ledger: one pure function of state
// and a signed command, the same embedded and as Fabric chaincode. It reads no
// clock, does no I/O, ranges over no map, and needs no rule to read what the
// same command wrote.
//
// Everything with an id is kept under ledger.KeyOf(id). Beside it: a job's
// escrow (ledger.EscrowKey) and receipt (ledger.ReceiptKey), what rests on a
// record ("…/resting"), how often two holders compared lists ("…/overlaps/…"), a
// site's sums of late ("…/sums/…") and the signatures that a sum rests on
// (ledger.SumSignedKey, ledger.SumJoinKey), a training's rounds and signatures, the
// marks of its grants and the grant of each record (ledger.TrainingRoundKey and its
// siblings), how often an asker called a model
// that has a limit (ledger.CallsKey), when a storage provider was challenged last
// (ledger.LastHoldingKey), who computes on shares for an
// organisation (ledger.SeatKey), what was spent of a record's privacy budget and on
// what (ledger.BudgetKey, ledger.BudgetMarkKey), the owner's signature on a grant given
// beforehand (ledger.SignedKey) and the holders' word that its shares are
// destroyed (ledger.DestroyedKey), who annotates for a hospital (ledger.MemberKey),
// commitments (ledger.CommitmentKey), applied commands ("common/command/…"), digests of keys in use ("common/seen/…"),
// payments and periods of rewards that were issued for (ledger.PaymentKey,
// ledger.Granted), the schedule, the supply, the clock, the receipt tree
// (receipt.SizeKey, receipt.HashKey), the network's committee
// (ledger.CommitteeNow), its members' signatures (ledger.JoinedKey) and keys
// (ledger.CommitteeKeysKey), the beacon and its latest values, all stakes, what
// became of a worker's jobs (ledger.StandingKey), commitments to canaries, and the
// latest checkpoint. Only clock, beacon, stakes, supply and tree size are written
// by many.
//
// It holds no personal data and puts none in an error: ids, salted digests,
// grants, jobs and payments are all it knows. It does not run models, hold
// keys or check the proofs of results; it records what others sign.
package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"manx/ledger"
	"manx/privacy/notice"
)

// Lease is how long a worker may compute before another may claim its job.
const Lease = ledger.Time(600)

// Bounds the rules set, in seconds or entries.
const (
	MinJob     = ledger.Time(8)                // shortest life of a job
	MaxJob     = ledger.Time(90 * 24 * 3600)   // longest
	MaxGrant   = ledger.Time(3660 * 24 * 3600) // longest life of a grant, ten years
	maxResting = 1024                          // live grants and jobs on one record
	maxDispute = 32                            // fields of one file in dispute
)

// Exchange returns the organisation that is paid for running the exchange: the
// first that serves both verticals, else the first.
func Exchange(g ledger.Genesis) ledger.PartyID { return g.Exchange().ID }

// New returns the contract of the network that g describes. A genesis that
// does not pass its Check makes a contract that refuses every command.
func New(g ledger.Genesis) ledger.Contract {
	bad := g.Check()
	network := g.ID()
	return func(s ledger.State, c ledger.Command) ([]ledger.Event, error) {
		if bad != nil {
			return nil, bad
		}
		if c.Network != network {
			return nil, refuse(notice.Denied, "the command is for another network", "compare the network id with `manx audit` and sign it again")
		}
		if len(c.Body) > ledger.MaxBody || len(c.Cosigns) > ledger.MaxCosigns {
			return nil, refuse(notice.Invalid, "the command is too large", "")
		}
		mark, used, err := applied(s, c)
		if used || err != nil {
			return nil, err
		}
		t := &txn{genesis: &g, state: s, cmd: c, written: map[ledger.Key]bool{}}
		if err := t.put(ledger.CommandKey(c.ID), []byte(mark)); err != nil {
			return nil, err
		}
		if err := t.dispatch(); err != nil {
			return nil, err
		}
		return t.flush()
	}
}

// applied reports whether exactly c was applied before; another command under
// its id is a conflict. The mark covers the signature too.
func applied(s ledger.State, c ledger.Command) (mark string, used bool, err error) {
	h := sha256.Sum256(append(c.SigningBytes(), c.Sig...))
	mark = hex.EncodeToString(h[:])
	b, err := s.Get(ledger.CommandKey(c.ID))
	switch {
	case err != nil:
		return "", false, err
	case b == nil:
		return mark, false, nil
	case string(b) == mark:
		return mark, true, nil
	}
	return "", false, refuse(notice.Conflict, "another command was applied under this id", "sign the command again: it gets a new id")
}

func (t *txn) dispatch() error {
	switch t.cmd.Name {
	case "party.register":
		return run(t, registerParty)
	case "party.rotate":
		return run(t, rotateKey)
	case "party.recover":
		return run(t, recoverParty)
	case "record.register":
		return run(t, registerRecord)
	case "record.amend":
		return run(t, amendRecord)
	case "record.erase":
		return run(t, eraseRecord)
	case "member.admit":
		return run(t, admitMember)
	case "member.dismiss":
		return run(t, dismissMember)
	case "credit.commit":
		return run(t, commitFile)
	case "credit.dispute":
		return run(t, disputeField)
	case "grant.give":
		return run(t, giveGrant)
	case "grant.revoke":
		return run(t, revokeGrant)
	case "grant.destroyed":
		return run(t, destroyShares)
	case "seat.take":
		return run(t, takeSeat)
	case "coin.send":
		return run(t, sendCoins)
	case "coin.issue":
		return run(t, issueCoins)
	case "coin.burn":
		return run(t, burnCoins)
	case "coin.schedule":
		return run(t, setSchedule)
	case "model.publish":
		return run(t, publishModel)
	case "model.retire":
		return run(t, retireModel)
	case "portal.publish":
		return run(t, publishPortal)
	case "time.tick":
		return run(t, tick)
	case "receipt.checkpoint":
		return run(t, checkpoint)
	}
	if strings.HasPrefix(t.cmd.Name, "job.") {
		return t.dispatchJob()
	}
	if strings.HasPrefix(t.cmd.Name, "sum.") {
		return t.dispatchSum()
	}
	if strings.HasPrefix(t.cmd.Name, "training.") {
		return t.dispatchTraining()
	}
	if known, err := t.dispatchProof(); known {
		return err
	}
	if known, err := t.dispatchBudget(); known {
		return err
	}
	return t.dispatchAgreement()
}

// dispatchProof dispatches what the proof of results rests on.
func (t *txn) dispatchProof() (known bool, err error) {
	switch t.cmd.Name {
	case "beacon.commit":
		return true, run(t, commitBeacon)
	case "beacon.reveal":
		return true, run(t, revealBeacon)
	case "worker.stake":
		return true, run(t, lockStake)
	case "worker.unstake":
		return true, run(t, freeStake)
	case "canary.commit":
		return true, run(t, commitCanary)
	case "canary.reveal":
		return true, run(t, revealCanary)
	}
	return false, nil
}

// dispatchAgreement dispatches what several parties agree on.
func (t *txn) dispatchAgreement() error {
	switch t.cmd.Name {
	case "escrow.open":
		return run(t, openEscrow)
	case "escrow.step":
		return run(t, stepEscrow)
	case "overlap.propose":
		return run(t, proposeOverlap)
	case "overlap.agree":
		return run(t, agreeOverlap)
	case "overlap.end":
		return run(t, endOverlap)
	case "overlap.post":
		return run(t, postOverlap)
	case "overlap.answer":
		return run(t, answerOverlap)
	case "committee.propose":
		return run(t, proposeCommittee)
	case "committee.join":
		return run(t, joinCommittee)
	case "committee.commission":
		return run(t, commissionKeys)
	case "committee.keys":
		return run(t, postKeys)
	}
	return t.dispatchHolding()
}

func (t *txn) dispatchHolding() error {
	switch t.cmd.Name {
	case "holding.schedule":
		return run(t, setHoldings)
	case "holding.ask":
		return run(t, askHolding)
	case "holding.answer":
		return run(t, answerHolding)
	case "holding.judge":
		return run(t, judgeHolding)
	case "holding.pay":
		return run(t, payHoldings)
	}
	return unknown()
}

func (t *txn) dispatchJob() error {
	switch t.cmd.Name {
	case "job.request":
		return run(t, requestJob)
	case "job.input":
		return run(t, postInput)
	case "job.deny":
		return run(t, denyJob)
	case "job.claim":
		return run(t, claimJob)
	case "job.result":
		return run(t, postResult)
	case "job.share":
		return run(t, postShare)
	case "job.draw":
		return run(t, drawJob)
	case "job.commit":
		return run(t, commitReplica)
	case "job.reveal":
		return run(t, revealReplica)
	case "job.found":
		return run(t, findResults)
	case "job.answer":
		return run(t, answerJob)
	case "job.accept":
		return run(t, acceptJob)
	case "job.dispute":
		return run(t, disputeJob)
	case "job.judge":
		return run(t, judgeJob)
	case "job.close":
		return run(t, closeJob)
	case "job.work":
		return run(t, workJobs)
	case "job.settle":
		return run(t, settleJobs)
	}
	return unknown()
}

func unknown() error {
	return refuse(notice.Unsupported, "this network knows no such command", "use a `manx` of the network's version")
}

// run applies a rule once the command's body, signature and time are right.
func run[B ledger.Body](t *txn, rule func(*txn, B) error) error {
	var b B
	if err := ledger.Decode(t.cmd.Body, &b); err != nil {
		return notice.Because(err, notice.Invalid, "the command's body does not have the form of its name", "use a `manx` of the network's version")
	}
	if err := t.authenticate(b); err != nil {
		return err
	}
	if err := t.inTime(b); err != nil {
		return err
	}
	if err := b.Check(); err != nil {
		return checked(err)
	}
	return rule(t, b)
}

// checked makes a notice of what a body's Check found; its texts quote nothing.
func checked(err error) error {
	if errors.Is(err, ledger.ErrWall) {
		return notice.Because(err, notice.Denied, err.Error(), "use the persona, records and models of one vertical: `manx keys show`")
	}
	if errors.Is(err, ledger.ErrPurpose) {
		return notice.Because(err, notice.Denied, err.Error(), "state it: `manx credit request --purpose credit-transaction`")
	}
	return notice.Because(err, notice.Invalid, err.Error(), "correct the command and sign it again")
}

func refuse(k notice.Kind, text, hint string) error { return notice.New(k, text, hint) }
