package process

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// detach gives the process a session of its own, which a terminal's Ctrl-C does
// not reach.
func detach(c *exec.Cmd, s Spec) {
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: s.User}
	if s.Tied {
		c.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
}

// begin starts c and closes done when it has ended. The kernel counts a tied
// child as the thread's that started it, so that thread must live as long.
func begin(c *exec.Cmd, tied bool, done chan<- struct{}) error {
	err := make(chan error)
	go func() {
		if tied {
			runtime.LockOSThread() // never unlocked: it ends with the goroutine
		}
		e := c.Start()
		err <- e
		if e == nil {
			_ = c.Wait() // how it ended is in its log
			close(done)
		}
	}()
	return <-err
}

// started returns what tells a process from a later one of the same pid: when it
// started, in clock ticks since boot. False when it does not run.
func started(pid int) (string, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", false
	}
	_, rest, ok := strings.Cut(string(b[strings.LastIndexByte(string(b), ')')+1:]), " ")
	field := strings.Fields(rest)
	if !ok || len(field) < 20 || field[0] == "X" || field[0] == "Z" && alone(pid) {
		return "", false
	}
	return field[19], true
}

// alone reports whether an ended process has no thread left. Until then it may
// hold its files and ports.
func alone(pid int) bool {
	threads, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
	return err != nil || len(threads) <= 1
}
