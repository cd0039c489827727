package node

import (
	"os/exec"
	"syscall"
)

// endWithParent makes a child end when the node is killed.
func endWithParent(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
