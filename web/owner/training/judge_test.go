package training

import (
	"math"
	"math/rand/v2"
	"testing"

	"manx/ml/federated"
	"manx/privacy"
	"manx/privacy/mpc"
	"manx/privacy/mpc/mpctest"
	"manx/privacy/notice"
	"manx/privacy/secagg/bounded"
)

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
		loss := func(in func(int) bool) float64 {
			params, weight := append([]float64(nil), m.Params...), 0.0
			for i, u := range all {
				if in(i) {
					weight += float64(u.Weight)
				}
			}
			for i, u := range all {
				for k, v := range u.Values {
					if in(i) {
						params[k] += v * float64(u.Weight) / weight
					}
				}
			}
			sum := 0.0
			for i, row := range m.Rows {
				z := 0.0
				for k, v := range row {
					z += v * params[k]
				}
				if m.Labels[i] {
					z = -z
				}
				sum += math.Log1p(math.Exp(z)) / float64(len(m.Rows))
			}
			return sum
		}
		var got [mpc.Parties][]float64
		if _, err := mpctest.Parties(t, mpc.WithAbort, func(s *mpc.Session) (mpc.Share, error) {
			updates, err := mpctest.Dealt(s.Party(), l.Values(), dealt)
			if err != nil {
				return mpc.Share{}, err
			}
			a, err := l.Admit(s, updates)
			if err == nil {
				got[s.Party()], err = measuring(t.Context(), m, 1)(s, a)
			}
			return s.Public([]uint64{0}), err
		}); err != nil {
			t.Fatal(err)
		}
		v := got[0]
		if len(v) != 2*sites {
			t.Fatalf("%d values of %d sites", len(v), sites)
		}
		everybody, nobody := loss(func(int) bool { return true }), loss(func(int) bool { return false })
		sum := 0.0
		for i := range sites {
			if want := loss(func(k int) bool { return k != i }) - everybody; math.Abs(v[i]-want) > 2e-3 {
				t.Errorf("%d sites: without %d %g is lost, not %g", sites, i, v[i], want)
			}
			sum += v[sites+i]
			if v[i] != got[1][i] || v[sites+i] != got[2][sites+i] {
				t.Error("the three do not come to the same")
			}
		}
		if math.Abs(sum-(nobody-everybody)) > 5e-3 || v[sites+1] >= 0 {
			t.Errorf("%d sites: Shapley's values are %v, and all save %g", sites, v[sites:], nobody-everybody)
		}
	}
}

// A judge that cannot be is refused before anybody votes.
func TestJudgesThatCannotBe(t *testing.T) {
	rows := judgeRows(30)
	for what, change := range map[string]func(*Recipe) []byte{
		"by nothing":     func(r *Recipe) []byte { r.Judge.By = "size"; return rows },
		"fedadam":        func(r *Recipe) []byte { r.Algorithm.Name = federated.FedAdam; return rows },
		"an mlp":         func(r *Recipe) []byte { r.Network.Kind = federated.MLP; return rows },
		"with noise":     func(r *Recipe) []byte { r.Private = recipe(true).Private; return rows },
		"too many rows":  func(*Recipe) []byte { return judgeRows(maxJudgeRows + 1) },
		"another's rows": func(*Recipe) []byte { return []byte("age [years],sex\n1,2\n") },
		"of one label":   func(*Recipe) []byte { return judgeRows(2) },
		"too many bytes": func(*Recipe) []byte { return make([]byte, maxJudgeBytes+1) },
	} {
		r := recipe(false)
		r.Judge = &Judge{By: ByShapley}
		b := change(&r)
		if err := r.SetJudge(r.Judge.By, b); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	r := recipe(false)
	if err := r.SetJudge(ByLeaveOneOut, rows); err != nil {
		t.Fatal(err)
	}
	if err := r.Check(5); err == nil {
		t.Error("contributions are measured where nobody computes")
	}
}
