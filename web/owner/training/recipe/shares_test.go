package recipe_test

import (
	"crypto/ed25519"
	"math"
	"testing"

	"manx/ledger"
	"manx/ml/federated"
	"manx/privacy/secagg/trio"
	"manx/web/owner/training/recipe"
	"manx/web/owner/training/recipe/recipetest"
)

// Small models are on shares where nobody says otherwise; what cannot be is refused with
// its cure, before anybody votes. With noise a step is 1 or a half of it, or less, so that
// integers are whole numbers of steps.
func TestWhatIsOnShares(t *testing.T) {
	sites := []ledger.PartyID{"health-p-a", "health-p-b", "health-p-c", "health-p-d", "health-p-e"}
	large := recipetest.Logistic(false)
	large.Network.Kind, large.Network.Hidden = federated.MLP, []int{100, 100}
	fine := recipetest.Logistic(true)
	fine.Private.Lot = 1e9
	died := recipetest.Survival()
	for what, c := range map[string]struct {
		terms recipe.Recipe
		small bool
	}{"a table": {recipetest.Logistic(false), true}, "noise": {recipetest.Logistic(true), true}, "a large model": {large, false}, "noise too fine": {fine, false}, "survival": {died, false}} {
		if got := c.terms.SmallEnough(sites); got != c.small {
			t.Errorf("%s: %v", what, got)
		}
	}
	for what, by := range map[string][]ledger.PartyID{"one who is not invited": {"health-p-x", "health-p-a", "health-p-b"}, "two": sites[:2], "five": sites, "one twice": {sites[0], sites[0], sites[1]}} {
		b := ledger.ProposeTraining{Sites: sites, Quorum: 4, Rounds: 5, Minimum: 10}
		r := recipetest.Logistic(false)
		if r.Bounded = by; r.Propose(&b) == nil {
			t.Errorf("%s may compute", what)
		}
	}
	for _, n := range []int{4, 20, 2000} {
		bound, err := recipetest.Logistic(true).Noisy(n)
		if err != nil {
			t.Fatal(err)
		}
		round := trio.Round{Sites: make([]ed25519.PublicKey, 4), Threshold: 3, Parts: []trio.Part{{Length: n, Bound: bound, Minimum: 1, Most: 1}}}
		if log := math.Log2(round.Step(0)); log > 0 || log != math.Trunc(log) || bound < recipetest.Logistic(true).Private.Lot*float64(recipetest.Logistic(true).Private.Step.Bound) {
			t.Errorf("%d integers: a step of 2^%g, a bound of %g", n, log, bound)
		}
	}
}
