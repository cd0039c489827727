package dp

import (
	"math"
	"slices"
	"testing"
)

// An audit from outside: of many sums with and without one record, how well does the
// best threshold tell which is which, and what epsilon does that prove at least? It
// must not be more than the accountant says, and where the noise is less than said,
// the audit must find out.
func TestAuditOfASum(t *testing.T) {
	const delta, runs = 1e-3, 30_000
	audit := func(told, drawn int64, rate int64) (least, said float64) {
		step := Step{Plan: Plan{Bound: 1 << 10, Sigma: drawn, Sites: 3, Away: 1}, Rate: rate, Clip: 1}
		sums := func(records int) []int64 {
			out := make([]int64, runs)
			for i := range out {
				var all int64
				for site := range step.Sites - step.Away { // the least noise: one site is away
					n := 0
					if site == 0 {
						n = records
					}
					sum, err := step.Sum(1, n, func(_ int, into []float64) error { into[0] = 5; return nil }) // clipped
					if err != nil {
						t.Fatal(err)
					}
					all += sum[0]
				}
				out[i] = all
			}
			slices.Sort(out)
			return out
		}
		with, without := sums(1), sums(0)
		above := func(of []int64, v int64) float64 {
			at, _ := slices.BinarySearch(of, v)
			return float64(runs - at)
		}
		// Bounds that all 20 thresholds together miss once in a million audits (Hoeffding).
		slack := math.Sqrt(math.Log(80e6)/2/runs) * runs
		for i := range 20 {
			v := without[runs*i/20]
			p, q := above(with, v), above(without, v)
			for _, side := range [][2]float64{{p, q}, {runs - q, runs - p}} {
				if more := side[0] - slack - delta*runs; more > 0 {
					least = max(least, math.Log(more/(side[1]+slack)))
				}
			}
		}
		var a Accountant
		if err := a.Step(Mechanism{Sigma: float64(told) / Thousandth, Rate: float64(rate) / Million}, 1); err != nil {
			t.Fatal(err)
		}
		return least, a.Epsilon(delta)
	}
	for _, rate := range []int64{Million, 400_000} {
		least, said := audit(1000, 1000, rate)
		t.Logf("rate %d: an epsilon of %.2f at least, %.2f is said", rate, least, said)
		if least > said || least < said/8 {
			t.Errorf("rate %d: at least %g, said is %g", rate, least, said)
		}
	}
	if least, said := audit(1000, 125, Million); least < said {
		t.Errorf("an eighth of the noise is not found out: %.2f at least, %.2f is said", least, said)
	}
}
