package sites

import (
	"fmt"
	"math"
	"os"
	"testing"

	"manx/ml/lungct"
	"manx/ml/train"
	"manx/test/realdata"
)

// BenchmarkTrainLungCT prints AUC out of fold of every network and of their averages:
// lung-ct's layers in one place, the same with standardised weights, and those at the
// four sites; same folds, same seeds. It trains 90 networks, a quarter of an hour of
// one core, so only with MANX_LONG.
func BenchmarkTrainLungCT(b *testing.B) {
	if os.Getenv("MANX_LONG") == "" {
		b.Skip("MANX_LONG=1 trains for a quarter of an hour")
	}
	for range b.N {
		fmt.Println("\n| lung-ct, AUC out of fold | mean of networks | deviation | each | average | 95% interval | given split |\n|---|---|---|---|---|---|---|")
		var last float64
		for _, r := range []struct {
			name string
			lungct.Recipe
		}{{"one place, batch normalisation", lungct.Polynomial()}, {"one place, standardised weights", Pooled()}, {"four sites, standardised weights", Recipe()}} {
			got, err := r.CrossValidate(b.Context(), realdata.Path(b, "imaging", "iq-oth-nccd"), lungct.Options{Seed: 1}, func(stage string, e train.Epoch) {
				if e.Done == e.Of {
					fmt.Fprintln(os.Stderr, r.name, stage)
				}
			})
			if err != nil {
				b.Fatal(err)
			}
			mean, square := 0.0, 0.0
			for _, a := range got.MemberAUC {
				mean += a / float64(got.Members)
				square += a * a / float64(got.Members)
			}
			fmt.Printf("| %s | %.3f | %.3f | %.3f | %.3f | %.3f to %.3f | %.3f |\n", r.name, mean, math.Sqrt(max(square-mean*mean, 0)), got.MemberAUC, got.AUC.Value, got.AUC.Low, got.AUC.High, got.SplitAUC.Value)
			if r.Federation != nil {
				b.ReportMetric(got.AUC.Value-last, "AUC-over-pooled")
				fmt.Printf("\na site sends %d numbers a round, in %d rounds\n", got.Sites.Numbers, got.Sites.Rounds)
			}
			last = got.AUC.Value
		}
	}
}
