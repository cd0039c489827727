//go:build !linux

package process

import (
	"os/exec"
	"syscall"
)

func detach(c *exec.Cmd, s Spec) {
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: s.User}
}

func begin(c *exec.Cmd, _ bool, done chan<- struct{}) error {
	if err := c.Start(); err != nil {
		return err
	}
	go func() {
		_ = c.Wait() // how it ended is in its log
		close(done)
	}()
	return nil
}

func started(pid int) (string, bool) { return "", syscall.Kill(pid, 0) == nil }
