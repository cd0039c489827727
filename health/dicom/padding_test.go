package dicom

import (
	"io"
	"testing"

	"manx/privacy/notice"
)

// zeros is a file that begins with head and goes on with zeros; it counts what is read.
type zeros struct {
	head []byte
	read int64
}

func (z *zeros) ReadAt(b []byte, at int64) (int, error) {
	clear(b)
	if at < int64(len(z.head)) {
		copy(b, z.head[at:])
	}
	z.read += int64(len(b))
	return len(b), nil
}

var _ io.ReaderAt = (*zeros)(nil)

// Gigabytes of zeros behind a file are refused without being read.
func TestLongPaddingIsNotReadThrough(t *testing.T) {
	head := append(make([]byte, 128), "DICM\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\x00\x08\x00\x60\x00CS\x02\x00CT"...)
	z := &zeros{head: head}
	if _, err := Scan(z, int64(len(head))+1024); err != nil {
		t.Fatalf("a short tail: %v", err)
	}
	z.read = 0
	_, err := Scan(z, 4<<30)
	if n := notice.From(err); err == nil || n.Kind == notice.Internal || n.Text == "" {
		t.Errorf("a tail of 4 GB: %v", err)
	}
	if z.read > 64<<20 {
		t.Errorf("%d bytes were read of it", z.read)
	}
}
