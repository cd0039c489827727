package federated

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"manx/ml/clear"
	"manx/ml/train"
	"manx/privacy/dp"
	"manx/privacy/notice"
)

// rows are two classes of a plane, at a site whose first number is shifted.
func rows(seed uint64, n int, shift float32) (e train.Examples) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for range n {
		positive := rng.IntN(2) == 1
		y := float32(0)
		if positive {
			y = 1
		}
		e.Add([]float32{float32(rng.NormFloat64()) + 1.5*y + shift, float32(rng.NormFloat64()) - y, 0.3}, positive)
	}
	return e
}

func algorithms() []Algorithm {
	b := Bounds{Clip: 10}
	return []Algorithm{{Name: FedAvg, Rate: 1, Bounds: b}, {Name: FedProx, Rate: 1, Proximal: 0.1, Bounds: b},
		{Name: FedAdam, Rate: 0.05, Beta1: 0.9, Beta2: 0.99, Tau: 1e-3, Bounds: b}, {Name: Scaffold, Rate: 1, Bounds: b}}
}

func plane(kind string) Network {
	n := Network{Kind: kind, Input: [3]int{3, 1, 1}, Steps: 10, Batch: 16, Rate: 0.05, MostRows: 200}
	if kind == MLP {
		n.Hidden, n.Square = []int{6}, true
	}
	return n
}

func simulation(t testing.TB, n Network, a Algorithm, sites ...train.Examples) *Simulation {
	t.Helper()
	if err := n.Check(); err != nil {
		t.Fatal(err)
	}
	if err := a.Check(); err != nil {
		t.Fatal(err)
	}
	m := &Simulation{Algorithm: a, Seed: 1}
	for _, set := range sites {
		site, err := n.Bind(set, a)
		if err != nil {
			t.Fatal(err)
		}
		m.Sites = append(m.Sites, site)
	}
	return m
}

func accuracy(t testing.TB, n Network, params []float64, set train.Examples) float64 {
	t.Helper()
	g, err := n.Graph("test", params)
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for i, x := range set.Images {
		y, err := clear.Run(g, []float64{float64(x[0]), float64(x[1]), float64(x[2])})
		if err != nil {
			t.Fatal(err)
		}
		if (y[0] > 0) == (set.Labels[i] == 1) {
			right++
		}
	}
	return float64(right) / float64(len(set.Images))
}

func TestEveryAlgorithmLearnsFromSumsAlone(t *testing.T) {
	test := rows(9, 400, 0)
	for _, a := range algorithms() {
		for _, kind := range []string{Logistic, MLP} {
			n := plane(kind)
			m := simulation(t, n, a, rows(1, 150, 0.3), rows(2, 60, -0.3), rows(3, 90, 0))
			params, err := n.Initial(1)
			if err != nil {
				t.Fatal(err)
			}
			s, err := m.Run(t.Context(), a.Begin(params), 25, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := accuracy(t, n, s.Params, test); got < 0.79 {
				t.Errorf("%s by %s: accuracy %v", kind, a.Name, got)
			}
			if s.Round != 25 || len(s.Params) != m.Sites[0].Size() {
				t.Errorf("%s by %s: round %d of %d parameters", kind, a.Name, s.Round, len(s.Params))
			}
		}
	}
}

// A state that was kept as JSON goes on as one that was not, and a round done again
// gives the same: a killed site or coordinator changes nothing.
func TestRoundsGoOnFromWhereTheyWere(t *testing.T) {
	for _, a := range algorithms() {
		n := plane(MLP)
		sites := []train.Examples{rows(1, 50, 0), rows(2, 50, 0.2)}
		params, err := n.Initial(1)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := simulation(t, n, a, sites...).Run(t.Context(), a.Begin(params), 6, nil)
		if err != nil {
			t.Fatal(err)
		}
		m := simulation(t, n, a, sites...)
		s, err := m.Run(t.Context(), a.Begin(params), 3, nil)
		if err != nil {
			t.Fatal(err)
		}
		own := slices.Clone(m.own)
		lost, err := m.Vectors(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var read State
		if err := json.Unmarshal(raw, &read); err != nil {
			t.Fatal(err)
		}
		m = simulation(t, n, a, sites...)
		m.own = slices.Clone(own)
		again, err := m.Vectors(t.Context(), read)
		if err != nil || !reflect.DeepEqual(lost, again) {
			t.Errorf("%s: a round done again brings something else (%v)", a.Name, err)
		}
		m.own = slices.Clone(own)
		end, err := m.Run(t.Context(), read, 3, nil)
		if err != nil || !reflect.DeepEqual(end, whole) {
			t.Errorf("%s: three rounds and three are not six (%v)", a.Name, err)
		}
	}
}

// New data continue a version instead of beginning anew.
func TestNewDataContinueAVersion(t *testing.T) {
	n, a := plane(Logistic), algorithms()[0]
	params, err := n.Initial(1)
	if err != nil {
		t.Fatal(err)
	}
	s, err := simulation(t, n, a, rows(1, 60, 0), rows(2, 60, 0)).Run(t.Context(), a.Begin(params), 20, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(s.Params)
	next, err := simulation(t, n, a, rows(1, 60, 0), rows(2, 60, 0), rows(4, 80, 0)).Run(t.Context(), a.Begin(s.Params), 1, nil)
	if err != nil || !slices.Equal(before, s.Params) {
		t.Fatal("a version has changed under its continuation", err)
	}
	test := rows(9, 400, 0)
	if old, new := accuracy(t, n, s.Params, test), accuracy(t, n, next.Params, test); new < old-0.03 {
		t.Errorf("accuracy %v before, %v after a round with new data", old, new)
	}
}

// One site whose rows count alike, plain steps and a server's rate of 1 is training
// at that site.
func TestOneSiteIsTrainingThere(t *testing.T) {
	n, a := plane(Logistic), algorithms()[0]
	set := rows(1, 50, 0)
	m := simulation(t, n, a, set)
	s, err := m.Run(t.Context(), a.Begin(make([]float64, 4)), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	net, err := train.New(n.Input, n.Layers(), train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := net.SetValues(make([]float64, 4)); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Step(t.Context(), set, train.Steps{Count: 10, Batch: 16, Rate: 0.05, Seed: 1<<8 + 1<<32}); err != nil {
		t.Fatal(err)
	}
	for i, v := range net.Values() {
		if math.Abs(v-s.Params[i]) > 1e-6 {
			t.Errorf("parameter %d: %v by rounds, %v there", i, s.Params[i], v)
		}
	}
}

type liar struct{ u Update }

func (l liar) Size() int                                    { return len(l.u.Delta) }
func (l liar) Local(context.Context, Round) (Update, error) { return l.u, nil }

func TestUpdatesThatNoHonestSiteBringsAreRefused(t *testing.T) {
	a := Algorithm{Name: FedAvg, Rate: 1, Bounds: Bounds{Clip: 2}}
	for name, c := range map[string]struct {
		u     Update
		place string
	}{
		"no number":     {Update{Delta: []float64{0, math.NaN()}, Weight: 1}, "parameter 1"},
		"infinite":      {Update{Delta: []float64{math.Inf(1), 0}, Weight: 1}, "parameter 0"},
		"another size":  {Update{Delta: []float64{0}, Weight: 1}, "1 parameters"},
		"no weight":     {Update{Delta: []float64{0, 0}}, "weight"},
		"a heavy one":   {Update{Delta: []float64{0, 0}, Weight: 2}, "weight"},
		"a control":     {Update{Delta: []float64{0, 0}, Control: []float64{0, 0}, Weight: 1}, "control variate"},
		"a bad control": {Update{Delta: []float64{0, 0}, Control: []float64{0, math.NaN()}, Weight: 1}, "control variate 1"},
	} {
		_, err := a.Vector(c.u, 2)
		if !notice.Is(err, notice.Invalid) || !strings.Contains(err.Error(), c.place) || notice.From(err).Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	// An outsized one is cut where it leaves, and refused where it arrives uncut.
	big := Update{Delta: []float64{30, 40}, Weight: 0.5}
	if err := a.Bounds.Check(big, 2, true); !notice.Is(err, notice.Invalid) {
		t.Errorf("outsized: %v", err)
	}
	v, err := a.Vector(big, 2)
	if err != nil || math.Abs(v[0]-0.6) > 1e-12 || math.Abs(v[1]-0.8) > 1e-12 || v[2] != 0.5 {
		t.Errorf("cut to %v (%v)", v, err)
	}
	m := Simulation{Algorithm: a, Sites: []Model{liar{Update{Delta: []float64{0, math.NaN()}, Weight: 1}}}}
	if _, err := m.Run(t.Context(), a.Begin([]float64{0, 0}), 1, nil); !notice.Is(err, notice.Invalid) || !strings.Contains(err.Error(), "site 1") {
		t.Errorf("a site of no numbers: %v", err)
	}
	for name, sum := range map[string][]float64{"short": {1}, "without weight": {1, 1, 0}, "no number": {math.NaN(), 1, 1}, "beyond": {1e300, 1, 1}} {
		if _, err := a.Next(a.Begin([]float64{0, 0}), sum, 1); !notice.Is(err, notice.Invalid) {
			t.Errorf("a sum that is %s: %v", name, err)
		}
	}
}

func TestProposalsThatCannotBeAreRefused(t *testing.T) {
	for i, change := range []func(*Algorithm){
		func(a *Algorithm) { a.Name = "fedsomething" }, func(a *Algorithm) { a.Rate = 0 }, func(a *Algorithm) { a.Clip = 0 },
		func(a *Algorithm) { a.Proximal = 1 }, func(a *Algorithm) { a.Name = FedProx }, func(a *Algorithm) { a.Name, a.Beta1 = FedAdam, 1 },
	} {
		a := Algorithm{Name: FedAvg, Rate: 1, Bounds: Bounds{Clip: 1}}
		change(&a)
		if err := a.Check(); !notice.Is(err, notice.Invalid) {
			t.Errorf("algorithm %d: %v", i, err)
		}
	}
	for i, change := range []func(*Network){
		func(n *Network) { n.Kind = "forest" }, func(n *Network) { n.Input[0] = 0 }, func(n *Network) { n.Input[1] = 2 }, func(n *Network) { n.Hidden = []int{3} },
		func(n *Network) { n.Steps = 0 }, func(n *Network) { n.Rate = math.NaN() }, func(n *Network) { n.Kind, n.Hidden = MLP, []int{1 << 20} },
		func(n *Network) { n.Kind, n.Input, n.Hidden = CNN, [3]int{1, 6, 6}, []int{2, 2} }, func(n *Network) { n.MostRows = 0 }, func(n *Network) { n.Input = [3]int{1 << 19, 1 << 19, 1 << 19} },
	} {
		n := plane(Logistic)
		change(&n)
		if err := n.Check(); !notice.Is(err, notice.Invalid) {
			t.Errorf("network %d: %v", i, err)
		}
	}
	if _, err := plane(Logistic).Bind(train.Examples{}, algorithms()[0]); !notice.Is(err, notice.Invalid) || notice.From(err).Hint == "" {
		t.Errorf("an empty site: %v", err)
	}
	adam := plane(Logistic)
	adam.Adam = true
	if _, err := adam.Bind(rows(1, 5, 0), algorithms()[3]); !notice.Is(err, notice.Invalid) {
		t.Errorf("scaffold with Adam at the sites: %v", err)
	}
}

// A convolutional network's values, its normalisation among them, are averaged and
// still one network.
func TestPicturesTrainAtTwoSites(t *testing.T) {
	n := Network{Kind: CNN, Input: [3]int{1, 8, 8}, Hidden: []int{3, 4}, Square: true, Steps: 4, Batch: 16, Rate: 5e-3, Adam: true, MostRows: 100}
	a := algorithms()[0]
	pictures := func(seed uint64) (e train.Examples) {
		rng := rand.New(rand.NewPCG(seed, 1))
		for i := range 64 {
			x := make([]float32, 64)
			for j := range x {
				x[j] = rng.Float32() / 2
				if i%2 == 1 && j/8 < 4 && j%8 < 4 {
					x[j] += 0.5
				}
			}
			e.Add(x, i%2 == 1)
		}
		return e
	}
	params, err := n.Initial(1)
	if err != nil {
		t.Fatal(err)
	}
	m := simulation(t, n, a, pictures(1), pictures(2))
	s, err := m.Run(t.Context(), a.Begin(params), 15, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, measuring, err := n.Measured()
	if err != nil || measuring != 2 {
		t.Fatal(measuring, err)
	}
	if s, err = m.Measure(t.Context(), s, measuring); err != nil {
		t.Fatal(err)
	}
	g, err := n.Graph("corner", s.Params)
	if err != nil {
		t.Fatal(err)
	}
	test, right := pictures(3), 0
	for i, im := range test.Images {
		x := make([]float64, len(im))
		for j, v := range im {
			x[j] = float64(v)
		}
		y, err := clear.Run(g, x)
		if err != nil {
			t.Fatal(err)
		}
		if (y[0] > 0) == (test.Labels[i] == 1) {
			right++
		}
	}
	if right < 60 {
		t.Errorf("%d of 64 right", right)
	}
}

// FedAdam without bias makes Adam's steps.
func TestUnbiasedFedAdamIsAdam(t *testing.T) {
	a := Algorithm{Name: FedAdam, Rate: 0.1, Beta1: 0.9, Beta2: 0.999, Tau: 1e-8, Unbiased: true, Warm: 2, Bounds: Bounds{Clip: 1}}
	if err := a.Check(); err != nil {
		t.Fatal(err)
	}
	s := a.Begin([]float64{1})
	want, first, second := 1.0, 0.0, 0.0
	for step, g := range []float64{0.5, -0.25, 0.125} {
		first, second = 0.9*first+0.1*g, 0.999*second+0.001*g*g
		n := float64(step + 1)
		rate := 0.1
		if step == 0 {
			rate = 0.05
		}
		want += rate * first / (1 - math.Pow(0.9, n)) / (math.Sqrt(second/(1-math.Pow(0.999, n))) + 1e-8)
		var err error
		if s, err = a.Next(s, []float64{2 * g, 2}, 4); err != nil || math.Abs(s.Params[0]-want) > 1e-12 {
			t.Fatalf("step %d leads to %v, Adam's to %v (%v)", step+1, s.Params[0], want, err)
		}
	}
	a.Name, a.Beta1, a.Beta2, a.Tau = FedAvg, 0, 0, 0
	if err := a.Check(); !notice.Is(err, notice.Invalid) {
		t.Errorf("moments of FedAvg: %v", err)
	}
}

// Rounds of one step at three sites of different sizes are those at one site with all
// the pictures, to rounding: weights are standardised, so no picture's gradient knows of
// others. Over batches it is not so.
func TestStandardRoundsAreThoseOfOnePlace(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	var all train.Examples
	var sites [3]train.Examples
	for i := range 24 {
		x := make([]float32, 64)
		for j := range x {
			x[j] = rng.Float32() / float32(1+i%3) // sites differ
		}
		all.Add(x, i%2 == 1)
		sites[min(i%3, 1+i%2)].Add(x, i%2 == 1)
	}
	a := Algorithm{Name: FedAdam, Rate: 0.01, Beta1: 0.9, Beta2: 0.999, Tau: 1e-4, Unbiased: true, Bounds: Bounds{Clip: 1e3}}
	apart := func(standard bool) (most float64) {
		n := Network{Kind: CNN, Input: [3]int{1, 8, 8}, Hidden: []int{3, 4}, Square: true, Standard: standard, Steps: 1, Batch: 100, Rate: 1, MostRows: 100}
		if err := n.Check(); err != nil {
			t.Fatal(err)
		}
		params, err := n.Initial(1)
		if err != nil {
			t.Fatal(err)
		}
		var out [2]State
		for i, m := range []*Simulation{simulation(t, n, a, sites[0], sites[1], sites[2]), simulation(t, n, a, all)} {
			m.Measures = n.Measures
			if out[i], err = m.Run(t.Context(), a.Begin(params), 12, nil); err != nil {
				t.Fatal(err)
			}
		}
		if standard != n.Measures(params) || n.Measures(out[0].Params) {
			t.Errorf("standard %v: the first version is measured %v, the last %v", standard, n.Measures(params), n.Measures(out[0].Params))
		}
		for i, v := range out[0].Params {
			most = max(most, math.Abs(v-out[1].Params[i]))
		}
		return most
	}
	if d := apart(true); d > 1e-3 {
		t.Errorf("at three sites a parameter differs by %v", d)
	}
	if d := apart(false); d < 1e-2 {
		t.Errorf("normalised over each site's batch, parameters differ by %v only", d)
	}
}

func TestNoisyRoundsLearnAndTheirSumsAreBounded(t *testing.T) {
	n := plane(Logistic)
	a := Algorithm{Name: FedAvg, Rate: 2, Bounds: Bounds{Clip: 1e3}}
	sigma, err := dp.Sigma(4, 1e-5, 1, 30)
	if err != nil {
		t.Fatal(err)
	}
	sites := []train.Examples{rows(1, 200, 0), rows(2, 150, 0), rows(3, 150, 0)}
	p := Private{Step: dp.Step{Plan: dp.Plan{Bound: 1 << 12, Sigma: int64(math.Ceil(sigma * dp.Thousandth)), Sites: 3}, Rate: dp.Million, Clip: 1}, Lot: 500}
	s := a.Begin(make([]float64, 4))
	for range 30 {
		sum := make([]int64, 4)
		for _, set := range sites {
			v, err := n.Sum(p, s.Params, set)
			if err != nil {
				t.Fatal(err)
			}
			for i := range v {
				sum[i] += v[i]
			}
		}
		if s, err = p.Next(a, s, sum); err != nil {
			t.Fatal(err)
		}
	}
	if got := accuracy(t, n, s.Params, rows(9, 400, 0)); got < 0.75 {
		t.Errorf("accuracy %v at epsilon 4", got)
	}
	cnn := Network{Kind: CNN, Input: [3]int{1, 8, 8}, Hidden: []int{2, 2}, Steps: 1, Batch: 1, Rate: 1, MostRows: 1}
	if _, err := cnn.Sum(p, nil, sites[0]); !notice.Is(err, notice.Unsupported) {
		t.Errorf("normalisation under noise: %v", err)
	}
	if _, err := p.Next(algorithms()[3], s, make([]int64, 4)); err == nil {
		t.Error("scaffold takes a noisy gradient")
	}
	if err := (Private{}).Check(); !notice.Is(err, notice.Invalid) {
		t.Errorf("no privacy: %v", err)
	}
}

func TestTheServersRateFalls(t *testing.T) {
	a := Algorithm{Name: FedAvg, Rate: 1, Cool: 10, Bounds: Bounds{Clip: 1}}
	s := a.Begin([]float64{0})
	last := math.Inf(1)
	for range 12 {
		next, err := a.Next(s, []float64{1, 1}, 1)
		if err != nil {
			t.Fatal(err)
		}
		step := next.Params[0] - s.Params[0]
		if step > last || s.Round == 0 && step != 1 {
			t.Errorf("round %d moves by %v, the one before by %v", next.Round, step, last)
		}
		s, last = next, step
	}
	if math.Abs(last-0.05) > 1e-12 {
		t.Errorf("in the end it moves by %v", last)
	}
}

func TestTrimmedMeanLeavesOutTheExtremes(t *testing.T) {
	v, err := TrimmedMean([][]float64{{0.5, 1, 0.5}, {2, 2, 1}, {3, 3, 1}, {-1000, 1000, 1}}, 1)
	if err != nil || !slices.Equal(v, []float64{3, 5, 2}) {
		t.Errorf("%v (%v)", v, err)
	}
	for _, bad := range [][][]float64{{{1, 1}, {1, 1}}, {{1, 1}, {1}, {1, 1}}, {{1, 1}, {1, 0}, {1, 1}}} {
		if _, err := TrimmedMean(bad, 1); !notice.Is(err, notice.Invalid) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}
