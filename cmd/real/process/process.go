// Package process runs the programs of the real parts: each in a session of its
// own, so that it outlives the command that started it, with a log and a file
// that names its pid. It knows no program.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"manx/privacy/notice"
)

// A Spec says what to run and where.
type Spec struct {
	Name string // of the process: its log is NAME.log and its pid NAME.pid in Run
	Path string // of the program
	Args []string
	Env  []string // added to a minimal environment: PATH, HOME and TMPDIR
	Dir  string   // it runs in; empty means Run
	Run  string   // folder of logs and pids, made when absent
	User *syscall.Credential

	// Ready reports nil once the process serves. It is asked every 20 ms until
	// Patience, 0 meaning 30 s, has passed. nil means ready at once.
	Ready    func(ctx context.Context) error
	Patience time.Duration

	// Tied ends the process with the one that started it, killed or not. Tests
	// want that.
	Tied bool
}

// A Process is one that was started, by this program or an earlier one. It is
// safe for concurrent use.
type Process struct {
	spec Spec

	mu   sync.Mutex
	pid  int
	done chan struct{} // closed when a child has ended; nil for another's child
}

// Start starts a process and returns once it is ready. One that is running under
// the same name and program is found, not started again.
func Start(ctx context.Context, s Spec) (*Process, error) {
	p := &Process{spec: s}
	if err := os.MkdirAll(s.Run, 0o700); err != nil {
		return nil, fmt.Errorf("run folder: %w", err)
	}
	if pid, ok := running(s); ok {
		p.pid = pid
		select {
		case <-time.After(ending):
		case <-ctx.Done():
			return p, ctx.Err()
		}
		if err := p.await(ctx); p.Alive() || ctx.Err() != nil {
			return p, err
		}
	}
	return p, p.Restart(ctx)
}

// ending is how long a process that is found may be on its way out, because who
// started it was killed just now. It is started again then.
const ending = 50 * time.Millisecond

// Attach returns a process that another program started, for stopping it; false
// when it does not run.
func Attach(s Spec) (*Process, bool) {
	pid, ok := running(s)
	return &Process{spec: s, pid: pid}, ok
}

func pidFile(s Spec) string { return filepath.Join(s.Run, s.Name+".pid") }

// Log returns the path of the process's output.
func (p *Process) Log() string { return filepath.Join(p.spec.Run, p.spec.Name+".log") }

// Name returns what the process is called.
func (p *Process) Name() string { return p.spec.Name }

// Pid returns the id of the process as it was last started.
func (p *Process) Pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pid
}

// Alive reports whether it runs.
func (p *Process) Alive() bool {
	pid, ok := running(p.spec)
	return ok && pid == p.Pid()
}

// running returns the pid in the pid file if a process of that program has it: a
// pid alone may have passed to another.
func running(s Spec) (int, bool) {
	b, err := os.ReadFile(pidFile(s))
	if err != nil {
		return 0, false
	}
	text, began, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	pid, err := strconv.Atoi(text)
	if err != nil || pid <= 1 {
		return 0, false
	}
	now, ok := started(pid)
	return pid, ok && now == began
}

// Restart starts the process again after it ended or was killed.
func (p *Process) Restart(ctx context.Context) error {
	s := p.spec
	out, err := os.OpenFile(p.Log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("log of %s: %w", s.Name, err)
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(s.Path, s.Args...) //nolint:noctx // the programs of the real parts; they outlive the context
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.Dir, out, out
	if cmd.Dir == "" {
		cmd.Dir = s.Run
	}
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	cmd.Env = append(cmd.Env, s.Env...)
	detach(cmd, s)
	done := make(chan struct{})
	if err := begin(cmd, s.Tied, done); err != nil {
		return notice.Because(err, notice.Unavailable, s.Name+" cannot be started from "+s.Path, "is the program there and executable? `manx up` builds what is missing")
	}
	began, _ := started(cmd.Process.Pid)
	p.mu.Lock()
	p.pid, p.done = cmd.Process.Pid, done
	p.mu.Unlock()
	if err := os.WriteFile(pidFile(s), []byte(fmt.Sprintf("%d %s\n", cmd.Process.Pid, began)), 0o600); err != nil {
		return errors.Join(fmt.Errorf("pid of %s: %w", s.Name, err), p.Kill())
	}
	return p.await(ctx)
}

// await waits until the process is ready; one that ends instead is told with
// the end of its log.
func (p *Process) await(ctx context.Context) error {
	s := p.spec
	if s.Ready == nil {
		return nil
	}
	patience := s.Patience
	if patience == 0 {
		patience = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := s.Ready(ctx)
		if err == nil {
			return nil
		}
		if !p.Alive() {
			return p.failed(err, "ended before it served")
		}
		select {
		case <-ctx.Done():
			return p.failed(errors.Join(err, ctx.Err()), "does not serve")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *Process) failed(err error, how string) error {
	return notice.Because(err, notice.Unavailable, p.spec.Name+" "+how+"; its last words: "+lastWords(p.Log()), "all of them: "+p.Log())
}

// lastWords returns the end of a log, at most some lines.
func lastWords(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return "none"
	}
	defer func() { _ = f.Close() }()
	if end, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(end-2000, 0), io.SeekStart)
	}
	b, _ := io.ReadAll(io.LimitReader(f, 2000))
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-6):], []byte("\n")))
}

// Kill ends the process at once (SIGKILL) and returns when it is gone.
func (p *Process) Kill() error { return p.end(context.Background(), syscall.SIGKILL) }

// Stop asks the process to end (SIGTERM) and kills it after ten seconds.
func (p *Process) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := p.end(ctx, syscall.SIGTERM); err == nil {
		return nil
	}
	return p.Kill()
}

// Signal sends a signal without waiting: SIGSTOP and SIGCONT make it a process
// that is there and does not answer.
func (p *Process) Signal(sig syscall.Signal) error {
	if !p.Alive() {
		return fs.ErrNotExist
	}
	return syscall.Kill(p.Pid(), sig)
}

func (p *Process) end(ctx context.Context, sig syscall.Signal) error {
	if !p.Alive() {
		return forget(p.spec)
	}
	if err := syscall.Kill(p.Pid(), sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop %s: %w", p.spec.Name, err)
	}
	p.mu.Lock()
	done := p.done
	p.mu.Unlock()
	for done != nil || p.Alive() { // our own child has gone when it is waited for: until then its pid is taken
		select {
		case <-done: // nil for another's child: then only the poll tells
			return forget(p.spec)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return forget(p.spec)
}

func forget(s Spec) error {
	if err := os.Remove(pidFile(s)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget %s: %w", s.Name, err)
	}
	return nil
}

// Dial reports whether something listens at a TCP address.
func Dial(addr string) func(context.Context) error {
	return func(ctx context.Context) error {
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		return c.Close()
	}
}

// FreePorts returns n loopback ports that nobody listens on now. Another may
// take one before its server does: start again with others then. They are of those that
// systems give no outgoing connection, where some are free, so that a server that ends
// and starts again finds its own.
func FreePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	var open []net.Listener
	defer func() {
		for _, l := range open {
			_ = l.Close()
		}
	}()
	for tries := 0; len(ports) < n; tries++ {
		port := 0
		if tries < 64 {
			port = lowest + rand.IntN(highest-lowest) //nolint:gosec // a port is no secret
		}
		l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			if port != 0 {
				continue
			}
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		open = append(open, l)
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// Linux gives outgoing connections ports from 32768 on, others from higher ones.
const (
	lowest  = 20_000
	highest = 32_000
)
