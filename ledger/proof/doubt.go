package proof

import (
	"math/big"

	"manx/ledger"
)

const (
	million = 1_000_000

	// Assumed is the share of all stakes, in millionths, that a coalition holds at
	// the most where the confidences are to hold.
	Assumed = 200_000

	perDay  = 10   // right results of a day that count
	half    = 100  // right results that make half of the best score
	silence = 5    // right results that one silence undoes
	Best    = 1000 // score of who has answered rightly for ever
	covers  = 4    // times the fee that a stake holds where its score counts
)

// Score returns how far the recorded outcomes of a worker speak for it, from 0 to
// Best. It grows with right results, of which ten a day count, so that it takes
// time and not only jobs; a silence undoes five, a lie everything.
func Score(s ledger.Standing, now ledger.Time) uint32 {
	const day = 24 * 3600
	n := min(int64(s.Right)-silence*int64(s.Silent), perDay*(int64(now-s.First)/day))
	if n <= 0 {
		return 0
	}
	return uint32(Best * n / (n + half))
}

// Trust returns the part of a worker's next results that are held to be right, in
// thousandths, for who chooses among workers; no money follows from it. It is half for
// who is new and grows with the Score to all; each lie ever leaves a quarter.
func Trust(s ledger.Standing, now ledger.Time) uint32 {
	return (Best/2 + Score(s, now)/2) >> (2 * min(uint(max(s.Wrong, 0)), 15))
}

// Doubt returns how likely it is held to be that a worker which was drawn is of a
// coalition, in millionths: Assumed for who is new, down to half of it for the
// best score, which counts only where the stake holds several times the fee.
func Doubt(s ledger.Standing, now ledger.Time, stake, fee ledger.Amount) uint32 {
	if stake.Part(1, covers).Cmp(fee) < 0 {
		return Assumed
	}
	return Assumed - Assumed/2*Score(s, now)/Best
}

// Enough reports whether those who agree on a result are right with a confidence in
// ten-thousandths, where others say otherwise, if all who lie say the same: the
// odds are that either all of the first or all of the others are of a coalition.
// And they are so many that a coalition of the Assumed share is seldom drawn alone,
// whatever standing it has worked for.
func Enough(agree, dissent []uint32, confidence uint32) bool {
	alone, doubted := uint64(1), uint64(10_000-confidence)
	for range agree {
		alone *= million / Assumed
	}
	if alone*doubted < 10_000 {
		return false
	}
	right, wrong := big.NewInt(1), big.NewInt(1)
	times := func(p *big.Int, d uint32) { p.Mul(p, big.NewInt(int64(d))) }
	for _, d := range agree {
		times(right, million-d)
		times(wrong, d)
	}
	for _, d := range dissent {
		times(right, d)
		times(wrong, million-d)
	}
	all := new(big.Int).Add(right, wrong)
	return right.Mul(right, big.NewInt(10_000)).Cmp(all.Mul(all, big.NewInt(int64(confidence)))) >= 0
}

// Full reports whether as many are drawn as a proof wants.
func Full(p ledger.Proof, doubts []uint32) bool {
	if p.Confidence == 0 {
		return len(doubts) >= p.Replicas
	}
	return len(doubts) >= ledger.MaxReplicas || Enough(doubts, nil, p.Confidence)
}

// outvotes is the confidence at which some of a stated number of replicas outvote
// the others.
const outvotes = 9900

// Quorum returns the result that a job's replicas have proved: the one on which all
// agree that were drawn, or that is right with the confidence that was asked for
// though others are silent or say otherwise; ok false where there is none.
func Quorum(p ledger.Proof, replicas []ledger.Replica) (result ledger.Hash, ok bool) {
	confidence := p.Confidence
	if confidence == 0 {
		confidence = outvotes
	}
	for _, first := range replicas {
		if !first.Found() {
			continue
		}
		var agree, dissent []uint32
		for _, r := range replicas {
			switch {
			case !r.Found():
			case r.Hash == first.Hash:
				agree = append(agree, r.Doubt)
			default:
				dissent = append(dissent, r.Doubt)
			}
		}
		if p.Confidence == 0 && len(agree) == len(replicas) || Enough(agree, dissent, confidence) {
			return first.Hash, true
		}
	}
	return ledger.Hash{}, false
}
