package fault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"manx/cmd/real/kubo"
)

// A disk is a small file system that a storage node is moved to and that is
// filled to the last byte while the node runs on it.
type disk struct {
	nodes *kubo.Nodes
	i     int
}

// room is what the node's folder and Kubo's own notes need, with some to spare.
const room = "size=64m"

func full(ctx context.Context, nodes *kubo.Nodes, i int) ([]part, error) {
	try, err := os.MkdirTemp("", "manx-fault-mount-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(try) }()
	if err := syscall.Mount("tmpfs", try, "tmpfs", 0, room); err != nil {
		return nil, fmt.Errorf("%w: this user cannot mount a small disk: %w", errors.ErrUnsupported, err)
	}
	return []part{disk{nodes, i}}, errors.Join(ctx.Err(), syscall.Unmount(try, 0))
}

func (d disk) folder() string { return d.nodes.Folder(d.i) }

// move stops the node, has change swap what lies under its folder, and starts it
// again with what it held.
func (d disk) move(ctx context.Context, change func(folder string) error) error {
	aside := d.folder() + ".aside"
	if err := errors.Join(d.nodes.Kill(d.i), clone(ctx, d.folder(), aside), change(d.folder()),
		clone(ctx, aside, d.folder()), os.RemoveAll(aside)); err != nil {
		return err
	}
	return d.nodes.Restart(ctx, d.i)
}

func clone(ctx context.Context, from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	if b, err := exec.CommandContext(ctx, "cp", "-a", from+"/.", to).CombinedOutput(); err != nil {
		return fmt.Errorf("copy a node's folder: %w: %s", err, b)
	}
	return nil
}

func (d disk) filler() string { return filepath.Join(d.folder(), "filler") }

// Kill fills the disk.
func (d disk) Kill() error {
	if err := d.move(context.Background(), func(folder string) error { return syscall.Mount("tmpfs", folder, "tmpfs", 0, room) }); err != nil {
		return err
	}
	return d.fill()
}

// fill takes what room there is, to the last byte. Room comes back when a write
// that was under way fails and its beginnings are removed.
func (d disk) fill() error {
	f, err := os.OpenFile(d.filler(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	for chunk := make([]byte, 1<<20); len(chunk) > 0; {
		if _, err = f.Write(chunk); err != nil {
			chunk = chunk[:len(chunk)/2]
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return errors.Join(fmt.Errorf("the disk did not fill: %w", err), f.Close())
	}
	return f.Close()
}

// holds reports whether the whole of a blob lies on the disk.
func (d disk) holds(b []byte) (bool, error) {
	// The node's own names of folders and files: FOLDER/CID.data.
	files, err := filepath.Glob(filepath.Join(d.nodes.Blocks(d.i), "*", "*.data"))
	for _, file := range files {
		got, rerr := os.ReadFile(file)
		if rerr == nil && bytes.Equal(got, b) {
			return true, nil
		}
		if rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
	}
	return false, err
}

// Restart gives the node a disk with room again.
func (d disk) Restart(ctx context.Context) error {
	if err := os.Remove(d.filler()); err != nil {
		return err
	}
	return d.move(ctx, func(folder string) error { return syscall.Unmount(folder, syscall.MNT_DETACH) })
}
