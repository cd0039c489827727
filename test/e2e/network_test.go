package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"manx/cmd/real/process"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/seal/sealtest"
	"manx/web/owner"
)

// net is the one network that all tests share: making one takes half a minute.
var net *network

func TestMain(m *testing.M) {
	code, err := withNetwork(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func withNetwork(run func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "manx-e2e-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	net = &network{dir: dir, manx: filepath.Join(dir, "bin", "manx"), parties: map[string]*owner.Party{}, records: map[string]ledger.RecordID{}, marked: map[ledger.CommandID]bool{}}
	build := exec.Command("go", "build", "-o", net.manx, "manx/cmd/manx")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return 1, fmt.Errorf("build manx: %w", err)
	}
	// Proving keys of an earlier run save half a minute.
	if from := os.Getenv("MANX_E2E_CEREMONY"); from != "" {
		if err := os.CopyFS(filepath.Join(net.nodeDir(), "ceremony"), os.DirFS(from)); err != nil {
			return 1, err
		}
	}
	ports, err := process.FreePorts(1) // the node stops and starts again there
	if err != nil {
		return 1, err
	}
	if err := net.startNode(fmt.Sprintf("127.0.0.1:%d", ports[0])); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, net.stopNode(syscall.SIGTERM)) }()
	net.wire = newWire(net.address, filepath.Join(dir, "wire"))
	net.front = httptest.NewServer(net.wire)
	defer net.front.Close()
	if err := net.startWorker(); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, net.stopWorker(syscall.SIGTERM)) }()
	defer func() {
		for _, p := range net.parties {
			p.Close()
			err = errors.Join(err, p.Home.Close())
		}
	}()
	return run(), nil
}

// A network is a node and a worker as processes, and the homes of those who use
// them. Everything lies under dir.
type network struct {
	dir, manx string
	address   string // the node's own
	node      *exec.Cmd
	worker    *exec.Cmd
	holders   []int // processes of the node's three organisations
	wire      *wire
	front     *httptest.Server // the wire: what owners and the worker reach the node by
	parties   map[string]*owner.Party
	records   map[string]ledger.RecordID
	marked    map[ledger.CommandID]bool // commands of history's own
}

func (n *network) nodeDir() string { return filepath.Join(n.dir, "node") }
func (n *network) path(parts ...string) string {
	return filepath.Join(append([]string{n.dir}, parts...)...)
}
func (n *network) log(name string) (*os.File, error) {
	return os.OpenFile(n.path(name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// startNode starts `manx up` without workers of its own, at its most talkative.
func (n *network) startNode(listen string, more ...string) error {
	log, err := n.log("node")
	if err != nil {
		return err
	}
	defer log.Close()
	c := exec.Command(n.manx, append([]string{"up", "--data", n.nodeDir(), "--listen", listen, "--workers", "-1", "--log", "debug", "--json"}, more...)...)
	c.Stderr = log
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	n.node = c
	var up struct {
		Address string
		Holders []int
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &up)
	}
	if err != nil || up.Address == "" {
		b, _ := os.ReadFile(n.path("node.log"))
		return fmt.Errorf("the node did not start: %w\n%s%s", err, line, b)
	}
	n.address, n.holders = up.Address, up.Holders
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return nil
}

func (n *network) stopNode(with syscall.Signal) error { return stop(n.node, with) }

// canary stands in the worker's environment: what a search of its memory must
// find.
const canary = "ZQXCANARY-in-the-worker"

func (n *network) startWorker() error {
	dir := n.path("worker")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	pass := filepath.Join(dir, "passphrase")
	if err := os.WriteFile(pass, []byte("the worker's passphrase\n"), 0o600); err != nil {
		return err
	}
	log, err := n.log("worker")
	if err != nil {
		return err
	}
	defer log.Close()
	c := exec.Command(n.manx, "worker", "run")
	c.Env = []string{"MANX_DATA=" + dir, "MANX_NODE=" + n.front.URL, "MANX_PASSPHRASE_FILE=" + pass, "MANX_E2E=" + canary}
	c.Stdout, c.Stderr = log, log
	n.worker = c
	return c.Start()
}

// stopWorker ends the worker. One that had hardly begun does not know the signal
// yet and just ends by it.
func (n *network) stopWorker(with syscall.Signal) error {
	err := stop(n.worker, with)
	if s, ok := n.worker.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() && s.Signal() == with {
		return nil
	}
	return err
}

// party returns somebody of the network, who joins when first asked for: with
// keys, registered, and with test MAN.
func (n *network) party(t testing.TB, name string, role ledger.Role, v ledger.Vertical) *owner.Party {
	t.Helper()
	key := name + " " + string(v)
	if p := n.parties[key]; p != nil {
		return p
	}
	shown := ""
	if role != ledger.Person {
		shown = "The " + name
	}
	h, err := owner.Join(ctxOf(t), n.path("homes", name), sealtest.Passphrase(t, passphraseOf(name)), n.front.URL, string(v))
	check(t, err)
	p, err := h.As(v)
	check(t, err)
	check(t, p.Register(ctxOf(t), role, shown))
	if _, err = p.Faucet(ctxOf(t)); !notice.Is(err, notice.Conflict) { // it gives once, and says so when its reply was lost
		check(t, err)
	}
	n.parties[key] = p
	return p
}

func passphraseOf(name string) string { return "zqx passphrase of " + name }

func (n *network) patient(t testing.TB) *owner.Party {
	return n.party(t, "patient", ledger.Person, ledger.Health)
}
func (n *network) hospital(t testing.TB) *owner.Party {
	return n.party(t, "hospital", ledger.Hospital, ledger.Health)
}
func (n *network) borrower(t testing.TB) *owner.Party {
	return n.party(t, "borrower", ledger.Person, ledger.Credit)
}
func (n *network) lender(t testing.TB) *owner.Party {
	return n.party(t, "lender", ledger.Lender, ledger.Credit)
}
func (n *network) furnisher(t testing.TB) *owner.Party {
	return n.party(t, "furnisher", ledger.Furnisher, ledger.Credit)
}

// model waits until a model is on offer: a new node makes its proving keys
// first.
func (n *network) model(t testing.TB, p *owner.Party, name string) ledger.Model {
	t.Helper()
	var m ledger.Model
	eventually(t, name+" is on offer", 4*time.Minute, func() (bool, error) {
		var err error
		m, err = p.ModelNamed(ctxOf(t), name)
		if notice.Is(err, notice.NotFound) {
			return false, nil
		}
		return err == nil, err
	})
	return m
}

func check(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	var causes []string
	for e := err; e != nil; e = errors.Unwrap(e) {
		causes = append(causes, e.Error())
	}
	t.Fatal(strings.Join(causes, ": "))
}

func eventually(t testing.TB, what string, within time.Duration, f func() (bool, error)) {
	t.Helper()
	ctx := ctxOf(t)
	for began := time.Now(); ; {
		ok, err := f()
		check(t, err)
		if ok {
			return
		}
		if time.Since(began) > within {
			t.Fatalf("not within %v: %s", within, what)
		}
		select {
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// silent is the progress of work that nobody watches.
func silent(string, int64, int64) {}

func balance(t testing.TB, p *owner.Party) ledger.Amount {
	t.Helper()
	a, err := p.Balance(ctxOf(t))
	check(t, err)
	return a
}

func minus(t testing.TB, a, b ledger.Amount) ledger.Amount {
	t.Helper()
	d, err := a.Sub(b)
	check(t, err)
	return d
}

// alive reports whether a node serves.
func alive(ctx context.Context, address string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
