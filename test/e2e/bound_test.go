package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// longest is the most that one test, or one command of one, may take: several times
// what it takes on a busy machine. What waits longer waits for what does not come, and
// is to say for what.
const (
	longest = 10 * time.Minute
	ending  = time.Minute // the most for a process to end in
)

var contexts sync.Map // of testing.TB, its one context

// ctxOf returns the context of a test, whose deadline is longest after it was first
// asked for. A test that meets it ends node and worker, and shows what they were at.
func ctxOf(t testing.TB) context.Context {
	if ctx, ok := contexts.Load(t); ok {
		return ctx.(context.Context)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), longest, fmt.Errorf("%s had %v", t.Name(), longest))
	if first, ok := contexts.LoadOrStore(t, ctx); ok {
		cancel()
		return first.(context.Context)
	}
	t.Cleanup(func() {
		contexts.Delete(t)
		late := errors.Is(ctx.Err(), context.DeadlineExceeded)
		cancel()
		if !late {
			return
		}
		for name, c := range map[string]*exec.Cmd{"node": net.node, "worker": net.worker} {
			gone := c.Process.Signal(syscall.SIGQUIT)
			time.Sleep(2 * time.Second) // for its stacks
			t.Logf("%s (%v), whose log ends:\n%s", name, gone, lastOf(net.path(name+".log")))
		}
	})
	return ctx
}

// command is a run of the command line that ends with its test at the latest, and then
// says on stderr what it was at.
func (n *network) command(t testing.TB, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctxOf(t), n.manx, args...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGQUIT) }
	c.WaitDelay = ending
	return c
}

// stop signals a process and waits for its end. One that does not end writes to its
// log what it is at.
func stop(c *exec.Cmd, with syscall.Signal) error {
	_ = c.Process.Signal(with)
	over := time.AfterFunc(ending, func() { _ = c.Process.Signal(syscall.SIGQUIT) })
	err := c.Wait()
	if !over.Stop() {
		log, _ := c.Stderr.(*os.File)
		return fmt.Errorf("%v of %d did not end within %v of %v:\n%s", c.Args, c.Process.Pid, ending, with, lastOf(log.Name()))
	}
	if with == syscall.SIGKILL {
		return nil
	}
	return err
}

// lastOf returns the end of a log, without requests that were answered.
func lastOf(file string) []byte {
	const most = 48 << 10
	b, err := os.ReadFile(file)
	if err != nil {
		return []byte(err.Error())
	}
	var kept []byte
	for line := range bytes.Lines(b[max(0, len(b)-8*most):]) {
		if !bytes.Contains(line, []byte("msg=request")) {
			kept = append(kept, line...)
		}
	}
	return kept[max(0, len(kept)-most):]
}
