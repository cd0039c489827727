package bounded

import (
	"math"
	"math/rand/v2"
	"testing"

	"manx/privacy/mpc"
)

// cohort is four sites with updates of a logistic model, and rows that are public.
type cohort struct {
	layout  Layout
	updates []Update
	sites   [][mpc.Parties][]byte
	model   Logistic
}

func newCohort(t testing.TB) cohort {
	rnd := rand.New(rand.NewPCG(7, 8))
	c := cohort{layout: Layout{Sites: 4, Length: 6, Bound: 1.5, Most: 300, Minimum: 20, Least: 2}}
	for _, w := range []uint32{300, 120, 46, 200} {
		c.updates = append(c.updates, Update{random(rnd, 6, 0.4+rnd.Float64()), w})
	}
	for _, u := range c.updates {
		c.sites = append(c.sites, dealt(t, c.layout, u))
	}
	c.model.Params = random(rnd, 6, 1)
	for range 60 {
		row := random(rnd, 6, 3)
		row[5] = 1
		c.model.Rows, c.model.Labels = append(c.model.Rows, row), append(c.model.Labels, rnd.Float64() < 0.4)
	}
	return c
}

func (c cohort) mean(set []int) []float64 {
	out, weight := make([]float64, c.layout.Length), 0.0
	for _, i := range set {
		w := float64(c.updates[i].Weight)
		weight += w
		for k, v := range c.updates[i].Values {
			out[k] += w * v
		}
	}
	for k := range out {
		out[k] /= weight
	}
	return out
}

func dot(x, y []float64) (sum float64) {
	for i := range x {
		sum += x[i] * y[i]
	}
	return sum
}

func (c cohort) loss(set []int) float64 {
	sum, mean := 0.0, make([]float64, c.layout.Length)
	if len(set) > 0 {
		mean = c.mean(set)
	}
	for i, row := range c.model.Rows {
		z := dot(row, c.model.Params) + dot(row, mean)
		if c.model.Labels[i] {
			z = -z
		}
		sum += math.Max(z, 0) + math.Log1p(math.Exp(-math.Abs(z)))
	}
	return sum / float64(len(c.model.Rows))
}

func (c cohort) run(t testing.TB, f func(s *mpc.Session, a *Admitted) (mpc.Share, error)) []float64 {
	t.Helper()
	values, err := parties(t, c.layout, c.sites, func(s *mpc.Session, updates []mpc.Share) (mpc.Share, error) {
		a, err := c.layout.Admit(s, updates)
		if err != nil {
			return mpc.Share{}, err
		}
		x, err := f(s, a)
		if err != nil {
			return mpc.Share{}, err
		}
		return s.Output(x)
	})
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = mpc.Real(v)
	}
	return out
}

// Inner products with means, and losses, are what the clear gives, for every set.
func TestValuesOfSets(t *testing.T) {
	c := newCohort(t)
	sets := [][]int{{0}, {2}, {1, 2}, {0, 3}, {0, 1, 2, 3}}
	rows := c.model.Rows[:5]
	got := c.run(t, func(s *mpc.Session, a *Admitted) (mpc.Share, error) { return a.Means(s, sets, rows) })
	for i, set := range sets {
		for j, row := range rows {
			if want := dot(row, c.mean(set)); math.Abs(got[i*len(rows)+j]-want) > 1.5e-3 {
				t.Errorf("set %v, row %d: %g, not %g", set, j, got[i*len(rows)+j], want)
			}
		}
	}
	got = c.run(t, func(s *mpc.Session, a *Admitted) (mpc.Share, error) { return a.Losses(s, sets, c.model) })
	for i, set := range sets {
		if want := c.loss(set); math.Abs(got[i]-want) > 6e-4 {
			t.Errorf("set %v: loss %g, not %g", set, got[i], want)
		}
	}
}

// Sets that are asked for one after another are told to all three parties alike.
func TestLossesOneAfterAnother(t *testing.T) {
	c := newCohort(t)
	var told [mpc.Parties][]float64
	sets := [][]int{nil, {3}, {0, 1, 2}}
	c.run(t, func(s *mpc.Session, a *Admitted) (mpc.Share, error) {
		for _, set := range sets {
			v, err := a.Loss(s, set, c.model)
			if err != nil {
				return mpc.Share{}, err
			}
			told[s.Party()] = append(told[s.Party()], v)
		}
		short := c.model
		short.Labels = short.Labels[1:]
		if _, err := a.Loss(s, nil, short); err == nil {
			t.Error("rows without labels are taken")
		}
		return s.Public([]uint64{0}), nil
	})
	for i, set := range sets {
		if want := c.loss(set); math.Abs(told[0][i]-want) > 6e-4 || told[1][i] != told[0][i] || told[2][i] != told[0][i] {
			t.Errorf("set %v: %v, %v and %v, not %g", set, told[0][i], told[1][i], told[2][i], want)
		}
	}
}

// Of contributions only they are opened; they are those of the clear, and Shapley's
// add up to what all sites together save.
func TestContributions(t *testing.T) {
	c := newCohort(t)
	sites := []int{0, 1, 2, 3}
	sets, coefficients := LeaveOneOut(sites)
	got := c.run(t, func(s *mpc.Session, a *Admitted) (mpc.Share, error) {
		v, err := a.Losses(s, sets, c.model)
		if err != nil {
			return v, err
		}
		return Combine(s, v, coefficients)
	})
	for i := range sites {
		if want := c.loss(sets[i+1]) - c.loss(sites); len(got) != 4 || math.Abs(got[i]-want) > 5e-4 {
			t.Errorf("site %d: %v, not %g", i, got, want)
		}
	}

	sets, coefficients, err := Shapley(sites)
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := mpc.Fixed(c.loss(nil))
	if err != nil {
		t.Fatal(err)
	}
	got = c.run(t, func(s *mpc.Session, a *Admitted) (mpc.Share, error) {
		v, err := a.Losses(s, sets, c.model)
		if err != nil {
			return v, err
		}
		chain := s.Chain()
		v = chain.Concat(v, chain.Public([]uint64{nobody}))
		if chain.Err() != nil {
			return v, chain.Err()
		}
		return Combine(s, v, coefficients)
	})
	sum := 0.0
	for i := range sites {
		sum += got[i]
		// By its definition: what the site saves, over all orders.
		want, orders := 0.0, 0
		permute(sites, func(order []int) {
			var before []int
			for _, j := range order {
				if j == i {
					break
				}
				before = append(before, j)
			}
			want += c.loss(before) - c.loss(append(before[:len(before):len(before)], i))
			orders++
		})
		if want /= float64(orders); math.Abs(got[i]-want) > 1e-3 {
			t.Errorf("site %d: Shapley value %g, not %g", i, got[i], want)
		}
	}
	if want := c.loss(nil) - c.loss(sites); math.Abs(sum-want) > 2e-3 {
		t.Errorf("Shapley values add up to %g, not %g", sum, want)
	}
}

func permute(all []int, f func([]int)) {
	if len(all) == 0 {
		f(nil)
		return
	}
	for i, first := range all {
		rest := append(append([]int(nil), all[:i]...), all[i+1:]...)
		permute(rest, func(tail []int) { f(append([]int{first}, tail...)) })
	}
}

func TestValuesRefuse(t *testing.T) {
	a := &Admitted{layout: Layout{Sites: 2, Length: 2, Bound: 1, Most: 1, Minimum: 1, Least: 2}, in: []bool{true, false}}
	for name, c := range map[string]struct {
		sets [][]int
		rows [][]float64
	}{
		"who is out":         {[][]int{{0, 1}}, [][]float64{{0, 0}}},
		"who is not there":   {[][]int{{2}}, [][]float64{{0, 0}}},
		"twice":              {[][]int{{0, 0}}, [][]float64{{0, 0}}},
		"nobody":             {[][]int{{}}, [][]float64{{0, 0}}},
		"no rows":            {[][]int{{0}}, nil},
		"a short row":        {[][]int{{0}}, [][]float64{{0}}},
		"a row too large":    {[][]int{{0}}, [][]float64{{5000, 0}}},
		"a row of no number": {[][]int{{0}}, [][]float64{{math.NaN(), 0}}},
	} {
		if a.check(c.sets, c.rows) == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
