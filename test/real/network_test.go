package real

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"manx/cmd/real/fabric"
	"manx/cmd/real/fabric/msp"
	"manx/cmd/real/process"
	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// contractProgram builds manx-contract.
func contractProgram(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "manx-contract")
	if b, err := exec.CommandContext(t.Context(), "go", "build", "-o", file, "../../cmd/manx-contract").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return file
}

// networkOptions are those of a network that ends with the test.
func networkOptions(t testing.TB) fabric.Options {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a Fabric network")
	}
	if _, err := fabric.Programs(t.Context(), func(what string) { t.Log(what) }); err != nil {
		t.Skip("Fabric cannot be built here:", err)
	}
	g, _ := ledgertest.NewGenesis(3, rand.Reader)
	o := fabric.Options{Dir: t.TempDir(), Genesis: g, Contract: contractProgram(t), Tied: true}
	t.Cleanup(func() {
		if n, err := fabric.Open(o.Dir); err == nil {
			if err := n.Down(context.Background()); err != nil { // the test's own context has ended
				t.Error(err)
			}
		}
	})
	return o
}

func up(t testing.TB, o fabric.Options) *fabric.Network {
	t.Helper()
	began := time.Now()
	n, err := fabric.Up(t.Context(), o)
	if err != nil {
		t.Fatalf("%v (%s)", err, notice.From(err).Hint)
	}
	t.Logf("up in %.1f s", time.Since(began).Seconds())
	return n
}

// answers asks the contract, through the peer of each organisation, for a key
// that is not there. It retries while parts find one another.
func answers(t testing.TB, o fabric.Options) {
	t.Helper()
	programs, err := fabric.Programs(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{fabric.Health, fabric.Credit, fabric.Exchange} {
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
			cmd := exec.CommandContext(t.Context(), filepath.Join(programs, "peer"), "chaincode", "query", "-C", fabric.Channel, "-n", fabric.Contract, "-c", `{"Args":["read","common/none"]}`)
			cmd.Env = append(os.Environ(), "FABRIC_CFG_PATH="+filepath.Join(o.Dir, "config", name), "CORE_PEER_MSPCONFIGPATH="+filepath.Join(o.Dir, "organisations", name, fabric.User, "msp"))
			b, err := cmd.CombinedOutput()
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the contract of %s does not answer: %v\n%s", name, err, b)
			}
		}
	}
}

func processes(n *fabric.Network) []*process.Process {
	return slices.Concat(n.Orderers, n.Peers, n.Contracts)
}

func pids(n *fabric.Network) (list []int) {
	for _, p := range processes(n) {
		list = append(list, p.Pid())
	}
	return list
}

// TestNetworkStartsAgain tells what happens between one start and the next.
func TestNetworkStartsAgain(t *testing.T) {
	o := networkOptions(t)
	n := up(t, o)
	answers(t, o)
	if again := up(t, o); !slices.Equal(pids(n), pids(again)) {
		t.Error("a network that runs was started again")
	}
	other := o
	other.Genesis, _ = ledgertest.NewGenesis(3, rand.Reader)
	if _, err := fabric.Up(t.Context(), other); !notice.Is(err, notice.Conflict) {
		t.Errorf("with the genesis of another: %v", err)
	}
	peer, contract := portOf(t, o, "core.yaml", "listenAddress: 127.0.0.1:"), portOf(t, o, "contract.json", `"address":"127.0.0.1:`)
	down(t, n)
	take(t, peer, contract)
	renewAll(t, o)
	n = up(t, o)
	answers(t, o)
	if portOf(t, o, "core.yaml", "listenAddress: 127.0.0.1:") == peer || portOf(t, o, "contract.json", `"address":"127.0.0.1:`) == contract {
		t.Error("a port that another took was kept")
	}
	if open, err := fabric.Open(o.Dir); err != nil || !slices.Equal(pids(n), pids(open)) {
		t.Errorf("opened: %v", err)
	}
	down(t, n)
	fixed := portOf(t, o, "orderer.yaml", "ListenPort: ")
	take(t, fixed)
	_, err := fabric.Up(t.Context(), o)
	if no := notice.From(err); no.Kind != notice.Conflict || !strings.Contains(no.Text, strconv.Itoa(fixed)) || no.Hint == "" {
		t.Errorf("an orderer's port is taken: %v", err)
	}
}

func down(t *testing.T, n *fabric.Network) {
	t.Helper()
	if err := n.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, p := range processes(n) {
		if p.Alive() {
			t.Errorf("%s still runs", p.Name())
		}
	}
}

// renewAll renews every certificate. The channel names the orderers', so it shows
// that one with the same key is taken.
func renewAll(t *testing.T, o fabric.Options) {
	t.Helper()
	for _, name := range []string{fabric.Health, fabric.Credit, fabric.Exchange} {
		renewed, err := msp.Keep(filepath.Join(o.Dir, "organisations", name), time.Now().Add(msp.LeafLife))
		if err != nil || len(renewed) != 7 {
			t.Fatalf("%s: %d of 7 renewed, %v", name, len(renewed), err)
		}
	}
}

func TestNetworkPartsRestartAlone(t *testing.T) {
	o := networkOptions(t)
	n := up(t, o)
	leader, err := n.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := leader.Kill(); err != nil {
		t.Fatal(err)
	}
	next, err := n.Leader(t.Context())
	if err != nil || next == leader {
		t.Fatalf("after the leader %s: %v", leader.Name(), err)
	}
	if err := leader.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, p := range slices.Concat(n.Peers, n.Contracts) {
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := p.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		answers(t, o)
	}
}

// portOf reads a port of the organisation credit from its configuration.
func portOf(t *testing.T, o fabric.Options, file, before string) (port int) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(o.Dir, "config", fabric.Credit, file))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), before)
	if _, err := fmt.Sscanf(rest, "%d", &port); err != nil {
		t.Fatalf("no port in %s: %v", file, err)
	}
	return port
}

func take(t *testing.T, ports ...int) {
	t.Helper()
	for _, p := range ports {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", p))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
	}
}

func TestNetworkSaysWhatDoesNotStart(t *testing.T) {
	o := networkOptions(t)
	o.Contract = filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(o.Contract, []byte("#!/bin/sh\necho it is broken\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := fabric.Up(t.Context(), o)
	if n := notice.From(err); n.Kind != notice.Unavailable || !strings.Contains(n.Text, "contract-") || !strings.Contains(n.Text, "it is broken") || n.Hint == "" {
		t.Errorf("%v", err)
	}
	o.Contract = contractProgram(t)
	up(t, o)
	answers(t, o)
}

// TestNetworkSetUpCutOff kills the set-up (and its processes, which are tied to
// it) as soon as each of its steps shows on disk.
func TestNetworkSetUpCutOff(t *testing.T) {
	if dir := os.Getenv("MANX_CUT_OFF"); dir != "" {
		setUp(t, dir)
		return
	}
	o := networkOptions(t)
	writeGenesis(t, o)
	chain := func(size int64) func() bool { // the first block has 30 kB, three approvals 10, the commit 6
		return func() bool {
			info, err := os.Stat(filepath.Join(o.Dir, "data/health/peer/ledgersData/chains/chains", fabric.Channel, "blockfile_000000"))
			return err == nil && info.Size() > size
		}
	}
	there := func(pattern string) func() bool {
		return func() bool {
			found, err := filepath.Glob(filepath.Join(o.Dir, pattern))
			return err == nil && len(found) > 0
		}
	}
	for _, step := range []struct {
		name string
		seen func() bool
	}{
		{"keys", there("organisations/credit/admin")},
		{"channel", there("channel.block")},
		{"started", there("run/peer-health.pid")},
		{"orderer joined", there("data/exchange/orderer/chains/" + fabric.Channel)},
		{"peer joined", there("data/credit/peer/ledgersData/chains/chains/" + fabric.Channel)},
		{"package kept", there("data/exchange/peer/lifecycle/chaincodes/*")},
		{"package built", there("data/health/peer/externalbuilder/builds/*/release")},
		{"approved", chain(31 << 10)},
		{"in force", chain(44 << 10)},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=TestNetworkSetUpCutOff")
		cmd.Env = append(os.Environ(), "MANX_CUT_OFF="+o.Dir, "MANX_CONTRACT="+o.Contract)
		cmd.Stdout = os.Stderr // it says why it failed, if it did
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(30 * time.Second); !step.seen(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("%s: never seen", step.name)
				break
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
	}
	up(t, o)
	answers(t, o)
}

// setUp is what is cut off.
func setUp(t *testing.T, dir string) {
	o := fabric.Options{Dir: dir, Contract: os.Getenv("MANX_CONTRACT"), Tied: true}
	b, err := os.ReadFile(dir + ".genesis")
	if err != nil {
		t.Fatal(err)
	}
	if err := ledger.Decode(b, &o.Genesis); err != nil {
		t.Fatal(err)
	}
	up(t, o)
	<-t.Context().Done()
}

func writeGenesis(t *testing.T, o fabric.Options) {
	t.Helper()
	b, err := json.Marshal(o.Genesis)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.Dir+".genesis", b, 0o600); err != nil {
		t.Fatal(err)
	}
}
