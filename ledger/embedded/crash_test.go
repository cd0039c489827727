package embedded

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/contract"
	"manx/ledger/ledgertest"
)

const childFolder = "MANX_TEST_LEDGER_FOLDER"

// steady is a configuration that parent and child agree on.
func steady(dir string) (Config, ledgertest.World) {
	g, orgs := ledgertest.NewGenesis(3, mrand.NewChaCha8([32]byte{9}))
	now := time.Unix(1_780_000_000, 0)
	return Config{Dir: dir, Genesis: g, Node: orgs[0], Contract: contract.New(g), Now: func() time.Time { return now }},
		ledgertest.World{Genesis: g, Organisations: orgs, Now: func() ledger.Time { return ledger.Time(now.Unix()) }}
}

type acknowledged struct {
	Command ledger.Command
	Height  ledger.Height
}

// TestChild is not a test of its own: it is the process that
// TestInvariant8_KilledWhileCommitting kills.
func TestChild(t *testing.T) {
	dir := os.Getenv(childFolder)
	if dir == "" {
		t.Skip("runs only as a child")
	}
	cfg, w := steady(dir)
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := ledgertest.Begin(t, l, w)
	var wait sync.WaitGroup
	var mu sync.Mutex
	for range 8 {
		wait.Go(func() {
			for {
				k := ledgertest.NewKey(ledger.Health, rand.Reader)
				c := s.Sign(k, ledger.RegisterParty{Vertical: ledger.Health, Role: ledger.Person, Key: k.Public(), Sealing: "age1" + rand.Text()})
				h, err := l.Submit(t.Context(), c)
				if err != nil {
					return
				}
				b, err := json.Marshal(acknowledged{c, h})
				if err != nil {
					return
				}
				mu.Lock()
				fmt.Printf("ack %s\n", b)
				mu.Unlock()
			}
		})
	}
	wait.Wait()
}

// killed runs a test of this binary in a process of its own, told its folder by an
// environment variable, kills it once it has acknowledged so many commands, and
// returns the ledger as it is found again, with each of them at the height it said.
func killed(t *testing.T, child, variable string, after int) *Ledger {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^"+child+"$")
	cmd.Env = append(os.Environ(), variable+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var acks []acknowledged
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for len(acks) < after && lines.Scan() {
		if b, ok := strings.CutPrefix(lines.Text(), "ack "); ok {
			var a acknowledged
			if err := json.Unmarshal([]byte(b), &a); err != nil {
				t.Fatal(err)
			}
			acks = append(acks, a)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if len(acks) == 0 {
		t.Fatal("the child acknowledged nothing")
	}
	cfg, _ := steady(dir)
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range acks {
		if h, err := l.Submit(t.Context(), a.Command); err != nil || h != a.Height {
			t.Fatalf("acknowledged at height %d, now %d, %v", a.Height, h, err)
		}
	}
	return l
}

// whole verifies the chain of a ledger and closes it.
func whole(t *testing.T, l *Ledger) {
	t.Helper()
	if err := l.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// A process is killed while it commits; every command it acknowledged is
// there, at the height it said, and the chain verifies.
func TestInvariant8_KilledWhileCommitting(t *testing.T) {
	for range 3 {
		l := killed(t, "TestChild", childFolder, 100)
		whole(t, l)
	}
}
