package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"manx/privacy/notice"
)

// A Program is an outside program, in any language, that is given bytes and gives
// bytes back. It sees a file system of its own: the system's programs and libraries
// and what Read names, which it cannot write, and Folder, which is its home and the
// only place it can. It has no network, sees no other process, gains no rights, and
// dies with all it started. There is no filter of system calls.
type Program struct {
	Launcher []string // this binary and the arguments with which it calls Enter
	Command  []string // the program, by its whole path in its file system, and its arguments
	Folder   string   // becomes /work
	Read     []string // more folders or files that it may read, at their own paths
	Memory   int64    // bytes that each of its processes may have; 0 means 4 GiB
	Disk     int64    // bytes that Folder may hold; 0 means 1 GiB
	Time     time.Duration
}

// What Folder is called inside, and the file that gets what the program says on its
// standard error.
const (
	Work = "/work"
	Log  = "trainer.log"
)

// confined is what Enter is told, in its environment.
type confined struct {
	Command, Read []string
	Folder        string
	Memory, Disk  int64
}

const confinedVariable = "MANX_CONFINED"

// An ExitError is how a program ended that did not end well.
type ExitError struct {
	Status string // the operating system's words: a status or a signal
	cause  error
}

func (e *ExitError) Error() string { return "the program ended: " + e.Status }

func (e *ExitError) Unwrap() error { return e.cause }

// Reasons for which a program was ended.
var (
	ErrTime   = errors.New("the program took too long")
	ErrDisk   = errors.New("the program filled its folder")
	ErrOutput = errors.New("the program wrote more than it may")
)

// Run starts the program, writes in to it and returns what it wrote, at most most
// bytes. Where it ends badly the error is an *ExitError, ErrTime, ErrDisk or
// ErrOutput; where it cannot be shut in, a notice, and it has not run.
func (p Program) Run(ctx context.Context, in io.Reader, most int64) ([]byte, error) {
	if p.Memory == 0 {
		p.Memory = 4 << 30
	}
	if p.Disk == 0 {
		p.Disk = 1 << 30
	}
	if p.Time == 0 {
		p.Time = time.Hour
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(p.Time, func() { cancel(ErrTime) })
	defer timer.Stop()
	cmd, err := p.command(ctx)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(p.Folder)
	if err != nil {
		return nil, fmt.Errorf("open the program's folder: %w", err)
	}
	defer func() { _ = root.Close() }()
	// Through root: what the program may have put there does not lead out.
	words, err := root.Create(Log)
	if err != nil {
		return nil, fmt.Errorf("open the program's log: %w", err)
	}
	defer func() { _ = words.Close() }()
	cmd.Stdin, cmd.Stderr = in, words
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, notice.Because(err, notice.Unsupported, "this system does not let a program be shut in: it is not run",
			"it takes Linux 5.12 or later that lets users make namespaces: sysctl kernel.unprivileged_userns_clone=1")
	}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		p.watch(ctx, cancel)
	}()
	got, err := io.ReadAll(io.LimitReader(out, most+1))
	if int64(len(got)) > most {
		cancel(ErrOutput)
	}
	_, _ = io.Copy(io.Discard, out) // until it ends
	ended := cmd.Wait()
	if used(p.Folder) > p.Disk {
		cancel(ErrDisk)
	}
	cause := context.Cause(ctx)
	cancel(nil)
	<-watched
	var exit *exec.ExitError
	switch {
	case cause != nil:
		return nil, cause
	case errors.As(ended, &exit) && exit.ExitCode() == cannotConfine:
		return nil, notice.Because(ended, notice.Unsupported, "this system does not let a program be shut in, or the program is not there: it is not run",
			"trainer.log in its folder tells which step failed; its path must be that inside")
	case ended != nil:
		return nil, &ExitError{cmd.ProcessState.String(), ended}
	}
	return got, err
}

// cannotConfine is the status of a launcher that gave up before the program began.
const cannotConfine = 126

// watch ends the program when its folder holds too much.
func (p Program) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if used(p.Folder) > p.Disk {
				cancel(ErrDisk)
				return
			}
		}
	}
}

// used returns the bytes of all files in a folder.
func used(folder string) (sum int64) {
	_ = filepath.WalkDir(folder, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // it is being written: what is gone counts nothing
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return nil
	})
	return sum
}

// command returns the launcher, told what to do.
func (p Program) command(ctx context.Context) (*exec.Cmd, error) {
	if len(p.Launcher) == 0 || len(p.Command) == 0 || !filepath.IsAbs(p.Command[0]) {
		return nil, notice.New(notice.Invalid, "the program has no whole path", "give its path from the root, such as /usr/bin/python3")
	}
	folder, err := filepath.Abs(p.Folder)
	if err != nil {
		return nil, err
	}
	c := confined{p.Command, p.Read, folder, p.Memory, p.Disk}
	told, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, p.Launcher[0], p.Launcher[1:]...) //nolint:gosec // the operator's choice
	cmd.Env, cmd.Dir = []string{confinedVariable + "=" + string(told)}, "/"
	cmd.WaitDelay = time.Second
	return cmd, enclose(cmd)
}

// Enter is the launcher: it shuts its own process in and becomes the program. It
// returns only where that fails; the caller then exits with the status it returns.
func Enter() (status int, err error) {
	var c confined
	if err := json.Unmarshal([]byte(os.Getenv(confinedVariable)), &c); err != nil || len(c.Command) == 0 {
		return cannotConfine, notice.New(notice.Invalid, "this command is the hospital's own", "`manx train join` starts it")
	}
	return cannotConfine, enter(c)
}
