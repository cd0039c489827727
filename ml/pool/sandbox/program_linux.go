package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"unsafe"
)

// enclose has a command begin in namespaces of its own: users, mounts, processes,
// network, messages, host name. It dies with its parent.
func enclose(c *exec.Cmd) error {
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
		// It is root inside, to mount; what it becomes has no rights at all.
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	return nil
}

// system is what every program may read: programs, libraries, and how they are found.
func system() []string {
	return []string{"/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache", "/etc/alternatives"}
}

// devices are what it may open.
func devices() []string {
	return []string{"/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"}
}

// enter builds the file system, goes into it, bounds the process and becomes the
// program.
func enter(c confined) error {
	runtime.LockOSThread() // rights are a thread's, and exec keeps the caller's
	if err := rootOf(c); err != nil {
		return err
	}
	for _, l := range []struct {
		what int
		most uint64
	}{{syscall.RLIMIT_DATA, uint64(c.Memory)}, {syscall.RLIMIT_FSIZE, uint64(c.Disk)}, {syscall.RLIMIT_CORE, 0}, {syscall.RLIMIT_NOFILE, 256}, {rlimitProcesses, 128}} {
		if err := syscall.Setrlimit(l.what, &syscall.Rlimit{Cur: l.most, Max: l.most}); err != nil {
			return fmt.Errorf("bound the program: %w", err)
		}
	}
	for right := uintptr(0); right < 64; right++ {
		if _, _, e := syscall.RawSyscall(syscall.SYS_PRCTL, prDropBounding, right, 0); e != 0 && e != syscall.EINVAL {
			return fmt.Errorf("drop rights: %w", e)
		}
	}
	if _, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, prNoNewPrivileges, 1, 0, 0, 0, 0); e != 0 {
		return fmt.Errorf("drop rights: %w", e)
	}
	env := []string{"PATH=/usr/bin:/bin", "HOME=" + Work, "TMPDIR=" + Work, "LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1"}
	return fmt.Errorf("start the program: %w", syscall.Exec(c.Command[0], c.Command, env)) //nolint:gosec // the operator's choice
}

// Numbers of linux/prctl.h, linux/mount.h, unistd.h and resource.h that package
// syscall lacks; the last two are the same on amd64 and arm64.
const (
	prDropBounding    = 24
	prNoNewPrivileges = 38
	pathOnly          = 0x200000 // O_PATH
	mountReadOnly     = 0x1
	mountNoSUID       = 0x2
	recursive         = 0x8000 // AT_RECURSIVE
	mountSetattr      = 442
	rlimitProcesses   = 6
)

// rootOf mounts an empty file system, binds what the program may see into it, and
// makes it the root.
func rootOf(c confined) error {
	const root = "/tmp" // a folder that is everywhere; covered for this process alone
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("part the mounts: %w", err)
	}
	// Sources are opened before the new root covers them.
	type bind struct {
		fd        int
		at        string
		dir, free bool
	}
	var binds []bind
	for _, path := range append(append(append([]string{}, system()...), devices()...), append(c.Read, c.Folder)...) {
		_, err := os.Lstat(path)
		if errors.Is(err, os.ErrNotExist) && path != c.Folder {
			continue
		}
		if err != nil {
			return err
		}
		if link, err := os.Readlink(path); err == nil && strings.HasPrefix(path, "/") && strings.Count(path, "/") == 1 {
			binds = append(binds, bind{-1, path + "\x00" + link, false, false}) // /bin is usr/bin
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		fd, err := syscall.Open(path, pathOnly|syscall.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open what the program may see: %w", err)
		}
		b := bind{fd, path, info.IsDir(), path == c.Folder || strings.HasPrefix(path, "/dev/")}
		if path == c.Folder {
			b.at = Work
		}
		binds = append(binds, b)
	}
	if err := syscall.Mount("manx", root, "tmpfs", syscall.MS_NOSUID, "size=1m,mode=755"); err != nil {
		return fmt.Errorf("mount a root: %w", err)
	}
	for _, b := range binds {
		if b.fd < 0 {
			at, link, _ := strings.Cut(b.at, "\x00")
			if err := os.Symlink(link, root+at); err != nil {
				return err
			}
			continue
		}
		at := root + b.at
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil { //nolint:gosec // of the program's own root
			return err
		}
		if b.dir {
			if err := os.MkdirAll(at, 0o755); err != nil { //nolint:gosec // the same
				return err
			}
		} else if err := os.WriteFile(at, nil, 0o600); err != nil {
			return err
		}
		if err := syscall.Mount(fmt.Sprintf("/proc/self/fd/%d", b.fd), at, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
			return fmt.Errorf("show the program %s: %w", b.at, err)
		}
		attributes := uint64(mountNoSUID)
		if !b.free {
			attributes |= mountReadOnly
		}
		if err := setattr(at, attributes, true); err != nil {
			return fmt.Errorf("protect %s: %w", b.at, err)
		}
	}
	if err := setattr(root, mountReadOnly|mountNoSUID, false); err != nil {
		return fmt.Errorf("protect the root: %w", err)
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	// The old root ends up under the new one, and is let go (pivot_root(2)).
	if err := syscall.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return fmt.Errorf("let go of the old root: %w", err)
	}
	return os.Chdir(Work)
}

// setattr adds attributes to the mounts at a path (mount_setattr(2), Linux 5.12).
func setattr(path string, attributes uint64, all bool) error {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	set := struct{ set, clear, propagation, users uint64 }{set: attributes}
	flags, here := uintptr(0), -100 // AT_FDCWD
	if all {
		flags = recursive
	}
	if _, _, e := syscall.Syscall6(mountSetattr, uintptr(here), uintptr(unsafe.Pointer(name)), flags, uintptr(unsafe.Pointer(&set)), unsafe.Sizeof(set), 0); e != 0 { //nolint:gosec // a system call that package syscall lacks
		return e
	}
	return nil
}
