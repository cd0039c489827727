// Package disk keeps blobs as files named by their CID in a folder. It checks
// every blob it reads and makes every blob it takes durable. It is not shared
// between machines and has no index.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"manx/storage"
	"manx/storage/durable"
)

// Blobs implements storage.Blobs on a folder.
type Blobs struct {
	dir string
	mu  sync.Mutex // held while a folder is made and made durable
}

// Open returns the blobs of a folder, made if it is absent, and removes what an
// interrupted Put left there.
func Open(dir string) (*Blobs, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	torn, err := filepath.Glob(filepath.Join(dir, "put-*.tmp"))
	if err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	for _, f := range torn {
		if err := os.Remove(f); err != nil {
			return nil, fmt.Errorf("open blobs: %w", err)
		}
	}
	return &Blobs{dir: dir}, nil
}

// path spreads blobs over 1024 folders by the two characters before the last,
// as IPFS's flatfs does.
func (d *Blobs) path(r storage.Ref) string {
	name := r.String()
	return filepath.Join(d.dir, name[len(name)-3:len(name)-1], name)
}

// Put implements storage.Blobs: write, fsync, rename, fsync the folder.
func (d *Blobs) Put(ctx context.Context, b []byte) (storage.Ref, error) {
	r := storage.RefOf(b)
	return r, d.PutAs(ctx, r, b)
}

// PutAs is Put without hashing; Get would find a wrong Ref.
func (d *Blobs) PutAs(ctx context.Context, r storage.Ref, b []byte) (err error) {
	if err := storage.Check(b); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("put blob %v: %w", r, err)
		}
	}()
	to := d.path(r)
	if err := d.makeFolder(filepath.Dir(to)); err != nil {
		return err
	}
	f, err := os.CreateTemp(d.dir, "put-*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), to)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return durable.SyncFolder(filepath.Dir(to))
}

func (d *Blobs) makeFolder(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return durable.SyncFolder(d.dir)
}

// Get implements storage.Blobs.
func (d *Blobs) Get(ctx context.Context, r storage.Ref) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := os.Open(d.path(r))
	if err != nil {
		return nil, fmt.Errorf("get blob %v: %w", r, err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, storage.MaxBlob+1))
	if err != nil {
		return nil, fmt.Errorf("get blob %v: %w", r, err)
	}
	if storage.RefOf(b) != r {
		return nil, fmt.Errorf("get blob %v: %w", r, storage.ErrCorrupt)
	}
	return b, nil
}

// Has implements storage.Blobs.
func (d *Blobs) Has(ctx context.Context, r storage.Ref) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	_, err := os.Stat(d.path(r))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Delete implements storage.Blobs.
func (d *Blobs) Delete(ctx context.Context, r storage.Ref) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.Remove(d.path(r)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete blob %v: %w", r, err)
	}
	return nil
}
