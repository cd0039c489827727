package health

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"manx/privacy/notice"
)

// Bounds on a ZIP archive.
const (
	maxDirectory = 6 << 20 // bytes of its list of entries, which is read at once
	maxObject    = 8 << 30 // bytes of one entry when unpacked
	inMemory     = 4 << 20 // up to which an unpacked entry is not spooled to disk
	maxRatio     = 400     // how many times longer a longer entry may become
)

var errDirectory = errors.New("no list of entries")

// unzip opens an archive after checking how much its list of entries holds.
func unzip(o *Object) (*zip.Reader, error) {
	n, err := directory(o)
	if err == nil && n > maxDirectory {
		return nil, notice.New(notice.Exhausted, "the archive lists too many files", "unpack the archive and add the folder")
	}
	var z *zip.Reader
	if err == nil {
		z, err = zip.NewReader(o, o.Size())
	}
	if err != nil {
		return nil, notice.Because(err, notice.Integrity, "the archive is damaged", "copy the archive again from its source")
	}
	return z, nil
}

// directory returns how many bytes the list of entries may take, by where it
// starts and by its stated length (APPNOTE 4.3.14 to 4.3.16).
func directory(o *Object) (int64, error) {
	tail := make([]byte, min(o.Size(), 1<<16+22))
	from := o.Size() - int64(len(tail))
	if _, err := o.ReadAt(tail, from); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	at := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if at < 0 || len(tail)-at < 22 {
		return 0, errDirectory
	}
	le := binary.LittleEndian
	end := from + int64(at)
	size, offset := int64(le.Uint32(tail[at+12:])), int64(le.Uint32(tail[at+16:]))
	if at >= 20 && string(tail[at-20:at-16]) == "PK\x06\x07" {
		var b [56]byte
		if _, err := o.ReadAt(b[:], int64(le.Uint64(tail[at-12:]))); err == nil && string(b[:4]) == "PK\x06\x06" {
			size, offset = int64(le.Uint64(b[40:])), int64(le.Uint64(b[48:]))
		}
	}
	if size < 0 || size > end || offset < 0 || offset > end {
		return 0, errDirectory
	}
	return max(size, end-offset), nil
}

// checkEntry refuses an entry that unpacks to far more than it is.
func checkEntry(fsys fs.FS, name string) error {
	st, err := fs.Stat(fsys, name)
	if err != nil {
		return err
	}
	h, ok := st.Sys().(*zip.FileHeader)
	if !ok {
		return nil
	}
	if h.UncompressedSize64 > maxObject || h.UncompressedSize64 > inMemory && h.UncompressedSize64/maxRatio > h.CompressedSize64 {
		return notice.New(notice.Exhausted, "the archive entry unpacks to too much", "unpack the archive and add the folder")
	}
	return nil
}

// spool copies a stream that cannot seek to memory, or where it is long to a
// temporary file that has no name.
func spool(r io.Reader, size int64) (*Object, error) {
	if size < 0 || size > maxObject {
		return nil, notice.New(notice.Exhausted, "a file of the study is too long", "unpack the archive and add the folder")
	}
	short := func(err error) error {
		return notice.Because(err, notice.Integrity, "an archive entry is damaged", "copy the archive again from its source")
	}
	if size <= inMemory {
		var b bytes.Buffer
		if n, err := io.Copy(&b, io.LimitReader(r, size+1)); err != nil || n != size {
			return nil, short(err)
		}
		return &Object{ReaderAt: bytes.NewReader(b.Bytes()), size: size, close: func() error { return nil }}, nil
	}
	f, err := os.CreateTemp("", "manx-*")
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("unpack: %w", err), f.Close())
	}
	if n, err := io.Copy(f, io.LimitReader(r, size+1)); err != nil || n != size {
		return nil, errors.Join(short(err), f.Close())
	}
	return &Object{ReaderAt: f, size: size, close: f.Close}, nil
}
