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

// contractAt builds a program that runs the contract.
func contractAt(t testing.TB, pkg string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "contract")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, pkg)
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return path
}

// fabricUp starts a network of its own, which ends with the test.
func fabricUp(t testing.TB, contract string) (*network.Network, ledgertest.World) {
	t.Helper()
	g, orgs := ledgertest.NewGenesis(3, rand.Reader)
	n, err := network.Up(t.Context(), network.Options{Dir: t.TempDir(), Genesis: g, Contract: contractAt(t, contract), Tied: true})
	if n != nil {
		t.Cleanup(func() {
			if err := n.Down(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return n, ledgertest.World{Genesis: g, Organisations: orgs, Now: func() ledger.Time { return ledger.Time(time.Now().Unix()) }}
}

func fabricLedger(t testing.TB, cfg fabric.Config) *fabric.Ledger {
	t.Helper()
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
	n, w := fabricUp(t, "./cmd/manx-contract")
	l := fabricLedger(t, fabric.Config{Profile: n.Profile})
	t.Run("suite", func(t *testing.T) {
		ledgertest.Run(t, func(*testing.T) (ledger.Ledger, ledgertest.World) { return l, w })
	})
}
