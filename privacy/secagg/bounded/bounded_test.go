package bounded

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"manx/privacy"
	"manx/privacy/mpc"
	"manx/privacy/mpc/mpctest"
)

// dealt returns what a site sends to each party.
func dealt(t testing.TB, l Layout, u Update) [mpc.Parties][]byte {
	t.Helper()
	shares, _, err := l.Deal(privacy.Hide(u))
	if err != nil {
		t.Fatal(err)
	}
	return shares
}

// parties runs f at three parties with abort, on what sites dealt, and joins what it
// returns.
func parties(t testing.TB, l Layout, sites [][mpc.Parties][]byte, f func(s *mpc.Session, updates []mpc.Share) (mpc.Share, error)) ([]uint64, error) {
	t.Helper()
	return mpctest.Parties(t, mpc.WithAbort, func(s *mpc.Session) (mpc.Share, error) {
		updates, err := mpctest.Dealt(s.Party(), l.Values(), sites)
		if err != nil {
			return mpc.Share{}, err
		}
		return f(s, updates)
	})
}

func random(rnd *rand.Rand, length int, norm float64) []float64 {
	v, square := make([]float64, length), 0.0
	for i := range v {
		v[i] = rnd.NormFloat64()
		square += v[i] * v[i]
	}
	for i := range v {
		v[i] *= norm / math.Sqrt(square)
	}
	return v
}

// Updates within the bound are in, also at it; the sum is theirs. Those beyond it,
// those with values that wrap around, and weights that cannot be, are out and named.
func TestUpdatesBeyondTheBoundAreLeftOut(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, length := range []int{1, 16, 37, 3000} {
		l := Layout{Sites: 9, Length: length, Bound: 2.5, Most: 40, Minimum: 3, Least: 2}
		good := []Update{{random(rnd, length, 2.5), 40}, {random(rnd, length, 1), 3}, {random(rnd, length, 2.4999), 17}}
		var sites [][mpc.Parties][]byte
		for _, u := range good {
			sites = append(sites, dealt(t, l, u))
		}
		raw := func(change func(v []uint64)) {
			v, _ := l.quantise(good[0], math.Trunc)
			change(v)
			shares, _, err := mpc.DealSeeds(v)
			if err != nil {
				t.Fatal(err)
			}
			sites = append(sites, shares)
		}
		raw(func(v []uint64) { // 3 in 1000 beyond
			for i, x := range v[1:] {
				v[1+i] = uint64(int64(float64(int64(x)) * 1.003))
			}
			v[1] += uint64(l.steps() / 2)
		})
		raw(func(v []uint64) { v[length] = 1 << 32 }) // whose square is 0
		raw(func(v []uint64) { v[1] = 1 << 63 })
		raw(func(v []uint64) { // a multiple of 2^32 everywhere
			for i := range v[1:] {
				v[1+i] = uint64(i+1) << 32
			}
		})
		raw(func(v []uint64) { v[0] = 41 })
		raw(func(v []uint64) { clear(v); v[0] = 2 })
		values, err := parties(t, l, sites, func(s *mpc.Session, updates []mpc.Share) (mpc.Share, error) {
			a, err := l.Admit(s, updates)
			if err != nil {
				return mpc.Share{}, err
			}
			if !slices.Equal(a.In(), []int{0, 1, 2}) || !slices.Equal(a.Out(), []int{3, 4, 5, 6, 7, 8}) {
				t.Errorf("length %d: in %v, out %v", length, a.In(), a.Out())
			}
			return a.Output(s, mpc.Share{})
		})
		if err != nil {
			t.Fatal(err)
		}
		sum, err := l.Read(values)
		if err != nil {
			t.Fatal(err)
		}
		if sum.Weight != 60 {
			t.Errorf("weight %d", sum.Weight)
		}
		for i, got := range sum.Totals {
			want := 0.0
			for _, u := range good {
				want += float64(u.Weight) * u.Values[i]
			}
			if math.Abs(got-want) > 3*l.Step() {
				t.Fatalf("length %d: total %d is %g, not %g", length, i, got, want)
			}
		}
	}
}

// With fewer than the least within the bound nothing is told.
func TestTooFewWithinTheBound(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	l := Layout{Sites: 3, Length: 8, Bound: 1, Most: 1, Minimum: 1, Least: 3}
	wide := l
	wide.Bound *= 1.2
	var sites [][mpc.Parties][]byte
	for range 2 {
		sites = append(sites, dealt(t, l, Update{random(rnd, 8, 0.9), 1}))
	}
	v, _ := l.quantise(Update{random(rnd, 8, 1.1), 1}, math.RoundToEven)
	beyond, _, err := mpc.DealSeeds(v)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parties(t, l, append(sites, beyond), func(s *mpc.Session, updates []mpc.Share) (mpc.Share, error) {
		a, err := l.Admit(s, updates)
		if err != nil {
			return mpc.Share{}, err
		}
		if !slices.Equal(a.Out(), []int{2}) {
			t.Errorf("out: %v", a.Out())
		}
		return a.Output(s, mpc.Share{})
	}); err == nil {
		t.Error("a sum of two is told, where three are the least")
	}
}

func TestNoiseIsInTheSum(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	l := Layout{Sites: 2, Length: 4, Bound: 1, Most: 1, Minimum: 1, Least: 2}
	a, b := random(rnd, 4, 1), random(rnd, 4, 0.5)
	noise, err := mpc.Deal([]uint64{0, 5, 1000, ^uint64(0), 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	values, err := parties(t, l, [][mpc.Parties][]byte{dealt(t, l, Update{a, 1}), dealt(t, l, Update{b, 1})}, func(s *mpc.Session, updates []mpc.Share) (mpc.Share, error) {
		in, err := l.Admit(s, updates)
		if err != nil {
			return mpc.Share{}, err
		}
		return in.Output(s, noise[s.Party()])
	})
	if err != nil {
		t.Fatal(err)
	}
	sum, err := l.Read(values)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range []float64{5, 1000, -1, 1 << 20} {
		if off := sum.Totals[i] - a[i] - b[i] - n*l.Step(); math.Abs(off) > 1.01*l.Step() {
			t.Errorf("total %d is off by %g steps", i, off/l.Step())
		}
	}
}

func TestDealRefuses(t *testing.T) {
	l := Layout{Sites: 3, Length: 2, Bound: 1, Most: 10, Minimum: 5, Least: 2}
	for name, u := range map[string]Update{
		"beyond the bound": {[]float64{1, 0.01}, 5},
		"no number":        {[]float64{math.NaN(), 0}, 5},
		"infinite":         {[]float64{math.Inf(1), 0}, 5},
		"another length":   {[]float64{0}, 5},
		"too few records":  {[]float64{0, 0}, 4},
		"too many":         {[]float64{0, 0}, 11},
	} {
		if _, _, err := l.Deal(privacy.Hide(u)); err == nil {
			t.Errorf("%s: dealt", name)
		}
	}
	if _, _, err := l.Deal(privacy.Hide(Update{[]float64{0.6, -0.8}, 10})); err != nil {
		t.Errorf("at the bound: %v", err)
	}
	for name, change := range map[string]func(l *Layout){
		"one site":        func(l *Layout) { l.Sites = 1 },
		"least of one":    func(l *Layout) { l.Least = 1 },
		"no values":       func(l *Layout) { l.Length = 0 },
		"no bound":        func(l *Layout) { l.Bound = 0 },
		"no least weight": func(l *Layout) { l.Minimum = 0 },
		"weights beyond":  func(l *Layout) { l.Most = 1 << 30 },
	} {
		bad := l
		change(&bad)
		if bad.Check() == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// A false update whose one value is just beyond twice what products may be passes a
// direction at most half of the time: what the soundness rests on.
func TestDirectionsFindLargeValues(t *testing.T) {
	const n, near = 20000, 1000
	c := newCoins([32]byte{9})
	coins := make([]uint64, n)
	c.fill(coins)
	var count [3]int
	pass := 0
	for _, r := range coins {
		count[int64(r)+1]++
		if p := int64(r)*(2*near+1) + near; p >= -near && p <= near { // with the rest at the worst place
			pass++
		}
	}
	for i, want := range []float64{0.25, 0.5, 0.25} {
		if p := float64(count[i]) / n; math.Abs(p-want) > 0.02 {
			t.Errorf("coin %d: %g", i-1, p)
		}
	}
	if p := float64(pass) / n; p > 0.52 {
		t.Errorf("a large value passes a direction with %g", p)
	}
}
