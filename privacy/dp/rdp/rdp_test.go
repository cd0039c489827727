package rdp

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"manx/privacy/dp"
)

// A price is the accountant's divergence in floating point, rounded up, and never
// below it.
func TestPricesAreTheAccountants(t *testing.T) {
	for _, c := range []struct{ sigma, rate int64 }{{1000, Million}, {1100, 4267}, {700, 10_000}, {2000, 500_000}, {4531, Million}, {600, 999_999}, {10_000, 1}, {1_000_000, 100_000}, {100, 1000}, {333, 77}} {
		p, err := Of(c.sigma, c.rate)
		if err != nil {
			t.Fatal(err)
		}
		m := dp.Mechanism{Sigma: float64(c.sigma) / Thousandth, Rate: float64(c.rate) / Million}
		for i, a := range orders() {
			want := m.Renyi(float64(a)) * Billion
			got := float64(p[i])
			if p[i] == Most && float64(a*a-a)/(2*m.Sigma*m.Sigma) > mostMoment {
				continue
			}
			if got < want*(1-1e-10)-1e-4 || got > want*(1+1e-10)+1+1e-4 { // floating point has some 1e-13 nats of error
				t.Errorf("sigma %d, rate %d, order %d: %v billionths, the accountant says %v", c.sigma, c.rate, a, got, want)
			}
		}
	}
}

// Epsilon of many sums against the accountant, whose orders are more and broken.
func TestEpsilonIsTheAccountants(t *testing.T) {
	for _, c := range []struct {
		sigma, rate, times int64
		within             float64 // what whole orders cost: much only where little noise meets sampling
	}{{1100, 4267, 14062, 0.02}, {1000, Million, 1, 0.02}, {2000, 100_000, 200, 0.02}, {4000, 300_000, 60, 0.02}, {800, 50_000, 50, 0.1}, {20_000, 100_000, 100, 0.02}} {
		p, err := Of(c.sigma, c.rate)
		if err != nil {
			t.Fatal(err)
		}
		var a dp.Accountant
		if err := a.Step(dp.Mechanism{Sigma: float64(c.sigma) / Thousandth, Rate: float64(c.rate) / Million}, int(c.times)); err != nil {
			t.Fatal(err)
		}
		got, want := float64(p.Times(c.times).Epsilon())/Million, a.Epsilon(Delta)
		if got < want-1e-9 || got > want*(1+c.within)+1e-4 {
			t.Errorf("sigma %d, rate %d, %d times: epsilon %g, the accountant says %g", c.sigma, c.rate, c.times, got, want)
		}
	}
}

func TestConversionIsRoundedUp(t *testing.T) {
	more := conversion()
	for i, order := range orders() {
		a := float64(order)
		want := (math.Log1p(-1/a) - (math.Log(Delta)+math.Log(a))/(a-1)) * Billion
		if got := float64(more[i]); got < want-1e-3 || got > want+1+1e-3 {
			t.Errorf("order %d: %g, not %g rounded up", order, got, want)
		}
	}
}

func TestPricesAdd(t *testing.T) {
	p, err := Of(1500, 20_000)
	if err != nil {
		t.Fatal(err)
	}
	var sum Price
	for range 37 {
		sum = sum.Plus(p)
	}
	if sum != p.Times(37) {
		t.Error("37 times is not 37 added")
	}
	if p.Times(0) != (Price{}) || (Price{}).Epsilon() != 0 || p.Epsilon() <= 0 {
		t.Error("nothing does not cost nothing")
	}
	full := p.Times(math.MaxInt64)
	if !full.Valid() || full.Plus(full) != full || full[0] != Most || full.Epsilon() < Most/2000 {
		t.Errorf("prices do not end: %v", full)
	}
	if (Price{-1}).Valid() || (Price{Most + 1}).Valid() {
		t.Error("no sum of prices passes")
	}
	for _, c := range [][2]int64{{MinSigma - 1, 1}, {MaxSigma + 1, 1}, {1000, 0}, {1000, Million + 1}, {-1, -1}} {
		if _, err := Of(c[0], c[1]); err == nil {
			t.Errorf("%v has a price", c)
		}
	}
}

// The logarithm and the exponential round up, by almost nothing.
func TestExactFunctionsRoundUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	value := func(x *big.Int) float64 {
		f, _ := new(big.Float).Quo(new(big.Float).SetInt(x), new(big.Float).SetInt(one())).Float64()
		return f
	}
	for range 200 {
		n, d := 1+rng.Int64N(1<<40), 1+rng.Int64N(1<<36)
		if x := float64(n) / float64(d); x < 500 {
			e := exp(big.NewInt(n), big.NewInt(d))
			if got := value(e); math.Abs(got/math.Exp(x)-1) > 1e-12 {
				t.Fatalf("exp(%g) is %g", x, got)
			}
			// log(exp(x)) is x and not less.
			back := log(e)
			low := new(big.Int).Quo(new(big.Int).Lsh(big.NewInt(n), places), big.NewInt(d))
			if over := new(big.Int).Sub(back, low); over.Sign() < 0 || over.BitLen() > 64 {
				t.Fatalf("log(exp(%g)) is off by 2^%d units", x, over.BitLen()*over.Sign())
			}
		}
	}
}

func BenchmarkPrice(b *testing.B) {
	for b.Loop() {
		if _, err := Of(1100, 4267); err != nil {
			b.Fatal(err)
		}
	}
}
