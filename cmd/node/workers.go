package node

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"manx/ledger"
	"manx/storage/durable"
)

// Workers and holders of shares are always processes of their own: an embedded
// node starts them as children, with a folder each, and starts them again when
// they end.

// startWorkers starts the node's own workers.
func (n *Node) startWorkers(running context.Context) error {
	count := n.opts.Workers
	if count == 0 {
		count = 1
	}
	for i := range max(count, 0) {
		dir, pass, err := n.childHome("worker-" + strconv.Itoa(i))
		if err != nil {
			return err
		}
		started := make(chan int, 1)
		n.group.Go(func() error { n.keepChild(running, dir, pass, started, "worker", "run"); return nil })
		n.Workers = append(n.Workers, <-started)
	}
	return nil
}

// childHome returns a folder beside the node's own for a child process, and the
// file with its passphrase. The node has no use for what is in the folder.
func (n *Node) childHome(name string) (dir, passFile string, err error) {
	dir = filepath.Join(n.opts.Dir, "children", name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", "", fmt.Errorf("make folder: %w", err)
	}
	passFile = filepath.Join(dir, "passphrase")
	if _, err := os.Stat(passFile); errors.Is(err, fs.ErrNotExist) {
		return dir, passFile, durable.WriteFile(passFile, []byte(hex.EncodeToString(random(16))+"\n"))
	}
	return dir, passFile, nil
}

// child prepares a manx process that knows the node's address and its own home,
// and nothing else of the node's environment. It ends with the node.
func (n *Node) child(ctx context.Context, dir, passFile string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, n.opts.Manx, args...)
	c.Env = []string{"MANX_DATA=" + dir, "MANX_NODE=" + n.Address, "MANX_PASSPHRASE_FILE=" + passFile, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 30 * time.Second
	endWithParent(c)
	return c
}

// keepChild runs a manx process until running ends, and tells the first one's id.
func (n *Node) keepChild(running context.Context, dir, pass string, started chan<- int, args ...string) {
	for first := true; running.Err() == nil; first = false {
		c := n.child(running, dir, pass, args...)
		log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			c.Stdout, c.Stderr = log, log
			err = c.Start()
		}
		pid := 0
		if err == nil {
			pid = c.Process.Pid
		}
		if first {
			started <- pid
		}
		if err == nil {
			err = errors.Join(c.Wait(), log.Close())
		}
		if running.Err() != nil {
			return
		}
		n.opts.Log.WarnContext(running, "a child process ended and is started again", slog.String("folder", dir), slog.Any("error", err))
		select {
		case <-running.Done():
		case <-time.After(time.Second):
		}
	}
}

// runAgain evaluates a disputed job in a process of its own and returns the hash of
// its result.
func (n *Node) runAgain(ctx context.Context, id ledger.JobID) (h ledger.Hash, err error) {
	dir, pass, err := n.childHome("judge")
	if err != nil {
		return h, err
	}
	c := n.child(ctx, dir, pass, "worker", "rerun", string(id), "--json")
	var out bytes.Buffer
	c.Stdout = &out
	if err := c.Run(); err != nil {
		return h, fmt.Errorf("run job again: %w", err)
	}
	var got struct {
		Hash ledger.Hash `json:"hash"`
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.Hash.IsZero() {
		return h, fmt.Errorf("run job again: no hash: %w", err)
	}
	return got.Hash, nil
}
