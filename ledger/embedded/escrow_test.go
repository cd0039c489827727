package embedded

import (
	"fmt"
	"testing"

	"manx/ledger/ledgertest"
)

// Steps of contracts a second, signed, checked, committed with fsync.
func BenchmarkEscrowStep(b *testing.B) {
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("%dclients", clients), func(b *testing.B) {
			l, w, _ := open(b)
			defer func() { _ = l.Close() }()
			ledgertest.Spendings(b, ledgertest.Begin(b, l, w), clients)
		})
	}
}
