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

// How a job's fee ends.
const (
	Paid     = "paid"
	Refunded = "refunded"
)

// A Fee is what the terms of a job's fee depend on.
type Fee struct {
	Asker, Subject, ModelOwner, Exchange ledger.PartyID

	Parts uint32      // of the fee that the exchange gets, in basis points: 0 to 2000
	Asked ledger.Time // when it is funded
	Last  ledger.Time // when it has ended at the latest
}

// MinFee is the shortest life of a fee, in seconds: each of its phases has one
// second or more.
const MinFee = ledger.Time(8)

// fee is the one pot of a job's fee. What a payment leaves goes back to the asker.
func fee() []Pot { return []Pot{{"fee", Asker}} }

// split pays parts of the fee, the exchange's, and all the rest to the model's
// owner.
func (f Fee) split(next int, shares ...Share) Clause {
	if f.Parts > 0 {
		shares = append(shares, part(Exchange, f.Parts))
	}
	return Clause{Pay: &Pay{Shares: append(shares, Share{ModelOwner, Value{All: true}}), Next: next}}
}

// Earned returns what JobFee leaves the model's owner, and whom it shares with, of a fee
// that is paid, under the schedule that is in force before there is another.
func Earned(fee ledger.Amount) ledger.Amount {
	return fee.Part(Whole-workers-ledger.DefaultFees().Jobs, Whole)
}

// workers is the worker's part of the fee of who asks about herself.
const workers = 6000

func part(to Role, parts uint32) Share { return Share{to, Value{Parts: parts}} }

func choice(by Role, c Choice, next int) Case { return Case{By: by, Choice: c, Next: next} }

// JobFee returns the terms of a job's fee and who plays their roles. The
// result is due after three quarters of the time, doubts after seven eighths,
// the verdict at Last.
//
//   - Accepted, or done and not doubted in time: 60% to the worker, its
//     part to the exchange (Fee.Parts, by the schedule: 10% unless the organisations
//     set another), the rest to the model's owner. Where another party asked: 40%
//     worker, 20% subject, the exchange's part, the rest to the model's owner.
//   - Withdrawn before the result, no result, judged wrong, or doubted and
//     never judged: back to the asker.
//   - Where another party asked and the subject withholds the answer to a
//     result that is there: the worker's share, the rest back to the asker.
func JobFee(f Fee) (Terms, []Part) {
	eighth := (f.Last - f.Asked) / 8
	due, doubt := f.Last-2*eighth, f.Last-eighth
	parties := []Part{{Asker, f.Asker}, {ModelOwner, f.ModelOwner}, {Exchange, f.Exchange}}
	if f.Asker == f.Subject {
		const asked, done, judged, paid, over, refund = 0, 1, 2, 3, 4, 5
		return Terms{fee(), []Clause{
			asked: {Wait: &Wait{[]Case{choice(Worker, Result, done), choice(Asker, Withdraw, refund)}, due, refund}},
			// She has her result: withdrawing the record now does not undo it.
			done:   {Wait: &Wait{[]Case{choice(Asker, Accept, paid), choice(Asker, Dispute, judged), choice(Asker, Withdraw, paid)}, doubt, paid}},
			judged: {Wait: &Wait{[]Case{choice(Judges, Right, paid), choice(Judges, Wrong, refund)}, f.Last, refund}},
			paid:   f.split(over, part(Worker, workers)),
			over:   {Close: &Close{Paid}},
			refund: {Close: &Close{Refunded}},
		}}, parties
	}
	const asked, done, answered, doubted, judged, worked, kept, paid, over, refund = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
	return Terms{fee(), []Clause{
		asked: {Wait: &Wait{[]Case{choice(Worker, Result, done), choice(Subject, Withdraw, refund)}, due, refund}},
		done: {Wait: &Wait{[]Case{choice(Subject, Answer, answered), choice(Subject, Withdraw, worked),
			choice(Asker, Dispute, doubted), choice(Subject, Dispute, doubted)}, doubt, worked}},
		answered: {Wait: &Wait{[]Case{choice(Asker, Accept, paid), choice(Asker, Dispute, judged), choice(Subject, Dispute, judged)}, doubt, paid}},
		doubted:  {Wait: &Wait{[]Case{choice(Judges, Right, worked), choice(Judges, Wrong, refund)}, f.Last, refund}},
		judged:   {Wait: &Wait{[]Case{choice(Judges, Right, paid), choice(Judges, Wrong, refund)}, f.Last, refund}},
		worked:   {Pay: &Pay{Shares: []Share{part(Worker, 4000)}, Next: kept}},
		kept:     {Close: &Close{Refunded}},
		paid:     f.split(over, part(Worker, 4000), part(Subject, 2000)),
		over:     {Close: &Close{Paid}},
		refund:   {Close: &Close{Refunded}},
	}}, append(parties, Part{Subject, f.Subject})
}

// JointFee returns the terms of the fee of a job that a worker computes under a
// committee's key and three organisations, by place, open to shares.
//
//   - All three signed the same result: 20% to the worker, 7% to each of the three,
//     20% to the subject, its part to the exchange, the rest to the model's owner.
//   - They differ, no result, the subject withdraws, or they have not signed by
//     Last: back to the asker. A wrong result of the worker's ends so, for the three
//     compute it again before they open it; and whether it was right nobody has said
//     where the subject withdraws.
func JointFee(f Fee, organisations [ledger.Sharers]ledger.PartyID) (Terms, []Part) {
	const asked, done, paid, over, refund = 0, 1, 2, 3, 4
	due := f.Last - 2*((f.Last-f.Asked)/8)
	return Terms{fee(), []Clause{
			asked:  {Wait: &Wait{[]Case{choice(Worker, Result, done), choice(Subject, Withdraw, refund)}, due, refund}},
			done:   {Wait: &Wait{[]Case{choice(Sharers, Result, paid), choice(Sharers, Wrong, refund), choice(Subject, Withdraw, refund)}, f.Last, refund}},
			paid:   f.split(over, part(Worker, 2000), part(First, 700), part(Second, 700), part(Third, 700), part(Subject, 2000)),
			over:   {Close: &Close{Paid}},
			refund: {Close: &Close{Refunded}},
		}}, []Part{{Asker, f.Asker}, {ModelOwner, f.ModelOwner}, {Exchange, f.Exchange}, {Subject, f.Subject},
			{First, organisations[0]}, {Second, organisations[1]}, {Third, organisations[2]}}
}

// SharedFee returns the terms of the fee of a job that three organisations
// compute on shares, by place, and who plays their roles. There is nothing for
// the asker to accept: the three sign one result, or differ.
//
//   - All three signed the same result: 13% to each of the three, 20% to the
//     subject, its part to the exchange, the rest to the model's owner.
//   - They differ, the subject withdraws before, or they have not signed by Last:
//     back to the asker.
func SharedFee(f Fee, organisations [ledger.Sharers]ledger.PartyID) (Terms, []Part) {
	const asked, paid, over, refund = 0, 1, 2, 3
	return Terms{fee(), []Clause{
			asked: {Wait: &Wait{[]Case{choice(Sharers, Result, paid), choice(Sharers, Wrong, refund), choice(Subject, Withdraw, refund)}, f.Last, refund}},
			paid:  f.split(over, part(First, 1300), part(Second, 1300), part(Third, 1300), part(Subject, 2000)),
			over:  {Close: &Close{Paid}}, refund: {Close: &Close{Refunded}},
		}}, []Part{{Asker, f.Asker}, {ModelOwner, f.ModelOwner}, {Exchange, f.Exchange}, {Subject, f.Subject},
			{First, organisations[0]}, {Second, organisations[1]}, {Third, organisations[2]}}
}
