package indextest

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"

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

// Growth measures what a party's calls cost once she has 1k, 10k and 100k
// records, each with twelve blobs in the index.
func Growth(b *testing.B, fresh func(testing.TB) index.Source) {
	owner := Party(1)
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
		first := func(before ledger.Height) func(int) error {
			return func(int) error {
				page, _, err := x.List(b.Context(), owner, "rec", before, 100)
				if err == nil && len(page) != 100 {
					err = fmt.Errorf("a page of %d", len(page))
				}
				return err
			}
		}
		l := &liveLedger{grown: make(chan struct{})}
		ctx, stop := context.WithCancel(b.Context())
		followed := make(chan error, 1)
		go func() { followed <- x.Follow(ctx, l) }()
		next := size
		for _, op := range []struct {
			name string
			do   func(i int) error
		}{
			{"list", first(0)},
			{"page", first(ledger.Height(size / 2))},
			{"all", func(int) error {
				_, _, err := x.All(b.Context(), "rec", 0, 100)
				return err
			}},
			{"register", func(int) error { // until a list shows it
				next++
				l.put(record(next, owner))
				return x.Await(b.Context(), ledger.Height(next+1))
			}},
			{"upload", func(i int) error {
				return x.Uploaded(b.Context(), i%6, fmt.Sprint("upload ", i), owner, 1<<20)
			}},
			{"owns", func(i int) error {
				mine, err := x.Uploads(b.Context(), i%6, ref(i%(12*size)/6), owner)
				if err == nil && !mine {
					err = fmt.Errorf("blob %d is not hers", i)
				}
				return err
			}},
			{"delete", func(i int) error {
				_, err := x.Deleted(b.Context(), i%6, ref(i%(12*size)/6), owner)
				return err
			}},
			{"stored", func(int) error {
				_, err := x.Stored(b.Context(), owner)
				return err
			}},
		} {
			b.Run(fmt.Sprintf("%s/%d", op.name, size), func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					if err := op.do(i); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		stop()
		if err := <-followed; err != nil {
			b.Fatal(err)
		}
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
