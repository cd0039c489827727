// Package scoreshare scores a credit file whose features are shared among three
// parties (privacy/mpc): points, the score, and at most four reasons, exactly as
// credit/scorecard gives them in the clear. The scorecard is public to the
// parties; features, bins, points and reasons stay shared, and only who joins the
// output shares reads score and reasons.
//
// It does not check who may compute, and it proves nothing to who reads the
// result: that is the callers'.
package scoreshare

import (
	"errors"
	"fmt"
	"slices"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/privacy"
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// Values is how many values are shared of a file: one a feature of the schema, as
// integers, so that a furnisher's shares serve every scorecard.
const Values = credit.FeatureCount

// Results is how many values the result has: the score, then the codes of the
// reasons, the weightiest first, 0 for none.
const Results = 1 + scorecard.MaxReasons

// Deal shares a file's features, on the device of who knows them.
func Deal(x privacy.Secret[credit.Features]) ([mpc.Parties]mpc.Share, error) {
	f := x.Reveal(reveal.Token{})
	values := make([]uint64, Values)
	for i, v := range f {
		values[i] = uint64(v)
	}
	return mpc.Deal(values)
}

// Dealt reports whether shares are of these features.
func Dealt(shares [mpc.Parties]mpc.Share, x privacy.Secret[credit.Features]) error {
	got, err := mpc.Join(shares[:]...)
	f := x.Reveal(reveal.Token{})
	if err != nil || !slices.EqualFunc(got, f[:], func(a uint64, b int64) bool { return a == uint64(b) }) {
		return notice.Because(err, notice.Integrity, "the furnisher's shares are not of the credit file beside them", "ask the furnisher to sign it again: `manx credit furnish`")
	}
	return nil
}

// A Program is a scorecard made ready.
type Program struct {
	at     []int    // the schema's index of each feature scored
	of     []int    // for each bound: its feature's index in the schema
	upTo   []uint64 // bounds, feature by feature
	steps  []uint64 // features x bounds: what passing a bound adds to the lost points
	first  []uint64 // lost points of each feature's first bin
	base   uint64
	before [][2]int // pairs of features, the first before the second
}

// New readies a scorecard.
func New(m *scorecard.Model) (*Program, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	p := &Program{base: uint64(m.Base)}
	names := credit.FeatureNames()
	for _, f := range m.Features {
		at := slices.Index(names, f.Name)
		p.at, p.first = append(p.at, at), append(p.first, uint64(f.Lost[0]))
		for _, v := range f.UpTo {
			p.of, p.upTo = append(p.of, at), append(p.upTo, uint64(v))
		}
	}
	p.steps = make([]uint64, len(p.at)*len(p.upTo))
	bound := 0
	for i, f := range m.Features {
		for b := range f.UpTo {
			p.steps[i*len(p.upTo)+bound] = uint64(int64(f.Lost[b+1] - f.Lost[b]))
			bound++
		}
		for j := range i {
			p.before = append(p.before, [2]int{j, i})
		}
	}
	return p, nil
}

// weight orders reasons: lost points first, then the schema's order. It is above
// the number of features.
const weight = 16

// Run computes the result on one party's share of the features, with the two
// others. Comparisons: the bounds, then the pairs of features and the features,
// then four times the features for equality, each in one batch.
func (p *Program) Run(s *mpc.Session, x mpc.Share) (out mpc.Share, err error) {
	if x.Len() != Values {
		return out, errors.New("score on shares: a share of another number of features")
	}
	c := s.Chain()
	n := len(p.at)
	passed := c.Less(c.Public(p.upTo), x.Gather(p.of))
	lost := c.AddPublic(c.PublicMatMul(p.steps, passed, n, len(p.upTo), 1), p.first)
	return p.decide(c, lost)
}

// Decide computes the result of the points that a file loses by feature, in the
// scorecard's order: what a committee opens to shares.
func (p *Program) Decide(s *mpc.Session, lost mpc.Share) (out mpc.Share, err error) {
	if lost.Len() != len(p.at) {
		return out, errors.New("score on shares: a share of the points of another number of features")
	}
	return p.decide(s.Chain(), lost)
}

func (p *Program) decide(c *mpc.Chain, lost mpc.Share) (mpc.Share, error) {
	n := len(p.at)
	score := c.AddPublic(c.Scale(c.Sum(lost, n), ^uint64(0)), []uint64{p.base})

	// A feature's rank is how many others lost more; ties fall to the schema.
	ties := make([]uint64, n)
	for i := range ties {
		ties[i] = uint64(n - i)
	}
	key := c.AddPublic(c.Scale(lost, weight), ties)
	left, right := make([]int, len(p.before)), make([]int, len(p.before))
	for i, pair := range p.before {
		left[i], right[i] = pair[0], pair[1]
	}
	order := c.Less(c.Concat(c.Gather(key, left), c.Public(make([]uint64, n))), c.Concat(c.Gather(key, right), lost))
	rank := make([]uint64, n*len(p.before))
	ahead := make([]uint64, n)
	for k, pair := range p.before { // order[k] is 1 where the second goes first
		rank[pair[0]*len(p.before)+k] = 1
		rank[pair[1]*len(p.before)+k] = ^uint64(0)
		ahead[pair[1]]++
	}
	ranks := c.AddPublic(c.PublicMatMul(rank, c.Slice(order, 0, len(p.before)), n, len(p.before), 1), ahead)
	losing := c.Slice(order, len(p.before), len(p.before)+n)

	// Slot k holds the feature of rank k, if it lost anything.
	var again []int
	var slots []uint64
	codes := make([]uint64, scorecard.MaxReasons*scorecard.MaxReasons*n)
	for k := range scorecard.MaxReasons {
		for i := range n {
			again, slots = append(again, i), append(slots, uint64(k))
			codes[k*scorecard.MaxReasons*n+k*n+i] = uint64(p.at[i] + 1)
		}
	}
	chosen := c.Mul(c.Equal(c.Gather(ranks, again), c.Public(slots)), c.Gather(losing, again))
	out := c.Concat(score, c.PublicMatMul(codes, chosen, scorecard.MaxReasons, scorecard.MaxReasons*n, 1))
	return out, c.Err()
}

// Read returns what a joined result says under a scorecard. One that no file can
// have is an error.
func Read(m *scorecard.Model, values []uint64) (score int, reasons []scorecard.Reason, err error) {
	bad := func(cause error) error {
		return notice.Because(cause, notice.Integrity, "the three organisations' shares do not make a score of this model", "do not use it; ask again: `manx credit request`")
	}
	if len(values) != Results {
		return 0, nil, bad(fmt.Errorf("%d values", len(values)))
	}
	low, high := m.Range()
	if values[0] < uint64(low) || values[0] > uint64(high) {
		return 0, nil, bad(errors.New("out of range"))
	}
	reasons = []scorecard.Reason{}
	for k, code := range values[1:] {
		if code == 0 {
			continue
		}
		r, ok := scorecard.ReasonOf(int(min(code, 1<<16)))
		if !ok || k > len(reasons) || slices.ContainsFunc(reasons, func(o scorecard.Reason) bool { return o.Code == r.Code }) {
			return 0, nil, bad(errors.New("no reason"))
		}
		reasons = append(reasons, r)
	}
	return int(values[0]), reasons, nil
}
