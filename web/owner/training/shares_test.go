package training

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"manx/ledger"
	"manx/ml/federated"
	"manx/ml/federated/contribution"
	"manx/privacy/mpc"
	"manx/privacy/seal"
	"manx/privacy/secagg/trio"
	"manx/test/webtest"
	"manx/web/owner/training/house"
	"manx/web/owner/training/measured"
	"manx/web/owner/training/recipe"
	"manx/web/owner/training/recipe/recipetest"
)

// onShares is a recipe whose rounds three of the scene's first four hospitals compute.
func (s *scene) onShares(r recipe.Recipe) recipe.Recipe {
	for _, h := range s.sites[:min(len(s.sites), 4)] {
		r.Bounded = append(r.Bounded, h.Party.ID())
	}
	return r
}

// run proposes a training and starts its hospitals.
func (s *scene) run(r recipe.Recipe, rounds int) ledger.TrainingID {
	s.t.Helper()
	id := s.propose(r, rounds, 12)
	for _, h := range s.sites {
		h.start()
	}
	return id
}

// Rounds on shares make the versions that plain sums make, by every algorithm, and with
// noise integers come through whole.
func TestRoundsOnShares(t *testing.T) {
	for _, name := range []string{federated.FedAvg, federated.Scaffold, "noise"} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, 4, webtest.Options{}, nil)
			r := recipetest.Logistic(name == "noise")
			if name != "noise" {
				r.Algorithm.Name = name
			}
			r = s.onShares(r)
			id := s.run(r, 2)
			on := s.await(id, "all rounds", func(on ledger.Training) bool { return on.Round == 2 && !on.Busy })
			if len(on.Versions) != 2 || len(on.Versions[1].Sites) != 4 {
				t.Fatalf("%d versions", len(on.Versions))
			}
			switch name {
			case federated.FedAvg:
				s.same(t, on, r, 1e-5)
			case "noise": // what was opened are integers: one step moves a parameter by whole units
				first, last := s.versionOf(on, 1).Params, s.versionOf(on, 2).Params
				for i, x := range first {
					unit := r.Algorithm.Rate * r.Private.Step.Clip / float64(r.Private.Step.Bound) / r.Private.Lot
					if n := (last[i] - x) / unit; math.Abs(n-math.Round(n)) > 1e-3 || n == 0 {
						t.Errorf("parameter %d moves by %g units", i, n)
					}
				}
			}
		})
	}
}

// falsely deals what a hospital would refuse to: the message of package trio, made from
// quantised values by hand.
func falsely(h *member, r trio.Round, t trio.Try, place int, to [mpc.Parties]seal.Recipient, parts ...[]uint64) ([]byte, error) {
	said := map[string]any{"round": r.ID[:], "site": place, "try": t.Number, "trio": t.Trio}
	var digests [][mpc.Parties][]byte
	var plain, sealed [mpc.Parties][]byte
	for _, v := range parts {
		shares, of, err := mpc.DealSeeds(v)
		if err != nil {
			return nil, err
		}
		var d [mpc.Parties][]byte
		for k := range shares {
			n := len(shares[k])
			plain[k] = append(append(plain[k], byte(n), byte(n>>8), byte(n>>16), 0), shares[k]...)
			d[k] = of[k][:]
		}
		digests = append(digests, d)
	}
	said["digests"] = digests
	b, err := json.Marshal(said)
	if err != nil {
		return nil, err
	}
	for k := range plain {
		if sealed[k], err = seal.Message(plain[k], to[k]); err != nil {
			return nil, err
		}
	}
	return json.Marshal(map[string]any{"said": b, "sig": h.Party.Keys.Sign(append([]byte("manx/trio-dealing/v1\x00"), b...)), "sealed": sealed})
}

// poison has a hospital deal its update times a factor, whatever the bound.
func (h *member) poison(factor float64) {
	h.dealing = func(r trio.Round, t trio.Try, place int, to [mpc.Parties]seal.Recipient, v []float64) ([]byte, error) {
		var parts [][]uint64
		for i, p := range r.Parts {
			part := []uint64{1}
			if i == 0 {
				part[0] = uint64(p.Most)
			}
			for range p.Length {
				x := 0.0
				if i == 0 {
					x = factor * v[0] * float64(p.Most)
				}
				part, v = append(part, uint64(int64(x/r.Step(i)))), v[1:]
			}
			if i == 0 {
				v = v[1:] // its weight
			}
			parts = append(parts, part)
		}
		return falsely(h, r, t, place, to, parts...)
	}
}

// Who sends an update beyond the bound, turned round or not, is named by place and is in
// no version; the rounds go on with the others, and every hospital can read who it was.
func TestInvariant8_APoisonerIsLeftOutOfEveryRound(t *testing.T) {
	s := begin(t, 4, webtest.Options{}, nil)
	r := recipetest.Logistic(false)
	r.Algorithm.Clip = 0.5
	r = s.onShares(r)
	s.sites[3].poison(-4000)
	id := s.run(r, 3)
	on := s.await(id, "all rounds", func(on ledger.Training) bool { return on.Round == 3 && !on.Busy })
	bad := s.sites[3].Party.ID()
	if len(on.Versions) != 3 {
		t.Fatalf("%d versions of 3 rounds: a poisoner has stopped one", len(on.Versions))
	}
	for _, v := range on.Versions {
		if slices.Contains(v.Sites, bad) || len(v.Sites) != 3 {
			t.Errorf("round %d is of %d sites, perhaps the poisoner", v.Round, len(v.Sites))
		}
	}
	s.same(t, on, r, 1e-5)
	if !strings.Contains(s.sites[0].log.String(), "its update is beyond its bound") || !strings.Contains(s.sites[0].log.String(), "place=3") {
		t.Error("the coordinator does not name the place of the poisoner")
	}
	signed, err := s.sites[1].Party.SignedTraining(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range s.sites {
		c, err := measured.Contributed(t.Context(), h.in().House, signed, r)
		if err != nil {
			t.Fatal(err)
		}
		if c.Sites[3].Refused < 2 || c.Sites[3].Rounds != 0 || c.Sites[0].Refused != 0 || c.Sites[3].Parts != 0 {
			t.Errorf("%+v, missing %v", c.Sites, c.Missing)
		}
	}
}

// What each hospital contributes is measured on shares in every round, the same at all of
// them, and what the clear gives; the release shares by it.
func TestContributionsAreMeasuredOnShares(t *testing.T) {
	s := begin(t, 4, webtest.Options{}, nil)
	r := s.onShares(recipetest.Logistic(false))
	rows := recipetest.JudgeRows(60)
	if err := r.SetJudge(recipe.ByShapley, rows); err != nil {
		t.Fatal(err)
	}
	s.check(house.Folder(s.sites[0].Dir).KeepJudge(r.Judge.Rows, rows))
	// One hospital's labels are turned round: what it brings is below nought.
	s.sites[2].turned = true
	id := s.run(r, 3)
	on := s.await(id, "all rounds", func(on ledger.Training) bool { return on.Round == 3 && !on.Busy })
	signed, err := s.sites[1].Party.SignedTraining(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	first, err := measured.Contributed(t.Context(), s.sites[0].in().House, signed, r)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", first)
	want := s.contributions(t, on, r)
	for i, c := range first.Sites {
		if math.Abs(c.Shapley-want[i]) > 0.01 || c.Rounds != 3 {
			t.Errorf("hospital %d: Shapley value %g of %d rounds, in the clear %g", i, c.Shapley, c.Rounds, want[i])
		}
	}
	if first.Sites[2].Shapley >= 0 || first.Sites[2].Parts != 0 || first.Sites[0].Parts == 0 {
		t.Errorf("who turned its labels round is paid: %+v", first.Sites)
	}
	for _, h := range s.sites[1:] {
		if c, err := measured.Contributed(t.Context(), h.in().House, signed, r); err != nil || len(c.Missing) == 0 && !slices.Equal(c.Shares(), first.Shares()) {
			t.Errorf("another hospital comes to %+v (%v)", c, err)
		}
	}
	if err := os.Remove(measured.Dir(house.Folder(s.sites[0].Dir), id) + "/2.json"); err != nil {
		t.Fatal(err)
	}
	if c, err := measured.Contributed(t.Context(), s.sites[0].in().House, signed, r); err != nil || !slices.Equal(c.Missing, []int{2}) {
		t.Errorf("a lost round: %+v (%v)", c.Missing, err)
	}
}

// contributions are Shapley's values of all rounds, in the clear.
func (s *scene) contributions(t *testing.T, on ledger.Training, r recipe.Recipe) []float64 {
	t.Helper()
	rows, err := os.ReadFile(house.Folder(s.sites[0].Dir).Judge(r.Judge.Rows))
	if err != nil {
		t.Fatal(err)
	}
	judge, err := r.ReadJudge(rows)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.sites[0].Party.SignedTraining(t.Context(), on.ID)
	if err != nil {
		t.Fatal(err)
	}
	state, err := r.Kind().Begin()
	if err != nil {
		t.Fatal(err)
	}
	length, _ := r.Kind().Bound()
	var total []float64
	for _, v := range on.Versions {
		round := contribution.Round{Algorithm: r.Algorithm, State: state, Score: func(params []float64) (float64, error) {
			m := recipe.JudgeAt(params, 1, judge)
			sum := 0.0
			for i, row := range m.Rows {
				z := 0.0
				for k, x := range row {
					z += x * m.Params[k]
				}
				if m.Labels[i] {
					z = -z
				}
				sum -= math.Max(z, 0) + math.Log1p(math.Exp(-math.Abs(z)))
			}
			return sum / float64(len(m.Rows)), nil
		}}
		for _, h := range s.sites {
			signed.Round = v.Round
			x := h.again(signed, r, state)
			round.Vectors = append(round.Vectors, x[:length])
		}
		of, err := contribution.Shapley(t.Context(), round, contribution.Options{})
		if err != nil {
			t.Fatal(err)
		}
		total = contribution.Add(total, of.Of)
		b, err := os.ReadFile(house.Folder(s.sites[0].Dir).Version(on.ID, v.Round))
		if err != nil {
			t.Fatal(err)
		}
		if state, err = recipe.ReadVersion(b, on.Model.Parameters); err != nil {
			t.Fatal(err)
		}
	}
	return total
}
