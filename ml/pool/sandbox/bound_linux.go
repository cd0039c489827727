package sandbox

import (
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"syscall"
)

// isolate gives a process to be a user and a network namespace of its own: no interface
// in it is up, not even loopback.
func isolate(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
	}
}

// bound limits this process: its memory, that it writes no file, that it opens nothing
// more than it has, that it leaves no core.
func bound(memory int64) error {
	debug.SetMemoryLimit(memory / 10 * 9) // collect harder before the limit
	f, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("bound the process: %w", err)
	}
	next := uint64(f.Fd())
	if err := f.Close(); err != nil {
		return fmt.Errorf("bound the process: %w", err)
	}
	for what, most := range map[int]uint64{syscall.RLIMIT_DATA: uint64(memory), syscall.RLIMIT_FSIZE: 0, syscall.RLIMIT_CORE: 0, syscall.RLIMIT_NOFILE: next} {
		if err := syscall.Setrlimit(what, &syscall.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("bound the process: %w", err)
		}
	}
	return nil
}
