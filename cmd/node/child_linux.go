package node

import (
	"os/exec"
	"syscall"
)

// endWithParent makes a child end when the node is killed. A group of its own
// keeps Ctrl-C, which a terminal sends to a whole group, for the node to pass on.
func endWithParent(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
}
