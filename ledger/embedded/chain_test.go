package embedded

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"manx/ledger"
	"manx/ledger/ledgertest"
)

func TestReopen(t *testing.T) {
	l, w, cfg := open(t)
	s := ledgertest.Begin(t, l, w)
	d := s.Diagnosis(3600)
	h, err := l.Height()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Submit(t.Context(), s.Sign(d.Worker, ledger.ClaimJob{Job: d.Job})); err == nil {
		t.Error("a closed ledger took a command")
	}
	if l, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	s.Ledger = l
	if again, err := l.Height(); err != nil || again != h {
		t.Errorf("height %d, %v after opening again, want %d", again, err, h)
	}
	s.Compute(d.Worker, d.Job)
	s.Do(d.Patient, ledger.AcceptJob{Job: d.Job})
	if err := errors.Join(l.Verify(t.Context()), l.Close()); err != nil {
		t.Error(err)
	}
	if g, err := ReadGenesis(cfg.Dir); err != nil || g.ID() != cfg.Genesis.ID() {
		t.Errorf("the genesis beside the ledger: %v", err)
	}
	other, orgs := ledgertest.NewGenesis(3, rand.Reader)
	cfg.Genesis, cfg.Node = other, orgs[0]
	if _, err := New(cfg); err == nil {
		t.Error("opened with another genesis")
	}
	if _, err := ReadGenesis(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no genesis: %v", err)
	}
}

// Whatever the operator changes in the file behind the ledger's back is found.
func TestVerifyFindsTampering(t *testing.T) {
	for name, tamper := range map[string]func(*testing.T, *bolt.Tx){
		"a balance": func(t *testing.T, tx *bolt.Tx) {
			c := tx.Bucket(stateBucket).Cursor()
			k, v := c.Seek([]byte("common/coin/"))
			put(t, tx.Bucket(stateBucket), k, bytes.Replace(v, []byte(`"amount":"5"`), []byte(`"amount":"9"`), 1))
		},
		"state that no command made": func(t *testing.T, tx *bolt.Tx) {
			put(t, tx.Bucket(stateBucket), []byte("zzz"), []byte("{}"))
		},
		"state deleted": func(t *testing.T, tx *bolt.Tx) {
			if err := tx.Bucket(stateBucket).Delete([]byte(ledger.NowKey)); err != nil {
				t.Fatal(err)
			}
		},
		"an event": func(t *testing.T, tx *bolt.Tx) {
			k, v := tx.Bucket(eventBucket).Cursor().First()
			put(t, tx.Bucket(eventBucket), k, bytes.Replace(v, []byte("time.ticked"), []byte("time.tocked"), 1))
		},
		"a block's bytes": func(t *testing.T, tx *bolt.Tx) {
			k, v := tx.Bucket(blockBucket).Cursor().First()
			v = bytes.Clone(v)
			v[len(v)/2]++
			put(t, tx.Bucket(blockBucket), k, v)
		},
		"a block removed": func(t *testing.T, tx *bolt.Tx) {
			c := tx.Bucket(blockBucket).Cursor()
			c.First()
			k, _ := c.Next()
			if err := tx.Bucket(blockBucket).Delete(k); err != nil {
				t.Fatal(err)
			}
		},
		"the end cut off": func(t *testing.T, tx *bolt.Tx) {
			k, _ := tx.Bucket(blockBucket).Cursor().Last()
			if err := tx.Bucket(blockBucket).Delete(k); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, w, _ := open(t)
			defer func() { _ = l.Close() }()
			s := ledgertest.Begin(t, l, w)
			s.Fund(s.Party(ledger.Health, ledger.Person), ledger.MAN(5))
			if err := l.Verify(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := l.db.Update(func(tx *bolt.Tx) error { tamper(t, tx); return nil }); err != nil {
				t.Fatal(err)
			}
			if err := l.Verify(t.Context()); !errors.Is(err, ErrChain) {
				t.Errorf("not found: %v", err)
			}
		})
	}
}

func put(t *testing.T, b *bolt.Bucket, k, v []byte) {
	t.Helper()
	if err := b.Put(bytes.Clone(k), v); err != nil {
		t.Fatal(err)
	}
}

func TestOpenChecksTheEndOfTheChain(t *testing.T) {
	l, w, cfg := open(t)
	s := ledgertest.Begin(t, l, w)
	s.Party(ledger.Health, ledger.Person)
	err := l.db.Update(func(tx *bolt.Tx) error {
		k, v := tx.Bucket(blockBucket).Cursor().Last()
		v = bytes.Clone(v)
		v[len(v)/2]++
		return tx.Bucket(blockBucket).Put(bytes.Clone(k), v)
	})
	if err := errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := New(cfg); !errors.Is(err, ErrChain) {
		t.Errorf("a damaged last block was opened: %v", err)
	}
}

// A block takes what waits, within its bounds of number and bytes.
func TestABlockIsBounded(t *testing.T) {
	idle := &Ledger{submit: make(chan request, 3*maxBatch)} // nobody else takes from it
	for range 2 * maxBatch {
		idle.submit <- request{}
	}
	large := request{command: ledger.Command{Body: make([]byte, ledger.MaxBody)}}
	for range 80 {
		idle.submit <- large
	}
	var sizes []int
	for range 4 {
		sizes = append(sizes, len(idle.gather(t.Context())))
	}
	if want := []int{maxBatch, maxBatch, maxBytes / ledger.MaxBody, 80 - maxBytes/ledger.MaxBody}; !slices.Equal(sizes, want) {
		t.Errorf("blocks of %v commands, want %v", sizes, want)
	}
}

func TestEventsEndWithTheirContext(t *testing.T) {
	l, w, _ := open(t)
	s := ledgertest.Begin(t, l, w)
	ctx, stop := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		for range l.Events(ctx, 0) {
		}
	})
	closed := make(chan error, 1)
	wait.Go(func() {
		for _, err := range l.Events(t.Context(), 1) {
			if err != nil {
				closed <- err
			}
		}
	})
	s.Party(ledger.Health, ledger.Person)
	time.Sleep(10 * time.Millisecond)
	stop()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	wait.Wait()
	if err := <-closed; err == nil {
		t.Error("a reader was not told that the ledger closed")
	}
}

// Commands a second, signed, checked, committed with fsync.
func BenchmarkSubmit(b *testing.B) {
	for _, clients := range []int{1, 64} {
		b.Run(map[int]string{1: "1client", 64: "64clients"}[clients], func(b *testing.B) {
			l, w, _ := open(b)
			defer func() { _ = l.Close() }()
			s := ledgertest.Begin(b, l, w)
			commands := make(chan ledger.Command, b.N)
			for range b.N {
				k := ledgertest.NewKey(ledger.Health, rand.Reader)
				commands <- s.Sign(k, ledger.RegisterParty{Vertical: ledger.Health, Role: ledger.Person, Key: k.Public(), Sealing: "age1" + rand.Text()})
			}
			close(commands)
			b.ResetTimer()
			var wait sync.WaitGroup
			for range clients {
				wait.Go(func() {
					for c := range commands {
						if _, err := l.Submit(b.Context(), c); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wait.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
		})
	}
}
