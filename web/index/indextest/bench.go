package indextest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"manx/ledger"
	"manx/storage"
	"manx/web/index"
)

// A live ledger is one on which commands can be put.
type liveLedger struct {
	ledger.Ledger
	mu    sync.Mutex
	log   []ledger.Event
	grown chan struct{}
}

func (l *liveLedger) put(e ledger.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = append(l.log, e)
	close(l.grown)
	l.grown = make(chan struct{})
}

// Events implements ledger.Ledger, from what is there on.
func (l *liveLedger) Events(ctx context.Context, _ ledger.Height) iter.Seq2[ledger.Event, error] {
	return func(yield func(ledger.Event, error) bool) {
		for next := 0; ; {
			l.mu.Lock()
			more, grown := l.log[next:], l.grown
			l.mu.Unlock()
			for _, e := range more {
				if next++; !yield(e, nil) {
					return
				}
			}
			if len(more) > 0 {
				continue
			}
			select {
			case <-grown:
			case <-ctx.Done():
				return
			}
		}
	}
}

func record(n int, owner ledger.PartyID) ledger.Event {
	id := ledger.NewRecordID(ledger.Health, commandID(n))
	e := value(ledger.RecordRegistered, ledger.KeyOf(id), ledger.Record{ID: id, Owner: owner, Kind: ledger.Study,
		Versions: []ledger.Version{{Manifest: storage.RefOf(fmt.Append(nil, n)), Digest: ledger.Hash{1}, At: 1_800_000_000}}})
	e.Height, e.Last = ledger.Height(n+1), true
	return e
}

// grown is an index in which a party has some records.
type grown struct {
	*index.Index
	size   int
	ledger *liveLedger
	next   int // record
}

// Growth measures what a party's calls cost once she has 1k, 10k and 100k
// records, each with twelve blobs in the index. The sizes take turns, so that
// what else the machine does falls on all alike, and medians are told.
func Growth(b *testing.B, fresh func(testing.TB) index.Source) {
	owner := Party(1)
	var sizes []*grown
	ctx, stop := context.WithCancel(b.Context())
	var g errgroup.Group
	for _, size := range []int{1_000, 10_000, 100_000} {
		s := fresh(b)
		x := Open(b, s)
		h := History{Log: make([]ledger.Event, size)}
		for i := range h.Log {
			h.Log[i] = record(i, owner)
		}
		if err := x.Follow(b.Context(), h); err != nil {
			b.Fatal(err)
		}
		fill(b, s, 12*size, owner)
		at := &grown{x, size, &liveLedger{grown: make(chan struct{})}, size}
		g.Go(func() error { return x.Follow(ctx, at.ledger) })
		sizes = append(sizes, at)
	}
	list := func(ctx context.Context, x *grown, before int) error {
		page, _, err := x.List(ctx, owner, "rec", ledger.Height(before), 100)
		if err == nil && len(page) != 100 {
			err = fmt.Errorf("a page of %d", len(page))
		}
		return err
	}
	for _, op := range []struct {
		name string
		do   func(ctx context.Context, x *grown, i int) error
	}{
		{"list", func(ctx context.Context, x *grown, _ int) error { return list(ctx, x, 0) }},
		{"page", func(ctx context.Context, x *grown, _ int) error { return list(ctx, x, x.size/2) }},
		{"all", func(ctx context.Context, x *grown, _ int) error {
			_, _, err := x.All(ctx, "rec", 0, 100)
			return err
		}},
		{"register", func(ctx context.Context, x *grown, _ int) error { // until a list shows it
			x.next++
			x.ledger.put(record(x.next, owner))
			return x.Await(ctx, ledger.Height(x.next+1))
		}},
		{"upload", func(ctx context.Context, x *grown, i int) error {
			return x.Uploaded(ctx, i%6, ref(12*x.size+i), owner, 1<<20)
		}},
		{"owns", func(ctx context.Context, x *grown, i int) error {
			mine, err := x.Uploads(ctx, i%6, ref(i%(2*x.size)), owner)
			if err == nil && !mine {
				err = fmt.Errorf("blob %d is not hers", i)
			}
			return err
		}},
		{"delete", func(ctx context.Context, x *grown, i int) error {
			return x.Deleted(ctx, i%6, ref(i%(2*x.size)), owner)
		}},
		{"stored", func(ctx context.Context, x *grown, _ int) error {
			_, err := x.Stored(ctx, owner)
			return err
		}},
	} {
		b.Run(op.name, func(b *testing.B) {
			took := make([][]time.Duration, len(sizes))
			for i := 0; b.Loop(); i++ {
				for j, x := range sizes {
					began := time.Now()
					if err := op.do(b.Context(), x, i); err != nil {
						b.Fatal(err)
					}
					took[j] = append(took[j], time.Since(began))
				}
			}
			var least, most float64
			for j, x := range sizes {
				slices.Sort(took[j])
				p50 := float64(took[j][len(took[j])/2].Nanoseconds()) / 1000
				b.ReportMetric(p50, fmt.Sprintf("µs/%dk", x.size/1000))
				if most = max(most, p50); j == 0 || p50 < least {
					least = p50
				}
			}
			b.ReportMetric(most/least, "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
	stop()
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
}

func ref(n int) string { return storage.RefOf(fmt.Append(nil, "blob", n)).String() }

// fill puts n blobs of a party's into a database past the index, six a ref.
func fill(b testing.TB, s index.Source, n int, owner ledger.PartyID) {
	b.Helper()
	const many = 3000
	for at := 0; at < n; at += many {
		q := []byte("INSERT INTO blobs (node, ref, party, size) VALUES ")
		for i := at; i < min(at+many, n); i++ {
			if i > at {
				q = append(q, ',')
			}
			q = fmt.Appendf(q, "(%d,'%s','%s',%d)", i%6, ref(i/6), owner, 1000)
		}
		Exec(b, s, string(q))
	}
	Exec(b, s, "ANALYZE")
}

// Throughput measures how many events a second go into an index: coins made, as
// payments make them, two a command.
func Throughput(b *testing.B, fresh func(testing.TB) index.Source) {
	const commands = 10_000
	var h History
	for i := range commands {
		h.add(0, coin(i, 0, Party(i%97)), coin(i, 1, Party(i%89)))
	}
	for b.Loop() {
		b.StopTimer()
		x := Open(b, fresh(b))
		b.StartTimer()
		if err := x.Follow(b.Context(), h); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(h.Log))/b.Elapsed().Seconds(), "events/s")
}
