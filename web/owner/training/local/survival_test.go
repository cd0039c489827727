package local

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The sum of what sites have split comes out to a 4096th of what masks resolve: they
// round to steps of which a site adds at most 2^31 over the number of sites.
func TestWhatIsSplitIsJoined(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, sites := range []int{3, 10, 200, 700} {
		step := 1 / float64(math.MaxInt32/sites-2)
		rounded := func(v float64) float64 {
			if !(math.Abs(v) <= 1) {
				t.Fatalf("%d sites: %v is sent, beyond the clip", sites, v)
			}
			return math.RoundToEven(v/step) * step
		}
		const n = 50
		want, sum := make([]float64, n), make([]float64, 2*n)
		for range sites {
			values := make([]float64, n)
			for i := range values {
				// Of every size down to far less than a step; the ends too.
				values[i] = math.Ldexp(2*r.Float64()-1, -i)
			}
			values[0], values[1] = 1, -1
			for i, v := range values {
				want[i] += v
			}
			for i, v := range split(values) {
				sum[i] += rounded(v)
			}
		}
		most := float64(sites) * step / 2 / notches
		for i, v := range joined(sum) {
			if math.Abs(v-want[i]) > most+1e-15*float64(sites) {
				t.Errorf("%d sites, value %d: %v, not %v", sites, i, v, want[i])
			}
		}
	}
}
