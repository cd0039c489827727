package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"manx/privacy/notice"
)

func spec(t *testing.T, script string) Spec {
	return Spec{Name: "part", Path: "/bin/sh", Args: []string{"-c", script}, Run: t.TempDir(), Tied: true}
}

func fileThere(file string) func(context.Context) error {
	return func(context.Context) error {
		_, err := os.Stat(file)
		return err
	}
}

func TestLifeOfAProcess(t *testing.T) {
	s := spec(t, "touch ready; sleep 60 & wait")
	s.Ready = fileThere(s.Run + "/ready")
	p, err := Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	first := p.Pid()
	again, err := Start(t.Context(), s)
	if err != nil || again.Pid() != first {
		t.Errorf("started again beside the first: %d, %v", again.Pid(), err)
	}
	if err := p.Kill(); err != nil || p.Alive() || again.Alive() {
		t.Errorf("after a kill: %v, alive %v", err, p.Alive())
	}
	if err := p.Restart(t.Context()); err != nil || p.Pid() == first || !p.Alive() {
		t.Errorf("restart: %v", err)
	}
	other, ok := Attach(s)
	if !ok {
		t.Fatal("a running process was not found")
	}
	if err := other.Stop(t.Context()); err != nil || p.Alive() {
		t.Errorf("stop: %v, alive %v", err, p.Alive())
	}
	if _, ok := Attach(s); ok {
		t.Error("a stopped process was found")
	}
	if err := errors.Join(p.Stop(t.Context()), p.Kill()); err != nil {
		t.Errorf("ending what has ended: %v", err)
	}
}

func TestDeafProcessIsKilled(t *testing.T) {
	s := spec(t, "trap '' TERM; touch ready; while :; do sleep 0.05; done")
	s.Ready = fileThere(s.Run + "/ready")
	p, err := Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := p.Stop(ctx); err != nil || p.Alive() {
		t.Errorf("stop: %v, alive %v", err, p.Alive())
	}
}

func TestProcessThatFailsSaysWhy(t *testing.T) {
	s := spec(t, "echo the port is taken; exit 3")
	s.Ready = fileThere(s.Run + "/never")
	_, err := Start(t.Context(), s)
	if n := notice.From(err); n.Kind != notice.Unavailable || !strings.Contains(n.Text, "the port is taken") || n.Hint == "" {
		t.Errorf("%v", err)
	}
	s = spec(t, "sleep 60")
	s.Ready, s.Patience = fileThere(s.Run+"/never"), 50*time.Millisecond
	p, err := Start(t.Context(), s)
	if !notice.Is(err, notice.Unavailable) {
		t.Errorf("a process that never serves: %v", err)
	}
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
	s.Path = s.Run + "/absent"
	if _, err := Start(t.Context(), s); !notice.Is(err, notice.Unavailable) {
		t.Errorf("an absent program: %v", err)
	}
}

// A pid that passed to another process is not taken for the old one.
func TestPidOfAnother(t *testing.T) {
	s := spec(t, "sleep 60")
	if err := os.WriteFile(pidFile(s), []byte("1 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := Attach(s); ok {
		t.Error("attached to init")
	}
	p, err := Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	began, ok := started(p.Pid())
	if !ok {
		t.Fatal("not running")
	}
	if err := p.Signal(syscall.SIGSTOP); err != nil || !p.Alive() {
		t.Errorf("stopped by a signal: %v, alive %v", err, p.Alive())
	}
	if err := os.WriteFile(pidFile(s), []byte(strings.Replace(string(mustRead(t, pidFile(s))), began, "1"+began, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if p.Alive() {
		t.Error("a process that started at another time counts as ours")
	}
	if err := syscall.Kill(p.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t *testing.T, file string) []byte {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A killed process of many threads holds its port no longer when Kill returns.
func TestKilledHoldsNoPort(t *testing.T) {
	if addr := os.Getenv("MANX_TEST_LISTEN"); addr != "" {
		if _, err := net.Listen("tcp", addr); err != nil {
			t.Fatal(err)
		}
		for range 64 {
			go func() {
				runtime.LockOSThread()
				_ = syscall.Pause()
			}()
		}
		select {}
	}
	fresh := func() string {
		ports, err := FreePorts(1)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("127.0.0.1:%d", ports[0])
	}
	addr, strays := fresh(), 0
	for range 20 {
		p, err := Start(t.Context(), Spec{Name: "listener", Path: os.Args[0], Args: []string{"-test.run=^TestKilledHoldsNoPort$"}, Env: []string{"MANX_TEST_LISTEN=" + addr}, Run: t.TempDir(), Ready: Dial(addr), Tied: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			// Free ports are those that the system gives to connections too: another
			// program's may have got this one meanwhile, and listens to nobody.
			if c, dialled := net.Dial("tcp", addr); dialled == nil {
				_ = c.Close()
				t.Fatal(err)
			}
			if strays++; strays > 1 {
				t.Fatal(err)
			}
			addr = fresh()
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFreePorts(t *testing.T) {
	ports, err := FreePorts(6)
	if err != nil || len(ports) != 6 {
		t.Fatal(ports, err)
	}
	seen := map[int]bool{}
	for _, p := range ports {
		if seen[p] {
			t.Errorf("port %d twice", p)
		}
		seen[p] = true
	}
}
