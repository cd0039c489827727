package cox

import (
	"math"
	"slices"
	"testing"
)

// The polynomials' integrals are those of the polynomials.
func TestLegendre(t *testing.T) {
	const steps = 20000
	var sum [degree + 1]float64
	for i := range steps {
		at, _ := legendre((float64(i) + 0.5) / steps)
		for d := range sum {
			sum[d] += at[d] / steps
		}
		if _, until := legendre(float64(i+1) / steps); i%1999 == 0 {
			for d := range sum {
				if math.Abs(sum[d]-until[d]) > 1e-7 {
					t.Fatalf("to %d of %d, degree %d: %g, not %g", i+1, steps, d, until[d], sum[d])
				}
			}
		}
	}
}

// smooth fits over sites, as rounds do.
func smooth(t *testing.T, m Smooth, sites []Patients, size int) Fit {
	t.Helper()
	beta := make([]float64, size)
	for range 20 {
		risks := added(t, sites, func(p Patients) ([]float64, error) { return m.Risks(beta, p) })
		score := added(t, sites, func(p Patients) ([]float64, error) { return m.Score(beta, risks, p) })
		next, errors, err := m.Next(beta, score)
		if err != nil {
			t.Fatal(err)
		}
		done := true
		for i := range beta {
			done = done && math.Abs(next[i]-beta[i]) < 1e-6*errors[i]
		}
		if done {
			f, err := m.Fit(beta, risks, score)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		beta = next
	}
	t.Fatal("the coefficients do not settle")
	return Fit{}
}

// Over cells that thirty patients leave, coefficients are within a hundredth of the
// pooled ones or a sixteenth of a standard error; the same
// patients dealt to other sites give the same.
func TestSmoothIsNearPooled(t *testing.T) {
	beta := []float64{0.8, -0.5, 0.3}
	for seed := range uint64(6) {
		sites := drawn(seed+1, 300, 4, beta)
		all := together(sites)
		want := pooledFit(t, all, len(beta))
		m := Smooth{Grid{Edges: byLeaving(all, 30, 500)}}
		got := smooth(t, m, sites, len(beta))
		for i, e := range want.Errors() {
			d := math.Abs(got.Beta[i] - want.Beta[i])
			if d > 0.01*math.Abs(want.Beta[i]) && d > 0.06*e || math.Abs(got.Errors()[i]/e-1) > 0.03 {
				t.Errorf("seed %d, coefficient %d: %.4f, error %.4f; pooled %.4f, error %.4f", seed, i, got.Beta[i], got.Errors()[i], want.Beta[i], e)
			}
		}
		again := smooth(t, m, []Patients{all}, len(beta))
		for i := range beta {
			if math.Abs(again.Beta[i]-got.Beta[i]) > 1e-6 {
				t.Errorf("in one place coefficient %d is %.6f, dealt %.6f", i, again.Beta[i], got.Beta[i])
			}
		}
		for _, day := range []float64{100, 300} {
			a, _ := got.Survival([]float64{0, 1, 0}, day)
			b, _ := want.Survival([]float64{0, 1, 0}, day)
			if math.Abs(a.Survival-b.Survival) > 0.02 || math.Abs((a.High-a.Low)-(b.High-b.Low)) > 0.02 {
				t.Errorf("seed %d, day %g: %+v, pooled %+v", seed, day, a, b)
			}
		}
	}
}

// byLeaving returns edges between which so many leave, the last at the end.
func byLeaving(p Patients, each int, end float64) []float64 {
	times := slices.Sorted(slices.Values(p.Time))
	edges := []float64{0}
	for i := each - 1; i < len(times)-each; i += each {
		if times[i] > edges[len(edges)-1] {
			edges = append(edges, times[i])
		}
	}
	return append(edges, end)
}

// pooledFit is Efron's over all rows in one place.
func pooledFit(t *testing.T, p Patients, size int) Fit {
	t.Helper()
	g, s := Daily(500), Begin(make([]float64, size))
	for {
		sums, err := g.Sums(s.At, p)
		if err != nil {
			t.Fatal(err)
		}
		if s, err = g.Next(s, sums); err != nil {
			t.Fatal(err)
		}
		if s.Done {
			f, err := g.Fit(s, sums)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
	}
}
