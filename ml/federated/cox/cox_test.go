package cox

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"manx/privacy/mpc"
	"manx/privacy/mpc/mpctest"
	"manx/privacy/notice"
)

// drawn returns patients whose hazard is constant, 1/300 a day at covariates of 0,
// seen for at most 500 days, in so many sites.
func drawn(seed uint64, n, sites int, beta []float64) []Patients {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := make([]Patients, sites)
	for i := range n {
		x, risk := make([]float64, len(beta)), 0.0
		for j := range x {
			x[j] = rng.NormFloat64() / 2
			if j%2 == 1 {
				x[j] = float64(rng.IntN(2))
			}
			risk += beta[j] * x[j]
		}
		t := math.Ceil(rng.ExpFloat64() * 300 / math.Exp(risk))
		seen := math.Ceil(rng.Float64() * 500)
		p := &out[i%sites]
		p.X, p.Time, p.Event = append(p.X, x), append(p.Time, min(t, seen)), append(p.Event, t <= seen)
	}
	return out
}

func together(sites []Patients) (all Patients) {
	for _, p := range sites {
		all.X, all.Time, all.Event = append(all.X, p.X...), append(all.Time, p.Time...), append(all.Event, p.Event...)
	}
	return all
}

type method interface {
	Sums(beta []float64, p Patients) ([]float64, error)
	Next(s State, sum []float64) (State, error)
}

// added adds what each site says.
func added(t testing.TB, sites []Patients, say func(Patients) ([]float64, error)) (out []float64) {
	t.Helper()
	for _, p := range sites {
		v, err := say(p)
		if err != nil {
			t.Fatal(err)
		}
		if out == nil {
			out = make([]float64, len(v))
		}
		for i := range v {
			out[i] += v[i]
		}
	}
	return out
}

func sum(t testing.TB, m method, beta []float64, sites []Patients) []float64 {
	t.Helper()
	return added(t, sites, func(p Patients) ([]float64, error) { return m.Sums(beta, p) })
}

func fitted(t testing.TB, m method, size int, sites []Patients) State {
	t.Helper()
	s := Begin(make([]float64, size))
	for {
		of := sum(t, m, s.At, sites)
		var err error
		if s, err = m.Next(s, of); err != nil {
			t.Fatal(err)
		}
		if s.Done {
			return s
		}
	}
}

// efron is the pooled log-likelihood by its definition, patient by patient.
func efron(beta []float64, p Patients) (log float64) {
	risk := func(i int) (r float64) {
		for j, v := range p.X[i] {
			r += beta[j] * v
		}
		return r
	}
	done := map[float64]bool{}
	for i, t := range p.Time {
		if !p.Event[i] || done[t] {
			continue
		}
		done[t] = true
		var all, dying float64
		var dead []int
		for j, u := range p.Time {
			if u >= t {
				all += math.Exp(risk(j))
			}
			if u == t && p.Event[j] {
				dead, dying = append(dead, j), dying+math.Exp(risk(j))
			}
		}
		for l, j := range dead {
			log += risk(j) - math.Log(all-float64(l)/float64(len(dead))*dying)
		}
	}
	return log
}

func TestSitesFitWhatIsFittedTogether(t *testing.T) {
	sites := drawn(1, 300, 5, []float64{0.7, -0.5, 0.3})
	pooled := together(sites)
	g := Daily(500)
	one := fitted(t, g, 3, []Patients{pooled})
	five := fitted(t, g, 3, sites)
	for i := range one.Best {
		if math.Abs(one.Best[i]-five.Best[i]) > 1e-9 {
			t.Errorf("coefficient %d: %v at five sites, %v at one", i, five.Best[i], one.Best[i])
		}
	}
	if log := efron(five.Best, pooled); math.Abs(log-five.Log) > 1e-8*math.Abs(log) {
		t.Errorf("log-likelihood %v, by its definition %v", five.Log, log)
	}
	// Nowhere nearby is it larger.
	for i := range five.Best {
		for _, d := range []float64{-1e-3, 1e-3} {
			near := slices.Clone(five.Best)
			near[i] += d
			if efron(near, pooled) >= five.Log {
				t.Errorf("coefficient %d is no maximum", i)
			}
		}
	}
}

func TestStrataFitTheSumOfTheSitesLikelihoods(t *testing.T) {
	sites := drawn(2, 200, 4, []float64{0.7, -0.5})
	s := fitted(t, Strata{500}, 2, sites)
	of := func(beta []float64) (log float64) {
		for _, p := range sites {
			log += efron(beta, p)
		}
		return log
	}
	if log := of(s.Best); math.Abs(log-s.Log) > 1e-8*math.Abs(log) {
		t.Errorf("log-likelihood %v, by its definition %v", s.Log, log)
	}
	for i := range s.Best {
		for _, d := range []float64{-1e-3, 1e-3} {
			near := slices.Clone(s.Best)
			near[i] += d
			if of(near) >= s.Log {
				t.Errorf("coefficient %d is no maximum", i)
			}
		}
	}
}

// On shares only gradient and information open, and the coefficients are the pooled
// ones within a hundredth.
func TestSharesFitWithinAHundredth(t *testing.T) {
	sites := drawn(3, 240, 4, []float64{0.9, -0.7})
	for i := range sites {
		for j := range sites[i].Time {
			sites[i].Time[j] = math.Ceil(sites[i].Time[j] / 16) // 32 days
		}
	}
	want := fitted(t, unit(32), 2, sites)
	m := Shared{Days: 32}
	for _, security := range []mpc.Security{mpc.SemiHonest, mpc.WithAbort} {
		s := Begin(make([]float64, 2))
		for !s.Done {
			var in [][]uint64
			for _, p := range sites {
				v, err := m.Sums(s.At, p)
				if err != nil {
					t.Fatal(err)
				}
				in = append(in, v)
			}
			opened := mpctest.Run(t, security, func(p *mpc.Session, in []mpc.Share) (mpc.Share, error) { return m.Parts(p, 2, in) }, in...)
			if len(opened) != 5 {
				t.Fatalf("%d numbers are opened", len(opened))
			}
			var err error
			if s, err = m.Next(s, opened); err != nil {
				t.Fatal(err)
			}
		}
		for i := range s.Best {
			if math.Abs(s.At[i]/want.Best[i]-1) > 1e-3 {
				t.Errorf("%v, coefficient %d: %v on shares, %v in the clear", security, i, s.At[i], want.Best[i])
			}
		}
	}
}

// unit is a grid of single days with Breslow's ties, as on shares.
func unit(days int) Grid {
	g := Daily(days)
	g.Days = false
	return g
}

// The intervals of curves hold the truth about as often as they say.
func TestIntervalsHoldTheTruth(t *testing.T) {
	beta, x := []float64{0.8, -0.6}, []float64{0.3, 1}
	truth := math.Exp(-200.0 / 300 * math.Exp(beta[0]*x[0]+beta[1]*x[1]))
	g := Grid{Edges: []float64{0, 50, 100, 150, 200, 250, 300, 400, 500}}
	held, total := 0, 150
	for k := range total {
		sites := drawn(100+uint64(k), 150, 3, beta)
		s := fitted(t, g, 2, sites)
		f, err := g.Fit(s, sum(t, g, s.Best, sites))
		if err != nil {
			t.Fatal(err)
		}
		p, err := f.Survival(x, 200)
		if err != nil {
			t.Fatal(err)
		}
		if !(p.Low < p.Survival && p.Survival < p.High) {
			t.Fatalf("an interval without its estimate: %+v", p)
		}
		if p.Low <= truth && truth <= p.High {
			held++
		}
	}
	if share := float64(held) / float64(total); share < 0.9 {
		t.Errorf("95%% intervals hold the truth in %.3f of %d draws", share, total)
	}
}

func TestWhatCannotBeIsRefused(t *testing.T) {
	good := Patients{X: [][]float64{{1}, {2}, {1.5}}, Time: []float64{3, 5, 2}, Event: []bool{true, false, true}}
	g := Daily(10)
	with := func(change func(*Patients)) Patients {
		p := Patients{X: [][]float64{{1}, {2}, {1.5}}, Time: slices.Clone(good.Time), Event: slices.Clone(good.Event)}
		change(&p)
		return p
	}
	for name, c := range map[string]struct {
		p     Patients
		place string
	}{
		"none":            {Patients{}, "no patients"},
		"no number":       {with(func(p *Patients) { p.X[1][0] = math.NaN() }), "row 2"},
		"outsized":        {with(func(p *Patients) { p.X[2][0] = 1e9 }), "row 3"},
		"another width":   {with(func(p *Patients) { p.X[0] = []float64{1, 2} }), "row 1"},
		"a time of 0":     {with(func(p *Patients) { p.Time[1] = 0 }), "row 2"},
		"past the grid":   {with(func(p *Patients) { p.Time[1] = 11 }), "row 2"},
		"part of a day":   {with(func(p *Patients) { p.Time[0] = 1.5 }), "row 1"},
		"times are short": {with(func(p *Patients) { p.Time = p.Time[:2] }), "each patient a time"},
	} {
		_, err := g.Sums([]float64{0}, c.p)
		if !notice.Is(err, notice.Invalid) || !strings.Contains(err.Error(), c.place) || notice.From(err).Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	leaving, err := g.Leaving(good)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Check(leaving, 2); !notice.Is(err, notice.Invalid) || !strings.Contains(err.Error(), "cell 1") {
		t.Errorf("a grid whose cells tell of one patient: %v", err)
	}
	wide := Grid{Edges: []float64{0, 10}}
	if leaving, err = wide.Leaving(good); err != nil || wide.Check(leaving, 3) != nil {
		t.Errorf("a cell of three is refused: %v", err)
	}
	for _, g := range []Grid{{}, {Edges: []float64{0}}, {Edges: []float64{1, 2}}, {Edges: []float64{0, 2, 2}}, {Edges: []float64{0, 2}, Days: true}} {
		if g.Valid() == nil {
			t.Errorf("%v is a grid", g)
		}
	}
	// Who dies has the covariate, who lives has not: no coefficient is the best.
	split := Patients{X: [][]float64{{1}, {1}, {0}, {0}}, Time: []float64{1, 2, 3, 4}, Event: []bool{true, true, false, false}}
	s := Begin([]float64{0})
	for err = nil; err == nil && !s.Done; {
		s, err = g.Next(s, sum(t, g, s.At, []Patients{split}))
	}
	if !notice.Is(err, notice.Invalid) {
		t.Errorf("a covariate that parts dead and living gives %v, %v", s.Best, err)
	}
	constant := with(func(p *Patients) { p.X = [][]float64{{2}, {2}, {2}} })
	if _, err := g.Next(Begin([]float64{0}), sum(t, g, []float64{0}, []Patients{constant})); !notice.Is(err, notice.Invalid) || !strings.Contains(err.Error(), "covariate 1") {
		t.Errorf("a constant covariate: %v", err)
	}
	if _, err := g.Next(Begin([]float64{0}), make([]float64, 3)); !notice.Is(err, notice.Invalid) {
		t.Errorf("a short sum: %v", err)
	}
}

func TestKaplanMeierAndConcordance(t *testing.T) {
	// Two die at 2 of five, one at 4 of the two that are left after one has gone at 3.
	p := Patients{Time: []float64{2, 2, 3, 4, 5}, Event: []bool{true, true, false, true, false}}
	if s := KaplanMeier(p, 3.5); math.Abs(s-3.0/5) > 1e-12 {
		t.Errorf("%v survive 3.5", s)
	}
	if s := KaplanMeier(p, 4); math.Abs(s-3.0/10) > 1e-12 {
		t.Errorf("%v survive 4", s)
	}
	if c := Concordance([]float64{5, 5, 3, 2, 1}, p, nil); c != 1 {
		t.Errorf("who dies first has the highest risk, and C is %v", c)
	}
	if c := Concordance([]float64{1, 1, 3, 4, 5}, p, nil); c != 0 {
		t.Errorf("the other way C is %v", c)
	}
}
