package privacy

import (
	"context"
	"fmt"
	"math"
	"slices"

	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// A Policy is what the owner's grant says about a result.
type Policy struct {
	// Step is the grid results are rounded to, in the result's own units;
	// above 0. A CKKS decryption carries noise that depends on the key (Li and
	// Micciancio 2021), so it must be coarser than twice Tolerance.
	Step float64

	// Tolerance is the largest distance a raw value may have from the grid.
	// A value further off means the computation was not exact: an error.
	Tolerance float64

	// Claimed, where not nil, holds the values a proof has established; every
	// rounded value must equal its claimed one.
	Claimed []int64
}

// A Budget is spent before a result exists, and is never refunded.
type Budget interface {
	Spend(ctx context.Context) error
}

// Released is a result that may leave the owner's device. Only Release makes
// one, so a function that accepts a Released cannot be handed a raw decryption.
type Released struct{ values []int64 }

// Values returns a copy of the rounded results, in units of Policy.Step.
func (r Released) Values() []int64 { return slices.Clone(r.values) }

// Release spends the budget, rounds raw to the policy's grid and compares it
// with what was proved. It fails, releasing nothing, where a raw value is not
// finite, lies off the grid, or differs from the claim.
func Release(ctx context.Context, raw Secret[[]float64], p Policy, b Budget) (Released, error) {
	if !(p.Step > 0) || p.Tolerance < 0 || 2*p.Tolerance >= p.Step {
		return Released{}, fmt.Errorf("release policy: step %g, tolerance %g", p.Step, p.Tolerance)
	}
	if err := b.Spend(ctx); err != nil {
		return Released{}, fmt.Errorf("spend release budget: %w", err)
	}
	in := raw.Reveal(reveal.Token{})
	if p.Claimed != nil && len(p.Claimed) != len(in) {
		return Released{}, notice.New(notice.Integrity, "the proof covers another number of results than the computation returned", "ask for the job to be run again")
	}
	out := make([]int64, len(in))
	for i, v := range in {
		q := math.Round(v / p.Step)
		if math.IsNaN(q) || math.Abs(q) >= 1<<52 || math.Abs(v-q*p.Step) > p.Tolerance {
			return Released{}, notice.New(notice.Integrity, "the decrypted result is not as exact as the model card states", "do not pay for this job: run `manx job show` and dispute it")
		}
		out[i] = int64(q)
		if p.Claimed != nil && p.Claimed[i] != out[i] {
			return Released{}, notice.New(notice.Integrity, "the decrypted score is not the proved score", "do not pay for this job: run `manx job show` and dispute it")
		}
	}
	return Released{out}, nil
}

// A ReleasedShare is one party's share of a result that may leave it. What the
// shares join to was rounded and bounded inside the computation, where the values
// were still shared, so there is nothing here to round. Only ReleaseShare makes
// one.
type ReleasedShare struct{ get func() []byte }

// Bytes returns a copy of the share.
func (r ReleasedShare) Bytes() []byte {
	if r.get == nil {
		return nil
	}
	return slices.Clone(r.get())
}

// Format implements fmt.Formatter: it prints "[share]".
func (ReleasedShare) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "[share]") }

// ReleaseShare spends the budget and lets a share of a result leave.
func ReleaseShare(ctx context.Context, raw Secret[[]byte], b Budget) (ReleasedShare, error) {
	if err := b.Spend(ctx); err != nil {
		return ReleasedShare{}, fmt.Errorf("spend release budget: %w", err)
	}
	out := slices.Clone(raw.Reveal(reveal.Token{}))
	return ReleasedShare{func() []byte { return out }}, nil
}
