package escrow

import "manx/ledger"

// The roles of a job's fee.
const (
	Asker      Role = "asker"
	Subject    Role = "subject" // the data owner, where she is not the asker
	Worker     Role = "worker"
	ModelOwner Role = "model-owner"
	Exchange   Role = "exchange"
	Judges     Role = "judges" // a majority of the organisations

	Sharers Role = "sharers" // the three organisations of a job on shares, together
	First   Role = "first"   // each of them by its place
	Second  Role = "second"
	Third   Role = "third"
)

// The choices of a job's fee.
const (
	Withdraw Choice = "withdraw" // the data is no longer offered: denied, revoked or erased
	Result   Choice = "result"   // the worker posted a result
	Answer   Choice = "answer"   // the subject released it to the asker
	Accept   Choice = "accept"
	Dispute  Choice = "dispute"
	Right    Choice = "right" // verdicts
	Wrong    Choice = "wrong"
)

// A Fee is what the terms of a job's fee depend on.
type Fee struct {
	Asker, Subject, ModelOwner, Exchange ledger.PartyID

	Asked ledger.Time // when it is funded
	Last  ledger.Time // when it has ended at the latest
}

// MinFee is the shortest life of a fee, in seconds: each of its phases has one
// second or more.
const MinFee = ledger.Time(8)

// JobFee returns the terms of a job's fee and who plays their roles. The
// result is due after three quarters of the time, doubts after seven eighths,
// the verdict at Last.
//
//   - Accepted, or done and not doubted in time: 60% to the worker, 10% to the
//     exchange, the rest to the model's owner. Where another party asked: 40%
//     worker, 20% subject, 10% exchange, the rest to the model's owner.
//   - Withdrawn before the result, no result, judged wrong, or doubted and
//     never judged: back to the asker.
//   - Where another party asked and the subject withholds the answer to a
//     result that is there: the worker's share, the rest back to the asker.
func JobFee(f Fee) (Terms, []Part) {
	eighth := (f.Last - f.Asked) / 8
	due, doubt := f.Last-2*eighth, f.Last-eighth
	parties := []Part{{Asker, f.Asker}, {ModelOwner, f.ModelOwner}, {Exchange, f.Exchange}}
	refund := Terms{Close: &Close{To: Asker}}
	rest := Terms{Close: &Close{To: ModelOwner}}
	judged := func(right Terms) Terms {
		return Terms{When: &When{
			Cases: []Case{{Judges, Right, right}, {Judges, Wrong, refund}},
			Until: f.Last, Then: refund,
		}}
	}
	if f.Asker == f.Subject {
		paid := Terms{Pay: &Pay{Shares: []Share{{Worker, 6000}, {Exchange, 1000}}, Then: rest}}
		done := Terms{When: &When{
			// She has her result: withdrawing the record now does not undo it.
			Cases: []Case{{Asker, Accept, paid}, {Asker, Dispute, judged(paid)}, {Asker, Withdraw, paid}},
			Until: doubt, Then: paid,
		}}
		return Terms{When: &When{
			Cases: []Case{{Worker, Result, done}, {Asker, Withdraw, refund}},
			Until: due, Then: refund,
		}}, parties
	}
	paid := Terms{Pay: &Pay{Shares: []Share{{Worker, 4000}, {Subject, 2000}, {Exchange, 1000}}, Then: rest}}
	worked := Terms{Pay: &Pay{Shares: []Share{{Worker, 4000}}, Then: refund}}
	answered := Terms{When: &When{
		Cases: []Case{{Asker, Accept, paid}, {Asker, Dispute, judged(paid)}, {Subject, Dispute, judged(paid)}},
		Until: doubt, Then: paid,
	}}
	done := Terms{When: &When{
		Cases: []Case{
			{Subject, Answer, answered}, {Subject, Withdraw, worked},
			{Asker, Dispute, judged(worked)}, {Subject, Dispute, judged(worked)},
		},
		Until: doubt, Then: worked,
	}}
	return Terms{When: &When{
		Cases: []Case{{Worker, Result, done}, {Subject, Withdraw, refund}},
		Until: due, Then: refund,
	}}, append(parties, Part{Subject, f.Subject})
}

// SharedFee returns the terms of the fee of a job that three organisations
// compute on shares, by place, and who plays their roles. There is nothing for
// the asker to accept: the three sign one result, or differ.
//
//   - All three signed the same result: 13% to each of the three, 20% to the
//     subject, 10% to the exchange, the rest to the model's owner.
//   - They differ, the subject withdraws before, or they have not signed by Last:
//     back to the asker.
func SharedFee(f Fee, organisations [ledger.Sharers]ledger.PartyID) (Terms, []Part) {
	refund := Terms{Close: &Close{To: Asker}}
	paid := Terms{Pay: &Pay{Shares: []Share{{First, 1300}, {Second, 1300}, {Third, 1300}, {Subject, 2000}, {Exchange, 1000}},
		Then: Terms{Close: &Close{To: ModelOwner}}}}
	return Terms{When: &When{
			Cases: []Case{{Sharers, Result, paid}, {Sharers, Wrong, refund}, {Subject, Withdraw, refund}},
			Until: f.Last, Then: refund,
		}}, []Part{{Asker, f.Asker}, {ModelOwner, f.ModelOwner}, {Exchange, f.Exchange}, {Subject, f.Subject},
			{First, organisations[0]}, {Second, organisations[1]}, {Third, organisations[2]}}
}
