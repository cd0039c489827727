package dp

import (
	"math"
	"testing"
)

// Against what the authors of accountants have published.
func TestEpsilonOfPublishedTables(t *testing.T) {
	const rate = 256.0 / 60000
	for _, c := range []struct {
		sigma        float64
		steps        int
		classic, new float64 // as printed; 0: not published
	}{
		{1.1, 60 * 60000 / 256, 3.01, 2.597}, // TensorFlow Privacy's first table, and its later conversion
		{1.12, 60 * 234, 2.92, 0},            // its tutorials/README.md, 234 steps an epoch
		{0.6, 30 * 234, 9.74, 0},
		{1.2, 10 * 234, 1.20, 0},
	} {
		var a Accountant
		if err := a.Step(Mechanism{Sigma: c.sigma, Rate: rate}, c.steps); err != nil {
			t.Fatal(err)
		}
		if got := a.Classic(1e-5); c.classic != 0 && math.Abs(got-c.classic) > 0.01 {
			t.Errorf("sigma %g: epsilon %.4f, published %.2f", c.sigma, got, c.classic)
		}
		if got := a.Epsilon(1e-5); c.new != 0 && math.Abs(got-c.new) > 0.001 || got > a.Classic(1e-5) {
			t.Errorf("sigma %g: epsilon %.4f by the better conversion, published %.3f", c.sigma, got, c.new)
		}
	}
}

// The divergences that TensorFlow Privacy tests its accountant with, whole
// orders and others.
func TestRenyiOfTheSampledGaussian(t *testing.T) {
	m := Mechanism{Sigma: 2.5, Rate: 0.01}
	for order, want := range map[float64]float64{1.5: 6.5007e-04, 2.5: 1.0854e-03, 5: 2.1808e-03, 50: 2.3846e-02, 100: 1.6742e+02} {
		if got := 50 * m.Renyi(order); math.Abs(got-want) > 1e-4*want {
			t.Errorf("order %g: %.9g, not %.9g", order, got, want)
		}
	}
}

// At any order, sampled: the integral of the definition, by the trapezoid rule.
func TestRenyiIsTheIntegral(t *testing.T) {
	for _, c := range []struct{ q, sigma, order float64 }{
		{1e-4, 1, 1.5}, {1e-3, 1, 2}, {0.01, 10, 20}, {0.1, 1, 3.3}, {0.5, 0.8, 4.7}, {0.3, 2, 10.9}, {0.02, 0.7, 1.1}, {0.99, 1, 5.5}, {0.1, 5, 63},
	} {
		integrand := func(z float64) float64 {
			return math.Exp(-z*z/(2*c.sigma*c.sigma)+c.order*math.Log(1-c.q+c.q*math.Exp((2*z-1)/(2*c.sigma*c.sigma)))) / (c.sigma * math.Sqrt(2*math.Pi))
		}
		var sum float64
		from, to, n := -12*c.sigma, c.order+14*c.sigma, 400000
		h := (to - from) / float64(n)
		for i := range n + 1 {
			sum += integrand(from + float64(i)*h)
		}
		want := math.Log(sum*h) / (c.order - 1)
		if got := (Mechanism{Sigma: c.sigma, Rate: c.q}).Renyi(c.order); math.Abs(got-want) > 1e-6*want+1e-12 {
			t.Errorf("rate %g, sigma %g, order %g: %g, not %g", c.q, c.sigma, c.order, got, want)
		}
	}
}

func TestEpsilonOfTheGaussian(t *testing.T) {
	// google/differential-privacy: sigma 4.530877117 is (1, 1e-6) by RDP at all orders; ours are fewer.
	var a Accountant
	if err := a.Step(Mechanism{Sigma: 4.530877117, Rate: 1}, 1); err != nil {
		t.Fatal(err)
	}
	if got := a.Epsilon(1e-6); math.Abs(got-1) > 1e-3 || got < 1 {
		t.Errorf("epsilon %g, not 1", got)
	}
	// The exact curve (Balle and Wang 2018, theorem 8) must never be above ours.
	for _, sigma := range []float64{0.5, 1, 3} {
		for _, delta := range []float64{1e-3, 1e-5, 1e-9} {
			var a Accountant
			if err := a.Step(Mechanism{Sigma: sigma, Rate: 1}, 1); err != nil {
				t.Fatal(err)
			}
			e := a.Epsilon(delta)
			x := 1 / (2 * sigma)
			exact := math.Erfc((e*sigma-x)/math.Sqrt2)/2 - math.Exp(e)*math.Erfc((e*sigma+x)/math.Sqrt2)/2
			if exact > delta {
				t.Errorf("sigma %g: epsilon %g at delta %g, but the exact delta there is %g", sigma, e, delta, exact)
			}
		}
	}
}

func TestSigmaIsTheInverse(t *testing.T) {
	for _, c := range []struct {
		epsilon, rate float64
		times         int
	}{{4, 0.1, 100}, {1, 0.01, 1000}, {8, 1, 10}, {0.1, 0.05, 10}} {
		s, err := Sigma(c.epsilon, 1e-5, c.rate, c.times)
		if err != nil {
			t.Fatal(err)
		}
		at := func(sigma float64) float64 {
			var a Accountant
			if err := a.Step(Mechanism{Sigma: sigma, Rate: c.rate}, c.times); err != nil {
				t.Fatal(err)
			}
			return a.Epsilon(1e-5)
		}
		if at(s) > c.epsilon || at(s-0.001) <= c.epsilon {
			t.Errorf("epsilon %g: sigma %g gives %g, a thousandth less %g", c.epsilon, s, at(s), at(s-0.001))
		}
	}
	if s, err := Sigma(1e-6, 1e-9, 1, 1e6); err == nil {
		t.Errorf("a million sums within almost nothing: sigma %g", s)
	}
	for _, m := range []Mechanism{{0, 0.5}, {1, 0}, {1, 1.1}, {math.NaN(), 1}, {1, math.NaN()}, {math.Inf(1), 1}, {-1, 1}} {
		if (&Accountant{}).Step(m, 1) == nil || !math.IsInf(m.Renyi(2), 1) {
			t.Errorf("%v was counted", m)
		}
	}
	if e := new(Accountant).Epsilon(1e-5); e != 0 {
		t.Errorf("nothing costs %g", e)
	}
}
