package training

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"manx/ledger"
	"manx/ml"
	"manx/test/webtest"
	"manx/web/owner/training/evaluation"
	"manx/web/owner/training/house"
	"manx/web/owner/training/policy"
	"manx/web/owner/training/recipe"
	"manx/web/owner/training/recipe/recipetest"
	"manx/web/owner/training/release"
)

// A card tells of groups, summed over the hospitals whose policy lets it, and of those
// hospitals that publish their own figures; what is of too few is not told, nor is what a
// hospital does not publish.
func TestCardsTellOfGroupsAndOfHospitalsThatPublish(t *testing.T) {
	s := begin(t, 4, webtest.Options{}, nil)
	r := s.onShares(recipetest.Logistic(false))
	r.HeldOut = 50
	r.Groups = []recipe.Group{{Name: "women", Column: "sex", From: 0, Below: 1}, {Name: "younger than 31", Column: "age", From: 0, Below: 31}}
	for i, h := range s.sites {
		h.table(s, 40, uint64(i+1))
		h.allow(s, map[bool]string{true: `{"table":"patients.csv","unbounded":true,"export":true,"groups":true,"figures":true}`, false: anything}[i < 3])
	}
	id, err := s.sites[0].Party.ProposeTraining(t.Context(), s.proposal(r, 2))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range s.sites {
		h.permit(s, id, 40)
		h.start()
	}
	s.await(id, "all rounds", func(on ledger.Training) bool { return on.Round == 2 && !on.Busy })
	out, err := release.Ask(t.Context(), s.sites[0].in().House, id, release.Request{Name: "together", Version: "1.0.0", Price: ledger.MAN(1)})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(out.Card)
	s.check(err)
	defer f.Close()
	card, err := ml.ReadCard(f)
	if err != nil {
		t.Fatal(err)
	}
	metric := func(name string) (m ml.Metric, n int) {
		for _, x := range card.Metrics {
			if x.Name == name {
				m = x
				n++
			}
		}
		return m, n
	}
	// The same in the clear, of the version that the last round began with.
	on, err := s.sites[0].Party.SignedTraining(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	state := s.versionOf(on.Training, 1)
	var women evaluation.Tenths
	publish := 0
	for _, h := range s.sites[:3] {
		j, _, err := policy.Decided(house.Folder(h.Dir), id)
		s.check(err)
		has, err := h.in().site.Has(t.Context(), on, r, j)
		if err != nil {
			t.Fatal(err)
		}
		at, err := r.Kind().Outcomes(t.Context(), r.Round(on.Training, state), has)
		if err != nil {
			t.Fatal(err)
		}
		var all, of evaluation.Tenths
		for _, x := range at {
			c := evaluation.Cell(x.Probability, x.Positive)
			all.Add(c, 1)
			if has.Test.X[x.Row][1] == 1 {
				of.Add(c, 1)
			}
		}
		n, p := of.Rows()
		if rest := float64(len(at)) - n - p; n+p >= ledger.MinCohort && (rest == 0 || rest >= ledger.MinCohort) {
			women = women.Plus(of, 1)
		}
		if n, p := all.Rows(); n >= ledger.MinCohort && p >= ledger.MinCohort && n+p >= 10 {
			publish++
		}
	}
	want, _ := women.Quality()
	if m, n := metric("AUC, women"); n != 1 || math.Abs(m.Value-want.AUC) > 1e-6 {
		t.Errorf("%d figures of women, AUC %g, in the clear %g", n, m.Value, want.AUC)
	}
	if _, n := metric("AUC, younger than 31"); n != 0 || !strings.Contains(strings.Join(card.Notes, " "), "No figure of younger than 31") {
		t.Error("a group of too few is told of")
	}
	if _, n := metric("AUC, a hospital"); n != publish || publish == 0 {
		t.Errorf("figures of %d hospitals, and %d publish", n, publish)
	}
	all, err := evaluation.Published(house.Folder(s.sites[0].Dir), on)
	if err != nil || len(all) != publish {
		t.Errorf("%d have published (%v)", len(all), err)
	}
	if slices.ContainsFunc(all, func(f evaluation.Figures) bool { return f.Site == s.sites[3].Party.ID() }) {
		t.Error("a hospital that publishes nothing has told figures")
	}
}
