// Package durable writes files that are whole or not there, whenever the
// machine stops. It does not lock: of two writers of one path the last wins.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile puts b in place of the file at path, readable by its owner only.
// Once it returns nil, b outlives a loss of power; until then the file has its
// old content. A crash may leave a temporary file, .NAME-*, beside it.
func WriteFile(path string, b []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write file: %w", err)
		}
	}()
	dir, name := filepath.Split(path)
	dir = filepath.Clean(dir)
	f, err := os.CreateTemp(dir, "."+name+"-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		if gone := os.Remove(f.Name()); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
		return err
	}
	return SyncFolder(dir)
}

// SyncFolder makes what was created, renamed or removed in a folder outlive a
// loss of power.
func SyncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
