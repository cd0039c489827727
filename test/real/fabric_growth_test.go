package real

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/ledgertest"
)

// BenchmarkFabricGrowth measures one client's latency to register a record and to
// grant it, on a ledger that holds 1,000, 10,000 and so on up to
// MANX_BENCH_RECORDS (10,000) records.
func BenchmarkFabricGrowth(b *testing.B) {
	most := 10_000
	_, _ = fmt.Sscan(os.Getenv("MANX_BENCH_RECORDS"), &most)
	c := fabricUp(b, "./cmd/manx-contract")
	l := c.connect(b, "")
	s := ledgertest.Begin(b, l, c.world)
	owner, hospital := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Hospital)
	held := 0
	first := map[string]float64{}
	for size := 1000; size <= most; size *= 10 {
		fill(b, s, owner, size-held)
		held = size
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			took := map[string][]time.Duration{}
			for b.Loop() {
				for range 40 {
					began := time.Now()
					id := ledger.NewRecordID(ledger.Health, s.Do(owner, record()))
					took["register"] = append(took["register"], time.Since(began))
					began = time.Now()
					s.Do(owner, ledger.GiveGrant{Record: id, To: hospital.Party(), Purpose: ledger.Care, Access: ledger.Read, Until: s.World.Now() + 3600})
					took["grant"] = append(took["grant"], time.Since(began))
				}
			}
			for what, all := range took {
				slices.Sort(all)
				p50 := float64(all[len(all)/2].Microseconds()) / 1000
				if first[what] == 0 {
					first[what] = p50
				}
				b.ReportMetric(p50, what+"-p50-ms")
				b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, what+"-p99-ms")
				b.ReportMetric(p50/first[what], what+"/first")
			}
		})
	}
}

// fill registers n records from many clients at once.
func fill(b *testing.B, s *ledgertest.Story, by *ledgertest.Key, n int) {
	b.Helper()
	work := make(chan ledger.Command)
	var clients sync.WaitGroup
	for range 256 {
		clients.Go(func() {
			for cmd := range work {
				if _, err := s.Submit(cmd); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for range n {
		work <- s.Sign(by, record())
	}
	close(work)
	clients.Wait()
}
