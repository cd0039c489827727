package portal

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"manx/ledger"
	"manx/privacy/seal/sealtest"
	"manx/web/owner"
)

// A node is what a node says of itself once it runs; Visit with --demo.
type node struct {
	Address, Network string
	Visit            struct {
		Study    string
		Accounts []struct{ Account, Link string }
	}
}

// start builds manx into a folder and runs a node until the test ends.
func start(t testing.TB, dir string, flags ...string) (u node) {
	t.Helper()
	manx := filepath.Join(dir, "manx")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", manx, "manx/cmd/manx")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build manx: %v\n%s", err, out)
	}
	c := exec.Command(manx, "up", "--data", filepath.Join(dir, "node"), "--listen", "127.0.0.1:0", "--parties=false", "--json")
	c.Args = append(c.Args, flags...)
	log, err := os.Create(filepath.Join(dir, "node.log"))
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = log
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := c.Process.Signal(syscall.SIGTERM)
		if err = errors.Join(err, c.Wait(), log.Close()); err != nil {
			t.Errorf("stop the node: %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err = errors.Join(err, json.Unmarshal(line, &u)); err != nil {
		b, _ := os.ReadFile(log.Name())
		t.Fatalf("the node did not start: %v\n%s%s", err, line, b)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return u
}

// join joins a party of the test's own.
func join(t testing.TB, dir, address, name string, side ledger.Vertical, role ledger.Role) *owner.Party {
	t.Helper()
	h, err := owner.Join(t.Context(), filepath.Join(dir, "home-"+name), sealtest.Passphrase(t, "a party's"), address, string(side))
	if err != nil {
		t.Fatal(err)
	}
	p := sit(t, h, side)
	if err := p.Register(t.Context(), role, name); err != nil {
		t.Fatal(err)
	}
	return p
}

// sit opens a side of a home until the test ends.
func sit(t testing.TB, h *owner.Home, side ledger.Vertical) *owner.Party {
	t.Helper()
	p, err := h.As(side)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(); _ = h.Close() })
	return p
}
