package recipe

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"

	"manx/ledger"
	"manx/ml/federated"
	"manx/privacy/notice"
	"manx/privacy/secagg/bounded"
	"manx/privacy/secagg/trio"
	"manx/web/owner"
)

// BoundedByDefault is up to how many parameters rounds are on shares where nobody says
// otherwise, and MostBounded up to how many they may be: a whole round of four hospitals
// takes 1.0 s of processor time, all sides together, for the one and 2.9 s for the other
// (docs/benchmarks.md, a round of the product).
const BoundedByDefault, MostBounded = 10_000, 100_000

// Computing returns who computes where a proposal does not say: the first four
// hospitals that are invited, or the three there are.
func Computing(sites []ledger.PartyID) []ledger.PartyID { return sites[:min(len(sites), 4)] }

// checkBounded returns nil, or a notice of what cannot be on shares.
func (r Recipe) checkBounded() error {
	bad := func(what, cure string) error {
		return notice.New(notice.Invalid, "rounds of this recipe cannot be on shares: "+what, cure)
	}
	if n := len(r.Bounded); n != 0 && (n < 3 || n > 4) {
		return bad("three hospitals compute, and a fourth where one has vanished", "name 3 or 4 hospitals in bounded, or none")
	}
	for i, p := range r.Bounded {
		if slices.Contains(r.Bounded[:i], p) {
			return bad("a hospital is named twice to compute", "name 3 or 4 hospitals in bounded")
		}
	}
	switch {
	case r.Survival != nil && len(r.Bounded) > 0:
		return bad("a step of survival has no bound of its own", "leave bounded out: sums are made under masks")
	case r.Judge != nil && len(r.Bounded) == 0:
		return bad("what each hospital contributes is measured on shares, and nobody computes", "name hospitals in bounded, or leave the judge out")
	case r.Judge != nil:
		return r.checkJudge()
	}
	return nil
}

// OnShares reports whether a proposal's rounds are on shares, or cannot be read.
func OnShares(b ledger.ProposeTraining) bool {
	r, err := Read(b)
	return err != nil || len(r.Bounded) > 0
}

// SmallEnough reports whether rounds of the recipe are on shares where nobody says
// otherwise: the model is small, and shares have steps enough for it.
func (r Recipe) SmallEnough(sites []ledger.PartyID) bool {
	s, err := r.Kind().Begin()
	if err != nil || len(s.Params) > BoundedByDefault || len(sites) < 3 {
		return false
	}
	r.Bounded = Computing(sites)
	return r.checkBounded() == nil && r.boundedBy(sites, len(s.Params)) == nil
}

// boundedBy refuses what cannot be on shares of a proposal: others than are invited
// compute, a model too large, bounds that shares have too few steps for.
func (r Recipe) boundedBy(sites []ledger.PartyID, parameters int) error {
	if len(r.Bounded) == 0 {
		return nil
	}
	if slices.ContainsFunc(r.Bounded, func(p ledger.PartyID) bool { return !slices.Contains(sites, p) }) {
		return notice.New(notice.Invalid, "a hospital is to compute on shares that is not invited", "invite it too, or have others compute")
	}
	if parameters > MostBounded {
		return notice.New(notice.Invalid, fmt.Sprintf("rounds of %d parameters are too large for shares, which take %d", parameters, MostBounded), "leave bounded out: sums are made under masks")
	}
	parts, err := r.parts(parameters, 1)
	for _, p := range parts {
		l := bounded.Layout{Sites: len(sites), Length: p.Length, Bound: p.Bound, Most: p.Most, Minimum: p.Minimum, Least: 2}
		if cause := l.Check(); cause != nil && err == nil {
			err = notice.Because(cause, notice.Invalid, "rounds of this recipe cannot be on shares: there are too few steps for its weights", "propose smaller most_rows, or leave bounded out")
		}
	}
	return err
}

// parts are the vectors that a site deals in a round, with their bounds.
func (r Recipe) parts(parameters, round int) ([]trio.Part, error) {
	if r.Private != nil {
		var all []trio.Part
		for _, n := range []int{parameters, r.cells()} {
			bound, err := r.noisy(n)
			if err != nil {
				return nil, err
			}
			all = append(all, trio.Part{Length: n, Bound: bound, Minimum: 1, Most: 1})
		}
		return all, nil
	}
	clip := r.Algorithm.At(round)
	all := []trio.Part{{Length: parameters, Bound: clip, Minimum: 1, Most: uint32(r.Kind().Most())}}
	if r.Algorithm.Name == federated.Scaffold {
		all = append(all, trio.Part{Length: parameters, Bound: clip, Minimum: 1, Most: 1})
	}
	return append(all, trio.Part{Length: r.cells(), Bound: math.Sqrt(float64(r.cells())), Minimum: 1, Most: 1}), nil // a count is at most 1
}

// noisy is the bound of a part of n integers with noise: what as many rows as a step
// takes of all sites add where one site has them all, and more noise than there is with
// probability 2^-40. It is such that an integer is a whole number of steps.
func (r Recipe) noisy(n int) (float64, error) {
	step := r.Private.Step
	noise := float64(step.Sigma) / 1000 * float64(step.Bound) * (math.Sqrt(float64(n)) + 8)
	bound := r.Private.Lot*float64(step.Bound) + noise
	most := 1 / bounded.Layout{Sites: 2, Length: n, Bound: 1, Most: 1, Minimum: 1, Least: 2}.Step()
	if bound > most {
		return 0, notice.New(notice.Invalid, "rounds of this recipe cannot be on shares: the noise has more steps than shares have", "propose a smaller Bound of the noise's steps, or rounds under masks")
	}
	for most/2 >= bound {
		most /= 2
	}
	return most, nil
}

// Shares is the round of privacy/secagg/trio of a training's round with a roster.
func (r Recipe) Shares(on owner.SignedTraining, roster []owner.TrainingMember) (out trio.Round, err error) {
	h := sha256.New()
	fmt.Fprintf(h, "manx/training-shares/v1\x00%s\x00%d", on.Terms, on.Round)
	for _, m := range roster {
		out.Sites = append(out.Sites, m.Account)
		h.Write(m.Account)
	}
	for _, p := range r.Bounded { // in the order of the proposal
		if i := slices.IndexFunc(roster, func(m owner.TrainingMember) bool { return m.Site == p }); i >= 0 {
			out.Pool = append(out.Pool, i)
		}
	}
	h.Sum(out.ID[:0])
	out.Threshold = on.Quorum
	if len(out.Pool) < 3 {
		return out, notice.New(notice.Unavailable, "fewer than three of the hospitals that compute cover the round", "see that they run, and have grants enough: `manx train status`")
	}
	if out.Parts, err = r.parts(on.Model.Parameters, on.Round); err != nil {
		return out, err
	}
	return out, out.Check()
}

// whole is a site's weight as whole rows.
func (r Recipe) whole(weight float64) uint32 {
	return uint32(math.Round(weight * float64(r.Kind().Most())))
}

// Totals puts a round's sum together as sums of Recipe.Vector are.
func (r Recipe) Totals(s trio.Sum) (v []float64) {
	first, rest := s.Parts[0], s.Parts[1:]
	if r.Private != nil {
		return append(first.Totals, rest[0].Totals...)
	}
	most := float64(r.Kind().Most())
	for _, x := range first.Totals {
		v = append(v, x/most)
	}
	if len(rest) > 1 {
		v, rest = append(v, rest[0].Totals...), rest[1:]
	}
	return append(append(v, float64(first.Weight)/most), rest[0].Totals...)
}

// Updates parts what a site adds, Recipe.Vector's, into what it deals: its update with
// its weight, SCAFFOLD's change of control, and its counts.
func (r Recipe) Updates(v []float64, parameters int) (all []bounded.Update) {
	if r.Private != nil {
		return []bounded.Update{{Values: v[:parameters], Weight: 1}, {Values: v[parameters:], Weight: 1}}
	}
	n := r.Algorithm.Length(parameters)
	weight := v[n-1]
	first := bounded.Update{Weight: max(r.whole(weight), 1)}
	for _, x := range v[:parameters] {
		if weight > 0 { // nothing is learnt in a round of none
			x /= weight
		}
		first.Values = append(first.Values, x)
	}
	all = append(all, first)
	if n-1 > parameters {
		all = append(all, bounded.Update{Values: v[parameters : n-1], Weight: 1})
	}
	return append(all, bounded.Update{Values: v[n:], Weight: 1})
}
