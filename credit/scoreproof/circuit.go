package scoreproof

import (
	"github.com/consensys/gnark/frontend"

	"manx/credit"
	"manx/credit/scorecard"
)

// circuit proves that Score and Reasons follow from the fields behind
// Commitment under the scorecard whose numbers are Base, UpTo and Lost; where
// Claim is set, that the score is Score or more, and no Reasons. The numbers are
// public and the verifier hashes them itself, which halves the circuit against
// hashing them here. Everything a prover could choose is constrained;
// assign only fills it in. Quotients, extremes, bins and reason slots are given
// by the prover and checked, which is cheaper than computing them.
type circuit struct {
	Commitment frontend.Variable                       `gnark:",public"`
	Context    frontend.Variable                       `gnark:",public"`
	Subject    frontend.Variable                       `gnark:",public"`
	Sequence   frontend.Variable                       `gnark:",public"`
	Date       frontend.Variable                       `gnark:",public"`
	Claim      frontend.Variable                       `gnark:",public"`
	Score      frontend.Variable                       `gnark:",public"`
	Reasons    [scorecard.MaxReasons]frontend.Variable `gnark:",public"`

	Base frontend.Variable                                             `gnark:",public"`
	UpTo [credit.FeatureCount][scorecard.MaxBins - 1]frontend.Variable `gnark:",public"`
	Lost [credit.FeatureCount][scorecard.MaxBins]frontend.Variable     `gnark:",public"`

	Salt   frontend.Variable
	Fields [credit.FieldCount]frontend.Variable // raised by offsets

	Above               frontend.Variable // the score, less Score
	Worst, Lowest       frontend.Variable // the largest delay, the smallest payment
	Percent, Mean, Paid frontend.Variable // quotients rounded down, before the cap
	Bin                 [credit.FeatureCount][scorecard.MaxBins]frontend.Variable
	Slot                [scorecard.MaxReasons][credit.FeatureCount]frontend.Variable
}

// Widths in bits. A quotient is at most 100 times the largest bill.
const (
	baseBits     = 12
	lostBits     = 8
	quotientBits = 31
	percentBits  = 10
	amountBits   = 24
	keyBits      = 12
	keyStep      = 16 // a lost point outweighs the order of features
)

// fieldWidths are the bits of each field once raised by its offset.
func fieldWidths() []int {
	w := make([]int, credit.FieldCount)
	for i, f := range credit.Fields() {
		w[i] = bitLen(f.Max - offset(f))
	}
	return w
}

// offset is what is taken from a field to make it a number of its width.
func offset(f credit.Field) int64 { return min(f.Min, 0) }

func bitLen(v int64) (n int) {
	for ; v > 0; v >>= 1 {
		n++
	}
	return n
}

// modelWidths are the bits of a scorecard's numbers in their public order: base,
// all upper ends, all lost points.
func modelWidths() []int {
	w := []int{baseBits}
	for _, f := range credit.FeatureList() {
		for range scorecard.MaxBins - 1 {
			w = append(w, f.Bits)
		}
	}
	for range credit.FeatureCount * scorecard.MaxBins {
		w = append(w, lostBits)
	}
	return w
}

// Define implements frontend.Circuit.
func (c *circuit) Define(api frontend.API) error {
	bits, err := c.assertFile(api)
	if err != nil {
		return err
	}
	lost := c.assertBins(api, c.features(api, bits))
	total := frontend.Variable(0)
	for _, l := range lost {
		total = api.Add(total, l)
	}
	api.AssertIsBoolean(c.Claim)
	told := api.Sub(1, c.Claim) // the score itself is told, with its reasons
	api.AssertIsEqual(api.Add(c.Score, within(api, c.Above, baseBits)), api.Sub(c.Base, total))
	api.AssertIsEqual(api.Mul(told, c.Above), 0)
	c.assertReasons(api, lost, told)

	// Context is in no other constraint. A public input that is in none would
	// have no weight in the verifying key, and a proof would fit any context.
	api.AssertIsDifferent(c.Context, 0)
	return nil
}

// assertFile binds the fields to Commitment, puts each in its range, and returns
// their bits.
func (c *circuit) assertFile(api frontend.API) ([credit.FieldCount][]frontend.Variable, error) {
	var bits [credit.FieldCount][]frontend.Variable
	widths := fieldWidths()
	for i, f := range c.Fields {
		bits[i] = api.ToBinary(f, widths[i])
	}
	api.AssertIsDifferent(c.Fields[credit.CreditLimit], 0)
	in := []frontend.Variable{c.Salt, c.Subject, api.Add(api.Mul(c.Sequence, 1<<32), c.Date)}
	h, err := hashVariables(api, domainFile, append(in, packVariables(api, widths, c.Fields[:])...))
	if err != nil {
		return bits, err
	}
	api.AssertIsEqual(h, c.Commitment)
	return bits, nil
}

// features derives the features as credit.Derive does.
func (c *circuit) features(api frontend.API, bits [credit.FieldCount][]frontend.Variable) [credit.FeatureCount]frontend.Variable {
	var billed [credit.Months]frontend.Variable
	var allBilled, allPaid, overdue, unpaid, since frontend.Variable = 0, 0, 0, 0, credit.Months
	worst, lowest := frontend.Variable(1), frontend.Variable(1)
	below := -offset(credit.Fields()[credit.Bill]) // a power of two: a bill is at least 0 where a bit from it up is set
	for m := credit.Months - 1; m >= 0; m-- {
		bill, paid, delay := credit.Bill+m, credit.Paid+m, credit.Delay+m
		positive := or(api, bits[bill][bitLen(below)-1:]...)
		billed[m] = api.Mul(positive, api.Sub(c.Fields[bill], below))
		allBilled, allPaid = api.Add(allBilled, billed[m]), api.Add(allPaid, c.Fields[paid])

		serious := or(api, bits[delay][1:]...)
		since = api.Select(serious, m, since)
		overdue = api.Add(overdue, api.Or(serious, bits[delay][0]))
		unpaid = api.Add(unpaid, api.IsZero(c.Fields[paid]))

		worst = api.Mul(worst, within(api, api.Sub(c.Worst, c.Fields[delay]), len(bits[delay])))
		lowest = api.Mul(lowest, within(api, api.Sub(c.Fields[paid], c.Lowest), len(bits[paid])))
	}
	api.AssertIsEqual(worst, 0) // at least every delay, and one of them
	api.AssertIsEqual(lowest, 0)

	limit := c.Fields[credit.CreditLimit]
	latest := divide(api, api.Mul(billed[0], 100), limit, c.Percent, quotientBits, amountBits)
	mean := divide(api, api.Mul(allBilled, 100), api.Mul(limit, credit.Months), c.Mean, quotientBits, amountBits+3)
	divide(api, allPaid, credit.Months, c.Paid, amountBits, 3)

	return [credit.FeatureCount]frontend.Variable{
		credit.FeatureLimit:           limit,
		credit.FeatureLatestDelay:     c.Fields[credit.Delay],
		credit.FeatureWorstDelay:      c.Worst,
		credit.FeatureMonthsOverdue:   overdue,
		credit.FeatureSinceSerious:    since,
		credit.FeatureUtilisation:     capPercent(api, latest),
		credit.FeatureMeanUtilisation: capPercent(api, mean),
		credit.FeatureMeanPaid:        c.Paid,
		credit.FeatureLowestPaid:      c.Lowest,
		credit.FeatureLatestPaid:      c.Fields[credit.Paid],
		credit.FeaturePreviousPaid:    c.Fields[credit.Paid+1],
		credit.FeatureMonthsUnpaid:    unpaid,
	}
}

// within asserts 0 <= v < 2^n and returns v.
func within(api frontend.API, v frontend.Variable, n int) frontend.Variable {
	api.ToBinary(v, n)
	return v
}

// or returns whether any of some bits is set.
func or(api frontend.API, bits ...frontend.Variable) frontend.Variable {
	any := bits[0]
	for _, b := range bits[1:] {
		any = api.Or(any, b)
	}
	return any
}

// divide asserts quotient = dividend / divisor rounded down, for a divisor of 1
// to 2^divisorBits-1 and a quotient below 2^quotientBits, and returns the
// quotient's bits. The widths add up to far less than the field's, so nothing
// wraps.
func divide(api frontend.API, dividend, divisor, quotient frontend.Variable, quotientBits, divisorBits int) []frontend.Variable {
	bits := api.ToBinary(quotient, quotientBits)
	rest := api.Sub(dividend, api.Mul(quotient, divisor))
	within(api, rest, divisorBits)
	within(api, api.Sub(divisor, rest, 1), divisorBits)
	return bits
}

// capPercent returns the lesser of a quotient, given by its bits, and
// credit.MaxPercent.
func capPercent(api frontend.API, bits []frontend.Variable) frontend.Variable {
	high := or(api, bits[percentBits:]...)
	return api.Select(high, credit.MaxPercent, api.FromBinary(bits[:percentBits]...))
}

// assertBins checks that each feature lies in the bin marked for it, and returns
// the points lost there.
func (c *circuit) assertBins(api frontend.API, x [credit.FeatureCount]frontend.Variable) (lost [credit.FeatureCount]frontend.Variable) {
	for f, schema := range credit.FeatureList() {
		var marked, above, upTo, points frontend.Variable = 0, 0, 0, 0
		for b, mark := range c.Bin[f] {
			api.AssertIsBoolean(mark)
			marked = api.Add(marked, mark)
			points = api.Add(points, api.Mul(mark, c.Lost[f][b]))
			if b > 0 { // the first bin starts at 0
				above = api.Add(above, api.Mul(mark, api.Add(c.UpTo[f][b-1], 1)))
			}
			if b < scorecard.MaxBins-1 { // the last ends with the range
				upTo = api.Add(upTo, api.Mul(mark, c.UpTo[f][b]))
			} else {
				upTo = api.Add(upTo, api.Mul(mark, 1<<schema.Bits-1))
			}
		}
		api.AssertIsEqual(marked, 1)
		within(api, api.Sub(x[f], above), schema.Bits)
		within(api, api.Sub(upTo, x[f]), schema.Bits)
		lost[f] = points
	}
	return lost
}

// assertReasons checks that Reasons lists the features that lost most, the
// weightiest first and ties by order, and lists one only where it lost points;
// or, where nothing is told, that Reasons is empty.
// Each feature that lost points has a key of its own, above 0, in that order;
// one that lost none has key 0, as has a slot without a reason.
func (c *circuit) assertReasons(api frontend.API, lost [credit.FeatureCount]frontend.Variable, told frontend.Variable) {
	var key, chosen [credit.FeatureCount]frontend.Variable
	for f, l := range lost {
		rank := api.Add(api.Mul(l, keyStep), credit.FeatureCount-f)
		key[f] = api.Mul(api.Sub(1, api.IsZero(l)), rank)
		chosen[f] = 0
	}
	var before frontend.Variable
	for s, slot := range c.Slot {
		var code, taken, held frontend.Variable = 0, 0, 0
		for f, mark := range slot {
			api.AssertIsBoolean(mark)
			taken = api.Add(taken, mark)
			code = api.Add(code, api.Mul(mark, f+1))
			held = api.Add(held, api.Mul(mark, key[f]))
			chosen[f] = api.Add(chosen[f], mark)
		}
		api.AssertIsBoolean(taken)
		api.AssertIsEqual(api.Mul(told, code), c.Reasons[s])
		within(api, api.Sub(held, taken), keyBits) // a reason lost points
		if s > 0 {
			within(api, api.Sub(before, held, taken), keyBits) // and less than the one before
		}
		before = held
	}
	for f := range key { // what is not listed weighs no more than the last slot
		within(api, api.Sub(before, api.Mul(key[f], api.Sub(1, chosen[f]))), keyBits)
	}
}
