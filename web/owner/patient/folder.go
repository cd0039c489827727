package patient

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"time"

	"manx/storage/vault"
)

// folder shows the objects of an opened record as the files of one folder,
// fetched as they are read.
type folder struct {
	ctx     context.Context // of the call that reads the folder; it ends with it
	record  *vault.Record
	objects map[string]vault.Info
	list    []fs.DirEntry
}

func newFolder(ctx context.Context, r *vault.Record) *folder {
	f := &folder{ctx: ctx, record: r, objects: map[string]vault.Info{}}
	for i, o := range r.Objects() {
		name := fmt.Sprintf("%06d.dcm", i)
		f.objects[name] = o
		f.list = append(f.list, fs.FileInfoToDirEntry(entry{name, o.Size}))
	}
	return f
}

// Open implements fs.FS.
func (f *folder) Open(name string) (fs.File, error) {
	if name == "." {
		return &listing{rest: f.list}, nil
	}
	o, ok := f.objects[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	src, err := f.record.Open(f.ctx, o.ID)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &file{entry{name, o.Size}, src, io.NewSectionReader(src, 0, o.Size)}, nil
}

type file struct {
	info entry
	src  *vault.Opened
	*io.SectionReader
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *file) Close() error               { return f.src.Close() }

type listing struct{ rest []fs.DirEntry }

func (l *listing) Stat() (fs.FileInfo, error) { return entry{".", -1}, nil }
func (l *listing) Read([]byte) (int, error)   { return 0, fs.ErrInvalid }
func (l *listing) Close() error               { return nil }

// ReadDir implements fs.ReadDirFile.
func (l *listing) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(l.rest)
	} else if len(l.rest) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(l.rest))
	out := l.rest[:n]
	l.rest = l.rest[n:]
	return out, nil
}

// entry is a file's name and size; a size of -1 makes it the folder.
type entry struct {
	name string
	size int64
}

func (e entry) Name() string       { return e.name }
func (e entry) Size() int64        { return max(e.size, 0) }
func (e entry) IsDir() bool        { return e.size < 0 }
func (e entry) ModTime() time.Time { return time.Time{} }
func (e entry) Sys() any           { return nil }
func (e entry) Mode() fs.FileMode {
	if e.IsDir() {
		return fs.ModeDir | 0o500
	}
	return 0o400
}
