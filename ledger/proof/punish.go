package proof

import "manx/ledger"

// A Verdict is what an ended job means for one that was drawn for it.
type Verdict int

// The verdicts.
const (
	Nothing Verdict = iota // the job ended before it mattered
	Right
	Silent // did not commit, did not reveal, or what nobody could fetch
	Lied
)

// Parts that are lost, and what becomes of them, in hundredths.
const (
	lieLoses    = 50 // of the stake
	silentLoses = 1
	toQuorum    = 50 // of what is lost, in equal parts; the rest goes to the exchange
)

// Judge returns the verdicts on a job's replicas, by place. right is the result
// that was proved or that the organisations' re-run gave, zero where nobody knows.
// committed and revealed say whether those windows have ended.
func Judge(replicas []ledger.Replica, right ledger.Hash, committed, revealed bool) []Verdict {
	out := make([]Verdict, len(replicas))
	for i, r := range replicas {
		switch {
		case r.Commitment.IsZero():
			if committed {
				out[i] = Silent
			}
		case r.Hash.IsZero():
			if revealed {
				out[i] = Silent
			}
		case !right.IsZero() && r.Hash != right:
			out[i] = Lied // whether or not it stored what it signed
		case r.Lost:
			out[i] = Silent
		case !right.IsZero():
			out[i] = Right
		}
	}
	return out
}

// Penalty returns what a stake loses.
func Penalty(stake ledger.Amount, v Verdict) ledger.Amount {
	switch v {
	case Lied:
		return stake.Part(lieLoses, 100)
	case Silent:
		return stake.Part(silentLoses, 100)
	}
	return ledger.Amount{}
}

// Share returns what each of a quorum of n gets of what others lost. What is left
// is the exchange's.
func Share(lost ledger.Amount, n int) ledger.Amount {
	if n == 0 {
		return ledger.Amount{}
	}
	return lost.Part(toQuorum, uint32(100*n))
}

// After returns a standing after one more verdict.
func After(s ledger.Standing, v Verdict, now ledger.Time) ledger.Standing {
	if s.First == 0 {
		s.First = now
	}
	switch v {
	case Right:
		s.Right++
	case Silent:
		s.Silent++
	case Lied:
		s.Right, s.Silent, s.First = 0, 0, now
		s.Wrong++
	}
	return s
}
