package score

import (
	"testing"

	"manx/credit"
	"manx/credit/scoreshare"
	"manx/ledger"
	"manx/ml/consumertrees"
	"manx/privacy/mpc"
	"manx/privacy/mpc/link"
)

// BenchmarkTreesOnShares scores one file with consumer-risk-trees: three parties in
// one process, sessions opened and closed.
func BenchmarkTreesOnShares(b *testing.B) {
	definition, card, err := consumertrees.Published()
	if err != nil {
		b.Fatal(err)
	}
	var hash ledger.Hash
	if err := hash.UnmarshalText([]byte(card.Hash)); err != nil {
		b.Fatal(err)
	}
	trees, err := treesOnShares(definition, hash)
	if err != nil {
		b.Fatal(err)
	}
	shares, err := scoreshare.Deal(credit.Sample(1).Features())
	if err != nil {
		b.Fatal(err)
	}
	for _, security := range []mpc.Security{mpc.SemiHonest, mpc.WithAbort} {
		b.Run(security.String(), func(b *testing.B) {
			for b.Loop() {
				done := make(chan error, mpc.Parties)
				for i, l := range link.Memory() {
					go func() {
						s, err := mpc.Open(b.Context(), mpc.Config{Session: [32]byte{1}, Party: i, Next: l.Next, Previous: l.Previous, Security: security})
						if err == nil {
							var out mpc.Share
							if out, err = trees.Run(s, shares[i]); err == nil {
								_, err = s.Output(out)
							}
							_ = s.Close()
						}
						done <- err
					}()
				}
				for range mpc.Parties {
					if err := <-done; err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
