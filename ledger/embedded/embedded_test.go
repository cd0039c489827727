package embedded

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/contract"
	"manx/ledger/ledgertest"
)

// a clock that tests move.
type clock struct{ now time.Time }

func open(t testing.TB) (*Ledger, ledgertest.World, Config) {
	t.Helper()
	g, orgs := ledgertest.NewGenesis(3, rand.Reader)
	c := &clock{time.Unix(1_780_000_000, 0)}
	cfg := Config{Dir: t.TempDir(), Genesis: g, Node: orgs[0], Contract: contract.New(g), Now: func() time.Time { return c.now }}
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w := ledgertest.World{
		Genesis: g, Organisations: orgs,
		Now:     func() ledger.Time { return ledger.Time(c.now.Unix()) },
		Advance: func(s ledger.Time) { c.now = c.now.Add(time.Duration(s) * time.Second) },
	}
	return l, w, cfg
}

func TestSuite(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) (ledger.Ledger, ledgertest.World) {
		l, w, _ := open(t)
		t.Cleanup(func() {
			if err := l.Verify(context.Background()); err != nil {
				t.Error(err)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
		return l, w
	})
}
