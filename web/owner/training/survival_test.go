package training

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"manx/ledger"
	"manx/ml"
	"manx/ml/federated"
	"manx/ml/federated/cox"
	"manx/ml/lungsurvival"
	"manx/test/webtest"
	"manx/web/owner/training/local"
	"manx/web/owner/training/recipe/recipetest"
)

// institutions are the rows of the NCCTG trial, dealt by institution to so many
// hospitals, coded as the recipe that ships says.
func institutions(t *testing.T, sites int) (rows [][][]string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../../../shared/data/health", lungsurvival.File))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the NCCTG data are not beside the repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	all, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) int { return slices.Index(all[0], name) }
	rows = make([][][]string, sites)
	var known []string
	for _, r := range all[1:] {
		if r[at("inst")] == "" || r[at("inst")] == "NA" {
			continue
		}
		n := slices.Index(known, r[at("inst")])
		if n < 0 {
			n, known = len(known), append(known, r[at("inst")])
		}
		sex := map[string]string{"1": "1", "2": "0"}[r[at("sex")]]
		rows[n%sites] = append(rows[n%sites], []string{r[at("age")], sex, r[at("ph.ecog")], r[at("time")], r[at("status")]})
	}
	return rows
}

// pooled fits the same rows in one place, with every sum open and Efron's ties.
func pooled(t *testing.T, s federated.Schema, rows ...[][]string) cox.Fit {
	t.Helper()
	text := strings.Builder{}
	w := csv.NewWriter(&text)
	_ = w.Write([]string{"age", "sex", "ph_ecog", "time", "status"})
	for _, r := range rows {
		_ = w.WriteAll(r)
	}
	table, err := s.Read(strings.NewReader(text.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	p := cox.Patients{X: table.X, Time: table.Time, Event: table.Positive}
	g, at := cox.Daily(1100), cox.Begin(make([]float64, s.Size()))
	for {
		sum, err := g.Sums(at.At, p)
		if err != nil {
			t.Fatal(err)
		}
		if at, err = g.Next(at, sum); err != nil {
			t.Fatal(err)
		}
		if at.Done {
			f, err := g.Fit(at, sum)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
	}
}

// Four hospitals fit the NCCTG trial's survival, and the card of what they release has
// a curve with its interval. New patients come, and a second training goes on from the
// last version over all of them.
func TestFourHospitalsFitSurvival(t *testing.T) {
	rows := institutions(t, 4)
	s := begin(t, 4, webtest.Options{}, nil)
	r := recipetest.Shipped(t, "../../..", "lung-survival.json")
	r.HeldOut = 0
	known := make([]int, 4) // rows that are there at first: three in four
	for i, h := range s.sites {
		known[i] = len(rows[i]) * 3 / 4
		h.fill(s, ledger.Chart, len(rows[i]), []string{"age", "sex", "ph_ecog", "time [days]", "status"}, func(k int) []string { return rows[i][k] })
		h.allow(s, anything)
	}
	fit := func(b ledger.ProposeTraining, records func(i int) int, want cox.Fit) ledger.Training {
		id, err := s.sites[0].Do(t.Context(), Order{What: "propose", Proposal: &b})
		if err != nil {
			t.Fatal(err)
		}
		for i, h := range s.sites {
			h.permit(s, id.Training, records(i))
		}
		on := s.await(id.Training, "coefficients that have settled", func(on ledger.Training) bool { return !on.Busy && (on.Round == on.Rounds || local.Still(on)) })
		if !local.Still(on) {
			t.Fatalf("they have not after %d rounds", on.Round)
		}
		kind := r.Kind().(local.Survival)
		fit, err := kind.Fit(s.version(on))
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range want.Errors() {
			t.Logf("coefficient %d: %.4f, pooled %.4f: %.1f%%, %.3f standard errors; error %.4f, pooled %.4f", i+1, fit.Beta[i], want.Beta[i], 100*math.Abs(fit.Beta[i]/want.Beta[i]-1), math.Abs(fit.Beta[i]-want.Beta[i])/e, fit.Errors()[i], e)
			if math.Abs(fit.Beta[i]-want.Beta[i]) > 0.05*e || math.Abs(fit.Errors()[i]/e-1) > 0.05 {
				t.Errorf("coefficient %d is %.4f and has the error %.4f, pooled %.4f and %.4f", i+1, fit.Beta[i], fit.Errors()[i], want.Beta[i], e)
			}
		}
		return on
	}
	for _, h := range s.sites {
		h.start()
	}
	var first [][][]string
	for i := range rows {
		first = append(first, rows[i][:known[i]])
	}
	on := fit(s.proposal(r, 30), func(i int) int { return known[i] }, pooled(t, r.Schema, first...))
	rounds := on.Round
	t.Logf("settled in %d rounds", rounds)

	b := s.proposal(r, 30)
	b.From, b.Start = ledger.TrainedFrom{Training: on.ID, Round: on.Versions[len(on.Versions)-1].Round}, on.Last()
	on = fit(b, func(i int) int { return len(rows[i]) }, pooled(t, r.Schema, rows...))
	if on.Round > rounds {
		t.Errorf("going on took %d rounds, beginning %d", on.Round, rounds)
	}
	kind := r.Kind().(local.Survival)
	var card ml.Card
	card.Words = &ml.Words{}
	if err := kind.Describe(&card, s.version(on)); err != nil || card.Survival.Check(3) != nil {
		t.Fatal(err, card.Survival.Check(3))
	}
	p := card.Survival.At(0, []float64{0, 0, 0}, 365)
	if !(p.Low < p.Survival && p.Survival < p.High && p.Survival > 0.4 && p.Survival < 0.85) {
		t.Errorf("a woman of 60 without symptoms: %+v", p)
	}
}
