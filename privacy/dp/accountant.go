package dp

import (
	"errors"
	"fmt"
	"math"
)

// A Mechanism adds Gaussian noise to a sum over records, each of which takes part
// with probability Rate, drawn anew for every sum (Poisson sampling). Two data sets
// are neighbours when one has a record that the other lacks.
type Mechanism struct {
	Sigma float64 // deviation of the noise over the largest norm of one record's part; above 0
	Rate  float64 // above 0, at most 1; 1 is everybody
}

// ErrMechanism marks a mechanism without a meaning.
var ErrMechanism = errors.New("noise is above 0 and the rate of sampling above 0 and at most 1")

func (m Mechanism) check() error {
	if !(m.Sigma > 0) || math.IsInf(m.Sigma, 1) || !(m.Rate > 0) || m.Rate > 1 {
		return ErrMechanism
	}
	return nil
}

// An Accountant adds up the Rényi differential privacy (Mironov 2017, arXiv
// 1702.07476) of mechanisms over the same records. The zero value has seen none. It
// computes in floating point, to choose noise and to report; what a ledger decides
// by is package dp/rdp.
type Accountant struct {
	spent []float64 // by orders()
}

// orders are those of TensorFlow Privacy's accountant and Opacus's: tenths up to 11,
// whole numbers to 63, then few.
func orders() []float64 {
	var out []float64
	for i := 1; i < 100; i++ {
		out = append(out, 1+float64(i)/10)
	}
	for i := 11; i < 64; i++ {
		out = append(out, float64(i))
	}
	return append(out, 72, 80, 96, 128, 192, 256, 384, 512, 1024)
}

// Step adds a mechanism that is run `times` times.
func (a *Accountant) Step(m Mechanism, times int) error {
	if err := m.check(); err != nil {
		return err
	}
	if times < 0 {
		return fmt.Errorf("a mechanism is run %d times", times)
	}
	all := orders()
	if a.spent == nil {
		a.spent = make([]float64, len(all))
	}
	for i, order := range all {
		a.spent[i] += float64(times) * m.Renyi(order)
	}
	return nil
}

// Epsilon returns the least epsilon for which all that was added is (epsilon,
// delta)-differentially private, as far as the orders tell, by the conversion of
// Balle et al. (arXiv 1905.09982, theorem 21) and Canonne, Kamath and Steinke
// (arXiv 2004.00010, proposition 12). Nothing added costs 0. delta is above 0 and
// below 1.
func (a *Accountant) Epsilon(delta float64) float64 {
	return a.epsilon(delta, func(order float64) float64 {
		return math.Log1p(-1/order) - (math.Log(delta)+math.Log(order))/(order-1)
	})
}

// Classic is Epsilon by the conversion of Mironov 2017, which published tables use.
func (a *Accountant) Classic(delta float64) float64 {
	return a.epsilon(delta, func(order float64) float64 { return -math.Log(delta) / (order - 1) })
}

func (a *Accountant) epsilon(delta float64, more func(order float64) float64) float64 {
	if a.spent == nil {
		return 0
	}
	if !(delta > 0) || delta >= 1 {
		return math.Inf(1)
	}
	best := math.Inf(1)
	for i, order := range orders() {
		best = min(best, a.spent[i]+more(order))
	}
	return max(best, 0)
}

// Sigma returns the least noise, to a thousandth and rounded up, with which `times`
// sums at a rate stay within epsilon at delta. The error is that no noise under 1000
// does. Noise that a ledger's limit must cover is rdp.Sigma's, which is a little more.
func Sigma(epsilon, delta, rate float64, times int) (float64, error) {
	enough := func(thousandths int) (bool, error) {
		var a Accountant
		err := a.Step(Mechanism{Sigma: float64(thousandths) / 1000, Rate: rate}, times)
		return a.Epsilon(delta) <= epsilon, err
	}
	low, high := 50, 1_000_000 // low is never enough to be of use, high is tried first
	if ok, err := enough(high); err != nil || !ok {
		return 0, errors.Join(err, fmt.Errorf("no noise up to 1000 keeps %d sums within epsilon %g at delta %g", times, epsilon, delta))
	}
	for high-low > 1 {
		mid := (low + high) / 2
		ok, err := enough(mid)
		if err != nil {
			return 0, err
		}
		if ok {
			high = mid
		} else {
			low = mid
		}
	}
	return float64(high) / 1000, nil
}

// Renyi returns the Rényi divergence of m's outputs on neighbours, in nats, at an
// order above 1: order/(2 sigma^2) for everybody, else that of the sampled Gaussian
// mechanism (Mironov, Talwar and Zhang 2019, arXiv 1908.10530, section 3.3).
func (m Mechanism) Renyi(order float64) float64 {
	if m.check() != nil || !(order > 1) {
		return math.Inf(1)
	}
	if m.Rate == 1 {
		return order / (2 * m.Sigma * m.Sigma)
	}
	var a float64
	if order == math.Trunc(order) {
		a = m.whole(int(order))
	} else {
		a = m.broken(order)
	}
	return max(a, 0) / (order - 1)
}

// whole is log A at a whole order: a binomial sum.
func (m Mechanism) whole(order int) float64 {
	sum, in, out := math.Inf(-1), math.Log(m.Rate), math.Log1p(-m.Rate)
	for k := range order + 1 {
		x := float64(k)
		sum = logAdd(sum, logBinomial(float64(order), x)+x*in+float64(order-k)*out+(x*x-x)/(2*m.Sigma*m.Sigma))
	}
	return sum
}

// broken is log A at another order: the integral is split where both terms of the
// mixture are equal, and each half is an alternating series.
func (m Mechanism) broken(order float64) float64 {
	s2, in, out := m.Sigma*m.Sigma, math.Log(m.Rate), math.Log1p(-m.Rate)
	split := s2*(out-in) + 0.5
	plus, minus := math.Inf(-1), math.Inf(-1)
	logCoefficient, sign := 0.0, 1.0
	for i := 0; ; i++ {
		x, j := float64(i), order-float64(i)
		low := logCoefficient + x*in + j*out + (x*x-x)/(2*s2) + logHalfErfc((x-split)/(math.Sqrt2*m.Sigma))
		high := logCoefficient + j*in + x*out + (j*j-j)/(2*s2) + logHalfErfc((split-j)/(math.Sqrt2*m.Sigma))
		if sign > 0 {
			plus = logAdd(plus, logAdd(low, high))
		} else {
			minus = logAdd(minus, logAdd(low, high))
		}
		if x > order && max(low, high) < -45 || i > 10000 {
			break
		}
		f := (order - x) / (x + 1) // of the next binomial coefficient
		logCoefficient += math.Log(math.Abs(f))
		if f < 0 {
			sign = -sign
		}
	}
	if minus >= plus {
		return math.Inf(1) // the series did not settle: nothing is promised
	}
	return plus + math.Log1p(-math.Exp(minus-plus))
}

func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}

func logBinomial(n, k float64) float64 {
	a, _ := math.Lgamma(n + 1)
	b, _ := math.Lgamma(k + 1)
	c, _ := math.Lgamma(n - k + 1)
	return a - b - c
}

// logHalfErfc is log(erfc(x)/2), also where erfc is too small for a float64: there
// by its asymptotic series (Abramowitz and Stegun 7.1.23).
func logHalfErfc(x float64) float64 {
	if x < 20 {
		return math.Log(math.Erfc(x) / 2)
	}
	y := 1 / (2 * x * x)
	return -x*x - math.Log(x) - 0.5*math.Log(math.Pi) + math.Log1p(-y*(1-3*y*(1-5*y))) - math.Ln2
}
