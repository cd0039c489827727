package dp

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// fits compares counts with probabilities by Pearson's chi-square: within six
// deviations of its mean, which chance passes once in more than a million runs.
func fits(t *testing.T, what string, counts map[int64]int, n int, probability func(x int64) float64) {
	t.Helper()
	var chi, rest float64
	cells, other := 0, n
	rest = 1
	for x := int64(-400); x <= 400; x++ {
		p := probability(x)
		if p*float64(n) < 10 {
			continue
		}
		d := float64(counts[x]) - p*float64(n)
		chi += d * d / (p * float64(n))
		rest -= p
		other -= counts[x]
		cells++
	}
	if e := rest * float64(n); e > 10 {
		chi += (float64(other) - e) * (float64(other) - e) / e
		cells++
	}
	if free := float64(cells - 1); cells < 3 || math.Abs(chi-free) > 6*math.Sqrt(2*free)+6 {
		t.Errorf("%s: chi-square %.1f over %d cells", what, chi, cells)
	}
}

// normalised makes probabilities of weights over the integers.
func normalised(weight func(x float64) float64) func(x int64) float64 {
	var sum float64
	for x := -3000; x <= 3000; x++ {
		sum += weight(float64(x))
	}
	return func(x int64) float64 { return weight(float64(x)) / sum }
}

func TestNoiseIsADiscreteGaussian(t *testing.T) {
	const n = 200_000
	for _, variance := range []uint64{1, 2, 7, 64, 1000} {
		g := gaussian{s: newSource(), variance: variance, scale: squareRoot(variance) + 1}
		counts, laplace := map[int64]int{}, map[int64]int{}
		for range n {
			counts[g.draw()]++
			x, negative := g.laplace()
			if negative {
				x = -x
			}
			laplace[int64(x)]++
		}
		fits(t, "gaussian", counts, n, normalised(func(x float64) float64 { return math.Exp(-x * x / (2 * float64(variance))) }))
		fits(t, "laplace", laplace, n, normalised(func(x float64) float64 { return math.Exp(-math.Abs(x) / float64(g.scale)) }))
	}
	// fits can fail.
	g, trial := gaussian{s: newSource(), variance: 66, scale: 9}, new(testing.T)
	counts := map[int64]int{}
	for range n {
		counts[g.draw()]++
	}
	fits(trial, "", counts, n, normalised(func(x float64) float64 { return math.Exp(-x * x / 128) }))
	if !trial.Failed() {
		t.Error("variance 66 passes for 64")
	}
}

func TestCoins(t *testing.T) {
	s, n := newSource(), 200_000
	for _, c := range []struct{ a, b uint64 }{{0, 1}, {1, 3}, {1, 1 << 40}, {999_999, 1_000_000}, {7, 2}, {1, 1}} {
		below, exp := 0, 0
		for range n {
			if s.below(word(c.a), word(c.b)) {
				below++
			}
			if s.exp(word(c.a), word(c.b)) {
				exp++
			}
		}
		p := float64(c.a) / float64(c.b)
		for got, want := range map[int]float64{below: min(p, 1), exp: math.Exp(-p)} {
			if math.Abs(float64(got)-want*float64(n)) > 6*math.Sqrt(want*(1-want)*float64(n))+6 {
				t.Errorf("%d/%d: %d of %d, not %g", c.a, c.b, got, n, want)
			}
		}
	}
	// 128 bits: the same coin with terms that fill both words.
	big, hits := product(1<<60, 1<<60), 0
	for range n {
		if s.below(product(1<<60, 3<<56), big) {
			hits++
		}
	}
	if math.Abs(float64(hits)-float64(n)*3/16) > 6*math.Sqrt(float64(n)*3/16*13/16) {
		t.Errorf("a coin of 3/16 fell %d times of %d", hits, n)
	}
}

// What is left when any d sites' shares are known or missing has the variance
// promised, and it is not much more than that.
func TestNoPartyKnowsTheNoise(t *testing.T) {
	for _, p := range []Plan{{1 << 10, 1500, 4, 1}, {1 << 16, 700, 10, 3}, {1 << 20, 1000, 1, 0}, {64, 3333, 7, 6}, {MaxBound, 1000, 1024, 100}} {
		if err := p.Check(); err != nil {
			t.Fatal(err)
		}
		want := float64(p.Bound) * float64(p.Sigma) / 1000
		if left := float64(p.Variance()) * float64(p.Sites-p.Away); left < want*want || left > want*want+float64(p.Sites) {
			t.Errorf("%+v: n-d shares have variance %g together, wanted %g", p, left, want*want)
		}
	}
	p := Plan{1 << 12, 1000, 4, 1}
	sum := make([]int64, 20_000)
	for range p.Sites - p.Away {
		if err := p.Noise(sum); err != nil {
			t.Fatal(err)
		}
	}
	var square, mean float64
	for _, v := range sum {
		square += float64(v) * float64(v)
		mean += float64(v)
	}
	n, variance := float64(len(sum)), math.Pow(1<<12, 2)
	if math.Abs(square/n-variance) > 6*variance*math.Sqrt(2/n) || math.Abs(mean/n) > 6*math.Sqrt(variance/n) {
		t.Errorf("three shares of four: mean %g, variance %g, not 0 and %g", mean/n, square/n, variance)
	}
}

func TestPlanRefuses(t *testing.T) {
	for _, p := range []Plan{{}, {Bound: 1, Sigma: 1000, Sites: 1}, {MaxBound + 1, 1000, 1, 0}, {1 << 10, 0, 1, 0}, {1 << 10, 1000, 2, 2}, {1 << 10, 1000, 2, -1}, {1 << 10, 1000, 0, 0},
		{MaxBound, 2000, 1, 0}, {1 << 10, 1000, MaxSites + 1, 0}, {-1, -1, -1, -2}, {16, 1000, 1000, 0}} {
		if p.Check() == nil || p.Noise(make([]int64, 1)) == nil {
			t.Errorf("%+v makes noise", p)
		}
	}
	good := Step{Plan{1 << 10, 1000, 3, 1}, 1000, 1}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for _, f := range []func(*Step){func(s *Step) { s.Rate = 0 }, func(s *Step) { s.Rate = Million + 1 }, func(s *Step) { s.Clip = 0 }, func(s *Step) { s.Clip = math.NaN() }, func(s *Step) { s.Clip = math.Inf(1) }, func(s *Step) { s.Sigma = 0 }} {
		s := good
		f(&s)
		if s.Check() == nil {
			t.Errorf("%+v passes", s)
		}
	}
}

// No record adds more than the bound, in integers, whatever its gradient; and what
// is within the clip keeps its value to a unit.
func TestARecordAddsAtMostTheBound(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		size := 1 + rng.IntN(200)
		part, sum := make([]float64, size), make([]int64, size)
		scale := math.Pow(10, float64(rng.IntN(40)-20))
		for i := range part {
			part[i] = rng.NormFloat64() * scale
		}
		p, clip := Plan{Bound: 1 << rng.IntN(21), Sigma: 1000, Sites: 1}, math.Pow(10, float64(rng.IntN(7)-3))
		if err := p.Add(sum, part, clip); err != nil {
			t.Fatal(err)
		}
		var square int64
		for _, v := range sum {
			square += v * v
		}
		if square > p.Bound*p.Bound {
			t.Fatalf("norm^2 %d over bound %d", square, p.Bound)
		}
		if norm, _ := Norm(part); norm <= clip {
			for i, v := range p.Value(sum, clip) {
				if math.Abs(v-part[i]) > 1.0001*clip/float64(p.Bound) {
					t.Fatalf("%g became %g", part[i], v)
				}
			}
		}
	}
	p := Plan{Bound: 1 << 10, Sigma: 1000, Sites: 1}
	for _, bad := range [][]float64{{math.NaN(), 1}, {math.Inf(1), 0}, {1}, {math.MaxFloat64, math.MaxFloat64}} {
		sum := make([]int64, 2)
		if err := p.Add(sum, bad, 1); !errors.Is(err, ErrPart) || sum[0] != 0 {
			t.Errorf("%v: %v, added %v", bad, err, sum)
		}
	}
	// The edge: a vector whose norm rounds to exactly the clip.
	sum := make([]int64, 3)
	if err := p.Add(sum, []float64{0.6, 0.8, 1e-9}, 1); err != nil || sum[0]*sum[0]+sum[1]*sum[1] > p.Bound*p.Bound {
		t.Errorf("%v %v", sum, err)
	}
}

func TestBoundFits32Bits(t *testing.T) {
	for _, c := range []struct {
		records int
		sigma   int64
	}{{0, 1000}, {500, 1000}, {1_000_000, 5000}, {1 << 30, 1000}} {
		b := Bound(c.records, c.sigma)
		if b < 1 || float64(b)*(float64(c.records)+16*float64(c.sigma)/1000) >= 1<<31 {
			t.Errorf("%d records, sigma %d: bound %d", c.records, c.sigma, b)
		}
	}
	if Bound(1<<31, 1000) != 0 || Bound(-1, 1) != 0 || Bound(10, 0) != 0 {
		t.Error("there is no such bound")
	}
}

func TestStepDrawsAtItsRate(t *testing.T) {
	s := Step{Plan{1 << 15, 1, 1, 0}, 250_000, 1}
	drawn, n := 0, 100_000
	sum, err := s.Sum(1, n, func(_ int, into []float64) error {
		drawn++
		into[0] = 2 // is clipped to 1
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(float64(drawn)-float64(n)/4) > 6*math.Sqrt(float64(n)*3/16) {
		t.Errorf("%d of %d were drawn", drawn, n)
	}
	if got := s.Value(sum, s.Clip)[0]; math.Abs(got-float64(drawn)) > 1 {
		t.Errorf("the sum is %g over %d records", got, drawn)
	}
	bad := errors.New("bad")
	if _, err := (Step{Plan{1 << 15, 1, 1, 0}, Million, 1}).Sum(1, 1, func(int, []float64) error { return bad }); !errors.Is(err, bad) {
		t.Error(err)
	}
}

func BenchmarkNoise(b *testing.B) {
	p := Plan{Bound: 1 << 18, Sigma: 1000, Sites: 4, Away: 1}
	sum := make([]int64, 1000)
	for b.Loop() {
		if err := p.Noise(sum); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/value")
}
