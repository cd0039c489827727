package contribution_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"manx/ml/federated/contribution"
	"manx/privacy"
	"manx/privacy/mpc"
	"manx/privacy/mpc/mpctest"
	"manx/privacy/secagg/bounded"
)

// clear is the same game where somebody sees the updates.
type clear struct {
	updates []bounded.Update
	model   bounded.Logistic
}

func (g clear) Sites() int { return len(g.updates) }

func (g clear) Value(_ context.Context, s contribution.Set) (float64, error) {
	params, weight := slices.Clone(g.model.Params), 0.0
	for _, i := range s.Sites() {
		weight += float64(g.updates[i].Weight)
	}
	for _, i := range s.Sites() {
		for k, v := range g.updates[i].Values {
			params[k] += v * float64(g.updates[i].Weight) / weight
		}
	}
	sum := 0.0
	for i, row := range g.model.Rows {
		z := 0.0
		for k, v := range row {
			z += v * params[k]
		}
		if g.model.Labels[i] {
			z = -z
		}
		sum += math.Max(z, 0) + math.Log1p(math.Exp(-math.Abs(z)))
	}
	return -sum / float64(len(g.model.Rows)), nil
}

// Three parties play on shares and come to what the clear game comes to: the values of
// leaving one out, Shapley's, and that who sends the opposite of what it found is left
// out. A site beyond the bound is not in the game.
func TestContributionsOnShares(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 12))
	truth := []float64{1, -0.7, 0.5, 0.2}
	l := bounded.Layout{Sites: 5, Length: 4, Bound: 2, Most: 100, Minimum: 5, Least: 2}
	var g clear
	g.model.Params = make([]float64, 4)
	for range 80 {
		row, z := make([]float64, 4), 0.0
		for k := range row {
			row[k] = rnd.NormFloat64()
			z += row[k] * truth[k]
		}
		g.model.Rows, g.model.Labels = append(g.model.Rows, row), append(g.model.Labels, rnd.Float64() < 1/(1+math.Exp(-2*z)))
	}
	var dealt [][mpc.Parties][]byte
	for i, w := range []uint32{100, 30, 60, 40} {
		u := bounded.Update{Weight: w}
		for _, v := range truth {
			v += 0.3 * rnd.NormFloat64()
			if i == 2 {
				v = -v // the poisoner
			}
			u.Values = append(u.Values, v)
		}
		g.updates = append(g.updates, u)
		shares, _, err := l.Deal(privacy.Hide(u))
		if err != nil {
			t.Fatal(err)
		}
		dealt = append(dealt, shares)
	}
	beyond, _, err := mpc.DealSeeds([]uint64{50, 1 << 40, 0, 0, 0})
	if err != nil {
		t.Fatal(err)
	}
	dealt = append(dealt, beyond)

	type played struct {
		leave, shapley []float64
		stay           contribution.Set
	}
	play := func(g contribution.Game) (p played, err error) {
		if p.leave, err = contribution.LeaveOneOut(t.Context(), g); err != nil {
			return p, err
		}
		v, err := contribution.Shapley(t.Context(), g, contribution.Options{})
		if err != nil {
			return p, err
		}
		p.shapley = v.Of
		p.stay, err = contribution.Screen(t.Context(), g, 2, 1e-2)
		return p, err
	}
	want, err := play(g)
	if err != nil {
		t.Fatal(err)
	}
	var got [mpc.Parties]played
	if _, err := mpctest.Parties(t, mpc.WithAbort, func(s *mpc.Session) (mpc.Share, error) {
		updates, err := mpctest.Dealt(s.Party(), l.Values(), dealt)
		if err != nil {
			return mpc.Share{}, err
		}
		in, err := l.Admit(s, updates)
		if err == nil {
			got[s.Party()], err = play(contribution.Shared{Session: s, Updates: in, Model: g.model})
		}
		return s.Public([]uint64{0}), err
	}); err != nil {
		t.Fatal(err)
	}
	if want.stay != 0b1011 {
		t.Fatalf("in the clear %b stay", want.stay)
	}
	for i, p := range got {
		if p.stay != want.stay {
			t.Errorf("party %d: %b stay", i, p.stay)
		}
		for k := range want.leave {
			if len(p.leave) != 4 || math.Abs(p.leave[k]-want.leave[k]) > 1e-3 || math.Abs(p.shapley[k]-want.shapley[k]) > 1e-3 || p.shapley[k] != got[0].shapley[k] {
				t.Errorf("party %d, site %d: %v and %v, not %v and %v", i, k, p.leave, p.shapley, want.leave, want.shapley)
			}
		}
	}
}

// What is opened of contributions is what the clear gives: exactly for up to six sites,
// and for more Shapley's values by drawn orders, which add up to what all save.
func TestContributionsOfFewAndOfMany(t *testing.T) {
	for _, sites := range []int{3, 7} {
		rnd := rand.New(rand.NewPCG(uint64(sites), 2))
		l := bounded.Layout{Sites: sites, Length: 3, Bound: 1, Most: 50, Minimum: 1, Least: 3}
		m := bounded.Logistic{Params: []float64{0.2, -0.1, 0}}
		for i := range 20 {
			row := []float64{rnd.NormFloat64(), rnd.NormFloat64(), 1}
			m.Rows, m.Labels = append(m.Rows, row), append(m.Labels, row[0]-row[1]+0.3*rnd.NormFloat64() > 0 || i == 0)
		}
		var dealt [][mpc.Parties][]byte
		var all []bounded.Update
		for i := range sites {
			u := bounded.Update{Values: []float64{0.5 * rnd.Float64(), -0.5 * rnd.Float64(), 0.1}, Weight: uint32(10 + i)}
			if i == 1 { // who harms
				u.Values[0], u.Values[1] = -0.6, 0.6
			}
			shares, _, err := l.Deal(privacy.Hide(u))
			if err != nil {
				t.Fatal(err)
			}
			dealt, all = append(dealt, shares), append(all, u)
		}
		g := clear{all, m}
		loss := func(s contribution.Set) float64 {
			v, err := g.Value(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			return -v
		}
		var got, other [mpc.Parties][]float64 // leave one out, Shapley's
		if _, err := mpctest.Parties(t, mpc.WithAbort, func(s *mpc.Session) (mpc.Share, error) {
			updates, err := mpctest.Dealt(s.Party(), l.Values(), dealt)
			if err != nil {
				return mpc.Share{}, err
			}
			a, err := l.Admit(s, updates)
			if err == nil {
				got[s.Party()], other[s.Party()], err = contribution.Measure(t.Context(), s, a, m, 1)
			}
			return s.Public([]uint64{0}), err
		}); err != nil {
			t.Fatal(err)
		}
		v, w := got[0], other[0]
		if len(v) != sites || len(w) != sites {
			t.Fatalf("%d and %d values of %d sites", len(v), len(w), sites)
		}
		everybody, nobody := loss(1<<sites-1), loss(0)
		sum := 0.0
		for i := range sites {
			if want := loss((1<<sites-1)&^(1<<i)) - everybody; math.Abs(v[i]-want) > 2e-3 {
				t.Errorf("%d sites: without %d %g is lost, not %g", sites, i, v[i], want)
			}
			sum += w[i]
			if v[i] != got[1][i] || w[i] != other[2][i] {
				t.Error("the three do not come to the same")
			}
		}
		if math.Abs(sum-(nobody-everybody)) > 5e-3 || w[1] >= 0 {
			t.Errorf("%d sites: Shapley's values are %v, and all save %g", sites, w, nobody-everybody)
		}
	}
}
