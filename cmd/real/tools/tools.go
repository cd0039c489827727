// Package tools builds the programs of the real parts from the Go module proxy:
// pinned versions, checked by their sums, once, into a cache outside the work
// tree.
package tools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"manx/privacy/notice"
)

// A Tool is one or more programs of one module graph.
type Tool struct {
	Name     string
	Mod, Sum []byte   // go.mod and go.sum, exact versions
	Packages []string // import paths of main packages
	Ldflags  string   // added to -s -w
	Sources  []Source // of main packages in the module itself

	Say func(what string) // progress; may be nil
}

// A Source is a Go file beside go.mod.
type Source struct {
	Name string
	Text []byte
}

// Cache returns the folder that programs are built into: MANX_TOOLS, or manx/tools
// in the user's cache folder.
func Cache() (string, error) {
	if dir := os.Getenv("MANX_TOOLS"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", notice.Because(err, notice.Invalid, "there is no folder to keep built programs in", "name one in MANX_TOOLS")
	}
	return filepath.Join(dir, "manx", "tools"), nil
}

// Build returns the folder that holds the programs, each under the last part of
// its import path, after building them if they are not there. Two callers build
// once. It needs the go command, and the network only when it builds.
func Build(ctx context.Context, t Tool) (string, error) {
	version, err := output(exec.CommandContext(ctx, "go", "env", "GOVERSION", "GOOS", "GOARCH"))
	if err != nil {
		return "", notice.Because(err, notice.Unsupported, "building "+t.Name+" needs the go command", "install Go, https://go.dev/dl, and put it on the PATH")
	}
	cache, err := Cache()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o750); err != nil {
		return "", notice.Because(err, notice.Invalid, "the folder for built programs cannot be made", "name another in MANX_TOOLS")
	}
	dir := filepath.Join(cache, t.Name+"-"+t.key(version))
	if t.there(dir) {
		return dir, nil
	}
	unlock, err := lock(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if t.there(dir) {
		return dir, nil
	}
	return dir, t.build(ctx, cache, dir)
}

func (t Tool) key(version string) string {
	h := sha256.New()
	for _, part := range append([]string{version, string(t.Mod), string(t.Sum), t.Ldflags}, t.Packages...) {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	for _, f := range t.Sources {
		fmt.Fprintf(h, "%d:%s%d:%s", len(f.Name), f.Name, len(f.Text), f.Text)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

func (t Tool) there(dir string) bool {
	for _, p := range t.Packages {
		if _, err := os.Stat(filepath.Join(dir, path.Base(p))); err != nil {
			return false
		}
	}
	return true
}

// build builds beside dir and moves the whole, so that dir is never half there.
func (t Tool) build(ctx context.Context, cache, dir string) (err error) {
	work, err := os.MkdirTemp(cache, t.Name+"-build-")
	if err != nil {
		return fmt.Errorf("build %s: %w", t.Name, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := errors.Join(os.WriteFile(filepath.Join(work, "go.mod"), t.Mod, 0o600), os.WriteFile(filepath.Join(work, "go.sum"), t.Sum, 0o600)); err != nil {
		return fmt.Errorf("build %s: %w", t.Name, err)
	}
	for _, f := range t.Sources {
		if err := os.WriteFile(filepath.Join(work, f.Name), f.Text, 0o600); err != nil {
			return fmt.Errorf("build %s: %w", t.Name, err)
		}
	}
	bin := filepath.Join(work, "bin")
	if err := os.Mkdir(bin, 0o750); err != nil {
		return fmt.Errorf("build %s: %w", t.Name, err)
	}
	if t.Say != nil {
		t.Say("building " + t.Name + " from the Go module proxy, once")
	}
	args := append([]string{"build", "-mod=mod", "-trimpath", "-ldflags", strings.TrimSpace("-s -w " + t.Ldflags), "-o", bin + "/"}, t.Packages...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if text, err := output(cmd); err != nil {
		return notice.Because(err, notice.Unavailable, "building "+t.Name+" failed: "+last(text, 6), "does `go env GOPROXY` answer? try again: what was downloaded is kept")
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("build %s: %w", t.Name, err)
	}
	return os.Rename(bin, dir)
}

func output(c *exec.Cmd) (string, error) {
	b, err := c.CombinedOutput()
	return strings.TrimSpace(string(b)), err
}

func last(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// lock waits until no other process builds the same.
func lock(ctx context.Context, file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the build: %w", err)
	}
	got := make(chan error, 1)
	go func() { got <- syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }()
	select {
	case err := <-got:
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock the build: %w", err), f.Close())
		}
		return func() { _ = f.Close() }, nil // which unlocks
	case <-ctx.Done():
		go func() { // the wait ends when the other's build does
			<-got
			_ = f.Close()
		}()
		return nil, ctx.Err()
	}
}
