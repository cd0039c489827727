package real

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	network "manx/cmd/real/fabric"
	"manx/ledger"
	"manx/ledger/fabric"
	"manx/ledger/ledgertest"
)

// A channel is a network that runs for one test, and what its ledger was made
// with.
type channel struct {
	*network.Network
	dir   string
	world ledgertest.World
}

// program builds one of the tree's.
func program(t testing.TB, pkg string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "contract")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, pkg)
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return path
}

// fabricUp starts a network that ends with the test.
func fabricUp(t testing.TB, contract string) channel {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a Fabric network of nine processes")
	}
	g, orgs := ledgertest.NewGenesis(3, rand.Reader)
	c := channel{dir: t.TempDir(), world: ledgertest.World{Genesis: g, Organisations: orgs, Now: func() ledger.Time { return ledger.Time(time.Now().Unix()) }}}
	var err error
	c.Network, err = network.Up(t.Context(), network.Options{Dir: c.dir, Genesis: g, Contract: program(t, contract), Tied: true})
	if c.Network != nil {
		t.Cleanup(func() {
			if err := c.Down(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// connect opens the ledger as a user of an organisation; empty is the exchange's.
func (c channel) connect(t testing.TB, organisation string) *fabric.Ledger {
	t.Helper()
	return c.open(t, fabric.Config{Organisation: organisation})
}

func (c channel) open(t testing.TB, cfg fabric.Config) *fabric.Ledger {
	t.Helper()
	cfg.Profile = c.Profile
	if os.Getenv("MANX_LOG") != "" {
		cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	l, err := fabric.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// TestFabric tells every story of the ledger's suite on one network of three
// organisations, and those that only a network has.
func TestFabric(t *testing.T) {
	c := fabricUp(t, "./cmd/manx-contract")
	t.Run("suite", func(t *testing.T) {
		l := c.connect(t, "")
		ledgertest.Run(t, func(*testing.T) (ledger.Ledger, ledgertest.World) { return l, c.world })
	})
	t.Run("wrong profiles", c.misled)
	t.Run("Invariant8_every commit is late", c.impatient)
	t.Run("Invariant3_two nodes at once", c.two)
	t.Run("Invariant5_health and credit state never meet", c.apart)
	t.Run("a third endorses", c.third)
	t.Run("Invariant3_Invariant8_kill -9 while clients work", c.killed)
}
