package escrow

import "manx/ledger"

// The roles of the fee of a job that asked for proof.
const (
	// Replicas are the workers that were drawn for a job, together: the contract
	// says what they have chosen, and divides among those that agree what they are
	// paid.
	Replicas Role = "replicas"
	Dissent  Role = "dissent" // a replica that says otherwise than the quorum
)

// The choices of that fee.
const (
	Draw   Choice = "draw"   // the beacon has drawn the replicas
	Commit Choice = "commit" // all have committed, or the time for it has passed
	Reveal Choice = "reveal" // likewise
	Differ Choice = "differ" // they do not agree enough: the organisations run the job again
	Fail   Choice = "fail"   // no replica gave a result
)

// ProofFee returns the terms of the fee of a job whose result replicas prove, and
// who plays their roles. Drawn by two eighths of the time, commitments by three,
// reveals by four, the quorum by five, a verdict where there is none by six,
// doubts by seven, the verdict on those at Last.
//
//   - A result that is there is paid as in JobFee, the worker's part to the quorum,
//     in equal parts.
//   - Withdrawn before a replica has revealed, not drawn, nobody answers, none is right,
//     or a doubt that is never judged: back to the asker.
func ProofFee(f Fee) (Terms, []Part) {
	eighth := (f.Last - f.Asked) / 8
	by := func(n ledger.Time) ledger.Time { return f.Last - (8-n)*eighth }
	const asked, drawn, committed, revealed, differ, done = 0, 1, 2, 3, 4, 5
	parties := []Part{{Asker, f.Asker}, {ModelOwner, f.ModelOwner}, {Exchange, f.Exchange}}
	self := f.Asker == f.Subject
	owner, refund := Subject, 11
	if self {
		owner, refund = Asker, 9
	} else {
		parties = append(parties, Part{Subject, f.Subject})
	}
	all := func(c Choice, next int) Case { return choice(Replicas, c, next) }
	withdrawn := choice(owner, Withdraw, refund)
	terms := Terms{fee(), []Clause{
		asked:     {Wait: &Wait{[]Case{all(Draw, drawn), withdrawn}, by(2), refund}},
		drawn:     {Wait: &Wait{[]Case{all(Commit, committed), all(Fail, refund), withdrawn}, by(3), refund}},
		committed: {Wait: &Wait{[]Case{all(Reveal, revealed), all(Fail, refund), withdrawn}, by(4), refund}},
		revealed:  {Wait: &Wait{[]Case{all(Result, done), all(Differ, differ), all(Fail, refund)}, by(5), refund}},
		differ:    {Wait: &Wait{[]Case{choice(Judges, Right, done), choice(Judges, Wrong, refund)}, by(6), refund}},
	}}
	if self {
		const judged, paid, over, refund = 6, 7, 8, 9
		terms.Clauses = append(terms.Clauses, []Clause{
			{Wait: &Wait{[]Case{choice(Asker, Accept, paid), choice(Asker, Dispute, judged), choice(Dissent, Dispute, judged), choice(Asker, Withdraw, paid)}, by(7), paid}},
			{Wait: &Wait{[]Case{choice(Judges, Right, paid), choice(Judges, Wrong, refund)}, f.Last, refund}},
			f.split(over, part(Replicas, 6000)),
			{Close: &Close{Paid}},
			{Close: &Close{Refunded}},
		}...)
		return terms, parties
	}
	const answered, doubted, judged, worked, paid, refunded, over, kept = 6, 7, 8, 9, 10, 11, 12, 13
	doubt := func(next int) []Case {
		return []Case{choice(Asker, Dispute, next), choice(Subject, Dispute, next), choice(Dissent, Dispute, next)}
	}
	terms.Clauses = append(terms.Clauses, []Clause{
		{Wait: &Wait{append(doubt(doubted), choice(Subject, Answer, answered), choice(Subject, Withdraw, worked)), by(7), worked}},
		{Wait: &Wait{append(doubt(judged), choice(Asker, Accept, paid)), by(7), paid}},
		{Wait: &Wait{[]Case{choice(Judges, Right, worked), choice(Judges, Wrong, refunded)}, f.Last, refunded}},
		{Wait: &Wait{[]Case{choice(Judges, Right, paid), choice(Judges, Wrong, refunded)}, f.Last, refunded}},
		{Pay: &Pay{Shares: []Share{part(Replicas, 4000)}, Next: kept}},
		f.split(over, part(Replicas, 4000), part(Subject, 2000)),
		{Close: &Close{Refunded}},
		{Close: &Close{Paid}},
		{Close: &Close{Refunded}},
	}...)
	return terms, parties
}
