package real

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	network "manx/cmd/real/fabric"
	"manx/ledger"
	"manx/ledger/fabric"
	"manx/ledger/fabric/bare"
	"manx/ledger/ledgertest"
)

// run is how long each side of a comparison works at a time.
const run = 4 * time.Second

// A score is what one side did in its time.
type score struct {
	done []time.Duration // of each command
	took time.Duration
	txs  int // transactions
}

func (s score) rate(n int) float64 { return float64(n) / s.took.Seconds() }

func (s score) at(p float64) float64 {
	slices.Sort(s.done)
	return float64(s.done[int(p*float64(len(s.done)-1))].Microseconds()) / 1000
}

func (s *score) add(o score) {
	s.done, s.took, s.txs = append(s.done, o.done...), s.took+o.took, s.txs+o.txs
}

// busy has clients call at once, each again and again, for a time.
func busy(b *testing.B, clients int, call func(client, n int) error) (s score) {
	b.Helper()
	var mu sync.Mutex
	var work sync.WaitGroup
	began := time.Now()
	for i := range clients {
		work.Go(func() {
			for n := 0; time.Since(began) < run; n++ {
				from := time.Now()
				if err := call(i, n); err != nil {
					b.Errorf("client %d, call %d: %v", i, n, err)
					return
				}
				mu.Lock()
				s.done = append(s.done, time.Since(from))
				mu.Unlock()
			}
		})
	}
	work.Wait()
	s.took = time.Since(began)
	return s
}

// BenchmarkFabric registers records from 1, 64 and 256 clients, through the
// ledger and, turn about on the same network, through a loop of the SDK alone that
// writes the same bytes to the same places under the same endorsement, one
// transaction a command. Unbatched is the ledger with a transaction for each
// command too. Reads are of one value of a private collection.
func BenchmarkFabric(b *testing.B) {
	c := fabricUp(b, "./test/contract")
	l, single := c.connect(b, ""), c.open(b, fabric.Config{Batch: 1})
	loop, err := bare.Open(c.Profile, network.Exchange, network.User, network.Channel, network.Contract, "peer."+network.Exchange, "peer."+network.Health)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(loop.Close)
	s := ledgertest.Begin(b, l, c.world)
	const most = 256
	keys := make([]*ledgertest.Key, most)
	var registered sync.WaitGroup
	for i := range keys {
		registered.Go(func() {
			keys[i] = ledgertest.NewKey(ledger.Health, rand.Reader)
			cmd := s.Sign(keys[i], ledger.RegisterParty{Vertical: ledger.Health, Role: ledger.Person, Key: keys[i].Public(), Sealing: "age1" + rand.Text()})
			if _, err := l.Submit(b.Context(), cmd); err != nil {
				b.Error(err)
			}
		})
	}
	registered.Wait()
	same := sameBytes(b, s, l, keys[0])

	for _, clients := range []int{1, 64, most} {
		b.Run(fmt.Sprintf("submit-%d", clients), func(b *testing.B) {
			var ours, apart, theirs score
			for b.Loop() {
				apart.add(busy(b, clients, func(i, _ int) error {
					_, err := single.Submit(b.Context(), s.Sign(keys[i], record()))
					return err
				}))
				txs := sync.Map{}
				one := busy(b, clients, func(i, n int) error {
					h, err := l.Submit(b.Context(), s.Sign(keys[i], record()))
					txs.Store(h>>8, nil) // without the place in the batch
					return err
				})
				txs.Range(func(any, any) bool { one.txs++; return true })
				ours.add(one)
				theirs.add(busy(b, clients, func(int, int) error { return loop.Write(same()) }))
			}
			b.ReportMetric(ours.rate(len(ours.done)), "commands/s")
			b.ReportMetric(ours.rate(ours.txs), "tx/s")
			b.ReportMetric(ours.at(0.5), "p50-ms")
			b.ReportMetric(ours.at(0.99), "p99-ms")
			b.ReportMetric(theirs.rate(len(theirs.done)), "bare-tx/s")
			b.ReportMetric(theirs.at(0.5), "bare-p50-ms")
			b.ReportMetric(theirs.at(0.99), "bare-p99-ms")
			b.ReportMetric(apart.rate(len(apart.done)), "unbatched-tx/s")
			b.ReportMetric(apart.rate(len(apart.done))/theirs.rate(len(theirs.done)), "unbatched/bare")
			b.ReportMetric(ours.rate(len(ours.done))/theirs.rate(len(theirs.done)), "commands/bare-tx")
		})
	}
	k := ledger.KeyOf(keys[0].Party())
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("read-%d", clients), func(b *testing.B) {
			var ours, theirs score
			for b.Loop() {
				ours.add(busy(b, clients, func(int, int) error {
					_, err := l.Read(b.Context(), k)
					return err
				}))
				theirs.add(busy(b, clients, func(int, int) error {
					_, err := loop.Read(network.Health, string(k))
					return err
				}))
			}
			b.ReportMetric(ours.rate(len(ours.done)), "reads/s")
			b.ReportMetric(ours.at(0.99), "p99-ms")
			b.ReportMetric(theirs.rate(len(theirs.done)), "bare-reads/s")
			b.ReportMetric(ours.rate(len(ours.done))/theirs.rate(len(theirs.done)), "reads/bare")
		})
	}
}

func record() ledger.RegisterRecord {
	var d ledger.Hash
	_, _ = rand.Read(d[:])
	return ledger.RegisterRecord{Kind: ledger.Study, Manifest: ledgertest.Ref(rand.Text()), Digest: d}
}

// sameBytes returns what registering a record writes, under fresh keys: the mark
// of the command, the record, and its event.
func sameBytes(b *testing.B, s *ledgertest.Story, l *fabric.Ledger, by *ledgertest.Key) func() []bare.Write {
	b.Helper()
	cmd := s.Sign(by, record())
	h, err := l.Submit(b.Context(), cmd)
	if err != nil {
		b.Fatal(err)
	}
	id := ledger.NewRecordID(ledger.Health, cmd.ID)
	value, err := l.Read(b.Context(), ledger.KeyOf(id))
	if err != nil {
		b.Fatal(err)
	}
	for e, err := range l.Events(b.Context(), h) {
		if err != nil {
			b.Fatal(err)
		}
		event, err := json.Marshal(map[string]any{"events": [][]ledger.Event{{e}}})
		if err != nil {
			b.Fatal(err)
		}
		return func() []bare.Write {
			key := rand.Text() + rand.Text()[:6]
			return []bare.Write{
				{Key: "bare/command/" + key, Value: make([]byte, 132)},
				{Collection: network.Health, Key: "bare/rec/" + key, Value: value},
				{Collection: network.Health, Key: "bare/batch/" + key + key, Value: event},
			}
		}
	}
	b.Fatal("no event")
	return nil
}
