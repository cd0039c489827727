package recipe

import (
	"context"
	"crypto/sha256"
	"math"

	"manx/ledger"
	"manx/ml/federated"
	"manx/web/owner/training/evaluation"
	"manx/web/owner/training/local"
)

// Part parts a site's rows into those to train on and those held out: a record is held out of all rounds of a training, or of
// none. Which are follows from the proposal and the record's id.
func (r Recipe) Part(t federated.Table, records []ledger.RecordID, terms ledger.Hash) (train, test federated.Table) {
	var in, out []int
	for i, rec := range records {
		h := sha256.Sum256([]byte("manx/training-held-out/v1\x00" + terms.String() + string(rec)))
		if (int(h[0])<<8|int(h[1]))*100 < r.HeldOut<<16 {
			out = append(out, i)
		} else {
			in = append(in, i)
		}
	}
	return t.Pick(in), t.Pick(out)
}

// cell returns which count held-out rows add one to, by what the version that a round
// begins with says of them, and which rows those are.
func (r Recipe) cell(ctx context.Context, in local.Round, s local.Site) (out, rows []int, err error) {
	all, err := r.Kind().Outcomes(ctx, in, s)
	out = make([]int, len(all))
	for i, x := range all {
		rows = append(rows, x.Row)
		out[i] = evaluation.Cell(x.Probability, x.Positive)
	}
	return out, rows, err
}

// Own are the counts of a site's own held-out rows, of which no sum is made.
func (r Recipe) Own(ctx context.Context, in local.Round, s local.Site) (t evaluation.Tenths, err error) {
	at, _, err := r.cell(ctx, in, s)
	for _, c := range at {
		t.Add(c, 1)
	}
	return t, err
}

// counts returns what a site adds of its held-out rows: parts of Most, or whole
// numbers with noise that has the price of a training step, for records that pay for
// no other.
func (r Recipe) counts(ctx context.Context, in local.Round, s local.Site) ([]float64, error) {
	at, rows, err := r.cell(ctx, in, s)
	if err != nil {
		return nil, err
	}
	s.Test = s.Test.Pick(rows)
	each := r.grouped(s, at)
	out := make([]float64, r.cells())
	if r.Private == nil {
		for _, all := range each {
			for _, c := range all {
				out[c] += 1 / float64(r.Kind().Most())
			}
		}
		for i := range out {
			out[i] = min(out[i], 1)
		}
		return out, nil
	}
	step := r.Private.Step
	step.Clip = r.norm()
	sum, err := step.Sum(len(out), len(each), func(record int, into []float64) error {
		for _, c := range each[record] {
			into[c] = 1
		}
		return nil
	})
	for i, v := range sum {
		out[i] = float64(v)
	}
	return out, err
}

// norm is that of what one record adds to the counts at most, where it is in all groups.
func (r Recipe) norm() float64 { return math.Sqrt(float64(1 + len(r.Groups))) }

// evaluated reads the counts of a round's sum.
func (r Recipe) evaluated(round int, sum []float64) evaluation.Evaluation {
	e := evaluation.Evaluation{Round: round}
	scale := float64(r.Kind().Most())
	if r.Private != nil { // of the rows that were drawn
		scale = r.norm() / float64(r.Private.Step.Bound) * 1e6 / float64(r.Private.Step.Rate)
	}
	e.Groups = make([]evaluation.Tenths, len(r.Groups))
	for i, v := range sum {
		to := &e.Tenths
		if k := i / evaluation.Cells; k > 0 {
			to = &e.Groups[k-1]
		}
		to.Add(i%evaluation.Cells, v*scale)
	}
	return e
}

// cells is how many counts a site adds: of all its held-out rows, then of each group.
func (r Recipe) cells() int { return evaluation.Cells * (1 + len(r.Groups)) }

// leastGroup is how many held-out rows of a group a site has at least where it adds
// their counts without noise, and how many of the others, if it has some: fewer could
// point at a person.
const leastGroup = ledger.MinCohort

// grouped returns, for each of a site's held-out rows, the counts that it adds one to,
// from the one that it has among all rows.
func (r Recipe) grouped(s local.Site, at []int) [][]int {
	out := make([][]int, len(at))
	for i, c := range at {
		out[i] = []int{c}
	}
	for k, g := range r.Groups {
		if !s.Groups {
			break
		}
		var in []int
		for i := range at {
			if g.has(r.Schema, s.Test.X[i]) {
				in = append(in, i)
			}
		}
		if rest := len(at) - len(in); r.Private == nil && (len(in) < leastGroup || rest > 0 && rest < leastGroup) {
			continue
		}
		for _, i := range in {
			out[i] = append(out[i], (1+k)*evaluation.Cells+at[i])
		}
	}
	return out
}
