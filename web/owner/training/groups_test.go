package training

import (
	"math"
	"os"
	"strings"
	"testing"

	"manx/ledger"
	"manx/ml"
	"manx/test/webtest"
)

// A card tells of groups, summed over the hospitals whose policy lets it, and of those
// hospitals that publish their own figures; what is of too few is not told, nor is what a
// hospital does not publish.
func TestCardsTellOfGroupsAndOfHospitalsThatPublish(t *testing.T) {
	s := begin(t, 4, webtest.Options{}, nil)
	r := s.onShares(recipe(false))
	r.HeldOut = 50
	r.Groups = []Group{{"women", "sex", 0, 1}, {"younger than 31", "age", 0, 31}}
	for i, h := range s.sites {
		h.table(s, 40, uint64(i+1), nil)
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
	out, err := s.sites[0].Release(t.Context(), id, Release{Name: "together", Version: "1.0.0", Price: ledger.MAN(1)})
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
	var women Tenths
	publish := 0
	for _, h := range s.sites[:3] {
		j, _, err := folder(h.Dir).joined(id)
		s.check(err)
		has, err := h.has(t.Context(), on, r, j)
		if err != nil {
			t.Fatal(err)
		}
		at, _, err := r.cell(t.Context(), r.round(on.Training, state), has)
		if err != nil {
			t.Fatal(err)
		}
		var all, of Tenths
		for i, c := range at {
			all.add(c, 1)
			if has.Test.X[i][1] == 1 {
				of.add(c, 1)
			}
		}
		n, p := of.rows()
		if rest := float64(len(at)) - n - p; n+p >= leastGroup && (rest == 0 || rest >= leastGroup) {
			women = women.plus(of, 1)
		}
		if n, p := all.rows(); n >= ledger.MinCohort && p >= ledger.MinCohort && n+p >= 10 {
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
	if all, err := s.sites[0].published(on); err != nil || len(all) != publish {
		t.Errorf("%d have published (%v)", len(all), err)
	}
	if b, err := os.ReadFile(folder(s.sites[0].Dir).figures(id, s.sites[3].Party.ID())); err == nil {
		t.Errorf("a hospital that publishes nothing has told %s", b)
	}
}

// Groups are ranges of columns that every row has.
func TestGroupsThatCannotBe(t *testing.T) {
	for what, g := range map[string][]Group{
		"another column": {{"old", "years", 60, 120}},
		"no range":       {{"old", "age", 60, 60}},
		"no name":        {{"", "age", 60, 120}},
		"one name twice": {{"old", "age", 60, 120}, {"old", "age", 50, 120}},
		"too many":       make([]Group, maxGroups+1),
	} {
		r := recipe(false)
		r.Groups = g
		if err := r.Check(5); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
	r := recipe(false)
	for _, c := range []struct {
		x  []float64
		of Group
		in bool
	}{
		{[]float64{(60 - 55) / 15.0, 1, 0}, Group{"old", "age", 60, 120}, true},
		{[]float64{(59.9 - 55) / 15.0, 1, 0}, Group{"old", "age", 60, 120}, false},
		{[]float64{0, 0, 1}, Group{"women", "sex", 0, 1}, false},
		{[]float64{0, 1, 0}, Group{"women", "sex", 0, 1}, true},
	} {
		if c.of.has(r.Schema, c.x) != c.in {
			t.Errorf("%v of %v: not %v", c.x, c.of, c.in)
		}
	}
}
