// Package sharedscore scores credit files on shares: models in points over the
// features of the credit schema, which are consumer-risk (ml/scorecard.Points) and
// consumer-risk-trees (ml/consumertrees.Points). What the parties give to who asked is
// shares of a score and of the codes of its reasons, and of nothing else.
//
// It shares, opens and releases nothing itself: privacy/mpc and its callers do.
package sharedscore

import (
	"manx/credit"
	"manx/credit/scorecard"
	"manx/ml/mpc"
	"manx/ml/tree"
)

// Inputs is how many numbers are shared of a file, for any model.
const Inputs = credit.FeatureCount

// Keys returns them: the features as they are.
func Keys(f credit.Features) []uint64 {
	out := make([]uint64, len(f))
	for i, v := range f {
		out[i] = uint64(v)
	}
	return out
}

// Compile makes of a model in points what the parties run. A model that a
// circuit cannot hold is a notice.
func Compile(p *tree.Points) (*mpc.Trees, error) {
	var bits []int
	for _, f := range credit.FeatureList() {
		bits = append(bits, f.Bits)
	}
	return mpc.CompilePoints(p, bits, scorecard.MaxReasons)
}

// Read returns what a receiver is told: the score and reasons that the joined
// numbers of a row stand for.
func Read(t *mpc.Trees, out []uint64) (scorecard.Score, error) {
	points, reasons, err := t.Points(out)
	if err != nil {
		return scorecard.Score{}, err
	}
	s := scorecard.Score{Points: points}
	for _, f := range reasons {
		if r, ok := scorecard.ReasonOf(f + 1); ok {
			s.Reasons = append(s.Reasons, r)
		}
	}
	return s, nil
}
