package lungct

import (
	"fmt"
	"os"
	"testing"

	"manx/ml/train"
	"manx/test/realdata"
)

// BenchmarkTrainLungCT prints AUC out of fold of two networks, trained on all rows in
// one place and at four sites: same folds, same seeds. It takes a quarter of an hour
// of one core, so only with MANX_LONG.
func BenchmarkTrainLungCT(b *testing.B) {
	if os.Getenv("MANX_LONG") == "" {
		b.Skip("MANX_LONG=1 trains for a quarter of an hour")
	}
	for range b.N {
		pooled, sites, f := Polynomial(), Polynomial(), Together()
		pooled.Members, sites.Members, sites.Federation = 2, 2, &f
		var auc []float64
		fmt.Println("\n| lung-ct, AUC out of fold | network 1 | network 2 | average of both |\n|---|---|---|---|")
		for _, r := range []struct {
			name string
			Recipe
		}{{"pooled", pooled}, {"four sites", sites}} {
			got, err := r.CrossValidate(b.Context(), realdata.Path(b, "imaging", "iq-oth-nccd"), Options{Seed: 1}, func(stage string, e train.Epoch) {
				if e.Done == e.Of {
					fmt.Fprintln(os.Stderr, r.name, stage)
				}
			})
			if err != nil {
				b.Fatal(err)
			}
			fmt.Printf("| %s | %.4f | %.4f | %.4f |\n", r.name, got.MemberAUC[0], got.MemberAUC[1], got.AUC.Value)
			auc = append(auc, got.AUC.Value)
		}
		b.ReportMetric(auc[1]-auc[0], "AUC-over-pooled")
	}
}
