package lungsurvival

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"manx/ml/federated/cox"
	"manx/test/realdata"
)

// BenchmarkTrainSurvival prints the coefficients of each fit over 18 institutions
// against the pooled one, and how the model does.
func BenchmarkTrainSurvival(b *testing.B) {
	sites, left, err := Load(filepath.Dir(realdata.Path(b, "health", File)))
	if err != nil {
		b.Fatal(err)
	}
	cells := func(width float64) cox.Grid {
		g := cox.Grid{Edges: []float64{0}}
		for e := width; e < longest+width; e += width {
			g.Edges = append(g.Edges, e)
		}
		return g
	}
	for range b.N {
		f, r, err := Measure(b.Context(), sites, left)
		if err != nil {
			b.Fatal(err)
		}
		fmt.Println("\n| survival | age, a decade | woman | performance | furthest from pooled |\n|---|---|---|---|---|")
		row := func(name string, beta []float64) {
			far := 0.0
			for i, v := range beta {
				far = max(far, math.Abs(v/r.Pooled[i]-1))
			}
			fmt.Printf("| %s | %.5f | %.5f | %.5f | %.2g%% |\n", name, beta[0], beta[1], beta[2], 100*far)
		}
		row("pooled rows, Efron's ties", r.Pooled)
		days, err := exact(sites)
		if err != nil {
			b.Fatal(err)
		}
		row("sites, days", days.Beta)
		row(fmt.Sprintf("sites, on shares, %d rounds", r.Rounds), f.Beta)
		for _, width := range []float64{7, 30, 91} {
			g := cells(width)
			s := cox.Begin(make([]float64, len(f.Beta)))
			for !s.Done {
				sum, err := overSites(sites, func(p cox.Patients) ([]float64, error) { return g.Sums(s.At, p) })
				if err != nil {
					b.Fatal(err)
				}
				if s, err = g.Next(s, sum); err != nil {
					b.Fatal(err)
				}
			}
			row(fmt.Sprintf("sites, cells of %g days", width), s.Best)
		}
		row("sites, a baseline of each", r.Strata)
		fmt.Printf("\nconcordance, institution left out: %.4f (%.4f to %.4f); men %.4f, women %.4f\n", r.Concordance.Value, r.Concordance.Low, r.Concordance.High, r.Groups[0].Concordance.Value, r.Groups[1].Concordance.Value)
		b.ReportMetric(100*r.Difference, "%-from-pooled")
	}
}
