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
// MANX_BENCH_RECORDS (10,000) records. Beside it stands a second network, which
// keeps 1,000: the two are asked in turn, so that what else the machine does
// bears on both alike.
func BenchmarkFabricGrowth(b *testing.B) {
	most := 10_000
	_, _ = fmt.Sscan(os.Getenv("MANX_BENCH_RECORDS"), &most)
	small, grown := newArchive(b), newArchive(b)
	small.fill(b, 1000)
	for size := 1000; size <= most; size *= 10 {
		grown.fill(b, size)
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			took := map[string][]time.Duration{}
			for b.Loop() {
				for range 40 {
					small.use(took, "of 1000 ")
					grown.use(took, "")
				}
			}
			at := func(what string, part int) float64 {
				all := took[what]
				slices.Sort(all)
				return float64(all[len(all)*part/100].Microseconds()) / 1000
			}
			for _, what := range []string{"register", "grant"} {
				b.ReportMetric(at(what, 50), what+"-p50-ms")
				b.ReportMetric(at(what, 99), what+"-p99-ms")
				b.ReportMetric(at(what, 50)/at("of 1000 "+what, 50), what+"/of-1000")
			}
		})
	}
}

// An archive is a network of its own, on which one owner holds records.
type archive struct {
	*ledgertest.Story
	owner, hospital *ledgertest.Key
	held            int
}

func newArchive(b *testing.B) *archive {
	b.Helper()
	c := fabricUp(b, "./cmd/manx-contract")
	s := ledgertest.Begin(b, c.connect(b, ""), c.world)
	return &archive{Story: s, owner: s.Party(ledger.Health, ledger.Person), hospital: s.Party(ledger.Health, ledger.Hospital)}
}

// use registers a record and grants it, and notes what each took.
func (a *archive) use(took map[string][]time.Duration, as string) {
	began := time.Now()
	id := ledger.NewRecordID(ledger.Health, a.Do(a.owner, record()))
	took[as+"register"] = append(took[as+"register"], time.Since(began))
	began = time.Now()
	a.Do(a.owner, ledger.GiveGrant{Record: id, To: a.hospital.Party(), Purpose: ledger.Care, Access: ledger.Read, Until: a.World.Now() + 3600})
	took[as+"grant"] = append(took[as+"grant"], time.Since(began))
}

// fill registers records from many clients at once, up to n.
func (a *archive) fill(b *testing.B, n int) {
	b.Helper()
	work := make(chan ledger.Command)
	var clients sync.WaitGroup
	for range 256 {
		clients.Go(func() {
			for cmd := range work {
				if _, err := a.Submit(cmd); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for ; a.held < n; a.held++ {
		work <- a.Sign(a.owner, record())
	}
	close(work)
	clients.Wait()
}
