package lungct

import (
	"fmt"
	"os"
	"testing"

	"manx/test/realdata"
)

// BenchmarkTrainLungCT prints AUC out of fold of single networks, pooled and at four
// sites. It takes a quarter of an hour of one core, so only with MANX_LONG.
func BenchmarkTrainLungCT(b *testing.B) {
	if os.Getenv("MANX_LONG") == "" {
		b.Skip("MANX_LONG=1 trains for a quarter of an hour")
	}
	for range b.N {
		c, err := Federated().Compare(b.Context(), realdata.Path(b, "imaging", "iq-oth-nccd"), 3, func(stage string) { fmt.Fprintln(os.Stderr, stage) })
		if err != nil {
			b.Fatal(err)
		}
		fmt.Println("\n| lung-ct, AUC out of fold | seed 1 | seed 2 | seed 3 | average of the three |\n|---|---|---|---|---|")
		for name, v := range map[string][]float64{"pooled": append(c.Pooled, c.PooledMean), "four sites": append(c.Federated, c.FederatedMean)} {
			fmt.Printf("| %s | %.4f | %.4f | %.4f | %.4f |\n", name, v[0], v[1], v[2], v[3])
		}
		b.ReportMetric(c.FederatedMean-c.PooledMean, "AUC-over-pooled")
	}
}
