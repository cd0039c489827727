package wraps

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"manx/storage/durable"
)

// A Folder is a Store of one file for each name. Destroying overwrites the
// bytes in place, syncs, truncates, unlinks and syncs the folder. Below it, a
// file system that copies on write, a snapshot or a flash disk's spare blocks
// may hold old bytes longer: give the folder an encrypted volume whose key can
// be destroyed where that matters.
type Folder struct{ dir string }

// NewFolder returns the store in dir, which it makes where it is absent.
func NewFolder(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make wraps folder: %w", err)
	}
	f := &Folder{dir}
	// A crash while putting leaves a file that nobody will rename.
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), temporary) {
			return err
		}
		return destroy(path)
	})
	return f, err
}

const temporary = ".put-"

// path turns a name such as "part/<record>/<grant>.1.0" into a file's path.
func (f *Folder) path(name string) (string, error) {
	if name == "" || len(name) > 400 {
		return "", errors.New("a name of an impossible length")
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || len(part) > 200 || strings.Trim(part, "0123456789abcdefghijklmnopqrstuvwxyz-.") != "" {
			return "", errors.New("a name holds what no id holds")
		}
	}
	return filepath.Join(f.dir, filepath.FromSlash(name)), nil
}

// Put implements Store.
func (f *Folder) Put(_ context.Context, name string, b []byte) (err error) {
	path, err := f.path(name)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := f.makeDir(dir); err != nil {
		return err
	}
	t, err := os.CreateTemp(dir, temporary+"*")
	if err != nil {
		return fmt.Errorf("put: %w", err)
	}
	_, err = t.Write(b)
	if err == nil {
		err = t.Sync()
	}
	if err := errors.Join(err, t.Close()); err != nil {
		return errors.Join(fmt.Errorf("put: %w", err), destroy(t.Name()))
	}
	old, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("put: %w", err), destroy(t.Name()))
	}
	if err := os.Rename(t.Name(), path); err != nil {
		return errors.Join(fmt.Errorf("put: %w", err), destroy(t.Name()))
	}
	err = durable.SyncFolder(dir)
	if old != nil { // what was replaced must not stay on the disk either
		err = errors.Join(err, overwrite(old), old.Close())
	}
	return err
}

func (f *Folder) makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	for d := dir; len(d) > len(f.dir); {
		d = filepath.Dir(d)
		if err := durable.SyncFolder(d); err != nil {
			return err
		}
	}
	return nil
}

// Get implements Store.
func (f *Folder) Get(_ context.Context, name string) ([]byte, error) {
	path, err := f.path(name)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	return b, nil
}

// Destroy implements Store.
func (f *Folder) Destroy(_ context.Context, name string) error {
	path, err := f.path(name)
	if err != nil {
		return err
	}
	return destroy(path)
}

// Names implements Store.
func (f *Folder) Names(ctx context.Context, under string) ([]string, error) {
	dir, err := f.path(under)
	if err != nil {
		return nil, err
	}
	var names []string
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), temporary) {
			return err
		}
		rel, err := filepath.Rel(f.dir, path)
		names = append(names, filepath.ToSlash(rel))
		return errors.Join(err, ctx.Err())
	})
	return names, err
}

func destroy(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("destroy: %w", err)
	}
	if err := errors.Join(overwrite(f), f.Close()); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("destroy: %w", err)
	}
	return durable.SyncFolder(filepath.Dir(path))
}

// overwrite writes zeros over the bytes where they lie, then lets go of them.
func overwrite(f *os.File) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("overwrite: %w", err)
	}
	zeros := make([]byte, 64<<10)
	for off := int64(0); off < size; off += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(size-off, int64(len(zeros)))], off); err != nil {
			return fmt.Errorf("overwrite: %w", err)
		}
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("overwrite: %w", err)
	}
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("overwrite: %w", err)
	}
	return nil
}
