package real

import (
	"fmt"
	"testing"

	"manx/ledger/ledgertest"
)

// BenchmarkFabricEscrowStep measures steps of contracts a second on Fabric.
func BenchmarkFabricEscrowStep(b *testing.B) {
	c := fabricUp(b, "./cmd/manx-contract")
	l := c.connect(b, "")
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("%dclients", clients), func(b *testing.B) {
			ledgertest.Spendings(b, ledgertest.Begin(b, l, c.world), clients)
		})
	}
}
