package scoreproof

import (
	"manx/credit"
	"manx/credit/scorecard"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// assign fills the circuit in, a statement's reasons as they are stated. It
// constrains nothing: what is wrong yields an assignment that does not satisfy
// the circuit.
func assign(s Assertion, w Witness) (*circuit, error) {
	public, err := public(s, modelNumbers(w.Model))
	if err != nil {
		return nil, notice.Because(err, notice.Invalid, "the statement to prove is out of bounds or names another scorecard", "")
	}
	v := w.File.Values(reveal.Token{})
	x := credit.Derive(v)
	t := w.Model.Table()
	a, score := s.assertion(), w.Model.Score(x)
	reasons := a.reasons
	if a.claim { // it tells none: the circuit is shown the true ones
		for _, r := range score.Reasons {
			reasons = append(reasons, r.Code)
		}
	}
	c := &circuit{
		Commitment: public[0], Context: public[1], Subject: public[2],
		Sequence: public[3], Date: public[4], Claim: public[5], Score: public[6],
		Above: score.Points - a.score,
		Salt:  sliceOf(w.Opening.salt.Reveal(reveal.Token{})), Base: t.Base,
		Worst: x[credit.FeatureWorstDelay], Lowest: x[credit.FeatureLowestPaid], Paid: x[credit.FeatureMeanPaid],
	}
	for i := range c.Reasons {
		c.Reasons[i] = public[7+i]
	}
	for i, r := range raised(v) {
		c.Fields[i] = r
	}
	limit, billed := max(v[credit.CreditLimit], 1), int64(0)
	for _, b := range v[credit.Bill : credit.Bill+credit.Months] {
		billed += max(b, 0)
	}
	c.Percent = max(v[credit.Bill], 0) * 100 / limit
	c.Mean = billed * 100 / (credit.Months * limit)
	c.mark(x, t, reasons)
	return c, nil
}

// mark fills in the bin of each feature and the feature of each reason.
func (c *circuit) mark(x credit.Features, t scorecard.Table, reasons []int) {
	for f := range c.Bin {
		bin := 0
		for bin < scorecard.MaxBins-1 && x[f] > t.UpTo[f][bin] {
			bin++
		}
		for b := range c.Bin[f] {
			c.Bin[f][b], c.Lost[f][b] = 0, t.Lost[f][b]
		}
		c.Bin[f][bin] = 1
		for b := range c.UpTo[f] {
			c.UpTo[f][b] = t.UpTo[f][b]
		}
	}
	for i := range c.Slot {
		for f := range c.Slot[i] {
			c.Slot[i][f] = 0
		}
		if i < len(reasons) {
			c.Slot[i][reasons[i]-1] = 1
		}
	}
}
