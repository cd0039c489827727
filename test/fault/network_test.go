package fault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"manx/cmd/node"
	"manx/cmd/real/fabric"
	"manx/cmd/real/kubo"
	"manx/cmd/real/postgres"
	"manx/cmd/real/process"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/seal/sealtest"
	"manx/storage/vault"
	"manx/web/owner"
)

// The one network of the package: it takes a while to make.
var (
	begun    sync.Once
	net      *network
	errBegun error
)

func TestMain(m *testing.M) {
	code := m.Run()
	if net != nil {
		if err := net.end(); err != nil {
			fmt.Fprintln(os.Stderr, "fault:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// exchange returns the network, started when a test first asks for it.
func exchange(t *testing.T) *network {
	t.Helper()
	if testing.Short() {
		t.Skip("starts Fabric, Kubo and PostgreSQL")
	}
	say := func(what string) { t.Log(what) }
	if _, err := fabric.Programs(t.Context(), say); err != nil {
		t.Skip("Fabric cannot be built here:", err)
	}
	if _, err := kubo.Build(t.Context(), say); err != nil {
		t.Skip("Kubo cannot be built here:", err)
	}
	begun.Do(func() {
		dir, err := os.MkdirTemp("", "manx-fault-") //nolint:usetesting // several tests use it
		if err != nil {
			errBegun = err
			return
		}
		net = &network{dir: dir, manx: filepath.Join(dir, "bin", "manx")}
		errBegun = net.begin(context.WithoutCancel(t.Context()))
	})
	if errBegun != nil {
		t.Fatal(causes(errBegun))
	}
	return net
}

// A network is a node as a process, its real parts, and a wire before it that
// clients reach it by. Everything lies under dir. The parts end with the test's
// process, however that ends.
type network struct {
	dir, manx string
	address   string
	node      *process.Process
	fabric    *fabric.Network
	kubo      *kubo.Nodes
	postgres  *postgres.Server
	wire      *wire
	front     *httptest.Server
	parties   []*owner.Party
}

func (n *network) folder() string { return filepath.Join(n.dir, "node") }

func (n *network) begin(ctx context.Context) error {
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Dir(n.manx)+"/", "manx/cmd/manx", "manx/cmd/manx-contract")
	if b, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build manx: %w\n%s", err, b)
	}
	// Proving keys of an earlier run save the node half a minute of work.
	if from := os.Getenv("MANX_E2E_CEREMONY"); from != "" {
		if err := os.CopyFS(filepath.Join(n.folder(), "ceremony"), os.DirFS(from)); err != nil {
			return err
		}
	}
	ports, err := process.FreePorts(1)
	if err != nil {
		return err
	}
	listen := fmt.Sprintf("127.0.0.1:%d", ports[0])
	n.address = "http://" + listen
	// Who raises the parts has them as its children: here it is the test, and the
	// node finds them.
	if _, err := node.Raise(ctx, node.Options{Dir: n.folder(), Addr: listen, Manx: n.manx, Tied: true,
		Choice: node.Choice{Ledger: node.Fabric, Storage: node.IPFS, DB: node.Postgres}}); err != nil {
		return err
	}
	spec := node.Spec(n.folder())
	spec.Path, spec.Env, spec.Tied, spec.Patience = n.manx, os.Environ(), true, 2*time.Minute
	spec.Args = []string{"up", "--data", n.folder(), "--listen", listen, "--workers", "-1", "--parties=false", "--ledger", "fabric", "--storage", "ipfs", "--db", "postgres"}
	spec.Ready = func(ctx context.Context) error { return ready(ctx, n.address) }
	if n.node, err = process.Start(ctx, spec); err != nil {
		return err
	}
	if n.wire, err = newWire(n.address); err != nil {
		return err
	}
	n.front = httptest.NewServer(n.wire)
	return n.find(ctx)
}

// find takes hold of the parts that run.
func (n *network) find(ctx context.Context) error {
	info, err := owner.Pin(ctx, n.address)
	if err != nil {
		return err
	}
	if n.fabric, err = fabric.Up(ctx, fabric.Options{Dir: filepath.Join(n.folder(), "fabric"), Genesis: info.Genesis,
		Contract: filepath.Join(filepath.Dir(n.manx), "manx-contract"), Tied: true}); err != nil {
		return err
	}
	if n.kubo, err = kubo.Up(ctx, kubo.Options{Dir: node.KuboFolder(n.folder()), Nodes: vault.Nodes, Tied: true}); err != nil {
		return err
	}
	n.postgres, err = postgres.Up(ctx, postgres.Options{Dir: filepath.Join(n.folder(), "postgres"), Tied: true})
	return err
}

func (n *network) end() error {
	var errs []error
	for _, p := range n.parties {
		p.Close()
		errs = append(errs, p.Home.Close())
	}
	if n.front != nil {
		n.front.CloseClientConnections()
		n.front.Close()
	}
	errs = append(errs, node.Down(context.Background(), n.folder()))
	if n.kubo != nil {
		for i := range n.kubo.Processes {
			_ = syscall.Unmount(n.kubo.Folder(i), syscall.MNT_DETACH) // where a test ended on a full disk
		}
	}
	if os.Getenv("MANX_KEEP") != "" {
		fmt.Fprintln(os.Stderr, "kept:", n.dir)
		return errors.Join(errs...)
	}
	return errors.Join(append(errs, os.RemoveAll(n.dir))...)
}

func ready(ctx context.Context, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

// join makes a home, registers its party and gets it test MAN.
func (n *network) join(t *testing.T, at, name string, role ledger.Role, v ledger.Vertical) *owner.Party {
	t.Helper()
	h, err := owner.Join(t.Context(), filepath.Join(n.dir, "homes", name), sealtest.Passphrase(t, "of "+name), at, string(v))
	check(t, err)
	p, err := h.As(v)
	check(t, err)
	check(t, p.Register(t.Context(), role, "The "+name))
	_, err = p.Faucet(t.Context())
	check(t, err)
	n.parties = append(n.parties, p)
	return p
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(causes(err))
	}
}

// causes tells an error with what its notices hide.
func causes(err error) string {
	var all []string
	for e := err; e != nil; e = errors.Unwrap(e) {
		all = append(all, e.Error())
	}
	return fmt.Sprintf("%s (%v)", strings.Join(all, ": "), notice.From(err).Kind)
}

// logs returns the last lines of what the node said.
func (n *network) logs() string {
	b, _ := os.ReadFile(n.node.Log())
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
