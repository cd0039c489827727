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
		c, err := Federated().Compare(b.Context(), realdata.Path(b, "imaging", "iq-oth-nccd"), 2, func(stage string) { fmt.Fprintln(os.Stderr, stage) })
		if err != nil {
			b.Fatal(err)
		}
		fmt.Println("\n| lung-ct, AUC out of fold | seed 1 | seed 2 | average of both |\n|---|---|---|---|")
		fmt.Printf("| pooled | %.4f | %.4f | %.4f |\n", c.Pooled[0], c.Pooled[1], c.PooledMean)
		fmt.Printf("| four sites | %.4f | %.4f | %.4f |\n", c.Federated[0], c.Federated[1], c.FederatedMean)
		b.ReportMetric(c.FederatedMean-c.PooledMean, "AUC-over-pooled")
	}
}
